/**
 * One-time join tokens: `mjt1_<index>_<id>_<secret>`. The index tells a person which D-TA it is for, the id tells the
 * D-TA which row it is, the secret (32 bytes, base64url) is what proves it. A D-TA stores `joinTokenDigest` only.
 * @module
 */
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { transcript, utf8 } from "@milagro/crypto/bytes";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { sha256 } from "@noble/hashes/sha2.js";
import { MAX_AUTHORITIES } from "./wire.ts";

/** The public parts of a token; the secret part stays in the text. */
export interface JoinTokenParts {
  /** Index of the D-TA that made it. */
  readonly index: number;
  /** 8 to 32 letters and digits, unique at that D-TA. */
  readonly id: string;
}

const GRAMMAR = /^mjt1_([1-9][0-9]?)_([A-Za-z0-9]{8,32})_([A-Za-z0-9_-]{43})$/;
const ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"; // 32 characters without look-alikes: one byte & 31 is unbiased

/** A fresh token with its parts and the digest to store. Show the text once. */
export function generateJoinToken(
  random: RandomBytes,
  index: number,
): JoinTokenParts & { readonly token: string; readonly digest: Uint8Array } {
  const id = Array.from(random(16), (byte) => ID_ALPHABET[byte & 31]).join("");
  const token = `mjt1_${index}_${id}_${encodeBase64url(random(32))}`;
  return { ...parseJoinToken(token), token, digest: joinTokenDigest(token) };
}

/** @throws `ERR_JOIN_TOKEN_INVALID`, whatever is wrong, without repeating the text */
export function parseJoinToken(text: string): JoinTokenParts {
  const [, index, id, secret] = text.length <= 100 ? (GRAMMAR.exec(text) ?? []) : [];
  if (index === undefined || id === undefined || secret === undefined || Number(index) > MAX_AUTHORITIES)
    return refuse();
  try {
    parseBase64url(secret);
  } catch {
    return refuse();
  }
  return { index: Number(index), id };
}

/**
 * Join tokens by D-TA, from text with one token a line, in any order: what a service is given to enrol by itself.
 * @throws `ERR_JOIN_TOKEN_INVALID` unless there is exactly one for each of 1 to `count`; the text is not repeated
 */
export function parseJoinTokens(text: string, count: number): readonly string[] {
  const tokens = new Map<number, string>();
  for (const line of text.split(/\s+/).filter((part) => part !== "")) {
    const { index } = parseJoinToken(line);
    if (tokens.has(index)) throw new MilagroError("ERR_JOIN_TOKEN_INVALID", `two join tokens are for D-TA ${index}`);
    tokens.set(index, line);
  }
  return Array.from({ length: count }, (_, i) => {
    const token = tokens.get(i + 1);
    if (token === undefined)
      throw new MilagroError("ERR_JOIN_TOKEN_INVALID", `the join token of D-TA ${i + 1} is missing`);
    return token;
  });
}

/** SHA-256 over the whole token: the secret part has 256 bits, so no salt or slow hash is needed. Compare with `equalBytes`. */
export const joinTokenDigest = (token: string): Uint8Array => sha256(transcript("MILAGRO-V1-JOIN-TOKEN", utf8(token)));

function refuse(): never {
  throw new MilagroError("ERR_JOIN_TOKEN_INVALID", "not a join token; ask the operator of the D-TA for one");
}
