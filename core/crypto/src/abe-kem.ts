/**
 * What both schemes share when they encapsulate: Fujisaki–Okamoto around a power of T. With `head` everything in the ciphertext but V:
 *
 *   binding = digest("MILAGRO-V1-ABE-BINDING", scope, H(P), content)      content: the policy's text (cp), the attribute set (kp)
 *   m ← 32 random bytes;  seed = digest("MILAGRO-V1-ABE-SEED", m, binding);  s, … = the scalars of seed, in order
 *   V = m ⊕ digest("MILAGRO-V1-ABE-MASK", T^s, head)
 *   K = deriveKey(m, "MILAGRO-V1-ABE-KEY", head, V, binding, context)
 *   open: T^s by the key, m from V, all scalars from m, and every point of the ciphertext must be what they make of it
 *
 * Source: Fujisaki, Okamoto (CRYPTO 1999).
 * Security: one code for whatever fails after the policy was found satisfied. The points are compared under random 128-bit weights,
 * so a ciphertext that differs in one of them passes with probability 2⁻¹²⁸.
 * @module
 */
import type { Engine, G2, Gt, Scalar } from "@milagro/engine/engine";
import { sha256 } from "@noble/hashes/sha2.js";
import { type AbeScheme, type AbeScope, encodeScope } from "./abe-points.ts";
import { concat, wipe, xorBytes } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { deriveKey, digest } from "./kdf.ts";
import type { DomainPublicKey } from "./master-public.ts";
import { baseMultiply2 } from "./precomputed.ts";
import { Secret } from "./secret.ts";

/** Bytes of m and of V. */
export const SEED_LENGTH = 32;

/** @throws always: `ERR_DECAPSULATION_FAILED`, one code whichever step failed */
export function refuseDecapsulation(cause?: unknown): never {
  throw new MilagroError(
    "ERR_DECAPSULATION_FAILED",
    "not encapsulated to this key, or changed on the way",
    cause === undefined ? undefined : { cause },
  );
}

/** What m and K are bound to beside the points. */
export function bindingOf(scope: AbeScope, publicKey: DomainPublicKey<AbeScheme>, content: Uint8Array): Uint8Array {
  return digest("MILAGRO-V1-ABE-BINDING", encodeScope(scope), publicKey.hash, content);
}

/** Where an encapsulation's scalars come from. The caller wipes it. */
export function seedOf(m: Uint8Array, binding: Uint8Array): Uint8Array {
  return digest("MILAGRO-V1-ABE-SEED", m, binding);
}

/** m ⊕ mask, or back. */
export function mask(engine: Engine, target: Gt, head: Uint8Array, bytes: Uint8Array): Uint8Array {
  const gtBytes = engine.gt.encode(target);
  const pad = digest("MILAGRO-V1-ABE-MASK", gtBytes, head);
  const out = xorBytes(bytes, pad);
  wipe(gtBytes, pad);
  return out;
}

/** K; m is wiped. */
export function finish(
  m: Uint8Array,
  head: Uint8Array,
  v: Uint8Array,
  binding: Uint8Array,
  context: Uint8Array,
): Secret<"shared secret"> {
  const key = deriveKey(m, "MILAGRO-V1-ABE-KEY", head, v, binding, context);
  wipe(m);
  return new Secret("shared secret", key);
}

/** Random 128-bit weights, two from each hash of a fresh seed. They are used once, in the process that drew them. */
export function drawWeights(engine: Engine, count: number): readonly Scalar[] {
  const message = concat(engine.scalars.encode(engine.scalars.random()), new Uint8Array(4));
  const counter = new DataView(message.buffer, message.length - 4);
  const bytes = new Uint8Array(32);
  let hash = bytes;
  return Array.from({ length: count }, (_, i) => {
    if (i % 2 === 0) {
      counter.setUint32(0, i);
      hash = sha256(message);
    }
    bytes.set(hash.subarray(16 * (i % 2), 16 * (i % 2) + 16), 16);
    return engine.scalars.decode(bytes, { zero: "allow" });
  });
}

/** Whether points are the multiples of g2 that the scalars say. */
export function areMultiples2(engine: Engine, points: readonly G2[], factors: readonly Scalar[]): boolean {
  // No early end: all are computed, whichever is wrong.
  const right = factors.map((factor, i) => engine.g2.equals(baseMultiply2(engine, factor), points[i] as G2));
  return right.every(Boolean);
}
