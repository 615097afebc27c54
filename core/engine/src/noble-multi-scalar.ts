/**
 * `Σ kᵢ·Pᵢ` for public scalars on the noble engine, in variable time: endomorphism first, then whichever of Straus
 * (few terms) and Pippenger (many) costs fewer additions.
 *
 * Source: Straus (1964); Pippenger (1976), with signed digits.
 * @module
 */
import { signedDigits, toBase, type WalkGroup } from "./noble-windows.ts";

/** Width of the non-adjacent form in Straus: 4 table entries, on average one addition in 5 bits. */
const STRAUS_WIDTH = 4;
const STRAUS_TABLE = 2 ** (STRAUS_WIDTH - 2);
const STRAUS_DENSITY = STRAUS_WIDTH + 1;

interface Term<E> {
  readonly point: E;
  readonly scalar: bigint;
}

/**
 * @param scalars - each in [0, r); short ones (weights of a batch) make it faster
 */
export function multiScalar<E>(group: WalkGroup<E>, points: readonly E[], scalars: readonly bigint[]): E {
  const terms = split(group, points, scalars);
  const bits = Math.max(0, ...terms.map(({ scalar }) => scalar.toString(2).length));
  const window = bestWindow(terms.length, bits);
  if (terms.length * (STRAUS_TABLE + bits / STRAUS_DENSITY) <= pippengerCost(terms.length, bits, window)) {
    return straus(group, terms);
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

/** Shared doublings, each term with a table of its odd multiples. */
function straus<E>(group: WalkGroup<E>, terms: readonly Term<E>[]): E {
  const tracks = terms.map(({ point, scalar }) => {
    const twice = group.double(point);
    const table = [point];
    for (let i = 1; i < STRAUS_TABLE; i++) table.push(group.add(table[i - 1] as E, twice));
    return { table, digits: nonAdjacentForm(scalar) };
  });
  let sum = group.zero;
  for (let bit = Math.max(0, ...tracks.map(({ digits }) => digits.length)) - 1; bit >= 0; bit--) {
    sum = group.double(sum);
    for (const { table, digits } of tracks) {
      const digit = digits[bit] ?? 0;
      if (digit === 0) continue;
      const entry = table[Math.abs(digit) >> 1] as E;
      sum = group.add(sum, digit < 0 ? group.negate(entry) : entry);
    }
  }
  return sum;
}

/** Digits 0 or odd in (−8, 8), one per bit, of which any four neighbours have at most one that is not 0. */
function nonAdjacentForm(scalar: bigint): number[] {
  const digits: number[] = [];
  const size = 1 << STRAUS_WIDTH;
  let rest = scalar;
  while (rest > 0n) {
    let digit = Number(rest & BigInt(size - 1));
    if (digit % 2 === 0) digit = 0;
    else if (digit > size / 2) digit -= size;
    digits.push(digit);
    rest = (rest - BigInt(digit)) >> 1n;
  }
  return digits;
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
