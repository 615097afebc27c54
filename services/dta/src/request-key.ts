/**
 * Whether shares can be sealed to a request key at all, asked before anything is decided: what cannot be sealed must not be recorded as issued, nor
 * spend a token. With a point of small order every shared secret is zero, and sealing refuses it.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";

/**
 * All encodings of the points of order 1, 2, 4 and 8 on the curve and its twist, without the highest bit, which X25519 ignores.
 * Source: RFC 7748 §5 (decoding), §6.1 (the zero output).
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  // 0: order 2
  "0000000000000000000000000000000000000000000000000000000000000000",
  // 1: order 4
  "0100000000000000000000000000000000000000000000000000000000000000",
  // two points of order 8
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  // p - 1: order 4, on the twist
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  // p and p + 1: 0 and 1 again
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

/** @throws `ERR_HPKE_KEY_INVALID` */
export function checkRequestKey(bytes: Uint8Array): void {
  const key = Buffer.from(bytes);
  if (key.length === 32) key[31] = (key[31] as number) & 0x7f;
  if (key.length !== 32 || SMALL_ORDER.has(key.toString("hex")))
    throw new MilagroError("ERR_HPKE_KEY_INVALID", "the request key is not a usable X25519 public key");
}
