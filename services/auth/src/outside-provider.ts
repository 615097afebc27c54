/**
 * An OpenID provider elsewhere, whose users may enrol devices with the login they have there. This server is its client and carries:
 * it sends nobody there itself, keeps nothing, and believes nothing that the D-TAs do not check again. The token's nonce is the
 * device's request key, so that a token which stays here is of no use to it.
 *
 * `openid-client` does discovery, the exchange and the token's checks (ADR 0060); it is loaded with the first person who wants it.
 * @module
 */
import { parseUtf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import {
  encodeOpenIdClient,
  encodeOpenIdToken,
  type OpenIdClient,
  OpenIdClientSchema,
  type OpenIdCode,
  OpenIdCodeSchema,
  OpenIdTokenSchema,
  parseOpenIdCode,
} from "@milagro/protocol/openid-enrolment-messages";
import { readFileLimited } from "@milagro/runtime/atomic-file";
import { problems } from "@milagro/runtime/http-openapi";
import type { HttpApp } from "@milagro/runtime/http-server";
import type { Configuration } from "openid-client";
import type { ProviderSettings } from "./config.ts";
import type { AuthContext } from "./context.ts";

export interface OutsideProvider {
  /** @throws `ERR_UNREACHABLE`, `ERR_PEER_INVALID` */
  client(): Promise<OpenIdClient>;
  /** @returns the ID token @throws `ERR_EVIDENCE_INVALID` for a code that the provider does not take, and as `client` */
  exchange(code: OpenIdCode): Promise<string>;
}

/** Where the provider sends browsers back to. */
export const RETURN_PATH = "/openid";
const TIMEOUT_SECONDS = 10;
const MAX_SECRET_BYTES = 4096;
/** Keys and endpoints change rarely, and a restart must not be needed when they do. */
const KEEP_MS = 600_000;

export function createOutsideProvider(
  settings: ProviderSettings,
  { origin, clock }: Pick<AuthContext, "origin" | "clock">,
): OutsideProvider {
  const redirectUri = () => `${origin()}${RETURN_PATH}`;
  let kept: { readonly configuration: Promise<Configuration>; readonly untilMs: number } | undefined;

  function configuration(): Promise<Configuration> {
    if (kept && clock() < kept.untilMs) return kept.configuration;
    const fresh = discover(settings);
    kept = { configuration: fresh, untilMs: clock() + KEEP_MS };
    fresh.catch(() => {
      if (kept?.configuration === fresh) kept = undefined;
    });
    return fresh;
  }

  return {
    async client() {
      const { name, issuer, clientId, scope } = settings;
      const { authorization_endpoint: authorizationEndpoint } = (await configuration()).serverMetadata();
      if (authorizationEndpoint === undefined) throw unusable();
      return { v: 1, name, issuer, authorizationEndpoint, clientId, scope, redirectUri: redirectUri() };
    },
    async exchange({ code, verifier, nonce, issuer }) {
      const { authorizationCodeGrant } = await import("openid-client");
      const config = await configuration();
      const answer = new URL(redirectUri());
      answer.searchParams.set("code", code);
      if (issuer !== undefined) answer.searchParams.set("iss", issuer);
      try {
        const checks = { pkceCodeVerifier: verifier, expectedNonce: nonce, idTokenExpected: true };
        const { id_token: jwt } = await authorizationCodeGrant(config, answer, checks);
        if (jwt === undefined) throw unusable();
        return jwt;
      } catch (error) {
        throw failureOf(error);
      }
    },
  };
}

async function discover(settings: ProviderSettings): Promise<Configuration> {
  const { allowInsecureRequests, ClientSecretBasic, discovery, None } = await import("openid-client");
  const { issuer, clientId, clientSecretFile } = settings;
  const secret =
    clientSecretFile === undefined
      ? undefined
      : parseUtf8(await readFileLimited(clientSecretFile, MAX_SECRET_BYTES)).trim();
  const options = {
    timeout: TIMEOUT_SECONDS,
    // Only an issuer on this machine may be without https: the settings accept no other.
    ...(issuer.startsWith("http:") ? { execute: [allowInsecureRequests] } : {}),
  };
  const authentication = secret === undefined ? None() : ClientSecretBasic(secret);
  try {
    return await discovery(new URL(issuer), clientId, undefined, authentication, options);
  } catch (error) {
    throw failureOf(error);
  }
}

/** What a provider says is not repeated: it may quote what it was asked. */
function failureOf(error: unknown): unknown {
  if (error instanceof MilagroError) return error;
  const { name, code, status } = error as { name?: string; code?: string; status?: number };
  if (name === "ResponseBodyError" && status !== undefined && status < 500)
    return new MilagroError("ERR_EVIDENCE_INVALID", "the OpenID provider does not take this code");
  // A token for another nonce, client or issuer, or an answer that came from another provider.
  if (code === "OAUTH_JWT_CLAIM_COMPARISON_FAILED" || name === "AuthorizationResponseError")
    return new MilagroError("ERR_EVIDENCE_INVALID", "the OpenID provider's answer belongs to another login");
  if (code === "OAUTH_INVALID_RESPONSE") return unusable();
  if (name === "TimeoutError" || code === "OAUTH_TIMEOUT" || isNetworkFailure(error))
    return new MilagroError("ERR_UNREACHABLE", "the OpenID provider cannot be reached");
  return unusable();
}

const isNetworkFailure = (error: unknown): boolean =>
  error instanceof TypeError && (error.message === "fetch failed" || error.cause instanceof Error);

const unusable = (): MilagroError =>
  new MilagroError("ERR_PEER_INVALID", "the OpenID provider does not answer as one should");

export function addOutsideProviderRoutes(app: HttpApp, context: AuthContext, provider: OutsideProvider): void {
  const config = { rateLimit: { max: context.config.limits.registrationsPerMinute, timeWindow: 60_000 } };
  const peer = ["ERR_UNREACHABLE", "ERR_PEER_INVALID"] as const;

  app.get(
    "/v1/openid",
    {
      config,
      schema: {
        tags: ["registration"],
        summary: "The OpenID provider at which a login is evidence for a new device",
        response: { 200: OpenIdClientSchema, ...problems(...peer) },
      },
    },
    async () => encodeOpenIdClient(await provider.client()),
  );

  app.post(
    "/v1/openid/codes",
    {
      config,
      schema: {
        tags: ["registration"],
        summary: "What the browser came back with, for the ID token",
        body: OpenIdCodeSchema,
        response: { 200: OpenIdTokenSchema, ...problems("ERR_EVIDENCE_INVALID", "ERR_ORIGIN_REFUSED", ...peer) },
      },
    },
    async ({ body }) => encodeOpenIdToken({ v: 1, jwt: await provider.exchange(parseOpenIdCode(body)) }),
  );
}
