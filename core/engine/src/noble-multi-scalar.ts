/**
 * `Σ kᵢ·Pᵢ` for public scalars on the noble engine, in variable time: endomorphism first, then whichever of Straus
 * (few terms) and Pippenger (many) costs fewer additions.
 *
 * Source: Straus (1964); Pippenger (1976), with signed digits.
 * @module
 */
import { signedDigits, toBase, type WalkGroup } from "./noble-windows.ts";

/** Width of the non-adjacent form that noble's Straus uses: 4 table entries, one addition in 5 bits. */
const STRAUS_TABLE = 4;
const STRAUS_DENSITY = 5;

interface Term<E> {
  readonly point: E;
  readonly scalar: bigint;
}

/**
 * @param scalars - each in [0, r); short ones (weights of a batch) make it faster
 * @param straus - joint multiplication of a few terms
 */
export function multiScalar<E>(
  group: WalkGroup<E>,
  points: readonly E[],
  scalars: readonly bigint[],
  straus: (points: E[], scalars: bigint[]) => E,
): E {
  const terms = split(group, points, scalars);
  const bits = Math.max(0, ...terms.map(({ scalar }) => scalar.toString(2).length));
  const window = bestWindow(terms.length, bits);
  if (terms.length * (STRAUS_TABLE + bits / STRAUS_DENSITY) <= pippengerCost(terms.length, bits, window)) {
    return straus(
      terms.map(({ point }) => point),
      terms.map(({ scalar }) => scalar),
    );
  }
  return pippenger(group, terms, bits, window);
}

/** The terms with short scalars on P and its images; those that are zero are left out. */
function split<E>(group: WalkGroup<E>, points: readonly E[], scalars: readonly bigint[]): Term<E>[] {
  const terms: Term<E>[] = [];
  points.forEach((point, i) => {
    let image = point;
    toBase(scalars[i] as bigint, group.base, group.dimensions).forEach((scalar, d) => {
      if (d > 0) image = group.image(image);
      if (scalar !== 0n) terms.push({ point: image, scalar });
    });
  });
  return terms;
}

function pippengerCost(count: number, bits: number, window: number): number {
  return Math.ceil((bits + 1) / window) * (count + 2 ** window);
}

function bestWindow(count: number, bits: number): number {
  let best = 2;
  for (let window = 3; window <= 14; window++) {
    if (pippengerCost(count, bits, window) < pippengerCost(count, bits, best)) best = window;
  }
  return best;
}

function pippenger<E>(group: WalkGroup<E>, terms: readonly Term<E>[], bits: number, window: number): E {
  const digits = terms.map(({ scalar }) => signedDigits(scalar, bits, window));
  const windows = digits[0]?.length ?? 0;
  let sum = group.zero;
  for (let w = windows - 1; w >= 0; w--) {
    if (w !== windows - 1) for (let d = 0; d < window; d++) sum = group.double(sum);
    const buckets: (E | undefined)[] = Array(2 ** (window - 1)).fill(undefined);
    terms.forEach(({ point }, i) => {
      const digit = digits[i]?.[w] as number;
      if (digit === 0) return;
      const bucket = Math.abs(digit) - 1;
      const addend = digit < 0 ? group.negate(point) : point;
      const held = buckets[bucket];
      buckets[bucket] = held === undefined ? addend : group.add(held, addend);
    });
    sum = group.add(sum, weightedSum(group, buckets));
  }
  return sum;
}

/** `Σ (i + 1)·bucketᵢ`. */
function weightedSum<E>(group: WalkGroup<E>, buckets: readonly (E | undefined)[]): E {
  let running: E | undefined;
  let total = group.zero;
  for (let i = buckets.length - 1; i >= 0; i--) {
    const bucket = buckets[i];
    if (bucket !== undefined) running = running === undefined ? bucket : group.add(running, bucket);
    if (running !== undefined) total = group.add(total, running);
  }
  return total;
}
