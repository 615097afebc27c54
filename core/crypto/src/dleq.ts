/**
 * Proofs that one secret multiplied several points: `P = k·g1` and `Dⱼ = k·Cⱼ` for all j, whatever their number one proof of
 * 64 bytes. Chaum–Pedersen, made non-interactive; needs neither a pairing nor a value in G2.
 *
 *   seed = SHA-256(transcript("MILAGRO-V1-DLEQ-SEED", purpose, P, C₁, D₁ … Cₘ, Dₘ))
 *   dⱼ   = hashToScalar("MILAGRO-V1-DLEQ-WEIGHT", seed, u16 j), j from 0         M = Σ dⱼ·Cⱼ,  Z = Σ dⱼ·Dⱼ = k·M
 *   t    = hashToScalar("MILAGRO-V1-DLEQ-NONCE", k, seed)                         T₁ = t·g1,  T₂ = t·M
 *   c    = hashToScalar("MILAGRO-V1-DLEQ-CHALLENGE", seed, M, Z, T₁, T₂),  z = t − c·k           proof = c ‖ z
 *   holds iff c is the challenge of T₁ = z·g1 + c·P,  T₂ = z·M + c·Z
 *
 * Deterministic, so that a D-TA which answers the same request twice gives the same bytes twice.
 *
 * Source: Chaum, Pedersen: Wallet Databases with Observers (CRYPTO 1992); RFC 9497 (shape, composites).
 * Deviation: the seed hashes all pairs, not the key alone, so that no weight is known before the last pair is fixed.
 * @module
 */
import type { G1, G1Engine, Scalar } from "@milagro/engine/engine";
import type { Brand } from "./brand.ts";
import { concat, equalBytes, u16, utf8, wipe } from "./bytes.ts";
import { digest, hashToScalar } from "./kdf.ts";
import { baseMultiply1 } from "./precomputed.ts";

/** c ‖ z: 64 bytes. */
export type DleqProof = Brand<Uint8Array, "DleqProof">;

/** Bytes of a proof. */
export const DLEQ_PROOF_LENGTH = 64;

/** `power = k·base`. */
export interface DleqPair {
  readonly base: G1;
  readonly power: G1;
}

/** Points of one proof; the position is a u16. */
const MAX_PAIRS = 0xffff;

/**
 * Proves that `secret` is behind the public key and every pair.
 * @param publicKey - `secret·g1`
 * @param purpose - what the points are for: a proof for one purpose is none for another
 * @throws TypeError for no pairs or more than 65535
 */
export function proveEqualLogs(
  engine: G1Engine,
  secret: Scalar,
  publicKey: G1,
  pairs: readonly DleqPair[],
  purpose: string,
): DleqProof {
  if (pairs.length === 0 || pairs.length > MAX_PAIRS) throw new TypeError("prove between 1 and 65535 pairs");
  const seed = seedOf(engine, publicKey, pairs, purpose);
  const { m, z } = compose(engine, seed, pairs);
  const secretBytes = engine.scalars.encode(secret);
  const t = hashToScalar(engine, "MILAGRO-V1-DLEQ-NONCE", secretBytes, seed);
  const c = challenge(engine, seed, [m, z, baseMultiply1(engine, t), engine.g1.multiplySecret(m, t)]);
  const product = engine.scalars.multiply(c, secret);
  const response = engine.scalars.subtract(t, product);
  wipe(secretBytes);
  engine.zeroise(t, product);
  return concat(engine.scalars.encode(c), engine.scalars.encode(response)) as DleqProof;
}

/** Whether one secret is behind the public key and every pair. False for no pairs and for bytes that are no proof. */
export function verifyEqualLogs(
  engine: G1Engine,
  publicKey: G1,
  pairs: readonly DleqPair[],
  proof: Uint8Array,
  purpose: string,
): boolean {
  if (pairs.length === 0 || pairs.length > MAX_PAIRS || proof.length !== DLEQ_PROOF_LENGTH) return false;
  const claimed = proof.slice(0, 32);
  let c: Scalar;
  let response: Scalar;
  try {
    c = engine.scalars.decode(claimed);
    response = engine.scalars.decode(proof.slice(32));
  } catch {
    return false;
  }
  const seed = seedOf(engine, publicKey, pairs, purpose);
  const { m, z } = compose(engine, seed, pairs);
  const t1 = engine.g1.multiScalar([engine.g1.generator, publicKey], [response, c]);
  const t2 = engine.g1.multiScalar([m, z], [response, c]);
  return equalBytes(engine.scalars.encode(challenge(engine, seed, [m, z, t1, t2])), claimed);
}

function seedOf(engine: G1Engine, publicKey: G1, pairs: readonly DleqPair[], purpose: string): Uint8Array {
  const points = [publicKey, ...pairs.flatMap(({ base, power }) => [base, power])];
  return digest("MILAGRO-V1-DLEQ-SEED", utf8(purpose), ...points.map((point) => engine.g1.encode(point)));
}

function compose(engine: G1Engine, seed: Uint8Array, pairs: readonly DleqPair[]): { readonly m: G1; readonly z: G1 } {
  const weights = pairs.map((_, j) => hashToScalar(engine, "MILAGRO-V1-DLEQ-WEIGHT", seed, u16(j)));
  const sum = (points: readonly G1[]): G1 => engine.g1.multiScalar(points, weights);
  return { m: sum(pairs.map(({ base }) => base)), z: sum(pairs.map(({ power }) => power)) };
}

function challenge(engine: G1Engine, seed: Uint8Array, points: readonly G1[]): Scalar {
  return hashToScalar(engine, "MILAGRO-V1-DLEQ-CHALLENGE", seed, ...points.map((point) => engine.g1.encode(point)));
}
