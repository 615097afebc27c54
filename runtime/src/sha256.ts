/**
 * SHA-256 by OpenSSL, through `node:crypto`: for inputs of many blocks, of which it does five in the time of JavaScript's one.
 * @module
 */
import { hash } from "node:crypto";

/** 32 bytes. */
export function nativeSha256(bytes: Uint8Array): Uint8Array {
  // A copy of its own, not a part of Buffer's pool.
  return new Uint8Array(hash("sha256", bytes, "buffer"));
}
