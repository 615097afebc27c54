/**
 * What is particular to G2 of the noble engine: ψ (untwist, Frobenius, twist) multiplies by z on the order-r subgroup.
 * @module
 */
import { type Fp2, psiFrobenius } from "@noble/curves/abstract/tower.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { PARAMETER } from "./noble-g1.ts";
import type { NobleGroupParameters } from "./noble-group.ts";

const { Fp, Fp2: F } = bls12_381.fields;
const Point = bls12_381.G2.Point;
const { psi } = psiFrobenius(Fp, F, F.div(F.ONE, F.NONRESIDUE));
/** ψ in projective coordinates is `(cx·X̄ : cy·Ȳ : Z̄)`. */
const [PSI_X, PSI_Y] = psi(F.ONE, F.ONE);

export const G2_PARAMETERS: NobleGroupParameters<Fp2> = {
  name: "G2",
  Point,
  parts: (value) => [value.c1, value.c0],
  hashToCurve: (message, options) => bls12_381.G2.hashToCurve(message, options),
  walk: {
    zero: Point.ZERO,
    add: (a, b) => a.add(b),
    double: (a) => a.double(),
    negate: (a) => a.negate(),
    // z is negative: |z|·P = −ψ(P)
    image: (a) =>
      new Point(
        F.mul(F.frobeniusMap(a.X, 1), PSI_X),
        F.neg(F.mul(F.frobeniusMap(a.Y, 1), PSI_Y)),
        F.frobeniusMap(a.Z, 1),
      ),
    base: PARAMETER,
    dimensions: 4,
    digitBits: 64,
  },
};
