/**
 * Identity-based signatures: Cha–Cheon. With Q = H1(ID*) and d = s·Q the signer's `sig` key:
 *
 *   sign:    k = SHA-384(transcript("MILAGRO-V1-IBS-NONCE", d, 32 random bytes, H(P), ID*, m)) mod r
 *            U = k·Q,  h = SHA-384(transcript("MILAGRO-V1-IBS-CHALLENGE", U, H(P), ID*, m)) mod r,  V = (k + h)·d
 *   verify:  e(V, g2) = e(U + h·Q, P)                                      signature U ‖ V, 96 bytes
 *   batch:   e(Σ rᵢVᵢ, g2) = e(Σ rᵢUᵢ + rᵢhᵢQᵢ, P), random 128-bit rᵢ: two Miller loops at any number of signatures
 *
 * The nonce is hedged: a broken random source still gives different k for different messages, and a repeated message the
 * same signature again; neither gives the key away.
 * Source: Cha, Cheon: An Identity-Based Signature from Gap Diffie-Hellman Groups (PKC 2003).
 * @module
 */
import type { Engine, G1, G1Engine, RandomBytes, Scalar } from "@milagro/engine/engine";
import type { Brand } from "./brand.ts";
import { concat, wipe } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { hashIdentity1, type IdentityInput } from "./identity-input.ts";
import { type IdentityKey, isInputFor } from "./identity-key.ts";
import { hashToScalar } from "./kdf.ts";
import type { DomainPublicKey } from "./master-public.ts";
import { Often, often1 } from "./often.ts";
import { preparedLines, randomWeight } from "./precomputed.ts";

/** U ‖ V: 96 bytes. */
export type Signature = Brand<Uint8Array, "Signature">;

/** Bytes of a signature. */
export const SIGNATURE_LENGTH = 96;

/** One signature to check. */
export interface SignatureClaim {
  /** Of usage `sig`. */
  readonly input: IdentityInput;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** @throws `ERR_SIGNATURE_INVALID` for another length; the points are looked at when it is verified */
export function parseSignature(bytes: Uint8Array): Signature {
  if (bytes.length !== SIGNATURE_LENGTH) throw new MilagroError("ERR_SIGNATURE_INVALID", "a signature has 96 bytes");
  return bytes.slice() as Signature;
}

/**
 * Signs in the name of the identity that the key belongs to. What the message is must be part of it.
 * @param publicKey - of which only the hash enters: it lets a device sign that never decodes a point of G2
 * @param input - the input the key was issued for
 * @throws TypeError when the input is not of usage `sig`
 */
export function signAs(
  engine: G1Engine,
  random: RandomBytes,
  key: IdentityKey<"sig">,
  publicKey: Pick<DomainPublicKey<"id">, "hash">,
  input: IdentityInput,
  message: Uint8Array,
): Signature {
  if (!isInputFor(input, "sig")) throw new TypeError("the identity input is for another usage");
  const q = hashIdentity1(engine, input);
  const seed = random(32);
  const nonce = key.use(({ g1 }) => {
    const secret = engine.g1.encode(g1);
    const k = hashToScalar(engine, "MILAGRO-V1-IBS-NONCE", secret, seed, publicKey.hash, input, message);
    wipe(secret, seed);
    return k;
  });
  const u = engine.g1.encode(often1(engine, q).multiplySecret(nonce));
  const exponent = engine.scalars.add(nonce, challenge(engine, publicKey, input, message, u));
  const v = engine.g1.encode(multiplyKey(engine, key, exponent));
  engine.zeroise(nonce, exponent);
  return concat(u, v) as Signature;
}

/** `k·d` for the d of a key and a secret k. @throws TypeError after the key's `destroy` */
function multiplyKey(engine: G1Engine, key: IdentityKey<"sig">, k: Scalar): G1 {
  return key.use(({ g1 }) => {
    key.often ??= new Often(engine.g1, g1);
    return key.often.multiplySecret(k);
  });
}

/** Whether the identity signed this message. False for bytes that are no signature and for an input of another usage. */
export function verifySignature(
  engine: Engine,
  publicKey: DomainPublicKey<"id">,
  input: IdentityInput,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const terms = openClaim(engine, publicKey, { input, message, signature });
  if (!terms) return false;
  const right = engine.g1.add(terms.u, often1(engine, hashIdentity1(engine, input)).multiplyPublic(terms.h));
  return check(engine, publicKey, terms.v, right);
}

/** Whether all signatures are right; false for an empty list. It does not say which one is wrong. */
export function verifySignatures(
  engine: Engine,
  random: RandomBytes,
  publicKey: DomainPublicKey<"id">,
  claims: readonly SignatureClaim[],
): boolean {
  const points: G1[] = []; // Uᵢ, and one Q per identity
  const scalars: Scalar[] = [];
  const vs: G1[] = [];
  const weights: Scalar[] = [];
  const identities = new Map<G1, Scalar>();
  for (const claim of claims) {
    const terms = openClaim(engine, publicKey, claim);
    if (!terms) return false;
    const weight = randomWeight(engine, random);
    vs.push(terms.v);
    weights.push(weight);
    points.push(terms.u);
    scalars.push(weight);
    const q = hashIdentity1(engine, claim.input);
    const sum = identities.get(q) ?? engine.scalars.zero;
    identities.set(q, engine.scalars.add(sum, engine.scalars.multiply(weight, terms.h)));
  }
  if (vs.length === 0) return false;
  points.push(...identities.keys());
  scalars.push(...identities.values());
  return check(engine, publicKey, engine.g1.multiScalar(vs, weights), engine.g1.multiScalar(points, scalars));
}

function challenge(
  engine: G1Engine,
  publicKey: Pick<DomainPublicKey<"id">, "hash">,
  input: IdentityInput,
  message: Uint8Array,
  u: Uint8Array,
): Scalar {
  return hashToScalar(engine, "MILAGRO-V1-IBS-CHALLENGE", u, publicKey.hash, input, message);
}

function openClaim(
  engine: Engine,
  publicKey: DomainPublicKey<"id">,
  { input, message, signature }: SignatureClaim,
): { readonly u: G1; readonly v: G1; readonly h: Scalar } | undefined {
  if (signature.length !== SIGNATURE_LENGTH || !isInputFor(input, "sig")) return undefined;
  const half = SIGNATURE_LENGTH / 2;
  try {
    const [u, v] = engine.g1.decodeAll([signature.subarray(0, half), signature.subarray(half)]) as [G1, G1];
    return { u, v, h: challenge(engine, publicKey, input, message, signature.subarray(0, half)) };
  } catch {
    return undefined;
  }
}

function check(engine: Engine, publicKey: DomainPublicKey<"id">, left: G1, right: G1): boolean {
  return engine.pairingCheck([
    [left, preparedLines(engine, engine.g2.generator)],
    [engine.g1.negate(right), preparedLines(engine, publicKey.g2)],
  ]);
}
