/**
 * What is particular to G1 of the noble engine.
 * @module
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { fromNoble1, G1_WALK, type Projective1, toNoble1 } from "./noble-formulas-g1.ts";
import type { NobleGroupParameters } from "./noble-group.ts";

export const G1_PARAMETERS: NobleGroupParameters<bigint, Projective1> = {
  name: "G1",
  Point: bls12_381.G1.Point,
  parts: (value) => [value],
  hashToCurve: (message, options) => bls12_381.G1.hashToCurve(message, options),
  walk: G1_WALK,
  toWalk: fromNoble1,
  fromWalk: toNoble1,
};
