/**
 * What is particular to G1 of the noble engine: the endomorphism `(x, y) → (βx, y)`, which multiplies by −z² on the
 * order-r subgroup (z the curve parameter).
 * @module
 */
import type { WeierstrassPoint } from "@noble/curves/abstract/weierstrass.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import type { NobleGroupParameters } from "./noble-group.ts";

const { Fp } = bls12_381.fields;
const Point = bls12_381.G1.Point;
/** |z| of BLS12-381, whose parameter z is negative. */
export const PARAMETER: bigint = bls12_381.params.ateLoopSize;
/** A cube root of unity in Fp, of the two the one that belongs to −z². */
const BETA = 0x5f19672fdf76ce51ba69c6076a0f77eaddb3a93be6f89688de17d813620a00022e01fffffffefffen;

export const G1_PARAMETERS: NobleGroupParameters<bigint> = {
  name: "G1",
  Point,
  parts: (value) => [value],
  hashToCurve: (message, options) => bls12_381.G1.hashToCurve(message, options),
  walk: {
    zero: Point.ZERO,
    add: (a, b) => a.add(b),
    double: (a) => a.double(),
    negate: (a) => a.negate(),
    image: (a: WeierstrassPoint<bigint>) => new Point(Fp.mul(a.X, BETA), Fp.neg(a.Y), a.Z),
    base: PARAMETER * PARAMETER,
    dimensions: 2,
    digitBits: 128,
  },
};
