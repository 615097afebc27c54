/**
 * base64url without padding, strict: one byte string has exactly one encoding, and nothing else is read.
 * Source: RFC 4648 §5; §3.5 (the unused bits of the last character must be zero).
 *
 * Security: look-ups depend on the data; encode keys only for storage that is sealed anyway.
 * @module
 */
import { MilagroError } from "./error.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CODES = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0));
const asText = (codes: Uint8Array): string => Reflect.apply(String.fromCharCode, undefined, codes);
/** Arguments of one call: few enough for every engine's stack. */
const CHUNK = 4096;
const FOREIGN = 64;
const VALUES = new Uint8Array(128).fill(FOREIGN);
for (const [value, code] of CODES.entries()) VALUES[code] = value;

/** Unpadded base64url. */
export function encodeBase64url(bytes: Uint8Array): string {
  const codes = new Uint8Array(Math.ceil((bytes.length * 4) / 3));
  let at = 0;
  for (let i = 0; i < bytes.length; i += 3) {
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    // The last group is shorter; a write past the end of a typed array is dropped.
    for (let shift = 18; shift >= 0; shift -= 6) codes[at++] = CODES[(group >>> shift) & 63] as number;
  }
  let text = "";
  for (let i = 0; i < codes.length; i += CHUNK) text += asText(codes.subarray(i, i + CHUNK));
  return text;
}

/** @throws `ERR_ENCODING_INVALID` for padding, white space, another alphabet, an impossible length, and non-zero unused bits */
export function parseBase64url(text: string): Uint8Array {
  const rest = text.length % 4;
  if (rest === 1) throw new MilagroError("ERR_ENCODING_INVALID", "not base64url: impossible length");
  const out = new Uint8Array(Math.floor((text.length * 3) / 4));
  let buffer = 0;
  let bits = 0;
  let length = 0;
  for (let i = 0; i < text.length; i += 1) {
    const value = VALUES[text.charCodeAt(i)] ?? FOREIGN;
    if (value === FOREIGN) throw new MilagroError("ERR_ENCODING_INVALID", "not base64url: foreign character");
    buffer = ((buffer << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[length] = (buffer >>> bits) & 0xff;
      length += 1;
    }
  }
  if ((buffer & ((1 << bits) - 1)) !== 0) {
    throw new MilagroError("ERR_ENCODING_INVALID", "not base64url: unused bits are not zero");
  }
  return out;
}
