/**
 * Attribute keys and their shares: an entitlement with its points. Shares add up point by point.
 *
 *   bytes = u8 version ‖ u8 kind ‖ len32 entitlement ‖ points in G2 (96 each) ‖ points in G1 (48 each)
 *   kind 1 share, 2 key · version 1, with negations 2
 *   cp: G2  t·g2                                G1  α·g1 + t·B, then one point for each component of the attribute set
 *   kp: G2  one for each use of the policy      G1  one point for each row, two for a negated one
 *
 * Security: there is no published proof of FABEO together with the negation; version 2 says that a key relies on it.
 * @module
 */
import type { Engine, G1, G2, Scalar } from "@milagro/engine/engine";
import { sha384 } from "@noble/hashes/sha2.js";
import {
  type AbeEntitlement,
  type CpEntitlement,
  type EntitlementOf,
  encodeEntitlement,
  type KpEntitlement,
  parseEntitlement,
} from "./abe-entitlement.ts";
import type { AbeScheme } from "./abe-points.ts";
import { componentsOf, hasNegation } from "./attribute-set.ts";
import { ByteReader, concat, equalBytes, lengthPrefixed, transcript, u8, wipe } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { compilePolicy, type PolicyRows } from "./policy-rows.ts";

/** Points of a share or key, in the order of the header comment. */
export interface AbeKeyPoints {
  readonly g2: readonly G2[];
  readonly g1: readonly G1[];
}

/** Owns the points of a share or key. Cannot be printed or serialised; only its encoder gives the bytes. */
class OwnedAbePoints<Kind extends "share" | "key", S extends AbeScheme> {
  readonly kind: Kind;
  readonly scheme: S;
  readonly entitlement: EntitlementOf<S>;
  readonly #engine: Engine;
  #points: AbeKeyPoints | undefined;

  constructor(engine: Engine, kind: Kind, entitlement: EntitlementOf<S>, points: AbeKeyPoints) {
    this.#engine = engine;
    this.kind = kind;
    this.scheme = entitlement.scope.scheme as S;
    this.entitlement = entitlement;
    this.#points = points;
  }

  /** Lends the points to a synchronous `fn`, which must not keep them. @throws TypeError after `destroy` */
  use<T>(fn: (points: AbeKeyPoints) => T): T {
    if (!this.#points) throw new TypeError(`this attribute ${this.kind} was destroyed`);
    return fn(this.#points);
  }

  /** Overwrites the points as far as the engine can. May be called twice. */
  destroy(): void {
    if (this.#points) this.#engine.zeroise(...this.#points.g1, ...this.#points.g2);
    this.#points = undefined;
  }

  toJSON(): string {
    return `[Attribute ${this.kind} ${this.scheme}]`;
  }

  toString(): string {
    return this.toJSON();
  }
}

/** One D-TA's part of an attribute key. */
export type AbeKeyShare<S extends AbeScheme> = OwnedAbePoints<"share", S>;
/** The whole key of one identity in one epoch. */
export type AbeKey<S extends AbeScheme> = OwnedAbePoints<"key", S>;

const KINDS = { share: 1, key: 2 } as const;
type Kind = keyof typeof KINDS;

/** Version 1, or 2 where a negation is involved. */
export function abeVersion(negation: boolean): 1 | 2 {
  return negation ? 2 : 1;
}

/** For the module that issues. */
export function makeShare<S extends AbeScheme>(
  engine: Engine,
  entitlement: EntitlementOf<S>,
  points: AbeKeyPoints,
): AbeKeyShare<S> {
  return new OwnedAbePoints(engine, "share", entitlement, points);
}

/**
 * Adds the shares of all D-TAs. Check the sum with `verifyCpKey` or `verifyKpKey` before using it; the shares may be destroyed.
 * @throws `ERR_SHARE_INVALID` for no shares, shares of different entitlements, and sums that are the identity element
 */
export function combineAbeKeyShares<S extends AbeScheme>(engine: Engine, shares: readonly AbeKeyShare<S>[]): AbeKey<S> {
  const [first] = shares;
  if (!first) throw new MilagroError("ERR_SHARE_INVALID", "no shares to add");
  const entitlement = encodeEntitlement(first.entitlement);
  if (shares.some((share) => !equalBytes(encodeEntitlement(share.entitlement), entitlement))) {
    throw new MilagroError("ERR_SHARE_INVALID", "shares of different entitlements do not add up to a key");
  }
  const all = shares.map((share) => share.use((points) => points));
  const { g1: length1, g2: length2 } = keyPointCounts(first.entitlement);
  const g1 = Array.from({ length: length1 }, (_, i) => engine.g1.sum(all.map((points) => points.g1[i] as G1)));
  const g2 = Array.from({ length: length2 }, (_, i) => engine.g2.sum(all.map((points) => points.g2[i] as G2)));
  if (g1.some(engine.g1.isIdentity) || g2.some(engine.g2.isIdentity)) {
    throw new MilagroError("ERR_SHARE_INVALID", "the shares add up to nothing");
  }
  return new OwnedAbePoints(engine, "key", first.entitlement, { g1, g2 });
}

/** The encoding of the header comment, for sealing and nothing else. The caller wipes it. */
export function encodeAbeKey<S extends AbeScheme>(engine: Engine, key: AbeKey<S> | AbeKeyShare<S>): Uint8Array {
  return key.use(({ g1, g2 }) =>
    concat(
      u8(versionOf(key.entitlement)),
      u8(KINDS[key.kind]),
      lengthPrefixed(32, encodeEntitlement(key.entitlement)),
      ...g2.map((point) => engine.g2.encode(point)),
      ...g1.map((point) => engine.g1.encode(point)),
    ),
  );
}

/** From unsealed bytes, which the caller wipes. @throws `ERR_ATTRIBUTE_KEY_INVALID` whatever is wrong with them */
export function parseAbeKey<S extends AbeScheme>(engine: Engine, scheme: S, bytes: Uint8Array): AbeKey<S> {
  return parse(engine, "key", scheme, bytes);
}

/** From opened bytes, which the caller wipes. @throws `ERR_ATTRIBUTE_KEY_INVALID` whatever is wrong with them */
export function parseAbeKeyShare<S extends AbeScheme>(engine: Engine, scheme: S, bytes: Uint8Array): AbeKeyShare<S> {
  return parse(engine, "share", scheme, bytes);
}

function parse<K extends Kind, S extends AbeScheme>(
  engine: Engine,
  kind: K,
  scheme: S,
  bytes: Uint8Array,
): OwnedAbePoints<K, S> {
  try {
    const reader = new ByteReader(bytes, "ERR_ATTRIBUTE_KEY_INVALID");
    const [version, kindByte] = [reader.integer(8), reader.integer(8)];
    const entitlement = parseEntitlement(scheme, reader.prefixed(32));
    if (version !== versionOf(entitlement) || kindByte !== KINDS[kind]) throw new Error("another version or kind");
    const { g1: length1, g2: length2 } = keyPointCounts(entitlement);
    if (reader.remaining !== 96 * length2 + 48 * length1) throw new Error("another length");
    const g2 = Array.from({ length: length2 }, () => engine.g2.decode(reader.take(96)));
    const g1 = engine.g1.decodeAll(Array.from({ length: length1 }, () => reader.take(48)));
    return new OwnedAbePoints(engine, kind, entitlement, { g1, g2 });
  } catch (cause) {
    throw new MilagroError("ERR_ATTRIBUTE_KEY_INVALID", "not an attribute key or share of this scheme", { cause });
  }
}

const compiled = new WeakMap<KpEntitlement, PolicyRows>();

/** The rows of a policy key. */
export function rowsOf(entitlement: KpEntitlement): PolicyRows {
  const rows = compiled.get(entitlement) ?? compilePolicy(entitlement.policy);
  compiled.set(entitlement, rows);
  return rows;
}

function versionOf(entitlement: AbeEntitlement): 1 | 2 {
  return abeVersion(
    "attributes" in entitlement ? hasNegation(entitlement.attributes) : rowsOf(entitlement).hasNegation,
  );
}

/** How many points a key or share of this entitlement has in each group. */
export function keyPointCounts(entitlement: AbeEntitlement): { readonly g1: number; readonly g2: number } {
  if ("attributes" in entitlement)
    return { g1: 1 + componentsOf((entitlement as CpEntitlement).attributes).length, g2: 1 };
  const { rows, uses } = rowsOf(entitlement);
  return { g1: rows.length + rows.filter(({ kind }) => kind === "negation").length, g2: uses };
}

/** Scalars from a seed: `hashToScalar("MILAGRO-V1-ABE-SCALAR", seed, u32 i)`, i from 0. Call `end` to wipe what was made of the seed. */
export function scalarStream(engine: Engine, seed: Uint8Array): (() => Scalar) & { readonly end: () => void } {
  // One transcript whose last four bytes count: a policy of a hundred rows draws a hundred scalars.
  const message = transcript("MILAGRO-V1-ABE-SCALAR", seed, new Uint8Array(4));
  const counter = new DataView(message.buffer, message.length - 4);
  let index = 0;
  const draw = (): Scalar => {
    counter.setUint32(0, index);
    index += 1;
    const hash = sha384(message);
    const scalar = engine.scalars.reduce(hash);
    wipe(hash);
    return scalar;
  };
  return Object.assign(draw, { end: () => wipe(message) });
}
