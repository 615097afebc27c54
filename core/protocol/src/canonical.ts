/**
 * One spelling for everything that is hashed or signed.
 * Source: RFC 8785 (JSON canonicalization): keys by UTF-16 code unit, ECMAScript numbers, minimal escapes.
 * @module
 */
import { utf8 } from "@milagro/crypto/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import canonicalize from "canonicalize";

/** The canonical text of plain JSON. @throws TypeError for what JSON cannot hold: a caller's bug */
export function canonicalText(value: unknown): string {
  let text: string | undefined;
  try {
    text = canonicalize(value);
  } catch (cause) {
    throw new TypeError("not plain JSON", { cause });
  }
  if (text === undefined) throw new TypeError("not plain JSON");
  return text;
}

/** The canonical text as UTF-8. */
export const canonicalBytes = (value: unknown): Uint8Array => utf8(canonicalText(value));

/** SHA-256 of the canonical bytes. */
export const hashCanonical = (value: unknown): Uint8Array => sha256(canonicalBytes(value));
