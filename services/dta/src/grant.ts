/**
 * Registrar grants: a JWT (EdDSA) by which somebody this D-TA trusts for certain identities lets one of them in, for one request key.
 *
 *   iss  name of the registrar in the policy      sub          the identity
 *   aud  domain id, base64url                     request_key  base64url of SHA-256 of the request's HPKE key
 *   exp, jti                                      usages       array of usages; absent: all that the policy allows
 *   attributes  object of labels and values       policies     array of policies: what a request for attribute keys may name
 *
 * A registrar says of attributes only what its `labels` in the policy let it; a grant that says more is refused as a whole.
 *
 * A login server (`loginServers` in the policy) may grant one thing: the server secret, to its own identity.
 *
 * A grant is spent by its first request, like a join token: the store remembers `(registrar, jti)`.
 * Source: RFC 7519 §4.1 (claims), RFC 8037 §3.1 (EdDSA). Only that algorithm is accepted, whatever the header says.
 * @module
 */
import { parseAttributeSchema } from "@milagro/crypto/attribute-schema";
import { equalBytes } from "@milagro/crypto/bytes";
import { type DomainId, formatDomainId } from "@milagro/crypto/domain-id";
import { type Identity, matchesIdentity, splitIdentity } from "@milagro/crypto/identity";
import { MAX_POLICY_BYTES } from "@milagro/crypto/policy";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import { compilePolicy } from "@milagro/crypto/policy-rows";
import { MilagroError } from "@milagro/engine/error";
import { parseAttributeValues } from "@milagro/protocol/attribute-policy";
import { KEY_USAGES, type KeyUsage } from "@milagro/protocol/key-usage";
import type { IssuancePolicy } from "@milagro/protocol/policy";
import { requestKeyThumbprint } from "@milagro/protocol/request-key";
import { decodeJwt, errors, importJWK, type JWK, type JWTPayload, jwtVerify } from "jose";
import type { GrantedAttributes } from "./decide-entitlement.ts";
import type { EvidenceVerdict } from "./decide-issuance.ts";
import type { StoreTransaction } from "./store.ts";

/** What both kinds of JWT must be bound to. */
export interface JwtContext {
  readonly identity: Identity;
  readonly domainId: DomainId;
  readonly requestKey: Uint8Array;
  readonly nowMs: number;
}

/** What is remembered of a grant that was used, until it would have expired. */
export interface SpentGrant {
  readonly registrar: string;
  readonly jti: string;
  readonly expiresMs: number;
}

/** A good grant also says what to mark as spent. */
export type GrantVerdict = EvidenceVerdict & { readonly spends?: SpentGrant };

/** Grants and tokens are bearer texts of foreign make; longer ones are refused unread. */
const MAX_JTI = 128;
const CLOCK_TOLERANCE_SECONDS = 60;
const MAX_POLICIES = 16;

export const invalidJwt = (type: "grant" | "oidc"): EvidenceVerdict => ({
  type,
  ok: false,
  code: "ERR_EVIDENCE_INVALID",
});

/** The claims without any check, to find out whose key is needed; `undefined` when the text is no JWT. */
export function claimsOf(jwt: string): JWTPayload | undefined {
  try {
    return decodeJwt(jwt);
  } catch {
    return undefined;
  }
}

/** A star at the end stands for any end. */
export const matchesService = (pattern: string, service: string): boolean =>
  pattern.endsWith("*") ? service.startsWith(pattern.slice(0, -1)) : service === pattern;

type Grantor = Pick<IssuancePolicy["registrars"][number], "name" | "publicKey" | "labels">;

/** Who may let this identity in by that name, and how its grants are remembered: a line break stands in no registrar's name. */
function grantorOf(
  policy: IssuancePolicy,
  issuer: unknown,
  identity: Identity,
): { readonly grantor: Grantor; readonly remembered: string } | undefined {
  const registrar = policy.registrars.find(({ name }) => name === issuer);
  if (registrar?.identities.some((pattern) => matchesIdentity(pattern, identity)))
    return { grantor: registrar, remembered: registrar.name };
  const { kind, name: service } = splitIdentity(identity);
  const server = policy.loginServers?.find(({ name }) => name === issuer);
  return kind === "mpin-server" && server?.services.some((pattern) => matchesService(pattern, service))
    ? { grantor: server, remembered: `server\n${server.name}` }
    : undefined;
}

/** Imported once for each policy that is loaded. */
const keys = new WeakMap<Grantor, ReturnType<typeof importJWK>>();

function keyOf(registrar: Grantor): ReturnType<typeof importJWK> {
  const known = keys.get(registrar) ?? importJWK(registrar.publicKey as JWK, "EdDSA");
  keys.set(registrar, known);
  return known;
}

export async function judgeGrant(policy: IssuancePolicy, jwt: string, context: JwtContext): Promise<GrantVerdict> {
  const found = grantorOf(policy, claimsOf(jwt)?.iss, context.identity);
  if (found === undefined) return invalidJwt("grant");
  const { grantor: registrar, remembered } = found;
  let claims: JWTPayload;
  try {
    const verified = await jwtVerify(jwt, await keyOf(registrar), {
      algorithms: ["EdDSA", "Ed25519"],
      issuer: registrar.name,
      audience: formatDomainId(context.domainId),
      subject: context.identity,
      currentDate: new Date(context.nowMs),
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      requiredClaims: ["exp", "jti", "request_key"],
    });
    claims = verified.payload;
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return invalidJwt("grant");
    throw error;
  }
  const { jti, exp, usages } = claims as JWTPayload & { usages?: unknown };
  if (claims["request_key"] !== requestKeyThumbprint(context.requestKey)) return invalidJwt("grant");
  if (typeof jti !== "string" || jti.length === 0 || jti.length > MAX_JTI || exp === undefined)
    return invalidJwt("grant");
  if (usages !== undefined && !isUsageList(usages)) return invalidJwt("grant");
  const granted = grantedBy(policy, registrar.labels ?? [], claims);
  if (granted === undefined) return invalidJwt("grant");
  return {
    type: "grant",
    ok: true,
    granted,
    ...(usages === undefined ? {} : { usages }),
    spends: { registrar: remembered, jti, expiresMs: exp * 1000 },
  };
}

/** What the claims say of attributes; undefined when it is malformed or more than the registrar may say. */
function grantedBy(
  policy: IssuancePolicy,
  labels: readonly string[],
  claims: JWTPayload,
): GrantedAttributes | undefined {
  const { attributes, policies } = claims as JWTPayload & { attributes?: unknown; policies?: unknown };
  const schema = policy.attributes && parseAttributeSchema(policy.attributes.schema);
  const may = (label: string): boolean => labels.includes("*") || labels.includes(label);
  try {
    const values = attributes === undefined ? undefined : parseAttributeValues(attributes);
    if (values && !Object.keys(values).every(may)) return undefined;
    if (policies === undefined || schema === undefined) return { attributes: values };
    if (!Array.isArray(policies) || policies.length > MAX_POLICIES) return undefined;
    const texts = policies.map((text) =>
      typeof text === "string" && text.length <= MAX_POLICY_BYTES ? text : undefined,
    );
    if (
      !texts.every(
        (text) => text !== undefined && compilePolicy(parsePolicy(text, schema)).rows.every(({ label }) => may(label)),
      )
    )
      return undefined;
    return { attributes: values, policies: texts as readonly string[] };
  } catch (error) {
    if (error instanceof MilagroError) return undefined;
    throw error;
  }
}

function isUsageList(value: unknown): value is KeyUsage[] {
  return Array.isArray(value) && value.every((usage) => KEY_USAGES.includes(usage as KeyUsage));
}

/** Whether the grant was spent on another request. */
export async function isSpentElsewhere(
  tx: StoreTransaction,
  domainId: Uint8Array,
  grant: SpentGrant,
  requestHash: Uint8Array,
): Promise<boolean> {
  const row = await tx
    .selectFrom("grant_use")
    .select("request_hash")
    .where("domain_id", "=", domainId)
    .where("registrar", "=", grant.registrar)
    .where("jti", "=", grant.jti)
    .executeTakeFirst();
  return row !== undefined && !equalBytes(row.request_hash, requestHash);
}

/** Binds the grant to the request. */
export async function spendGrant(
  tx: StoreTransaction,
  domainId: Uint8Array,
  grant: SpentGrant,
  requestHash: Uint8Array,
): Promise<void> {
  await tx
    .insertInto("grant_use")
    .values({
      domain_id: domainId,
      registrar: grant.registrar,
      jti: grant.jti,
      request_hash: requestHash,
      expires_ms: grant.expiresMs,
    })
    .onConflict((conflict) => conflict.columns(["domain_id", "registrar", "jti"]).doNothing())
    .execute();
}
