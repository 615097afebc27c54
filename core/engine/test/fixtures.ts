/**
 * What every test of an engine uses: the oracle, and random inputs.
 * @module
 */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import type { RandomBytes, Scalar, ScalarField } from "../src/engine.ts";
import { be, EDGE_SCALARS, R } from "./oracle.ts";

export * from "./oracle.ts";

export const random: RandomBytes = (length) => new Uint8Array(randomBytes(length));

/** Any integer, brought into the field. */
export const scalar = (field: ScalarField, value: bigint): Scalar =>
  field.decode(be(((value % R) + R) % R, 32), { zero: "allow" });

export const arbScalar: fc.Arbitrary<bigint> = fc.oneof(
  { weight: 3, arbitrary: fc.bigInt({ min: 0n, max: R - 1n }) },
  { weight: 1, arbitrary: fc.constantFrom(...EDGE_SCALARS) },
);
