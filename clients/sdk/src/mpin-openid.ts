/**
 * An OpenID login elsewhere as evidence: the browser goes to the provider and comes back with a code, the login server exchanges it, and
 * every D-TA checks the ID token by the provider's own keys.
 *
 *   beginOpenIdLogin → the browser goes to the address → comes back with a query → finishOpenIdLogin
 *
 * State, nonce and PKCE verifier are this device's: kept with the enrolment, never told to the login server before the end, used once.
 * The nonce is the request key's thumbprint; a token that somebody else gets hold of is evidence for nothing but this enrolment.
 *
 * Source: OpenID Connect Core 1.0 §3.1, RFC 7636 (PKCE, S256), RFC 9207 (issuer in the answer).
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { equalBytes, utf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import {
  encodeOpenIdCode,
  type OpenIdClient,
  parseOpenIdClient,
  parseOpenIdToken,
  pkceChallenge,
} from "@milagro/protocol/openid-enrolment-messages";
import { callMpin } from "./mpin-call.ts";
import type { AskingEnrolment, EnrolmentProgress } from "./mpin-enrolment-asking.ts";
import { openIdEvidence } from "./mpin-evidence.ts";
import type { MpinClient } from "./mpin-ports.ts";

/** `declined`: the person, or the provider, said no. */
export type OpenIdProgress = EnrolmentProgress | { readonly outcome: "declined" };

/** What the browser comes back with: the parameters of the address, each of which MUST have been there at most once. */
export interface OpenIdAnswer {
  readonly state?: string | undefined;
  readonly code?: string | undefined;
  readonly error?: string | undefined;
  readonly iss?: string | undefined;
}

const SENDABLE = /^(?:https:\/\/|http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?\/)[^#]*$/;

/** The provider that this login server is a client of. @throws `ERR_ROUTE_UNKNOWN` when it is of none */
export function fetchOpenIdClient(client: MpinClient): Promise<OpenIdClient> {
  return callMpin(client, { method: "GET", url: "/v1/openid" }, parseOpenIdClient);
}

/**
 * Draws what the answer will be known by, stores it, and says where the browser is to go. A second call makes the first address void.
 * @throws `ERR_LOGIN_MISMATCH` for a provider without https, or one that would send the browser back to another origin
 */
export async function beginOpenIdLogin(client: MpinClient, enrolment: AskingEnrolment): Promise<string> {
  const { authorizationEndpoint, clientId, scope, redirectUri } = await fetchOpenIdClient(client);
  if (!SENDABLE.test(authorizationEndpoint) || !redirectUri.startsWith(`${client.origin}/`))
    throw new MilagroError("ERR_LOGIN_MISMATCH", "the server names a provider that a browser must not be sent to");
  const state = encodeBase64url(client.random(32));
  const verifier = encodeBase64url(client.random(32));
  await enrolment.rememberOpenId({ state, verifier });
  const query = {
    response_type: "code",
    client_id: clientId,
    redirect_uri: redirectUri,
    scope,
    state,
    nonce: enrolment.openIdNonce,
    code_challenge: pkceChallenge(verifier),
    code_challenge_method: "S256",
    // Who sits here now, not who logged in there some time ago; and whoever took the wrong account can take another one.
    prompt: "login",
    login_hint: enrolment.user,
  };
  const text = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${authorizationEndpoint}${authorizationEndpoint.includes("?") ? "&" : "?"}${text.join("&")}`;
}

/** Whether an answer belongs to this enrolment. */
export function isOpenIdAnswerFor(enrolment: AskingEnrolment, { state }: OpenIdAnswer): boolean {
  const own = enrolment.openId?.state;
  return own !== undefined && state !== undefined && equalBytes(utf8(own), utf8(state));
}

/**
 * Takes the answer, once, and brings the token to every D-TA.
 * @throws `ERR_LOGIN_MISMATCH` for an answer to another login, as from a forged link; `ERR_EVIDENCE_INVALID` for a code that the provider
 * does not take; as `submit`
 */
export async function finishOpenIdLogin(
  client: MpinClient,
  enrolment: AskingEnrolment,
  answer: OpenIdAnswer,
): Promise<OpenIdProgress> {
  const { openId } = enrolment;
  if (!openId || !isOpenIdAnswerFor(enrolment, answer))
    throw new MilagroError("ERR_LOGIN_MISMATCH", "this is the answer to another login at the OpenID provider");
  await enrolment.rememberOpenId(undefined); // whatever comes of it
  const { code, error, iss: issuer } = answer;
  if (error !== undefined || code === undefined) return { outcome: "declined" };
  const body = encodeOpenIdCode({
    v: 1,
    code,
    verifier: openId.verifier,
    nonce: enrolment.openIdNonce,
    ...(issuer === undefined ? {} : { issuer }),
  });
  const { jwt } = await callMpin(client, { method: "POST", url: "/v1/openid/codes", body }, parseOpenIdToken);
  return enrolment.submitToAll([openIdEvidence(jwt)]);
}
