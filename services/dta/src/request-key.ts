/**
 * Whether shares can be sealed to a request key at all, asked before anything is decided: what cannot be sealed must not be recorded as issued, nor
 * spend a token. With a point of small order every shared secret is zero, and sealing refuses it.
 * @module
 */
import { createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";

/** Any private key shows a small order: OpenSSL refuses to derive zero (RFC 7748 §6.1). */
const { privateKey: probe } = generateKeyPairSync("x25519");

/** @throws `ERR_HPKE_KEY_INVALID` */
export function checkRequestKey(bytes: Uint8Array): void {
  try {
    const publicKey = createPublicKey({ key: { kty: "OKP", crv: "X25519", x: encodeBase64url(bytes) }, format: "jwk" });
    diffieHellman({ privateKey: probe, publicKey });
  } catch (cause) {
    throw new MilagroError("ERR_HPKE_KEY_INVALID", "the request key is not a usable X25519 public key", { cause });
  }
}
