/**
 * The oracle, `@noble/curves` used directly, and what is made from it: edge scalars, and encodings of points that are
 * wrong in one particular way. Runs anywhere.
 * @module
 */
import type { WeierstrassPoint } from "@noble/curves/abstract/weierstrass.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bytesToNumberBE, numberToBytesBE } from "@noble/curves/utils.js";
import { bytesToHex, concatBytes, hexToBytes } from "@noble/hashes/utils.js";

export const { Fp, Fp2, Fr } = bls12_381.fields;
export const P: bigint = Fp.ORDER;
export const R: bigint = Fr.ORDER;
/** |z| of the curve: the base of every decomposition by endomorphisms. */
export const Z: bigint = bls12_381.params.ateLoopSize;

export const hex = (bytes: Uint8Array): string => bytesToHex(bytes);
export const unhex = (text: string): Uint8Array => hexToBytes(text);
export const be = (value: bigint, length: number): Uint8Array => numberToBytesBE(value, length);
export const integer = (bytes: Uint8Array): bigint => bytesToNumberBE(bytes);

/** Scalars at which recodings, reductions and decompositions change their course. */
export const EDGE_SCALARS: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 15n, 16n, 17n, 31n, 32n, 33n],
  ...[(1n << 32n) - 1n, 1n << 64n, (1n << 128n) - 1n, 1n << 254n],
  ...[Z - 1n, Z, Z + 1n, Z ** 2n - 1n, Z ** 2n, Z ** 2n + 1n, Z ** 3n],
  ...[(R - 1n) / 2n, (R + 1n) / 2n, R - 2n, R - 1n],
];
/** One group seen from the oracle's side, with byte-level helpers for making bad encodings. */
export interface Oracle<F> {
  readonly name: "G1" | "G2";
  readonly width: number;
  readonly cofactor: bigint;
  /** Primes that divide the cofactor, small enough to make points of that order. */
  readonly smallOrders: readonly bigint[];
  readonly generator: WeierstrassPoint<F>;
  fromAffine(x: F, y: F): WeierstrassPoint<F>;
  /** y of the curve for x, or undefined. */
  lift(x: F): F | undefined;
  /** A field element made from a small number, spread over all parts. */
  element(seed: bigint): F;
  /** Highest part first. */
  parts(x: F): bigint[];
  /** The inverse of `parts`. */
  join(parts: readonly bigint[]): F;
  hash(message: Uint8Array, tag: string): WeierstrassPoint<F>;
}

export const G1_ORACLE: Oracle<bigint> = {
  name: "G1",
  width: 48,
  cofactor: bls12_381.G1.Point.CURVE().h,
  smallOrders: [3n, 11n, 10177n],
  generator: bls12_381.G1.Point.BASE,
  fromAffine: (x, y) => bls12_381.G1.Point.fromAffine({ x, y }),
  lift: (x) => root(() => Fp.sqrt(Fp.add(Fp.pow(x, 3n), 4n))),
  element: (seed) => Fp.create(seed ** 31n + seed),
  parts: (x) => [x],
  join: ([x = 0n]) => Fp.create(x),
  hash: (message, tag) => bls12_381.G1.hashToCurve(message, { DST: tag }),
};

type Fp2Element = ReturnType<typeof Fp2.create>;
export const G2_ORACLE: Oracle<Fp2Element> = {
  name: "G2",
  width: 96,
  cofactor: bls12_381.G2.Point.CURVE().h,
  smallOrders: [13n, 23n, 2713n],
  generator: bls12_381.G2.Point.BASE,
  fromAffine: (x, y) => bls12_381.G2.Point.fromAffine({ x, y }),
  lift: (x) => root(() => Fp2.sqrt(Fp2.add(Fp2.pow(x, 3n), Fp2.fromBigTuple([4n, 4n])))),
  element: (seed) => Fp2.fromBigTuple([Fp.create(seed ** 29n + 1n), Fp.create(seed ** 31n)]),
  parts: (x) => [x.c1, x.c0],
  join: ([c1 = 0n, c0 = 0n]) => Fp2.fromBigTuple([c0, c1]),
  hash: (message, tag) => bls12_381.G2.hashToCurve(message, { DST: tag }),
};

function root<F>(sqrt: () => F): F | undefined {
  try {
    return sqrt();
  } catch {
    return undefined;
  }
}

/** `k·P` for any k ≥ 0 on the whole curve: noble's own multiplications want k < r. */
export function times<F>(point: WeierstrassPoint<F>, k: bigint): WeierstrassPoint<F> {
  let sum = point.subtract(point);
  for (const bit of k.toString(2)) {
    sum = sum.double();
    if (bit === "1") sum = sum.add(point);
  }
  return sum;
}

/** A point of the curve as it comes, before the cofactor is cleared: practically never in the subgroup. */
export function rawPoint<F>(oracle: Oracle<F>, seed: bigint): WeierstrassPoint<F> {
  for (let s = seed; ; s++) {
    const x = oracle.element(s);
    const y = oracle.lift(x);
    if (y !== undefined) return oracle.fromAffine(x, y);
  }
}

/** A point of exactly the given small prime order. */
export function smallOrderPoint<F>(oracle: Oracle<F>, order: bigint): WeierstrassPoint<F> {
  let rest = oracle.cofactor * R;
  while (rest % order === 0n) rest /= order;
  for (let seed = 2n; ; seed += 7n) {
    let point = times(rawPoint(oracle, seed), rest);
    if (point.is0()) continue;
    for (let next = times(point, order); !next.is0(); next = times(point, order)) point = next;
    return point;
  }
}

/** An x that belongs to no point. */
export function xWithoutY<F>(oracle: Oracle<F>, seed: bigint): F {
  for (let s = seed; ; s++) if (oracle.lift(oracle.element(s)) === undefined) return oracle.element(s);
}

const HALF_P = (P - 1n) / 2n;

/** Writes coordinates without any check; `bump` adds to one part, for values that are not reduced. */
export function writePoint<F>(
  oracle: Oracle<F>,
  point: { x: F; y: F },
  form: "compressed" | "uncompressed",
  bump?: { part: number; by: bigint },
): Uint8Array {
  const y = oracle.parts(point.y);
  const parts = form === "compressed" ? oracle.parts(point.x) : [...oracle.parts(point.x), ...y];
  if (bump) parts[bump.part] = (parts[bump.part] as bigint) + bump.by;
  const bytes = concatBytes(...parts.map((part) => be(part, 48)));
  const larger = (y.find((part) => part !== 0n) ?? 0n) > HALF_P;
  if (form === "compressed") bytes[0] = (bytes[0] as number) | 0x80 | (larger ? 0x20 : 0);
  return bytes;
}
