/**
 * Multiplication by secret scalars on an engine whose integers are not constant-time.
 *
 * Every secret k is split into `(k + ρ) − ρ` with a fresh uniform ρ, so that neither part, taken alone, depends on k.
 * Both parts walk the same table, and every window costs one addition whatever its digit. Each part has a running sum
 * of its own: sharing the doublings would save a third of the time, but then the running sum is that of the leading
 * digits of k itself, ρ cancels, and for a small k it stays at the identity element for most of the walk, where big
 * integers are small and quick (measured: |t| = 80 in the timing test).
 * An endomorphism that acts as multiplication by a power of the curve parameter shortens the walk: scalars are written
 * to the base of that power, and each digit has its own image of the table.
 *
 * Source: Gallant–Lambert–Vanstone (CRYPTO 2001) and Galbraith–Scott (Pairing 2008) for the decompositions; Straus.
 * @module
 */

/** What the walk needs to know of a group, written additively; `add` must be complete. */
export interface WalkGroup<E> {
  readonly zero: E;
  add(a: E, b: E): E;
  double(a: E): E;
  negate(a: E): E;
  /** `base·P` by the endomorphism: much cheaper than a multiplication. */
  image(a: E): E;
  /** What `image` multiplies by. */
  readonly base: bigint;
  /** Digits to the `base` that an integer below r has: 2 in G1, 4 in G2 and GT. */
  readonly dimensions: number;
  /** Bits that hold any digit to the `base`. */
  readonly digitBits: number;
}

const WINDOW = 5;
/** Tables that are kept may be larger than those made for one multiplication. */
const FIXED_WINDOW = 6;

/**
 * Signed digits in [−2^(width−1), 2^(width−1)], least significant first; their number depends on `bits` only.
 * @param bits - `value` < 2^bits
 */
export function signedDigits(value: bigint, bits: number, width: number = WINDOW): number[] {
  const digits: number[] = [];
  const [half, mask] = [1 << (width - 1), BigInt((1 << width) - 1)];
  let carry = 0;
  const windows = Math.ceil((bits + 1) / width);
  for (let i = 0; i < windows; i++) {
    const window = Number((value >> BigInt(i * width)) & mask) + carry;
    carry = (half - window) >>> 31; // 1 when window > half
    digits.push(window - (carry << width));
  }
  return digits;
}

/** Writes a value below r to the base of the endomorphism, least significant digit first. */
export function toBase(value: bigint, base: bigint, dimensions: number): bigint[] {
  const digits: bigint[] = [];
  for (let i = 1; i < dimensions; i++) {
    digits.push(value % base);
    value /= base;
  }
  digits.push(value);
  return digits;
}

/** `[0, P, 2P, …, 2^(width−1)·P]`. */
function multiples<E>(group: WalkGroup<E>, point: E, width: number): E[] {
  const table: E[] = [group.zero, point];
  for (let i = 2; i <= 1 << (width - 1); i++) {
    table.push(i % 2 === 0 ? group.double(table[i / 2] as E) : group.add(table[i - 1] as E, point));
  }
  return table;
}

/** The multiples of P and of every image of P. */
function tables<E>(group: WalkGroup<E>, point: E): E[][] {
  let table = multiples(group, point, WINDOW);
  const all = [table];
  for (let i = 1; i < group.dimensions; i++) {
    table = table.map((entry) => group.image(entry));
    all.push(table);
  }
  return all;
}

/** Reads every entry, so that at least the JavaScript does not say which one was meant. */
function select<E>(group: WalkGroup<E>, table: readonly E[], digit: number): E {
  const index = Math.abs(digit);
  let entry = table[0] as E;
  for (let i = 1; i < table.length; i++) entry = i === index ? (table[i] as E) : entry;
  const negated = group.negate(entry);
  return digit < 0 ? negated : entry;
}

/** `k·P`, given the tables of P. */
function walk<E>(group: WalkGroup<E>, all: readonly (readonly E[])[], k: bigint): E {
  const digits = toBase(k, group.base, group.dimensions).map((digit) => signedDigits(digit, group.digitBits));
  const length = digits[0]?.length ?? 0;
  let sum = group.zero;
  for (let i = length - 1; i >= 0; i--) {
    if (i !== length - 1) for (let d = 0; d < WINDOW; d++) sum = group.double(sum);
    for (let t = 0; t < digits.length; t++) {
      sum = group.add(sum, select(group, all[t] as E[], digits[t]?.[i] as number));
    }
  }
  return sum;
}

/** The secret scalar in two parts whose sum it is, each of them uniform in [0, r) by itself. */
export type SplitScalar = readonly [bigint, bigint];

/** `k·P` for a split k. */
export function multiplySplit<E>(group: WalkGroup<E>, point: E, [a, b]: SplitScalar): E {
  const all = tables(group, point);
  return group.add(walk(group, all, a), walk(group, all, b));
}

/** For each window of a digit to the base, `[0, B, …, 32B]` with B the point times the weight of the window. */
export type WindowTables<E> = readonly (readonly E[])[];

export function windowTables<E>(group: WalkGroup<E>, point: E): WindowTables<E> {
  const all: E[][] = [];
  let base = point;
  for (let w = 0; w < Math.ceil((group.digitBits + 1) / FIXED_WINDOW); w++) {
    const table = multiples(group, base, FIXED_WINDOW);
    all.push(table);
    base = group.double(table.at(-1) as E);
  }
  return all;
}

/** `k·P` from the tables of P, without doublings: one sum per digit to the base, joined by the endomorphism. */
export function multiplyWindows<E>(group: WalkGroup<E>, all: WindowTables<E>, k: bigint): E {
  const digits = toBase(k, group.base, group.dimensions);
  let sum = group.zero;
  for (let d = digits.length - 1; d >= 0; d--) {
    if (d !== digits.length - 1) sum = group.image(sum);
    signedDigits(digits[d] as bigint, group.digitBits, FIXED_WINDOW).forEach((digit, w) => {
      sum = group.add(sum, select(group, all[w] as readonly E[], digit));
    });
  }
  return sum;
}
