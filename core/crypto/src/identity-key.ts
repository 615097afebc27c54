/**
 * Identity keys: each D-TA issues a share, only the requester adds them up.
 *
 *   share i:  dᵢ = sᵢ·H1(ID*) in G1; for `kex` also Dᵢ = sᵢ·H2(ID*) in G2
 *   key:      d = Σ dᵢ,  D = Σ Dᵢ
 *   checks:   e(d, g2) = e(H1(ID*), P2),  e(g1, D) = e(P1, H2(ID*))      with Pᵢ for a share, P = ΣPᵢ for the key
 *
 * The sum is checked once, whatever the number of D-TAs; shares are checked one by one only to name the D-TA that lied.
 * A false share can make a key unusable, never disclose one.
 *
 * Source: Boneh, Franklin: Identity-Based Encryption from the Weil Pairing (CRYPTO 2001) §4, §6 (distributed PKG);
 * Sakai, Ohgishi, Kasahara (SCIS 2000) for keys in both groups.
 * @module
 */
import type { Engine, G1, G1Engine, G2, PairingInput, RandomBytes } from "@milagro/engine/engine";
import { concat, equalBytes, utf8 } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { hashIdentity1, hashIdentity2, type IdentityInput } from "./identity-input.ts";
import type { DomainPublicKey, PublicShare } from "./master-public.ts";
import type { MasterSecretShare } from "./master-secret.ts";
import type { Often } from "./often.ts";
import { preparedLines, randomWeight, weightSource } from "./precomputed.ts";
import type { IdentityUsage } from "./usage.ts";

/** The secret points of a share or key: `g2` is there exactly for `kex`. */
interface KeyPoints {
  readonly g1: G1;
  readonly g2: G2 | undefined;
}

/** Owns the points of one share or of the whole key. Cannot be printed or serialised; its encoder gives the bytes. */
class OwnedPoints<Kind extends "share" | "key", U extends IdentityUsage> {
  readonly kind: Kind;
  readonly usage: U;
  readonly #engine: G1Engine;
  #points: KeyPoints | undefined;
  /** What was made of the points and is as secret: `ibs.ts` puts it here. Goes with them. */
  often: Often<G1> | undefined;

  constructor(engine: G1Engine, kind: Kind, usage: U, points: KeyPoints) {
    this.#engine = engine;
    this.kind = kind;
    this.usage = usage;
    this.#points = points;
  }

  /** Lends the points to a synchronous `fn`, which must not keep them. @throws TypeError after `destroy` */
  use<T>(fn: (points: KeyPoints) => T): T {
    if (!this.#points) throw new TypeError(`this identity ${this.kind} was destroyed`);
    return fn(this.#points);
  }

  /** Overwrites the points, and what was made of them, as far as the engine can. May be called twice. */
  destroy(): void {
    this.often?.destroy();
    if (this.#points) this.#engine.zeroise(this.#points.g1, ...(this.#points.g2 ? [this.#points.g2] : []));
    this.#points = undefined;
  }

  toJSON(): string {
    return `[Identity ${this.kind} ${this.usage}]`;
  }

  toString(): string {
    return this.toJSON();
  }
}

/** One D-TA's part of an identity key. */
export type IdentityKeyShare<U extends IdentityUsage = IdentityUsage> = OwnedPoints<"share", U>;
/** The whole key of one identity, for one usage, in one epoch. An `enc` key does not type-check where a `sig` key is wanted. */
export type IdentityKey<U extends IdentityUsage = IdentityUsage> = OwnedPoints<"key", U>;

/** Whether the input was made for this usage: a key of one usage must never be issued for another's hash. */
export function isInputFor(input: IdentityInput, usage: IdentityUsage): boolean {
  const word = utf8(usage);
  return input[33] === word.length && equalBytes(input.subarray(34, 34 + word.length), word);
}

function checkUsage(input: IdentityInput, usage: IdentityUsage): void {
  if (!isInputFor(input, usage)) throw new TypeError("the identity input is for another usage");
}

/**
 * A D-TA's share of a key. Deterministic. Whether the requester may have it has been decided and audited before.
 * @throws TypeError when the input is for another usage
 */
export function issueIdentityKeyShare<U extends IdentityUsage>(
  engine: Engine,
  share: MasterSecretShare<"id">,
  input: IdentityInput,
  usage: U,
): IdentityKeyShare<U> {
  return issueIdentityKeyShares(engine, share, [{ input, usage }])[0] as IdentityKeyShare<U>;
}

/** As `issueIdentityKeyShare` for each, in less time. */
export function issueIdentityKeyShares<U extends IdentityUsage>(
  engine: Engine,
  share: MasterSecretShare<"id">,
  wanted: readonly { readonly input: IdentityInput; readonly usage: U }[],
): IdentityKeyShare<U>[] {
  for (const { input, usage } of wanted) checkUsage(input, usage);
  const hashes = wanted.map(({ input }) => hashIdentity1(engine, input));
  return share.use((scalar) => {
    const products = engine.g1.multiplySecretAll(hashes, scalar);
    return wanted.map(({ input, usage }, i) => {
      const g2 = usage === "kex" ? engine.g2.multiplySecret(hashIdentity2(engine, input), scalar) : undefined;
      return new OwnedPoints(engine, "share", usage, { g1: products[i] as G1, g2 });
    });
  });
}

/** Whether this D-TA's share is right: names the one that lied, after the sum has failed. */
export function verifyIdentityKeyShare(
  engine: Engine,
  publicShare: PublicShare<"id">,
  input: IdentityInput,
  share: IdentityKeyShare,
): boolean {
  return verifyPoints(engine, publicShare, [{ input, key: share }], undefined);
}

/**
 * Adds the shares of all D-TAs. Check the result with `verifyIdentityKeys` before using it; the shares may be destroyed.
 * @throws `ERR_SHARE_INVALID` for no shares, shares of different usages, and a sum that is the identity element
 */
export function combineIdentityKeyShares<U extends "enc" | "sig">(
  engine: G1Engine,
  shares: readonly IdentityKeyShare<U>[],
): IdentityKey<U>;
export function combineIdentityKeyShares<U extends IdentityUsage>(
  engine: Engine,
  shares: readonly IdentityKeyShare<U>[],
): IdentityKey<U>;
export function combineIdentityKeyShares(engine: G1Engine, shares: readonly IdentityKeyShare[]): IdentityKey {
  const [first] = shares;
  if (!first) throw new MilagroError("ERR_SHARE_INVALID", "no shares to add");
  if (shares.some((share) => share.usage !== first.usage)) {
    throw new MilagroError("ERR_SHARE_INVALID", "shares of different usages do not add up to a key");
  }
  const g1 = engine.g1.sum(shares.map((share) => share.use((points) => points.g1)));
  const halves = shares.map((share) => share.use((points) => points.g2)).filter((point) => point !== undefined);
  const whole = engine as Engine; // as in `parseIdentityKey`
  const g2 = first.usage === "kex" ? whole.g2.sum(halves) : undefined;
  if (engine.g1.isIdentity(g1) || (g2 && whole.g2.isIdentity(g2))) {
    throw new MilagroError("ERR_SHARE_INVALID", "the shares add up to nothing");
  }
  return new OwnedPoints(engine, "key", first.usage, { g1, g2 });
}

/** A key with the identity input it should be for. */
export interface IdentityKeyClaim {
  readonly input: IdentityInput;
  readonly key: IdentityKey;
}

/**
 * Whether all keys are those of their inputs: one product of two pairings, four when a `kex` key is among them, at any number
 * of keys and D-TAs. False also when an input is for another usage than its key.
 */
export function verifyIdentityKeys(
  engine: Engine,
  random: RandomBytes,
  publicKey: DomainPublicKey<"id">,
  claims: readonly IdentityKeyClaim[],
): boolean {
  return verifyPoints(engine, publicKey, claims, random);
}

/** 48 bytes, for `kex` 144 (G1 first), for sealing and nothing else. The caller wipes them. */
export function encodeIdentityKey(engine: Engine, key: IdentityKey): Uint8Array {
  return encodePoints(engine, key);
}

/** From unsealed bytes, which the caller wipes. @throws `ERR_POINT_INVALID` for another length or points outside the group */
export function parseIdentityKey<U extends "enc" | "sig">(
  engine: G1Engine,
  usage: U,
  bytes: Uint8Array,
): IdentityKey<U>;
export function parseIdentityKey<U extends IdentityUsage>(engine: Engine, usage: U, bytes: Uint8Array): IdentityKey<U>;
export function parseIdentityKey(engine: G1Engine, usage: IdentityUsage, bytes: Uint8Array): IdentityKey {
  // Only `kex` looks at G2, and the overloads ask for a whole engine there.
  return new OwnedPoints(engine, "key", usage, parsePoints(engine as Engine, usage, bytes));
}

/** 48 bytes, for `kex` 144 (G1 first), for sealing to the requester. The caller wipes them. */
export function encodeIdentityKeyShare(engine: Engine, share: IdentityKeyShare): Uint8Array {
  return encodePoints(engine, share);
}

/** From opened bytes, which the caller wipes. @throws `ERR_POINT_INVALID` for another length or points outside the group */
export function parseIdentityKeyShare<U extends "enc" | "sig">(
  engine: G1Engine,
  usage: U,
  bytes: Uint8Array,
): IdentityKeyShare<U>;
export function parseIdentityKeyShare<U extends IdentityUsage>(
  engine: Engine,
  usage: U,
  bytes: Uint8Array,
): IdentityKeyShare<U>;
export function parseIdentityKeyShare(engine: G1Engine, usage: IdentityUsage, bytes: Uint8Array): IdentityKeyShare {
  return new OwnedPoints(engine, "share", usage, parsePoints(engine as Engine, usage, bytes));
}

function encodePoints(engine: Engine, owner: IdentityKey | IdentityKeyShare): Uint8Array {
  return owner.use(({ g1, g2 }) => concat(engine.g1.encode(g1), ...(g2 ? [engine.g2.encode(g2)] : [])));
}

function parsePoints(engine: Engine, usage: IdentityUsage, bytes: Uint8Array): KeyPoints {
  const split = engine.g1.encodedLength;
  if (bytes.length !== split + (usage === "kex" ? engine.g2.encodedLength : 0)) {
    throw new MilagroError("ERR_POINT_INVALID", "an identity key of another length");
  }
  return {
    g1: engine.g1.decode(bytes.subarray(0, split)),
    g2: usage === "kex" ? engine.g2.decode(bytes.subarray(split)) : undefined,
  };
}

function verifyPoints(
  engine: Engine,
  publicPoints: { readonly g1: G1; readonly g2: G2 },
  claims: readonly { readonly input: IdentityInput; readonly key: IdentityKey | IdentityKeyShare }[],
  random: RandomBytes | undefined,
): boolean {
  if (claims.some(({ input, key }) => !isInputFor(input, key.usage))) return false;
  // A single equation needs no weight; two (one `kex` key) already do, and get one.
  const alone = claims.length === 1 && claims[0]?.key.usage !== "kex";
  const draw = random ?? weightSource(engine);
  const weights = claims.map(() => (alone ? engine.scalars.one : randomWeight(engine, draw)));
  const keys = claims.map(({ key }) => key.use((points) => points.g1));
  const hashes = claims.map(({ input }) => hashIdentity1(engine, input));
  const factors: PairingInput[] = [
    [weighted(engine.g1, keys, weights, alone), preparedLines(engine, engine.g2.generator)],
    [engine.g1.negate(weighted(engine.g1, hashes, weights, alone)), preparedLines(engine, publicPoints.g2)],
  ];
  const both = claims.filter(({ key }) => key.usage === "kex");
  if (both.length > 0) {
    const weights2 = both.map(() => randomWeight(engine, draw));
    const keys2 = both.map(({ key }) => key.use((points) => points.g2 as G2));
    const hashes2 = both.map(({ input }) => hashIdentity2(engine, input));
    factors.push([engine.g1.generator, engine.g2.multiScalar(keys2, weights2)]);
    factors.push([engine.g1.negate(publicPoints.g1), engine.g2.multiScalar(hashes2, weights2)]);
  }
  return engine.pairingCheck(factors);
}

function weighted(
  group: Engine["g1"],
  points: readonly G1[],
  weights: Parameters<typeof group.multiScalar>[1],
  alone: boolean,
): G1 {
  return alone ? (points[0] as G1) : group.multiScalar(points, weights);
}
