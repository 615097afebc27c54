/**
 * Ranges: what the generator knows about every number it lets a kernel touch. A range is a proof obligation, not an
 * estimate: each step derives the bounds of its result from the bounds of its operands, and a step that cannot show
 * that nothing overflows or rounds throws `UnprovedBound`, which fails the build.
 * @module
 */
import { largest } from "./numbers.ts";

/**
 * Bounds on magnitudes, the same for both lanes of a pair. The represented integer is Σ limbᵢ·2^(width·i); `value`
 * bounds it more tightly than the limbs do, because reduction bounds the integer and carrying bounds the limbs.
 */
export interface Range {
  readonly limbs: readonly bigint[];
  readonly value: bigint;
}

/** A bound that the generator could not prove; the message names the formula, the operation and the bound. */
export class UnprovedBound extends Error {
  override readonly name = "UnprovedBound";
}

/** @throws UnprovedBound unless magnitude ≤ limit */
export function prove(magnitude: bigint, limit: bigint, what: string): void {
  if (magnitude > limit) {
    throw new UnprovedBound(`${what}: ${describe(magnitude)} exceeds ${describe(limit)}`);
  }
}

/** A magnitude as a power of two with two decimals, for messages. */
export function describe(magnitude: bigint): string {
  if (magnitude === 0n) return "0";
  const bits = magnitude.toString(2).length;
  const shift = BigInt(Math.max(0, bits - 50));
  return `2^${(Number(shift) + Math.log2(Number(magnitude >> shift))).toFixed(2)}`;
}

/** Sum and difference have the same bound. */
export function addRanges(a: Range, b: Range): Range {
  return { limbs: a.limbs.map((limb, i) => limb + (b.limbs[i] as bigint)), value: a.value + b.value };
}

/** Either of two. */
export function uniteRanges(a: Range, b: Range): Range {
  return { limbs: a.limbs.map((limb, i) => largest(limb, b.limbs[i] as bigint)), value: largest(a.value, b.value) };
}

export function scaleRange(a: Range, factor: bigint): Range {
  return { limbs: a.limbs.map((limb) => limb * factor), value: a.value * factor };
}

/** Whether everything in `a` is allowed by `b`. */
export function within(a: Range, b: Range): boolean {
  return a.value <= b.value && a.limbs.every((limb, i) => limb <= (b.limbs[i] as bigint));
}

/** The largest magnitude of any limb. */
export const widestLimb = (a: Range): bigint => largest(...a.limbs);

/** The top limb cannot exceed what the value and the limbs below leave for it. */
export function tightenTop(range: Range, width: number): Range {
  const top = range.limbs.length - 1;
  const below = range.limbs.slice(0, top).reduce((sum, limb, i) => sum + (limb << BigInt(width * i)), 0n);
  const implied = ((range.value + below) >> BigInt(width * top)) + 1n;
  const stated = range.limbs[top] as bigint;
  return { limbs: [...range.limbs.slice(0, top), implied < stated ? implied : stated], value: range.value };
}
