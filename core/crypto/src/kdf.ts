/**
 * The three ways in which schemes turn a transcript into something else. The label keeps their uses apart.
 *
 *   digest(label, …)          = SHA-256(transcript(label, …))                     32 bytes
 *   hashToScalar(label, …)    = SHA-384(transcript(label, …)) mod r               bias below 2⁻¹²⁸
 *   deriveKey(key, label, …)  = HKDF-SHA-256(ikm = key, salt = "", info = transcript(label, …), 32 bytes)
 *
 * Source: RFC 5869 (HKDF); RFC 9380 §5 (48 bytes for a 255-bit order).
 * @module
 */
import type { G1Engine, Scalar } from "@milagro/engine/engine";
import { shortHash } from "@milagro/engine/short-hash";
import { sha384 } from "@noble/hashes/sha2.js";
import { transcript, wipe } from "./bytes.ts";
import { hkdf } from "./hkdf.ts";

/** 32 bytes. The fields may be secret: the transcript is wiped. */
export function digest(label: string, ...fields: readonly Uint8Array[]): Uint8Array {
  return consume(transcript(label, ...fields), (bytes) => shortHash(bytes));
}

/** A scalar in [0, r). The fields may be secret: the transcript and the hash are wiped. */
export function hashToScalar(engine: G1Engine, label: string, ...fields: readonly Uint8Array[]): Scalar {
  return consume(consume(transcript(label, ...fields), sha384), (bytes) => engine.scalars.reduce(bytes));
}

/** 32 bytes of key; the caller wipes them. The fields are public. */
export function deriveKey(key: Uint8Array, label: string, ...fields: readonly Uint8Array[]): Uint8Array {
  return hkdf(key, undefined, transcript(label, ...fields), 32);
}

function consume<T>(bytes: Uint8Array, use: (bytes: Uint8Array) => T): T {
  try {
    return use(bytes);
  } finally {
    wipe(bytes);
  }
}
