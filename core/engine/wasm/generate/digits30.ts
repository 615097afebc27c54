/**
 * What the SIMD and the scalar tier have in common: 13 signed digits of 30 bits, the digits of both lanes next to each
 * other as two i32, products summed by column in an i64. R = 2^390 leaves nine bits above p, so values hardly ever
 * have to be reduced; the columns are what is tight, and each call is proved with the operands it has.
 * @module
 */
import { planReduction } from "./montgomery.ts";
import { absolute, balancedDigits, inverse, PRIME } from "./numbers.ts";
import { prove, type Range, tightenTop, widestLimb } from "./range.ts";
import type { Kernel, Settling } from "./tier.ts";
import { reducedProduct } from "./wide-products.ts";

export const WIDTH = 30;
export const COUNT = 13;
export const COLUMNS: number = 2 * COUNT;
const TOP = COUNT - 1;
export const HALF_DIGIT: bigint = 1n << 29n;
export const MASK: bigint = (1n << 30n) - 1n;
const R = 1n << BigInt(WIDTH * COUNT);
/** A digit is stored as an i32. */
export const STORABLE: bigint = (1n << 31n) - 1n;
/** A column is an i64; half a digit is added before its carry is taken. */
const SUMMABLE = (1n << 63n) - HALF_DIGIT - 1n;
export const SCHEDULE = planReduction(WIDTH, COUNT);
export const PRIME_DIGITS: readonly bigint[] = balancedDigits(PRIME, WIDTH, COUNT);
/** −1/p modulo 2^30: m = q·this for the last step, which uses p itself. */
export const MINUS_INVERSE: bigint = (1n << 30n) - inverse(PRIME, 1n << 30n);
/** multiples of p in a value ≈ (top digit·QUOTIENT + half) >> QUOTIENT_SHIFT */
export const QUOTIENT_SHIFT = 40;
export const QUOTIENT: bigint = ((1n << BigInt(QUOTIENT_SHIFT + WIDTH * TOP)) + PRIME / 2n) / PRIME;

/** Half a digit, and what a round of carries can leave over: two from a sum, one from rounding. */
export const STORED: Range = tightenTop({ limbs: new Array<bigint>(COUNT).fill(HALF_DIGIT + 4n), value: PRIME }, WIDTH);

export function proveDigits(range: Range, where: string, limit: bigint = STORABLE): void {
  range.limbs.forEach((limb, i) => {
    prove(limb, limit, `${where}: digit ${i}`);
  });
}

/** Carry: what is above half a digit goes to the neighbour. Reduce: a multiple of p is taken off first. */
export function settle(range: Range, how: Settling): Range {
  if (how === "none") return range;
  if (how === "reduce") return reduced(range);
  const limbs = range.limbs.map((limb, i) => {
    const carry = i === 0 ? 0n : ((range.limbs[i - 1] as bigint) >> BigInt(WIDTH)) + 1n;
    return (i === TOP ? limb : HALF_DIGIT) + carry;
  });
  return tightenTop({ limbs, value: range.value }, WIDTH);
}

/** At most p/2 remains, what the digits below the top amount to, and the error of the quotient. */
function reduced(range: Range): Range {
  const top = range.limbs[TOP] as bigint;
  prove(top * QUOTIENT, 1n << 62n, "quotient by p");
  const below = range.limbs.slice(0, TOP).reduce((sum, limb, i) => sum + (limb << BigInt(WIDTH * i)), 0n);
  const error = (top * PRIME) >> BigInt(QUOTIENT_SHIFT);
  const limbs = new Array<bigint>(COUNT).fill(HALF_DIGIT);
  limbs[TOP] = STORABLE;
  return tightenTop({ limbs, value: PRIME / 2n + below + error + 1n }, WIDTH);
}

/** What a kernel computes before it reduces: Σ a·b over pairs of operands. */
export interface ProductShape {
  readonly name: string;
  /** Operands that meet, by number. */
  readonly meets: readonly (readonly [a: number, b: number])[];
  /** Products of each pair of digits that a lane takes: 2 in Fp², where |re|, |im| ≤ 2·|a|·|b| as well. */
  readonly factor: bigint;
  /** The SIMD tier adds two digits of an operand up, in 32 bits. */
  readonly doubles?: boolean;
}

/** What each reduction step can add to each column. */
const REDUCTION: readonly bigint[] = reductionMagnitudes();

function reductionMagnitudes(): bigint[] {
  const columns = new Array<bigint>(COLUMNS).fill(0n);
  for (const { index, degree, digits } of SCHEDULE.steps) {
    digits.forEach((digit, j) => {
      if (j < degree) return;
      columns[index + j] = (columns[index + j] as bigint) + HALF_DIGIT * absolute(digit);
    });
  }
  return columns;
}

/** What a call adds up before it reduces: bounds on its columns and on the whole. */
function products({ meets, factor, doubles }: ProductShape, operands: readonly Range[], where: string): Range {
  if (doubles) for (const operand of operands) proveDigits(operand, where, STORABLE / 2n);
  const columns = new Array<bigint>(COLUMNS).fill(0n);
  let value = 0n;
  for (const [a, b] of meets) {
    const [x, y] = [operands[a] as Range, operands[b] as Range];
    value += factor * x.value * y.value;
    x.limbs.forEach((left, i) => {
      y.limbs.forEach((right, j) => {
        columns[i + j] = (columns[i + j] as bigint) + factor * left * right;
      });
    });
  }
  return { limbs: columns, value };
}

/** Proves each column with what is carried into it. */
function proveCarries(columns: readonly bigint[], where: string): void {
  let carry = 0n;
  for (const [k, own] of columns.entries()) {
    const column = own + carry;
    prove(column, SUMMABLE, `${where}: column ${k}`);
    carry = (column >> BigInt(WIDTH)) + 1n;
  }
}

/** Proves the columns of a reduction, and the digits that come out. */
function reduction(product: Range, where: string): Range {
  proveCarries(
    product.limbs.map((column, k) => column + (REDUCTION[k] as bigint)),
    where,
  );
  const range = { limbs: new Array<bigint>(COUNT).fill(STORABLE), value: product.value / R + SCHEDULE.excess + 1n };
  const top = tightenTop(range, WIDTH).limbs[TOP] as bigint;
  prove(top, STORABLE - 1n, `${where}: top digit`);
  return tightenTop({ ...range, limbs: [...new Array<bigint>(TOP).fill(HALF_DIGIT), top] }, WIDTH);
}

/** An unreduced product is kept in digits of 30 bits without a sign, 64 bits for each: many can be added up. */
function unreduced(product: Range, where: string): Range {
  proveCarries(product.limbs, where);
  return tightenTop(
    { limbs: product.limbs.map((_, k) => (k < COLUMNS - 1 ? 1n << 30n : SUMMABLE)), value: product.value },
    WIDTH,
  );
}

const SHAPES: readonly ProductShape[] = [
  { name: "pairMul", meets: [[0, 1]], factor: 1n },
  { name: "pairSqr", meets: [[0, 0]], factor: 1n },
  {
    name: "pairDot",
    meets: [
      [0, 1],
      [2, 3],
    ],
    factor: 1n,
  },
];

/** Bytes of an unreduced product. */
export const WIDE_BYTES: number = 16 * COLUMNS;

const wideKernel = (shape: ProductShape): Kernel => ({
  name: `${shape.name}Wide`,
  result: "wide",
  range: (operands, where) => unreduced(products(shape, operands, where), where),
});
const reduceWide: Kernel = {
  name: "reduceWide",
  result: "pair",
  range: ([wide], where) => reduction(wide as Range, where),
};
const [mulWide, sqrWide] = [
  wideKernel({ name: "mul", meets: [[0, 1]], factor: 2n, doubles: true }),
  wideKernel({ name: "sqr", meets: [[0, 0]], factor: 2n, doubles: true }),
];

/** The kernels that both tiers have. */
export const KERNELS: ReadonlyMap<string, Kernel> = new Map(
  [
    ...SHAPES.map(
      (shape): Kernel => ({
        name: shape.name,
        result: "pair",
        range: (operands, where) => reduction(products(shape, operands, where), where),
      }),
    ),
    ...[mulWide, sqrWide, reduceWide],
    reducedProduct("mul", mulWide, reduceWide),
    reducedProduct("sqr", sqrWide, reduceWide),
  ].map((kernel) => [kernel.name, kernel]),
);

/** Proves that sums fit: digits in `limit`, columns with room for the reduction that follows. */
export function proveSum(range: Range, wide: boolean, where: string, limit?: bigint): void {
  if (wide) prove(widestLimb(range), SUMMABLE, where);
  else proveDigits(range, where, limit);
}

/** AssemblyScript for what both tiers do digit by digit. */
export const DIGIT_ACCESS = `
export function getDigit(a: usize, lane: i32, i: i32): i64 {
  return <i64>load<i32>(a + ((i << 3) + (lane << 2)));
}
export function setDigit(d: usize, lane: i32, i: i32, digit: i64): void {
  store<i32>(d + ((i << 3) + (lane << 2)), <i32>digit);
}
/** Both lanes become one of a's. */
export function spreadLane(d: usize, a: usize, lane: i32): void {
  for (let o: usize = 0; o < PAIR; o += 8) {
    const digit = <u64>load<u32>(a + o + (lane << 2));
    store<u64>(d + o, digit | (digit << 32));
  }
}
/** Any lane of a, any lane of b. */
export function gatherLanes(d: usize, a: usize, laneA: usize, b: usize, laneB: usize): void {
  const from0 = a + (laneA << 2);
  const from1 = b + (laneB << 2);
  for (let o: usize = 0; o < PAIR; o += 8) {
    store<u64>(d + o, (<u64>load<u32>(from0 + o)) | ((<u64>load<u32>(from1 + o)) << 32));
  }
}
/** Lane 0 of a, lane 0 of b. */
export function joinLanes(d: usize, a: usize, b: usize): void {
  gatherLanes(d, a, 0, b, 0);
}
/** Lane i is a's where choice i is 0 and b's where it is 1. */
export function selectLanes(d: usize, a: usize, b: usize, choice0: i32, choice1: i32): void {
  const mask = (<u64>(<u32>-choice0)) | ((<u64>(<u32>-choice1)) << 32);
  for (let o: usize = 0; o < PAIR; o += 8) {
    store<u64>(d + o, (load<u64>(b + o) & mask) | (load<u64>(a + o) & ~mask));
  }
}
/** Lane i is negated where choice i is 1. */
export function negateLanes(d: usize, a: usize, choice0: i32, choice1: i32): void {
  for (let o: usize = 0; o < PAIR; o += 8) {
    store<i32>(d + o, (load<i32>(a + o) ^ -choice0) + choice0);
    store<i32>(d + o, (load<i32>(a + o, 4) ^ -choice1) + choice1, 4);
  }
}
`;
