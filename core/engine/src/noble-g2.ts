/**
 * What is particular to G2 of the noble engine.
 * @module
 */
import type { Fp2 } from "@noble/curves/abstract/tower.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { fromNoble2, G2_WALK, type Projective2, toNoble2 } from "./noble-formulas-g2.ts";
import type { NobleGroupParameters } from "./noble-group.ts";

export const G2_PARAMETERS: NobleGroupParameters<Fp2, Projective2> = {
  name: "G2",
  Point: bls12_381.G2.Point,
  parts: (value) => [value.c1, value.c0],
  hashToCurve: (message, options) => bls12_381.G2.hashToCurve(message, options),
  walk: G2_WALK,
  toWalk: fromNoble2,
  fromWalk: toNoble2,
};
