/**
 * A login at an OpenID provider elsewhere as a way to enrol. The device makes state, nonce and PKCE verifier itself and keeps them; the
 * nonce is its request key's thumbprint, so that the ID token speaks for this request and no other. The login server is the provider's
 * client: it exchanges the code, because it has the client's secret and a page may talk to nobody else, and hands the token on. What
 * the token is worth, each D-TA decides by itself.
 *
 *   GET  /v1/openid                → OpenIdClient         where to send the browser, and as whom
 *   POST /v1/openid/codes  OpenIdCode → OpenIdToken       what the browser came back with
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { utf8 } from "@milagro/crypto/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import { Type } from "typebox";
import { encoderOf, HttpUrl, line, type Parsed, parserOf, strict, Version } from "./wire.ts";

/** 32 bytes as base64url: the thumbprint that is a nonce, and the PKCE verifier (RFC 7636 §4.1: 43 characters are the fewest). */
const Text43 = Type.String({ pattern: "^[A-Za-z0-9_\\-]{43}$" });

/** The challenge for a PKCE verifier, method S256 (RFC 7636 §4.2). */
export const pkceChallenge = (verifier: string): string => encodeBase64url(sha256(utf8(verifier)));

/** Issuers are compared as text, and endpoints may have a query, so neither is brought into a form of ours. */
const Address = Type.String({
  maxLength: 2048,
  pattern: '^https?://[^\\s#"<>\\\\]+$',
  description: "Address at the provider",
});

/** Answer of `GET /v1/openid`. */
export const OpenIdClientSchema = strict({
  v: Version,
  name: line(64, "What people call the provider"),
  issuer: Address,
  authorizationEndpoint: Address,
  clientId: line(255, "As whom the login server asks"),
  scope: line(255, "What is asked for"),
  redirectUri: HttpUrl,
});
export type OpenIdClient = Parsed<typeof OpenIdClientSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseOpenIdClient = parserOf("OpenID client", OpenIdClientSchema);
export const encodeOpenIdClient = encoderOf("OpenID client", OpenIdClientSchema);

/** Body of `POST /v1/openid/codes`. `issuer` is that of the answer (RFC 9207), where there was one. */
export const OpenIdCodeSchema = strict({
  v: Version,
  code: Type.String({ minLength: 1, maxLength: 4096, pattern: "^[\\x21-\\x7e]+$", description: "Authorization code" }),
  verifier: Text43,
  nonce: Text43,
  issuer: Type.Optional(Address),
});
export type OpenIdCode = Parsed<typeof OpenIdCodeSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseOpenIdCode = parserOf("OpenID code", OpenIdCodeSchema);
export const encodeOpenIdCode = encoderOf("OpenID code", OpenIdCodeSchema);

/** Answer to it. */
export const OpenIdTokenSchema = strict({
  v: Version,
  jwt: Type.String({
    maxLength: 16_384,
    pattern: "^[A-Za-z0-9_\\-]+\\.[A-Za-z0-9_\\-]+\\.[A-Za-z0-9_\\-]+$",
    description: "ID token, as the provider signed it",
  }),
});
export type OpenIdToken = Parsed<typeof OpenIdTokenSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseOpenIdToken = parserOf("OpenID token", OpenIdTokenSchema);
export const encodeOpenIdToken = encoderOf("OpenID token", OpenIdTokenSchema);
