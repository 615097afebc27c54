/**
 * The attribute schema of a domain as its D-TAs publish it. Each signs the same text, with the version that its operator gave it; a schema is
 * in force when all n have signed it.
 *
 *   signed = statement("attribute-schema", {v, domainId, version, schema})
 * @module
 */
import { type AttributeSchema, parseAttributeSchema } from "@milagro/crypto/attribute-schema";
import { type StatementClaim, verifyStatement, verifyStatements } from "@milagro/crypto/bls";
import { equalBytes } from "@milagro/crypto/bytes";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { Type } from "typebox";
import { canonicalText } from "./canonical.ts";
import { faultError, nameOf } from "./fault.ts";
import { statementBytes } from "./statement.ts";
import { authorityAt, type TrustDomain } from "./trust-domain.ts";
import {
  bytes,
  DomainIdBytes,
  encoderOf,
  MAX_AUTHORITIES,
  Ordinal,
  type Parsed,
  parserOf,
  strict,
  Version,
} from "./wire.ts";

const LABEL_PATTERN = "^[A-Za-z][A-Za-z0-9_.\\-]{0,62}$";
const LabelTypeSchema = Type.Union([
  strict({
    type: Type.Literal("text"),
    values: Type.Enum(["one", "many"]),
    negatable: Type.Optional(Type.Boolean()),
    allowed: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { minItems: 1, maxItems: 1024 })),
  }),
  strict({ type: Type.Literal("integer"), width: Type.Integer({ minimum: 1, maximum: 32 }) }),
  strict({ type: Type.Literal("date") }),
]);

/** The JSON of an attribute schema: its form. `parseAttributeSchema` says whether it is one; docs/spec/policy.md what it may hold. */
export const AttributeSchemaJson = strict(
  {
    v: Version,
    negation: Type.Boolean(),
    labels: Type.Record(Type.String({ pattern: LABEL_PATTERN }), LabelTypeSchema, {
      additionalProperties: false,
      maxProperties: 1024,
    }),
  },
  "Attribute schema",
);

const body = { v: Version, domainId: DomainIdBytes, version: Ordinal, schema: AttributeSchemaJson } as const;
const BodySchema = strict(body);
const encodeBody = encoderOf("attribute schema", BodySchema);
/** What is signed. */
export type AttributeSchemaBody = Parsed<typeof BodySchema>;

/** Answer of `GET /v1/attributes` at one D-TA. */
export const SchemaStatementSchema = strict(
  { ...body, signature: bytes(48, "Statement signature") },
  "Attribute schema of the domain, signed by one D-TA",
);
export type SchemaStatement = Parsed<typeof SchemaStatementSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseSchemaStatement = parserOf("attribute schema", SchemaStatementSchema);
export const encodeSchemaStatement = encoderOf("attribute schema", SchemaStatementSchema);

/** The schema with the signatures of all D-TAs, in their order: what clients keep, and may hand on. */
export const SignedAttributeSchemaSchema = strict(
  {
    ...body,
    signatures: Type.Array(bytes(48, "Statement signature"), { minItems: 1, maxItems: MAX_AUTHORITIES }),
  },
  "Attribute schema of a domain, signed by all D-TAs",
);
export type SignedAttributeSchema = Parsed<typeof SignedAttributeSchemaSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseSignedAttributeSchema = parserOf("signed attribute schema", SignedAttributeSchemaSchema);
export const encodeSignedAttributeSchema = encoderOf("signed attribute schema", SignedAttributeSchemaSchema);

/** A schema that all D-TAs of its domain have signed. Made by `verifyAttributeSchema`. */
export interface DomainAttributes {
  readonly version: number;
  readonly schema: AttributeSchema;
  readonly signed: SignedAttributeSchema;
}

/** The wire form of what is signed, for whoever signs. */
export const schemaBody = ({ v, domainId, version, schema }: AttributeSchemaBody): unknown =>
  encodeBody({ v, domainId, version, schema });

const unfit = (reason: string): MilagroError => new MilagroError("ERR_ATTRIBUTE_SCHEMA_FORGED", reason);

/**
 * Puts the statements of all D-TAs together.
 * @param statements - one of each D-TA, in their order
 * @throws `ERR_ATTRIBUTE_SCHEMA_DIFFERS` when they are not about one schema
 */
export function joinSchemaStatements(statements: readonly SchemaStatement[]): SignedAttributeSchema {
  const [first] = statements;
  if (first === undefined) throw new TypeError("no statements");
  const text = canonicalText(schemaBody(first));
  const other = statements.findIndex((statement) => canonicalText(schemaBody(statement)) !== text);
  if (other !== -1)
    throw new MilagroError(
      "ERR_ATTRIBUTE_SCHEMA_DIFFERS",
      `D-TA ${other + 1} publishes another attribute schema than D-TA 1 (versions ${statements[other]?.version}, ${first.version})`,
    );
  const { v, domainId, version, schema } = first;
  return { v, domainId, version, schema, signatures: statements.map(({ signature }) => signature) };
}

/**
 * Whether to believe a schema.
 * @param known - the newest one seen before, if any
 * @throws `ERR_ATTRIBUTE_SCHEMA_FORGED` for a wrong signature, naming the D-TA, an older version than the known one, or another schema of the same version;
 * `ERR_DOMAIN_MISMATCH`; `ERR_ATTRIBUTE_SCHEMA_INVALID` for what all have signed and is none
 */
export function verifyAttributeSchema(
  engine: Engine,
  random: RandomBytes,
  domain: TrustDomain,
  signed: SignedAttributeSchema,
  known?: SignedAttributeSchema,
): DomainAttributes {
  if (!equalBytes(signed.domainId, domain.domainId))
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "this is the attribute schema of another domain");
  if (known && signed.version < known.version) throw unfit("a newer attribute schema was seen before");
  if (
    known &&
    signed.version === known.version &&
    canonicalText(schemaBody(signed)) !== canonicalText(schemaBody(known))
  )
    throw unfit("two different attribute schemas with one version");
  if (signed.signatures.length !== domain.authorities.length) throw unfit("not exactly one signature of each D-TA");
  const message = statementBytes("attribute-schema", schemaBody(signed));
  const claims = signed.signatures.map(
    (signature, i): StatementClaim => ({
      publicKey: authorityAt(domain, i + 1).publicShares.statement,
      message,
      signature,
    }),
  );
  if (!verifyStatements(engine, random, claims)) {
    const liar = claims.findIndex(
      ({ publicKey, signature }) => !verifyStatement(engine, publicKey, message, signature),
    );
    const { entry } = authorityAt(domain, liar + 1 || 1);
    throw faultError("ERR_ATTRIBUTE_SCHEMA_FORGED", `the signature of ${nameOf(entry)} is wrong`, { faults: [entry] });
  }
  return { version: signed.version, schema: parseAttributeSchema(signed.schema), signed };
}
