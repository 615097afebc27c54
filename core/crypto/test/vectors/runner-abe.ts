/**
 * The operations of the vectors of policies and attribute-based encryption. `schema` is the JSON of an attribute schema, `attributes`
 * values as people write them.
 * @module
 */
import type { Engine } from "@milagro/engine/engine";
import { decapsulateWithAttributes, encapsulateToPolicy, parseCpCiphertext } from "../../src/abe-cp.ts";
import { issueCpKeyShare, verifyCpKey, verifyCpKeyShare } from "../../src/abe-cp-key.ts";
import {
  type AbeEntitlement,
  approvalStatement,
  approveEntitlement,
  attributeEntitlement,
  encodeEntitlement,
  parseEntitlement,
  policyEntitlement,
} from "../../src/abe-entitlement.ts";
import { encodeAbeEnvelope, openAbeEnvelope, parseAbeEnvelope, sealToPolicy } from "../../src/abe-envelope.ts";
import {
  type AbeKey,
  type AbeKeyShare,
  combineAbeKeyShares,
  encodeAbeKey,
  parseAbeKey,
  parseAbeKeyShare,
} from "../../src/abe-key.ts";
import { decapsulateWithPolicy, encapsulateToAttributes, parseKpCiphertext } from "../../src/abe-kp.ts";
import { issueKpKeyShare, verifyKpKey, verifyKpKeyShare } from "../../src/abe-kp-key.ts";
import { type AbeScheme, abePoints } from "../../src/abe-points.ts";
import { type AttributeSchema, parseAttributeSchema } from "../../src/attribute-schema.ts";
import {
  type AttributeValues,
  attributesOf,
  componentsOf,
  encodeAttributes,
  parseAttributes,
} from "../../src/attribute-set.ts";
import { encodeHex } from "../../src/bytes.ts";
import { parseDomainId } from "../../src/domain-id.ts";
import { parseEpoch } from "../../src/epoch.ts";
import { MilagroError } from "../../src/error.ts";
import { parseIdentity } from "../../src/identity.ts";
import { type DomainPublicKey, parseDomainPublicKey, parsePublicShare } from "../../src/master-public.ts";
import { parseMasterSecretShare } from "../../src/master-secret.ts";
import type { Policy } from "../../src/policy.ts";
import { formatPolicy } from "../../src/policy-format.ts";
import { parsePolicy } from "../../src/policy-parser.ts";
import { compilePolicy } from "../../src/policy-rows.ts";
import { satisfiesPolicy } from "../../src/policy-satisfy.ts";
import { simplifyPolicy } from "../../src/policy-simplify.ts";
import type { Input, Json, Operation } from "./runner.ts";

const publicKeys = new Map<string, DomainPublicKey<AbeScheme>>();

/** One object per key: what is remembered for it is remembered per object. */
function publicKeyOf<S extends AbeScheme>(engine: Engine, scheme: S, i: Input): DomainPublicKey<S> {
  const name = `${engine.capabilities.name} ${scheme} ${i.text("publicKey")}`;
  const known = publicKeys.get(name) ?? parseDomainPublicKey(engine, scheme, i.bytes("publicKey"));
  publicKeys.set(name, known);
  return known as DomainPublicKey<S>;
}

const schemeOf = (i: Input): AbeScheme => i.text("scheme") as AbeScheme;
const schemaOf = (i: Input): AttributeSchema | undefined =>
  i.has("schema") ? parseAttributeSchema(i.json("schema")) : undefined;
const policyOf = (i: Input): Policy => parsePolicy(i.text("policy"), schemaOf(i));
const attributesIn = (i: Input) =>
  attributesOf(schemaOf(i) as AttributeSchema, i.json("attributes") as unknown as AttributeValues);
const scopeOf = <S extends AbeScheme>(scheme: S, i: Input) => ({
  domainId: parseDomainId(i.bytes("domainId")),
  scheme,
  epoch: parseEpoch(i.number("epoch")),
});

function demand(holds: boolean): void {
  if (!holds) throw new MilagroError("ERR_SHARE_INVALID", "the vector's check failed");
}

const draw = (engine: Engine) => (length: number) => engine.scalars.encode(engine.scalars.random()).slice(-length);

export const ABE_OPERATIONS: Readonly<Record<string, Operation>> = {
  "policy-parse": (_engine, i) => {
    const policy = policyOf(i);
    const simple = simplifyPolicy(policy);
    const { rows, uses } = compilePolicy(simple);
    return {
      text: formatPolicy(policy),
      compact: formatPolicy(policy, { compact: true }),
      simplified: formatPolicy(simple, { compact: true }),
      rows: rows as unknown as Json,
      uses,
    };
  },
  "policy-satisfied": (_engine, i) => ({ satisfied: satisfiesPolicy(policyOf(i), attributesIn(i)) }),
  "attribute-schema": (_engine, i) => ({ labels: [...(schemaOf(i) as AttributeSchema).labels.keys()] }),
  "attribute-set": (_engine, i) => ({ set: encodeHex(encodeAttributes(attributesIn(i))) }),
  "attribute-components": (_engine, i) => ({
    components: componentsOf(parseAttributes(i.bytes("set"))) as unknown as Json,
  }),
  "abe-points": (engine, i) => {
    const points = abePoints(engine, scopeOf(schemeOf(i), i));
    const components = componentsOf(parseAttributes(i.bytes("set")));
    return {
      base: encodeHex(engine.g1.encode(points.base)),
      points: components.map((component) => encodeHex(engine.g1.encode(points.of(component)))),
    };
  },
  "abe-entitlement": (_engine, i) => {
    const options = {
      domainId: parseDomainId(i.bytes("domainId")),
      identity: parseIdentity(i.text("identity")),
      epoch: parseEpoch(i.number("epoch")),
      boundToEpoch: i.json("bound") as boolean,
    };
    const entitlement: AbeEntitlement =
      schemeOf(i) === "cp"
        ? attributeEntitlement(
            options,
            schemaOf(i) as AttributeSchema,
            i.json("attributes") as unknown as AttributeValues,
          )
        : policyEntitlement(options, policyOf(i));
    return {
      entitlement: encodeHex(encodeEntitlement(entitlement)),
      statement: encodeHex(approvalStatement(entitlement, i.bytes("context"))),
    };
  },
  "abe-parse-entitlement": (_engine, i) => {
    const { identity, epoch } = parseEntitlement(schemeOf(i), i.bytes("entitlement"));
    return { identity, epoch };
  },
  "abe-issue": (engine, i) => {
    const keys = i.bytesList("authorities").map((key) => parsePublicShare(engine, "statement", key));
    const [entitlement, secret, context] = [i.bytes("entitlement"), i.bytes("secret"), i.bytes("context")];
    const approve = <G extends AbeEntitlement>(parsed: G) =>
      approveEntitlement(engine, draw(engine), parsed, context, keys, i.bytesList("approvals"));
    const share =
      schemeOf(i) === "cp"
        ? issueCpKeyShare(
            engine,
            parseMasterSecretShare(engine, "cp", secret),
            approve(parseEntitlement("cp", entitlement)),
          )
        : issueKpKeyShare(
            engine,
            parseMasterSecretShare(engine, "kp", secret),
            approve(parseEntitlement("kp", entitlement)),
          );
    return { share: encodeHex(encodeAbeKey<AbeScheme>(engine, share as AbeKeyShare<AbeScheme>)) };
  },
  "abe-verify-share": (engine, i) => {
    const [share, published] = [i.bytes("share"), i.bytes("publicShare")];
    const weights = draw(engine);
    const holds =
      schemeOf(i) === "cp"
        ? verifyCpKeyShare(
            engine,
            weights,
            parsePublicShare(engine, "cp", published),
            parseAbeKeyShare(engine, "cp", share),
          )
        : verifyKpKeyShare(
            engine,
            weights,
            parsePublicShare(engine, "kp", published),
            parseAbeKeyShare(engine, "kp", share),
          );
    demand(holds);
    return {};
  },
  "abe-combine": (engine, i) => {
    const weights = draw(engine);
    const shares = i.bytesList("shares");
    if (schemeOf(i) === "cp") {
      const parsed = shares.map((share) => parseAbeKeyShare(engine, "cp", share));
      const key = combineAbeKeyShares(engine, parsed);
      demand(verifyCpKey(engine, weights, publicKeyOf(engine, "cp", i), key));
      return { key: encodeHex(encodeAbeKey(engine, key)) };
    }
    const parsed = shares.map((share) => parseAbeKeyShare(engine, "kp", share));
    const key = combineAbeKeyShares(engine, parsed);
    demand(verifyKpKey(engine, weights, publicKeyOf(engine, "kp", i), key));
    return { key: encodeHex(encodeAbeKey(engine, key)) };
  },
  "abe-cp-encapsulate": (engine, i) => {
    const [publicKey, scope] = [publicKeyOf(engine, "cp", i), scopeOf("cp", i)];
    const sent = encapsulateToPolicy(engine, i.random(), publicKey, scope, policyOf(i), i.bytes("context"));
    return { ciphertext: encodeHex(sent.ciphertext.bytes), sharedSecret: sent.sharedSecret.use(encodeHex) };
  },
  "abe-cp-decapsulate": (engine, i) => {
    const key = parseAbeKey(engine, "cp", i.bytes("key"));
    const ciphertext = parseCpCiphertext(i.bytes("ciphertext"));
    const publicKey = publicKeyOf(engine, "cp", i);
    const secret = decapsulateWithAttributes(engine, key, publicKey, ciphertext, i.bytes("context"));
    return { sharedSecret: secret.use(encodeHex) };
  },
  "abe-kp-encapsulate": (engine, i) => {
    const [publicKey, scope] = [publicKeyOf(engine, "kp", i), scopeOf("kp", i)];
    const set = parseAttributes(i.bytes("set"));
    const sent = encapsulateToAttributes(engine, i.random(), publicKey, scope, set, i.bytes("context"));
    return { ciphertext: encodeHex(sent.ciphertext.bytes), sharedSecret: sent.sharedSecret.use(encodeHex) };
  },
  "abe-kp-decapsulate": (engine, i) => {
    const key = parseAbeKey(engine, "kp", i.bytes("key"));
    const ciphertext = parseKpCiphertext(i.bytes("ciphertext"));
    const publicKey = publicKeyOf(engine, "kp", i);
    const secret = decapsulateWithPolicy(engine, key, publicKey, ciphertext, i.bytes("context"));
    return { sharedSecret: secret.use(encodeHex) };
  },
  "abe-seal": (engine, i) => {
    const envelope = sealToPolicy(engine, i.random(), {
      publicKey: publicKeyOf(engine, "cp", i),
      scope: scopeOf("cp", i),
      policy: policyOf(i),
      context: i.bytes("context"),
      plaintext: i.bytes("plaintext"),
    });
    return { envelope: encodeHex(encodeAbeEnvelope(envelope)) };
  },
  "abe-open": (engine, i) => {
    const scheme = schemeOf(i);
    const key = parseAbeKey(engine, scheme, i.bytes("key")) as AbeKey<AbeScheme>;
    const envelope = parseAbeEnvelope(i.bytes("envelope"));
    const opened = openAbeEnvelope(engine, key, publicKeyOf(engine, scheme, i), envelope, i.bytes("context"));
    return { plaintext: opened.use(encodeHex) };
  },
};
