/**
 * Proofs that a D-TA knows the scalar behind its public key, bound to the ceremony and its place in it.
 *
 *   context = transcript("MILAGRO-V1-POP", scheme, encode(P), domain name, u32 index, u32 count, ceremonyId)
 *   id, cp, kp, statement:  π = s·H_POP-<SCHEME>(context) in G1 (48 bytes);    e(π, g2) = e(H_POP(context), s·g2)
 *   mpin:                   Schnorr. k = SHA-512(transcript("MILAGRO-V1-POP-MPIN-NONCE", s, context)) mod r, R = k·g1,
 *                           c = SHA-512(transcript("MILAGRO-V1-POP-MPIN", R, context)) mod r, z = k + c·s;
 *                           π = R ‖ z (80 bytes);    z·g1 = R + c·P
 *   commitment = SHA-256(transcript("MILAGRO-V1-COMMITMENT", P, π))
 *
 * `mpin` needs a proof of another kind, because the pairing equation would take `s·g2`, which it must not publish, and a
 * proof in G2 would itself be an `s·Q`. All proofs are deterministic: a ceremony may repeat a step, and the commitment stays.
 *
 * Source: Ristenpart, Yilek: The Power of Proofs-of-Possession (2007); RFC 8235 (Schnorr), RFC 8032 §5.1.6 (nonce).
 * Security: without the proofs the last D-TA publishes X − ΣPᵢ and owns the domain's key.
 * @module
 */
import type { Engine, G1, G2, PairingInput, RandomBytes, Scalar } from "@milagro/engine/engine";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import type { Brand } from "./brand.ts";
import { concat, transcript, u32, utf8, wipe } from "./bytes.ts";
import { hashTag } from "./hash-tag.ts";
import { derivePublicShare, encodePublicShare, type PublicShare } from "./master-public.ts";
import type { MasterSecretShare, Scheme } from "./master-secret.ts";
import { baseMultiply1, preparedLines, randomWeight, weightSource } from "./precomputed.ts";

/** Where and when possession is proved. A proof for one context is none for another. */
export interface PossessionContext {
  /** The domain's name. */
  readonly domain: string;
  /** The D-TA's place, 1 to `count`. */
  readonly index: number;
  /** How many D-TAs the domain has. */
  readonly count: number;
  readonly ceremonyId: Uint8Array;
}

/** 48 bytes, for `mpin` 80. */
export type ProofOfPossession = Brand<Uint8Array, "ProofOfPossession">;

/** One proof to check. */
export interface PossessionClaim {
  readonly publicShare: PublicShare<Scheme>;
  readonly proof: Uint8Array;
  readonly context: PossessionContext;
}

const TAGS = {
  id: hashTag("POP-ID", "G1"),
  cp: hashTag("POP-CP", "G1"),
  kp: hashTag("POP-KP", "G1"),
  statement: hashTag("POP-STATEMENT", "G1"),
} as const;

function contextBytes(engine: Engine, share: PublicShare<Scheme>, context: PossessionContext): Uint8Array {
  return transcript(
    "MILAGRO-V1-POP",
    utf8(share.scheme),
    encodePublicShare(engine, share),
    utf8(context.domain),
    u32(context.index),
    u32(context.count),
    context.ceremonyId,
  );
}

/** Proves possession of a share. Deterministic. */
export function provePossession<S extends Scheme>(
  engine: Engine,
  share: MasterSecretShare<S>,
  context: PossessionContext,
): ProofOfPossession {
  const bytes = contextBytes(engine, derivePublicShare<Scheme>(engine, share), context);
  const { scheme } = share;
  if (scheme === "mpin") return share.use((scalar) => proveSchnorr(engine, scalar, bytes));
  const point = engine.g1.hash(bytes, TAGS[scheme as keyof typeof TAGS]);
  return engine.g1.encode(share.use((scalar) => engine.g1.multiplySecret(point, scalar))) as ProofOfPossession;
}

/** Whether the proof holds and, for `id`, both halves of the public share hold the same scalar. False for any malformed proof. */
export function verifyPossession(
  engine: Engine,
  publicShare: PublicShare<Scheme>,
  proof: Uint8Array,
  context: PossessionContext,
): boolean {
  return verifyPossessions(engine, weightSource(engine), [{ publicShare, proof, context }]);
}

/**
 * Whether all proofs hold, as `verifyPossession` for each, in one pairing product with random weights.
 * It does not say which one fails: check them one by one to name the D-TA.
 */
export function verifyPossessions(engine: Engine, random: RandomBytes, claims: readonly PossessionClaim[]): boolean {
  const left: { point: G1; weight: Scalar }[] = []; // paired with g2
  const factors: PairingInput[] = [];
  let g2Sum: G2 = engine.g2.identity; // paired with g1
  try {
    for (const { publicShare, proof, context } of claims) {
      const bytes = contextBytes(engine, publicShare, context);
      const share = publicShare as PublicShare<"id"> | PublicShare<"mpin"> | PublicShare<"statement">;
      if (share.scheme === "mpin") {
        if (!verifySchnorr(engine, share.g1, proof, bytes)) return false;
        continue;
      }
      const weight = randomWeight(engine, random);
      const hashed = engine.g1.multiplyPublic(engine.g1.hash(bytes, TAGS[share.scheme]), weight);
      left.push({ point: engine.g1.decode(proof), weight });
      factors.push([engine.g1.negate(hashed), share.g2]);
      if (share.scheme === "id") {
        const halves = randomWeight(engine, random);
        left.push({ point: share.g1, weight: halves });
        g2Sum = engine.g2.add(g2Sum, engine.g2.multiplyPublic(share.g2, halves));
      }
    }
  } catch {
    return false;
  }
  if (factors.length === 0) return claims.length > 0;
  const sum = engine.g1.multiScalar(
    left.map(({ point }) => point),
    left.map(({ weight }) => weight),
  );
  factors.push([sum, preparedLines(engine, engine.g2.generator)]);
  if (!engine.g2.isIdentity(g2Sum)) factors.push([engine.g1.negate(engine.g1.generator), g2Sum]);
  return engine.pairingCheck(factors);
}

/** What a D-TA commits to before it sees anybody's key: 32 bytes. */
export function publicCommitment<S extends Scheme>(
  engine: Engine,
  publicShare: PublicShare<S>,
  proof: Uint8Array,
): Uint8Array {
  return sha256(transcript("MILAGRO-V1-COMMITMENT", encodePublicShare(engine, publicShare), proof));
}

function challenge(engine: Engine, commitment: Uint8Array, context: Uint8Array): Scalar {
  return engine.scalars.reduce(sha512(transcript("MILAGRO-V1-POP-MPIN", commitment, context)));
}

function proveSchnorr(engine: Engine, secret: Scalar, context: Uint8Array): ProofOfPossession {
  const secretBytes = engine.scalars.encode(secret);
  const nonceInput = transcript("MILAGRO-V1-POP-MPIN-NONCE", secretBytes, context);
  const nonceBytes = sha512(nonceInput);
  const nonce = engine.scalars.reduce(nonceBytes);
  const commitment = engine.g1.encode(baseMultiply1(engine, nonce));
  const c = challenge(engine, commitment, context);
  const response = engine.scalars.add(nonce, engine.scalars.multiply(c, secret));
  const proof = concat(commitment, engine.scalars.encode(response)) as ProofOfPossession;
  wipe(secretBytes, nonceInput, nonceBytes);
  engine.zeroise(nonce);
  return proof;
}

function verifySchnorr(engine: Engine, publicKey: G1, proof: Uint8Array, context: Uint8Array): boolean {
  if (proof.length !== engine.g1.encodedLength + 32) return false;
  const commitment = proof.subarray(0, engine.g1.encodedLength);
  const point = engine.g1.decode(commitment);
  const response = engine.scalars.decode(proof.subarray(engine.g1.encodedLength));
  const c = challenge(engine, commitment, context);
  const left = engine.g1.multiScalar([engine.g1.generator, publicKey], [response, engine.scalars.negate(c)]);
  return engine.g1.equals(left, point);
}
