/**
 * Keys for `hpke.ts`, apart from it: who only carries them needs no cipher suite.
 * @module
 */
import type { Brand } from "./brand.ts";
import { MilagroError } from "./error.ts";
import { Secret } from "./secret.ts";

/** Bytes of a key, public or private. */
export const HPKE_KEY_LENGTH = 32;

/** An X25519 public key: 32 bytes. */
export type HpkePublicKey = Brand<Uint8Array, "HpkePublicKey">;
/** An X25519 private key: 32 bytes. */
export type HpkePrivateKey = Secret<"HPKE private key">;

/** @throws `ERR_HPKE_KEY_INVALID` for another length; points of small order are refused by `hpkeSeal` */
export function parseHpkePublicKey(bytes: Uint8Array): HpkePublicKey {
  if (bytes.length !== HPKE_KEY_LENGTH) throw new MilagroError("ERR_HPKE_KEY_INVALID", "not an X25519 public key");
  return bytes.slice() as HpkePublicKey;
}

/** From unsealed bytes, which are overwritten. @throws `ERR_HPKE_KEY_INVALID` for another length */
export function parseHpkePrivateKey(bytes: Uint8Array): HpkePrivateKey {
  if (bytes.length !== HPKE_KEY_LENGTH) throw new MilagroError("ERR_HPKE_KEY_INVALID", "not an X25519 private key");
  return new Secret("HPKE private key", bytes);
}
