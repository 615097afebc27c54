/**
 * The SIMD tier: 128-bit integer instructions. Products are `extmul`, two digits of 30 bits to a column of 64.
 * @module
 */
import { ConstantPool } from "./constant-pool.ts";
import * as common from "./digits30.ts";
import { COUNT, WIDTH } from "./digits30.ts";
import { emitSimdKernels } from "./simd-kernels.ts";
import type { Linear, Settling, Tier } from "./tier.ts";
import { emitWideSum, WIDE_HELPERS } from "./wide-products.ts";

/** The digits of both lanes, two by two in a vector, and one pair of digits to fill up the last. */
const PAIR_BYTES = 8 * (COUNT + 1);
const TOP = 8 * (COUNT - 1);

export function createSimdTier(): Tier {
  const pool = new ConstantPool("SIMD");
  const kernels = emitSimdKernels(pool);
  return {
    name: "simd",
    features: ["simd"],
    width: WIDTH,
    count: COUNT,
    pairBytes: PAIR_BYTES,
    wideBytes: common.WIDE_BYTES,
    stored: common.STORED,
    kernels: common.KERNELS,
    largestFactor: 2,
    proveSum: (range, wide, _settled, where) => common.proveSum(range, wide, where),
    settle(range, how) {
      // half a digit is added to round, still in 32 bits
      if (how === "carry") common.proveDigits(range, "carry", common.STORABLE - common.HALF_DIGIT);
      return common.settle(range, how);
    },
    emitSum: (base, offset, sum, how) => emitSum(pool, base, offset, sum, how),
    emitWideSum: (base, offset, sum) => emitWideSum(pool, common.WIDE_BYTES, base, offset, sum),
    emitField: () => `${pool.declaration()}${FIELD}\n${common.DIGIT_ACCESS}\n${kernels}`,
  };
}

function emitSum(pool: ConstantPool, base: string, offset: number, sum: Linear, how: Settling): string[] {
  const term = digits(pool, sum);
  const half = pool.i32x4(common.HALF_DIGIT);
  if (how === "none") {
    return [
      `for (let o: usize = 0; o < ${PAIR_BYTES}; o += 16) {`,
      `  v128.store(${base} + o, ${term}, ${offset});`,
      "}",
    ];
  }
  if (how === "carry") {
    return [
      "{",
      `const half = ${half};`,
      "let below = i32x4.splat(0), o: usize = 0;",
      `for (; o < ${TOP}; o += 16) {`,
      `  const x = ${term};`,
      `  const carry = i32x4.shr_s(i32x4.add(x, half), ${WIDTH});`,
      `  const rest = i32x4.sub(x, i32x4.shl(carry, ${WIDTH}));`,
      `  v128.store(${base} + o, i32x4.add(rest, i32x4.shuffle(below, carry, 2, 3, 4, 5)), ${offset});`,
      "  below = carry;",
      "}",
      `v128.store(${base} + o, i32x4.add(${term}, i32x4.shuffle(below, i32x4.splat(0), 2, 3, 4, 5)), ${offset});`,
      "}",
    ];
  }
  return [
    "{",
    `for (let o: usize = 0; o < ${PAIR_BYTES}; o += 16) v128.store(${base} + o, ${term}, ${offset});`,
    `reducePair(${base} + ${offset});`,
    "}",
  ];
}

/** The two digits at the loop's position. */
function digits(pool: ConstantPool, sum: Linear): string {
  const of = (part: Linear): string => digits(pool, part);
  switch (sum.op) {
    case "load":
      return `v128.load(${sum.base} + o, ${sum.offset})`;
    case "add":
      return `i32x4.add(${of(sum.a)}, ${of(sum.b)})`;
    case "subtract":
      return `i32x4.sub(${of(sum.a)}, ${of(sum.b)})`;
    case "merge":
      return `i32x4.shuffle(${of(sum.a)}, ${of(sum.b)}, 0, 5, 2, 7)`;
    case "negate":
      return `i32x4.neg(${of(sum.a)})`;
    case "conjugate":
      return `negateBy(${of(sum.a)}, ${pool.i64x2(0xffffffffn << 32n)})`;
    case "swap":
      return `swapLanes(${of(sum.a)})`;
    case "xi":
      return `timesXi(${of(sum.a)}, ${pool.i64x2(0xffffffffn)})`;
    case "scale":
      return scale(of(sum.a), sum.factor, pool);
  }
}

function scale(term: string, factor: number, pool: ConstantPool): string {
  const shift = Math.log2(factor);
  if (Number.isInteger(shift)) return `i32x4.shl(${term}, ${shift})`;
  return `i32x4.mul(${term}, ${pool.i32x4(BigInt(factor))})`;
}

const FIELD = `
export const PAIR: usize = ${PAIR_BYTES};
export const DIGITS: i32 = ${COUNT};
export const WIDTH: i64 = ${WIDTH};
const primeDigits: usize = memory.data<i64>([${common.PRIME_DIGITS.join(", ")}], 8);

function swapLanes(a: v128): v128 {
  return i32x4.shuffle(a, a, 1, 0, 3, 2);
}
${WIDE_HELPERS}
function negateBy(a: v128, mask: v128): v128 {
  return i32x4.sub(v128.xor(a, mask), mask);
}
function timesXi(a: v128, mask: v128): v128 {
  return i32x4.add(a, negateBy(swapLanes(a), mask));
}
/** Takes off a multiple of p and carries. Rare, so each lane on its own. */
function reducePair(d: usize): void {
  for (let lane = d; lane < d + 8; lane += 4) {
    const top = <i64>load<i32>(lane, ${TOP});
    const multiples = (top * ${common.QUOTIENT} + ${1n << BigInt(common.QUOTIENT_SHIFT - 1)}) >> ${common.QUOTIENT_SHIFT};
    let carry: i64 = 0;
    for (let o: usize = 0; o < ${TOP}; o += 8) {
      const x = <i64>load<i32>(lane + o) - multiples * load<i64>(primeDigits + o) + carry;
      carry = (x + ${common.HALF_DIGIT}) >> ${WIDTH};
      store<i32>(lane + o, <i32>(x - (carry << ${WIDTH})));
    }
    store<i32>(lane, <i32>(top - multiples * load<i64>(primeDigits, ${TOP}) + carry), ${TOP});
  }
}
export function copyPair(d: usize, a: usize): void {
  for (let o: usize = 0; o < PAIR; o += 16) v128.store(d + o, v128.load(a + o));
}
/** Lane i of \`bytes\` bytes from entry \`index i\` of a table; every entry is read. */
export function lookUp(d: usize, table: usize, bytes: usize, entries: i32, index0: i32, index1: i32): void {
  const wanted = i32x4(index0, index1, index0, index1);
  const one = i32x4.splat(1);
  for (let o: usize = 0; o < bytes; o += 48) {
    let r0 = i32x4.splat(0),
      r1 = r0,
      r2 = r0,
      entry = r0;
    let from = table + o;
    for (let j = 0; j < entries; j++) {
      const mask = i32x4.eq(entry, wanted);
      r0 = v128.or(r0, v128.and(mask, v128.load(from)));
      r1 = v128.or(r1, v128.and(mask, v128.load(from, 16)));
      r2 = v128.or(r2, v128.and(mask, v128.load(from, 32)));
      entry = i32x4.add(entry, one);
      from += bytes;
    }
    v128.store(d + o, r0);
    v128.store(d + o, r1, 16);
    v128.store(d + o, r2, 32);
  }
}
`;
