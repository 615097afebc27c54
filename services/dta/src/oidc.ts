/**
 * ID tokens of an OpenID provider that this D-TA trusts, bound to the request: the `nonce` claim is base64url of SHA-256 of the request's HPKE key, so a
 * token that leaks is of no use with another key. The policy's template says which identity a set of claims is.
 * Source: OpenID Connect Core 1.0 §3.1.3.7 (validation of an ID token).
 * @module
 */

import type { Identity } from "@milagro/crypto/identity";
import type { IssuancePolicy } from "@milagro/protocol/policy";
import { requestKeyThumbprint } from "@milagro/protocol/request-key";
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import type { EvidenceVerdict } from "./decide-issuance.ts";
import { claimsOf, invalidJwt, type JwtContext } from "./grant.ts";

/** Of a template that does not say which device. */
const OPEN_END = "/*";

type Provider = IssuancePolicy["oidc"][number];
type KeySet = ReturnType<typeof createRemoteJWKSet>;

const JWKS_TIMEOUT_MS = 3000;
const JWKS_COOLDOWN_MS = 30_000;
const JWKS_MAX_AGE_MS = 600_000;
const CLOCK_TOLERANCE_SECONDS = 60;
/** A session that is older than this does not speak for a machine that wants keys now. */
const MAX_TOKEN_AGE_SECONDS = 3600;
/** Asymmetric only: `none` and HMAC would let anybody who knows a public value sign. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];

export interface OidcAttestor {
  judge(policy: IssuancePolicy, jwt: string, context: JwtContext): Promise<EvidenceVerdict>;
}

/** Keeps each provider's keys for ten minutes, asks for unknown key ids at most every 30 s, and gives up after 3 s. */
export function createOidcAttestor(): OidcAttestor {
  const keySets = new Map<string, KeySet>();
  const keysOf = (url: string): KeySet => {
    const known = keySets.get(url);
    if (known !== undefined) return known;
    const fresh = createRemoteJWKSet(new URL(url), {
      timeoutDuration: JWKS_TIMEOUT_MS,
      cooldownDuration: JWKS_COOLDOWN_MS,
      cacheMaxAge: JWKS_MAX_AGE_MS,
    });
    keySets.set(url, fresh);
    return fresh;
  };
  return {
    judge: async (policy, jwt, context) => {
      const issuer = claimsOf(jwt)?.iss;
      const provider = policy.oidc.find((known) => known.issuer === issuer);
      if (provider === undefined) return invalidJwt("oidc");
      try {
        const { payload } = await jwtVerify(jwt, keysOf(provider.jwksUrl), {
          algorithms: ALGORITHMS,
          issuer: provider.issuer,
          audience: provider.audience,
          currentDate: new Date(context.nowMs),
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          maxTokenAge: MAX_TOKEN_AGE_SECONDS,
          requiredClaims: ["exp", "iat", "nonce", "sub"],
        });
        if (payload["nonce"] !== requestKeyThumbprint(context.requestKey)) return invalidJwt("oidc");
        return isIdentityOf(provider, payload, context.identity) ? { type: "oidc", ok: true } : invalidJwt("oidc");
      } catch (error) {
        if (isProviderDown(error)) return { type: "oidc", ok: false, code: "ERR_UNREACHABLE" };
        if (error instanceof errors.JOSEError || error instanceof TypeError) return invalidJwt("oidc");
        throw error;
      }
    },
  };
}

/**
 * Whether the claims speak for the identity. A template that ends in `/*` leaves the last segment open, as for the devices of a user:
 * `milagro:example.org/mpin/login.example.org/{email}/*`.
 */
export function isIdentityOf(
  provider: Pick<Provider, "identityFrom">,
  claims: JWTPayload,
  identity: Identity,
): boolean {
  const open = provider.identityFrom.endsWith(OPEN_END);
  const identityFrom = open ? provider.identityFrom.slice(0, -OPEN_END.length) : provider.identityFrom;
  const named = open ? identity.slice(0, identity.lastIndexOf("/")) : identity;
  return identityFromClaims({ identityFrom }, claims) === named;
}

/**
 * Fills the template, as in `milagro:example.org/user/{email}`. A claim fills one segment and never more: a slash in it refuses. `{email}` needs `email_verified`.
 * In identities of kind `mpin` an address stands in lower case, whatever the provider writes.
 * The result is compared with an identity that has been parsed, so it need not be parsed itself.
 */
export function identityFromClaims(provider: Pick<Provider, "identityFrom">, claims: JWTPayload): string | undefined {
  let complete = true;
  const isForLogin = provider.identityFrom.split("/")[1] === "mpin";
  const text = provider.identityFrom.replace(/\{([A-Za-z_]+)\}/g, (_whole, name: string) => {
    const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
    const usable = typeof value === "string" && value !== "" && !value.includes("/");
    if (!usable || (name === "email" && claims["email_verified"] !== true)) complete = false;
    if (!usable) return "";
    return name === "email" && isForLogin ? value.toLowerCase() : value;
  });
  return complete ? text : undefined;
}

/** The provider's keys could not be had: worth a retry, unlike a bad token. A failed `fetch` is a TypeError, and jose's own answers for bad status or body say no more. */
function isProviderDown(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout) return true;
  if (error instanceof TypeError && error.message === "fetch failed") return true;
  return error instanceof errors.JOSEError && error.code === "ERR_JOSE_GENERIC";
}
