/**
 * Policies as operators write them, and the decision about access to secrets. The decision about issuing needs facts
 * that only a D-TA has, and is made in services/dta.
 * @module
 */
import { type Identity, matchesIdentity } from "@milagro/crypto/identity";
import { Type } from "typebox";
import { AttributePolicySchema, RegistrarLabels } from "./attribute-policy.ts";
import { EVIDENCE_TYPES } from "./issuance-messages.ts";
import { RULE_USAGES } from "./key-usage.ts";
import { matchesSecretPath, type SecretPath, SecretPathPatternText } from "./secret-path.ts";
import {
  Counter,
  encoderOf,
  HttpUrl,
  IdentityPatternText,
  line,
  type Parsed,
  parserOf,
  strict,
  Version,
} from "./wire.ts";

/** What can be done with secrets. `put` stores what the caller encapsulated, `generate` lets the D-KMS draw it. */
export const ACCESS_ACTIONS = ["put", "import", "generate", "read", "list", "rotate", "delete", "ack"] as const;
export type AccessAction = (typeof ACCESS_ACTIONS)[number];
const ActionName = Type.Enum([...ACCESS_ACTIONS]);

const Patterns = Type.Array(IdentityPatternText, { minItems: 1, maxItems: 256 });

export const AccessRuleSchema = strict({
  effect: Type.Enum(["allow", "deny"]),
  identities: Patterns,
  actions: Type.Array(ActionName, { minItems: 1, maxItems: ACCESS_ACTIONS.length }),
  paths: Type.Array(SecretPathPatternText, { minItems: 1, maxItems: 256 }),
});
export type AccessRule = Parsed<typeof AccessRuleSchema>;

export const AccessPolicySchema = strict(
  { v: Version, version: Counter, rules: Type.Array(AccessRuleSchema, { maxItems: 1024 }) },
  "Who may do what with which secrets",
);
export type AccessPolicy = Parsed<typeof AccessPolicySchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseAccessPolicy = parserOf("access policy", AccessPolicySchema);
export const encodeAccessPolicy = encoderOf("access policy", AccessPolicySchema);

/** `rule` is the place of the rule that decided; none decided when nothing matched. */
export type AccessDecision =
  | { readonly kind: "allow"; readonly rule: number }
  | { readonly kind: "deny"; readonly code: "ERR_ACCESS_DENIED"; readonly rule?: number };

/** Deny by default; any matching denial wins over every permission, wherever it stands. */
export function decideAccess(
  rules: readonly AccessRule[],
  identity: Identity,
  action: AccessAction,
  path: SecretPath,
): AccessDecision {
  const matching = (effect: AccessRule["effect"]) =>
    rules.findIndex(
      (rule) =>
        rule.effect === effect &&
        rule.actions.includes(action) &&
        rule.identities.some((pattern) => matchesIdentity(pattern, identity)) &&
        rule.paths.some((pattern) => matchesSecretPath(pattern, path)),
    );
  const denied = matching("deny");
  if (denied !== -1) return { kind: "deny", code: "ERR_ACCESS_DENIED", rule: denied };
  const allowed = matching("allow");
  return allowed === -1 ? { kind: "deny", code: "ERR_ACCESS_DENIED" } : { kind: "allow", rule: allowed };
}

const EvidenceName = Type.Enum([...EVIDENCE_TYPES]);

const windowProperties = {
  maxEpochsAhead: Type.Integer({ minimum: 0, maximum: 366, description: "How far in the future a key may lie" }),
  maxEpochsBack: Type.Integer({ minimum: 0, maximum: 3660, description: "How far in the past an `enc` key may lie" }),
} as const;

/** Any one of the kinds of evidence carries a request for keys. Time permits take none, and only a rule for nothing else names none. */
export const IssuanceRuleSchema = Type.Union([
  strict({
    identities: Patterns,
    usages: Type.Array(Type.Enum([...RULE_USAGES]), { minItems: 1, maxItems: RULE_USAGES.length }),
    evidence: Type.Array(EvidenceName, { minItems: 1, maxItems: EVIDENCE_TYPES.length }),
    ...windowProperties,
  }),
  strict({
    identities: Patterns,
    usages: Type.Array(Type.Literal("permit"), { minItems: 1, maxItems: 1 }),
    evidence: Type.Array(EvidenceName, { maxItems: 0 }),
    ...windowProperties,
  }),
]);
export type IssuanceRule = Parsed<typeof IssuanceRuleSchema>;

/** An Ed25519 public key as JWK (RFC 8037 §2). */
export const Ed25519Jwk = strict({
  kty: Type.Literal("OKP"),
  crv: Type.Literal("Ed25519"),
  x: Type.String({ pattern: "^[A-Za-z0-9_\\-]{42}[AEIMQUYcgkosw048]$" }),
  kid: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
});

/** The service of an M-Pin identity, or the beginning of several. */
const ServicePattern = Type.String({
  maxLength: 128,
  pattern: "^(?:[^\\s/*]{1,127}\\*?|\\*)$",
  description: "Service, e.g. login.example.org; a star at the end matches any end",
});

export const IssuancePolicySchema = strict(
  {
    v: Version,
    version: Counter,
    rules: Type.Array(IssuanceRuleSchema, { maxItems: 1024 }),
    registrars: Type.Array(
      strict({
        name: line(64, "Name of the registrar: `iss` of its grants"),
        publicKey: Ed25519Jwk,
        identities: Patterns,
        labels: Type.Optional(RegistrarLabels),
      }),
      { maxItems: 64 },
    ),
    oidc: Type.Array(
      strict({
        issuer: HttpUrl,
        audience: line(255, "`aud` of the tokens"),
        jwksUrl: HttpUrl,
        identityFrom: Type.String({
          maxLength: 255,
          pattern: "^milagro:[^{}]+/[^{}]+/[^{}]*\\{[a-z_]{1,32}\\}[^{}]*$",
          description: "Identity with one claim in braces, e.g. milagro:example.org/person/{sub}",
        }),
      }),
      { maxItems: 16 },
    ),
    loginServers: Type.Optional(
      Type.Array(
        strict({
          name: line(64, "Name of the login server: `iss` of its approvals"),
          publicKey: Ed25519Jwk,
          services: Type.Array(ServicePattern, { minItems: 1, maxItems: 64 }),
        }),
        { maxItems: 64 },
      ),
    ),
    denied: Type.Array(IdentityPatternText, { maxItems: 4096 }),
    attributes: Type.Optional(AttributePolicySchema),
  },
  "Whom a D-TA issues keys to, on what evidence; nothing matches: refused",
);
export type IssuancePolicy = Parsed<typeof IssuancePolicySchema>;
/** The form only; before it is used also `checkAttributePolicy`. @throws `ERR_MESSAGE_INVALID` */
export const parseIssuancePolicy = parserOf("issuance policy", IssuancePolicySchema);
export const encodeIssuancePolicy = encoderOf("issuance policy", IssuancePolicySchema);
