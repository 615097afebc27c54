/**
 * What the formula compiler needs from a tier: how a pair of field elements lies in memory, which kernels multiply it,
 * what each operation does to its range, and the AssemblyScript for sums of pairs.
 *
 * A pair is two elements of Fp side by side, one per SIMD lane: (re, im) of an element of Fp², or the same step of two
 * independent computations in Fp. Its digits are signed and need not be unique; `stored` is the range of every pair
 * that outlives a formula.
 * @module
 */
import type { Range } from "./range.ts";

/** A sum of pairs in memory, evaluated digit by digit without carries. `xi` multiplies by 1 + u in Fp²,
 * `merge` takes lane 0 of one and lane 1 of the other. */
export type Linear =
  | { readonly op: "load"; readonly base: string; readonly offset: number }
  | { readonly op: "add" | "subtract" | "merge"; readonly a: Linear; readonly b: Linear }
  | { readonly op: "negate" | "conjugate" | "swap" | "xi"; readonly a: Linear }
  | { readonly op: "scale"; readonly a: Linear; readonly factor: number };

/** What is done to a sum before it is stored: nothing, one round of carries, or carries and a multiple of p taken off. */
export type Settling = "none" | "carry" | "reduce";

export interface Kernel {
  readonly name: string;
  readonly result: "pair" | "wide";
  /** The range of the result. @throws UnprovedBound when the operands are outside what the kernel is proved for */
  range(operands: readonly Range[], where: string): Range;
}

export interface Tier {
  readonly name: "fma" | "simd" | "scalar";
  /** Features that the compiler has to enable. */
  readonly features: readonly string[];
  readonly width: number;
  readonly count: number;
  readonly pairBytes: number;
  /** Bytes of an unreduced product, or undefined where the columns have no room to add products up. */
  readonly wideBytes: number | undefined;
  readonly stored: Range;
  /** Digits have room for a stored pair times this; larger factors are taken in several steps. */
  readonly largestFactor: number;
  readonly kernels: ReadonlyMap<string, Kernel>;
  /**
   * @param settled - carries follow before the sum is stored
   * @throws UnprovedBound when a sum of this range does not fit its digits
   */
  proveSum(range: Range, wide: boolean, settled: boolean, where: string): void;
  settle(range: Range, how: Settling): Range;
  /** Statements that evaluate a sum and store it. Source and target may be the same pair. */
  emitSum(base: string, offset: number, sum: Linear, how: Settling): string[];
  emitWideSum(base: string, offset: number, sum: Linear): string[];
  /** Kernels, constants and everything else that the hand-written sources import from `./field`. */
  emitField(): string;
}
