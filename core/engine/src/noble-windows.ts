/**
 * Multiplication by secret scalars on an engine whose integers are not constant-time.
 *
 * Every secret k is split into `(k + ρ) − ρ` with a fresh uniform ρ, so that neither part, taken alone, depends on k.
 * Both parts walk the same table with shared doublings, and every window costs one addition whatever its digit.
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
const HALF = 1 << (WINDOW - 1);

/**
 * Signed digits in [−16, 16], least significant first; their number depends on `bits` only.
 * @param bits - `value` < 2^bits
 */
export function signedDigits(value: bigint, bits: number): number[] {
  const digits: number[] = [];
  let carry = 0;
  const windows = Math.ceil((bits + 1) / WINDOW);
  for (let i = 0; i < windows; i++) {
    const window = Number((value >> BigInt(i * WINDOW)) & 31n) + carry;
    carry = (HALF - window) >>> 31; // 1 when window > 16
    digits.push(window - (carry << WINDOW));
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

/** `[0, P, 2P, …, 16P]` and the same for every image of P. */
function tables<E>(group: WalkGroup<E>, point: E, dimensions: number): E[][] {
  let table: E[] = [group.zero, point];
  for (let i = 2; i <= HALF; i++) {
    table.push(i % 2 === 0 ? group.double(table[i / 2] as E) : group.add(table[i - 1] as E, point));
  }
  const all = [table];
  for (let i = 1; i < dimensions; i++) {
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

/** One table and the scalars (as signed digits) that walk over it. */
interface Track<E> {
  readonly table: readonly E[];
  readonly digits: readonly number[];
}

function walk<E>(group: WalkGroup<E>, tracks: readonly Track<E>[]): E {
  const length = tracks[0]?.digits.length ?? 0;
  let sum = group.zero;
  for (let i = length - 1; i >= 0; i--) {
    if (i !== length - 1) for (let d = 0; d < WINDOW; d++) sum = group.double(sum);
    for (const { table, digits } of tracks) sum = group.add(sum, select(group, table, digits[i] as number));
  }
  return sum;
}

/** `(a + b)·P` for a, b below r, walking over a and b apart. */
export function multiplySplit<E>(group: WalkGroup<E>, point: E, a: bigint, b: bigint): E {
  const { base, dimensions, digitBits } = group;
  const all = tables(group, point, dimensions);
  const tracks: Track<E>[] = [];
  for (const part of [a, b]) {
    toBase(part, base, dimensions).forEach((digit, i) => {
      tracks.push({ table: all[i] as E[], digits: signedDigits(digit, digitBits) });
    });
  }
  return walk(group, tracks);
}

/** `a·P − b·P` for a, b below 2^bits, without the endomorphism: for short scalars. */
export function multiplyDifference<E>(group: WalkGroup<E>, point: E, a: bigint, b: bigint, bits: number): E {
  const [table] = tables(group, point, 1) as [E[]];
  const minus = signedDigits(b, bits).map((digit) => -digit);
  return walk(group, [
    { table, digits: signedDigits(a, bits) },
    { table, digits: minus },
  ]);
}

/** For each window of a full-size scalar, `[0, B, …, 16B]` with B the point times the weight of the window. */
export type WindowTables<E> = readonly (readonly E[])[];

export function windowTables<E>(group: WalkGroup<E>, point: E, bits: number): WindowTables<E> {
  const all: E[][] = [];
  let base = point;
  for (let w = 0; w < Math.ceil((bits + 1) / WINDOW); w++) {
    const [table] = tables(group, base, 1) as [E[]];
    all.push(table);
    base = group.double(table[HALF] as E);
  }
  return all;
}

/** `(a + b)·P` from the tables of P. */
export function multiplyWindows<E>(group: WalkGroup<E>, all: WindowTables<E>, bits: number, scalars: bigint[]): E {
  let sum = group.zero;
  for (const scalar of scalars) {
    signedDigits(scalar, bits).forEach((digit, w) => {
      sum = group.add(sum, select(group, all[w] as readonly E[], digit));
    });
  }
  return sum;
}
