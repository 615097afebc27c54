/**
 * Statement signatures: what a D-TA signs in its own name (descriptors, receipts, log heads). BLS with short signatures.
 *
 *   sign:    σ = s·H_STATEMENT(message) in G1 (48 bytes)
 *   verify:  e(σ, g2) = e(H_STATEMENT(message), P)
 *   batch:   e(Σ rᵢσᵢ, g2) = Π_keys e(Σ rᵢH(messageᵢ), P_key), random 128-bit rᵢ: one Miller loop per key and one more
 *
 * Source: Boneh, Lynn, Shacham (ASIACRYPT 2001); draft-irtf-cfrg-bls-signature §2 (minimal-signature-size), with our own tag;
 * Camenisch, Hohenberger, Pedersen (EUROCRYPT 2007) for the weights.
 * Security: signatures under different keys are never aggregated into one, so rogue keys gain nothing here.
 * @module
 */
import type { Engine, G1, PairingInput, RandomBytes, Scalar } from "@milagro/engine/engine";
import type { Brand } from "./brand.ts";
import { hashTag } from "./hash-tag.ts";
import type { PublicShare } from "./master-public.ts";
import type { MasterSecretShare } from "./master-secret.ts";
import { preparedLines, randomWeight } from "./precomputed.ts";

/** 48 bytes. */
export type StatementSignature = Brand<Uint8Array, "StatementSignature">;

/** One signature to check. */
export interface StatementClaim {
  readonly publicKey: PublicShare<"statement">;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

const TAG = hashTag("STATEMENT", "G1");

/** Signs a message. Deterministic. Which kind of statement it is must be part of the message. */
export function signStatement(
  engine: Engine,
  share: MasterSecretShare<"statement">,
  message: Uint8Array,
): StatementSignature {
  const point = engine.g1.hash(message, TAG);
  return engine.g1.encode(share.use((scalar) => engine.g1.multiplySecret(point, scalar))) as StatementSignature;
}

/** Whether the signature is this key's over this message. False for bytes that are no point. */
export function verifyStatement(
  engine: Engine,
  publicKey: PublicShare<"statement">,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const point = decode(engine, signature);
  if (!point) return false;
  return engine.pairingCheck([
    [point, preparedLines(engine, engine.g2.generator)],
    [engine.g1.negate(engine.g1.hash(message, TAG)), preparedLines(engine, publicKey.g2)],
  ]);
}

/** Whether all signatures are right; false for an empty list. It does not say which one is wrong. */
export function verifyStatements(engine: Engine, random: RandomBytes, claims: readonly StatementClaim[]): boolean {
  const points: G1[] = [];
  const weights: Scalar[] = [];
  const hashes = new Map<PublicShare<"statement">, { points: G1[]; weights: Scalar[] }>();
  for (const { publicKey, message, signature } of claims) {
    const point = decode(engine, signature);
    if (!point) return false;
    const weight = randomWeight(engine, random);
    points.push(point);
    weights.push(weight);
    const group = hashes.get(publicKey) ?? { points: [], weights: [] };
    group.points.push(engine.g1.hash(message, TAG));
    group.weights.push(weight);
    hashes.set(publicKey, group);
  }
  if (points.length === 0) return false;
  const factors: PairingInput[] = [
    [engine.g1.multiScalar(points, weights), preparedLines(engine, engine.g2.generator)],
  ];
  for (const [publicKey, group] of hashes) {
    const sum = engine.g1.multiScalar(group.points, group.weights);
    factors.push([engine.g1.negate(sum), preparedLines(engine, publicKey.g2)]);
  }
  return engine.pairingCheck(factors);
}

function decode(engine: Engine, signature: Uint8Array): G1 | undefined {
  if (signature.length !== engine.g1.encodedLength) return undefined;
  try {
    return engine.g1.decode(signature);
  } catch {
    return undefined;
  }
}
