/**
 * HKDF-SHA256 for outputs of one block or few, without leaving much to be collected.
 * Source: RFC 5869 §2.2 (extract), §2.3 (expand).
 * @module
 */
import { shortHmac } from "@milagro/engine/short-hash";

const DIGEST = 32;
const MAX_BLOCKS = 255;
const NO_SALT = new Uint8Array(DIGEST);

/** 32 bytes. Without a salt: 32 zeros, as the RFC has it. */
export const hkdfExtract = (keyMaterial: Uint8Array, salt: Uint8Array = NO_SALT): Uint8Array =>
  shortHmac(salt, keyMaterial);

/** @param key - as `hkdfExtract` returns it @param length - 1 to 8160 @throws TypeError for another length */
export function hkdfExpand(key: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  const blocks = Math.ceil(length / DIGEST);
  if (!Number.isSafeInteger(length) || length < 1 || blocks > MAX_BLOCKS)
    throw new TypeError("HKDF gives 1 to 8160 bytes");
  // T(i - 1) ‖ info ‖ i, T(0) empty
  const input = new Uint8Array(DIGEST + info.length + 1);
  input.set(info, DIGEST);
  const out = new Uint8Array(length);
  for (let i = 1; i <= blocks; i++) {
    input[input.length - 1] = i;
    const block = shortHmac(key, i === 1 ? input.subarray(DIGEST) : input);
    input.set(block);
    const at = (i - 1) * DIGEST;
    out.set(length - at < DIGEST ? block.subarray(0, length - at) : block, at);
    block.fill(0);
  }
  input.fill(0);
  return out;
}

/** Both steps. */
export function hkdf(
  keyMaterial: Uint8Array,
  salt: Uint8Array | undefined,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const key = hkdfExtract(keyMaterial, salt);
  const out = hkdfExpand(key, info, length);
  key.fill(0);
  return out;
}
