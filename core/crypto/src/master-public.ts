/**
 * What a D-TA publishes of its master secret shares, and the domain's public key, their sum.
 *
 *   id: s·g1 ‖ s·g2 (144 bytes)   mpin: s·g1 (48)   cp, kp, statement: s·g2 (96)
 *   P = Σ Pᵢ     H(P) = SHA-256(transcript("MILAGRO-V1-PUBLIC-KEY", scheme, encoding of P))
 *
 * `mpin` never has a point in G2: neither the type nor any function here can make one (PROTOCOLS: why `mpin` stands apart).
 * `statement` keys are never summed.
 * @module
 */
import type { Engine, G1, G2 } from "@milagro/engine/engine";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Brand } from "./brand.ts";
import { concat, transcript, utf8 } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import type { MasterSecretShare, Scheme, SchemeWithG2 } from "./master-secret.ts";
import { baseMultiply1, baseMultiply2, preparedLines } from "./precomputed.ts";

/** Which groups a scheme's public values lie in. */
export interface PublicPoints {
  readonly id: { readonly g1: G1; readonly g2: G2 };
  readonly mpin: { readonly g1: G1 };
  readonly cp: { readonly g2: G2 };
  readonly kp: { readonly g2: G2 };
  readonly statement: { readonly g2: G2 };
}

/** One D-TA's public key for a scheme: points of the right group, not the identity element. */
export type PublicShare<S extends Scheme> = Brand<{ readonly scheme: S } & PublicPoints[S], "PublicShare">;

/** Schemes whose public shares add up to a domain's key. */
export type SummedScheme = Exclude<Scheme, "statement">;

/** The sum of all public shares of a domain, with its hash. Keep it: its pairing lines are remembered per object. */
export type DomainPublicKey<S extends SummedScheme> = Brand<
  { readonly scheme: S; readonly hash: Uint8Array } & PublicPoints[S],
  "DomainPublicKey"
>;

interface LoosePoints {
  readonly g1?: G1;
  readonly g2?: G2;
}

const GROUPS: Readonly<Record<Scheme, { readonly g1: boolean; readonly g2: boolean }>> = {
  id: { g1: true, g2: true },
  mpin: { g1: true, g2: false },
  cp: { g1: false, g2: true },
  kp: { g1: false, g2: true },
  statement: { g1: false, g2: true },
};

function refuse(reason: string): never {
  throw new MilagroError("ERR_PUBLIC_KEY_INVALID", reason);
}

/** `s·g2`. Typed so that an `mpin` share cannot be handed in. */
export function publishInG2<S extends SchemeWithG2>(engine: Engine, share: MasterSecretShare<S>): G2 {
  // The type forbids it; the check holds for callers without types, because the leak cannot be taken back.
  if (!GROUPS[share.scheme].g2) throw new TypeError("an mpin share is never published in G2");
  return share.use((scalar) => baseMultiply2(engine, scalar));
}

/** What the D-TA publishes for this share. */
export function derivePublicShare<S extends Scheme>(engine: Engine, share: MasterSecretShare<S>): PublicShare<S> {
  const groups = GROUPS[share.scheme];
  const points: LoosePoints = {
    ...(groups.g1 ? { g1: share.use((scalar) => baseMultiply1(engine, scalar)) } : {}),
    ...(groups.g2 ? { g2: publishInG2(engine, share as unknown as MasterSecretShare<SchemeWithG2>) } : {}),
  };
  return { scheme: share.scheme, ...points } as unknown as PublicShare<S>;
}

/** The points one after the other, G1 first, compressed: 144, 48 or 96 bytes. */
export function encodePublicShare<S extends Scheme>(engine: Engine, share: PublicShare<S>): Uint8Array {
  return encodePoints(engine, share as LoosePoints);
}

/** @throws `ERR_PUBLIC_KEY_INVALID` for another length, points outside the group, or the identity element */
export function parsePublicShare<S extends Scheme>(engine: Engine, scheme: S, bytes: Uint8Array): PublicShare<S> {
  const groups = GROUPS[scheme];
  const split = groups.g1 ? engine.g1.encodedLength : 0;
  if (bytes.length !== split + (groups.g2 ? engine.g2.encodedLength : 0)) refuse("a public key of another length");
  try {
    const points: LoosePoints = {
      ...(groups.g1 ? { g1: engine.g1.decode(bytes.subarray(0, split)) } : {}),
      ...(groups.g2 ? { g2: engine.g2.decode(bytes.subarray(split)) } : {}),
    };
    return { scheme, ...points } as unknown as PublicShare<S>;
  } catch (cause) {
    throw new MilagroError("ERR_PUBLIC_KEY_INVALID", "a public key is not a point of the group", { cause });
  }
}

/**
 * Whether the two halves of an `id` public share hold the same scalar: `e(s·g1, g2) = e(g1, s·g2)`.
 * True for the schemes with one half.
 */
export function isConsistent(engine: Engine, share: PublicShare<Scheme> | DomainPublicKey<SummedScheme>): boolean {
  const { g1, g2 } = share as LoosePoints;
  if (!g1 || !g2) return true;
  return engine.pairingCheck([
    [engine.g1.negate(g1), preparedLines(engine, engine.g2.generator)],
    [engine.g1.generator, g2],
  ]);
}

/**
 * The domain's public key. Possession must have been proved for each share (`verifyPossession`): without it the last D-TA
 * to publish can choose the sum.
 * @throws `ERR_PUBLIC_KEY_INVALID` for no shares, two equal ones, a sum that is the identity element, halves that differ
 */
export function combinePublicShares<S extends SummedScheme>(
  engine: Engine,
  shares: readonly PublicShare<S>[],
): DomainPublicKey<S> {
  const [first] = shares;
  if (!first) refuse("a domain has at least one D-TA");
  if (shares.some((share) => share.scheme !== first.scheme)) refuse("public keys of different schemes");
  const encodings = new Set(shares.map((share) => encodePublicShare(engine, share).join()));
  if (encodings.size !== shares.length) refuse("two D-TAs have the same public key");
  const loose = shares as readonly LoosePoints[];
  const points: LoosePoints = {
    ...("g1" in first ? { g1: engine.g1.sum(loose.map((share) => share.g1 as G1)) } : {}),
    ...("g2" in first ? { g2: engine.g2.sum(loose.map((share) => share.g2 as G2)) } : {}),
  };
  if (points.g1 && engine.g1.isIdentity(points.g1)) refuse("the public keys add up to nothing");
  if (points.g2 && engine.g2.isIdentity(points.g2)) refuse("the public keys add up to nothing");
  const key = domainKey(engine, first.scheme, points);
  // On the sum, because the sum is what gets used: one product at any n. `verifyPossession` checks each share.
  if (!isConsistent(engine, key)) refuse("the halves of the public keys differ");
  return key;
}

/** The points one after the other, as in a public share. */
export function encodeDomainPublicKey<S extends SummedScheme>(engine: Engine, key: DomainPublicKey<S>): Uint8Array {
  return encodePoints(engine, key as LoosePoints);
}

/** A sum somebody else has checked and pinned. @throws `ERR_PUBLIC_KEY_INVALID` as `parsePublicShare`, and when halves differ */
export function parseDomainPublicKey<S extends SummedScheme>(
  engine: Engine,
  scheme: S,
  bytes: Uint8Array,
): DomainPublicKey<S> {
  const key = domainKey(engine, scheme, parsePublicShare(engine, scheme, bytes) as LoosePoints);
  if (!isConsistent(engine, key)) refuse("the halves of a public key differ");
  return key;
}

function encodePoints(engine: Engine, { g1, g2 }: LoosePoints): Uint8Array {
  return concat(...(g1 ? [engine.g1.encode(g1)] : []), ...(g2 ? [engine.g2.encode(g2)] : []));
}

function domainKey<S extends SummedScheme>(engine: Engine, scheme: S, { g1, g2 }: LoosePoints): DomainPublicKey<S> {
  const points: LoosePoints = { ...(g1 ? { g1 } : {}), ...(g2 ? { g2 } : {}) };
  const hash = sha256(transcript("MILAGRO-V1-PUBLIC-KEY", utf8(scheme), encodePoints(engine, points)));
  return { scheme, hash, ...points } as unknown as DomainPublicKey<S>;
}
