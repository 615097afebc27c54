/**
 * The part of a D-TA's issuance policy that speaks about attributes: the schema, who holds what, and who may hold a key with which policy.
 * Whether a request fits is decided in services/dta.
 *
 *   { "version": 3, "schema": { … },
 *     "holders":  [ { "identities": ["milagro:acme/person/alice"], "attributes": { "region": "DE", "group": ["staff", "audit"] } } ],
 *     "policies": [ { "identities": ["milagro:acme/service/archive"], "policies": ["year <= 2024"] } ] }
 * @module
 */
import { EPOCH_LABEL, parseAttributeSchema, UID_LABEL } from "@milagro/crypto/attribute-schema";
import { attributesOf } from "@milagro/crypto/attribute-set";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import { MilagroError } from "@milagro/engine/error";
import { Type } from "typebox";
import { AttributeSchemaJson } from "./attribute-schema-statement.ts";
import { encoderOf, IdentityPatternText, Ordinal, type Parsed, parserOf, strict } from "./wire.ts";

const Patterns = Type.Array(IdentityPatternText, { minItems: 1, maxItems: 256 });
const LABEL = "^[A-Za-z][A-Za-z0-9_.\\-]{0,62}$";
const TextValue = Type.String({ minLength: 1, maxLength: 255 });

/** Values of labels as people write them: text, several texts, a number, a date as `YYYY-MM-DD`. */
export const AttributeValuesSchema = Type.Record(
  Type.String({ pattern: LABEL }),
  Type.Union([
    TextValue,
    Type.Integer({ minimum: 0, maximum: 0xffff_ffff }),
    Type.Array(TextValue, { minItems: 1, maxItems: 1024 }),
  ]),
  { additionalProperties: false, maxProperties: 1024 },
);
/** @throws `ERR_MESSAGE_INVALID` */
export const parseAttributeValues = parserOf("attributes", AttributeValuesSchema);

/** The text of a policy over attributes. */
export const PolicyText = Type.String({ minLength: 1, maxLength: 16_384 });

/** The labels that a registrar's grants may carry; `*` for all. */
export const RegistrarLabels = Type.Array(Type.String({ pattern: `^\\*$|${LABEL}` }), { minItems: 1, maxItems: 1024 });

export const AttributePolicySchema = strict(
  {
    version: Ordinal,
    schema: AttributeSchemaJson,
    unbound: Type.Optional(
      Type.Literal(true, { description: "Also issue keys that are not bound to their epoch: they never end" }),
    ),
    holders: Type.Array(strict({ identities: Patterns, attributes: AttributeValuesSchema }), { maxItems: 16_384 }),
    policies: Type.Optional(
      Type.Array(strict({ identities: Patterns, policies: Type.Array(PolicyText, { minItems: 1, maxItems: 256 }) }), {
        maxItems: 4096,
      }),
    ),
  },
  "Who holds which attributes; the first entry that names a label with one value decides about it",
);
export type AttributePolicy = Parsed<typeof AttributePolicySchema>;
export const encodeAttributePolicy = encoderOf("attribute policy", AttributePolicySchema);

/**
 * That the schema is one, and every attribute and policy is of it: a misspelt label would be found out only by who misses it.
 * @throws `ERR_ATTRIBUTE_SCHEMA_INVALID`, `ERR_ATTRIBUTE_INVALID`, `ERR_POLICY_INVALID`, each naming the entry
 */
export function checkAttributePolicy(policy: AttributePolicy | undefined): void {
  if (policy === undefined) return;
  const { schema: json, holders, policies } = policy;
  const schema = parseAttributeSchema(json);
  holders.forEach(({ attributes }, i) => {
    at(`attributes.holders[${i}]`, () => {
      if (UID_LABEL in attributes || EPOCH_LABEL in attributes)
        throw new MilagroError(
          "ERR_ATTRIBUTE_INVALID",
          "uid and epoch are given to every key by itself: leave them out",
        );
      attributesOf(schema, attributes);
    });
  });
  policies?.forEach(({ policies: texts }, i) => {
    at(`attributes.policies[${i}]`, () => texts.forEach((text) => void parsePolicy(text, schema)));
  });
}

function at(place: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof MilagroError)) throw error;
    throw new MilagroError(error.code, `${place}: ${error.message}`, { cause: error });
  }
}
