/**
 * Complete addition and doubling on G1 over bare bigints. noble's own points reduce after every step and freeze every
 * result; here sums stay unreduced, two products share one reduction, and values may be negative: 1.5 to 2 times
 * faster for the long walks of a multiplication.
 *
 * Complete means: no exceptional case, so also equal, opposite and neutral points take the same path.
 * Source: Renes, Costello, Batina (EUROCRYPT 2016), algorithms 7 and 9 (a = 0).
 * @module
 */
import type { WeierstrassPoint } from "@noble/curves/abstract/weierstrass.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { P } from "./noble-codec.ts";
import { PARAMETER } from "./noble-parameter.ts";
import type { WalkGroup } from "./noble-windows.ts";

/** (X : Y : Z), each anywhere in (−p, p). */
export interface Projective1 {
  readonly x: bigint;
  readonly y: bigint;
  readonly z: bigint;
}

const Point = bls12_381.G1.Point;
/** Thrice the constant of y² = x³ + 4. */
const B3 = 12n;
/** A cube root of unity in Fp, of the two the one whose endomorphism multiplies by −z² on the order-r subgroup. */
const BETA = 0x5f19672fdf76ce51ba69c6076a0f77eaddb3a93be6f89688de17d813620a00022e01fffffffefffen;

function add(a: Projective1, b: Projective1): Projective1 {
  const xx = a.x * b.x;
  const yy = a.y * b.y;
  const zz = a.z * b.z;
  const xy = ((a.x + a.y) * (b.x + b.y) - xx - yy) % P;
  const yz = ((a.y + a.z) * (b.y + b.z) - yy - zz) % P;
  const xz = (B3 * ((a.x + a.z) * (b.x + b.z) - xx - zz)) % P;
  const xx3 = (3n * xx) % P;
  const sum = (yy + B3 * zz) % P;
  const difference = (yy - B3 * zz) % P;
  return {
    x: (xy * difference - yz * xz) % P,
    y: (xz * xx3 + difference * sum) % P,
    z: (sum * yz + xx3 * xy) % P,
  };
}

function double({ x, y, z }: Projective1): Projective1 {
  const yy = (y * y) % P;
  const yy8 = 8n * yy;
  const zz = (B3 * (z * z)) % P;
  const rest = yy - 3n * zz;
  return {
    x: (2n * rest * ((x * y) % P)) % P,
    y: (zz * yy8 + rest * (yy + zz)) % P,
    z: (((y * z) % P) * yy8) % P,
  };
}

/** G1 for the walks. */
export const G1_WALK: WalkGroup<Projective1> = {
  zero: { x: 0n, y: 1n, z: 0n },
  add,
  double,
  negate: ({ x, y, z }) => ({ x, y: -y, z }),
  // z is negative: z²·P = −φ(P)
  image: ({ x, y, z }) => ({ x: (x * BETA) % P, y: -y, z }),
  base: PARAMETER * PARAMETER,
  dimensions: 2,
  digitBits: 128,
};

export const fromNoble1 = ({ X, Y, Z }: WeierstrassPoint<bigint>): Projective1 => ({ x: X, y: Y, z: Z });

export function toNoble1({ x, y, z }: Projective1): WeierstrassPoint<bigint> {
  const reduced = modP(z);
  return reduced === 0n ? Point.ZERO : new Point(modP(x), modP(y), reduced);
}

/** The representative in [0, p). */
export function modP(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}
