/**
 * The FMA tier: relaxed SIMD, 8 signed digits of 49 bits per element, each an integer in a double.
 * @module
 */
import { ConstantPool } from "./constant-pool.ts";
import { CARRY_BIAS, HALF_DIGIT, WIDTH } from "./fma-columns.ts";
import { emitFmaField } from "./fma-field.ts";
import { createFmaKernels, FMA_COUNT, FMA_PAIR_BYTES, FMA_STORED } from "./fma-kernels.ts";
import { absolute, balancedDigits, PRIME } from "./numbers.ts";
import { prove, type Range, tightenTop, widestLimb } from "./range.ts";
import type { Linear, Settling, Tier } from "./tier.ts";
import { emitWideSum } from "./wide-products.ts";

/** Integers up to here are exact doubles. */
const EXACT = 1n << 53n;
/** Adding and subtracting it rounds a double to a multiple of 2^49. */
const ROUNDER = 1.5 * 2 ** 101;
const PRIME_DIGITS = balancedDigits(PRIME, WIDTH, FMA_COUNT);
const TOP = FMA_COUNT - 1;

export function createFmaTier(): Tier {
  const pool = new ConstantPool("FMA");
  const kernels = createFmaKernels(pool);
  return {
    name: "fma",
    features: ["simd", "relaxed-simd"],
    width: WIDTH,
    count: FMA_COUNT,
    pairBytes: FMA_PAIR_BYTES,
    wideBytes: 2 * FMA_PAIR_BYTES,
    stored: FMA_STORED,
    kernels: kernels.kernels,
    largestFactor: 12,
    proveSum: (range, wide, _settled, where) => prove(widestLimb(range), wide ? CARRY_BIAS - HALF_DIGIT : EXACT, where),
    settle,
    emitSum: (base, offset, sum, how) => emitSum(pool, base, offset, sum, how),
    emitWideSum: (base, offset, sum) => emitWideSum(pool, 2 * FMA_PAIR_BYTES, base, offset, sum),
    emitField: () => emitFmaField(pool, kernels.code),
  };
}

/** Carry: each digit is rounded to a multiple of 2^49, which goes to its neighbour: at most 2^48 stays. */
function settle(range: Range, how: Settling): Range {
  if (how === "none") return range;
  if (how === "reduce") return settle(reduced(range), "carry");
  const limbs = range.limbs.map((limb, i) => {
    const carry = i === 0 ? 0n : ((range.limbs[i - 1] as bigint) >> BigInt(WIDTH)) + 1n;
    return (i === TOP ? limb : HALF_DIGIT) + carry;
  });
  return tightenTop({ limbs, value: range.value }, WIDTH);
}

/**
 * k = −round(top·2^343/p) multiples of p are added. What is left is at most p/2, plus what the digits below the top
 * amount to, plus the rounding of k: its argument is below 2^10 and right to 2^-40.
 */
function reduced(range: Range): Range {
  const top = range.limbs[TOP] as bigint;
  const multiples = (top << BigInt(WIDTH * TOP)) / PRIME + 1n;
  prove(multiples, 1n << 10n, "multiples of p to take off");
  const limbs = range.limbs.map((limb, i) => limb + multiples * absolute(PRIME_DIGITS[i] as bigint));
  for (const limb of limbs) prove(limb, EXACT, "digit while a multiple of p is taken off");
  const below = range.limbs.slice(0, TOP).reduce((sum, limb, i) => sum + (limb << BigInt(WIDTH * i)), 0n);
  return { limbs, value: PRIME / 2n + below + (PRIME >> 29n) };
}

/** A loop over the digits: unrolled, the sums alone would make the module twice as long, and no faster. */
function emitSum(pool: ConstantPool, base: string, offset: number, sum: Linear, how: Settling): string[] {
  const last = 16 * TOP;
  if (how === "none") {
    const store = (i: number): string => `v128.store(${base} + o, ${digits(pool, sum, i)}, ${offset + 16 * i});`;
    return [`for (let o: usize = 0; o < ${last}; o += 32) {`, `  ${store(0)}`, `  ${store(1)}`, "}"];
  }
  const lines = [`const rounder = ${pool.f64x2(ROUNDER)}, down = ${pool.f64x2(2 ** -WIDTH)};`];
  let term = digits(pool, sum, 0);
  if (how === "reduce") {
    const quotient = pool.f64x2(-1 / (Number(PRIME) / 2 ** (WIDTH * TOP)));
    lines.push(`const multiples = f64x2.nearest(f64x2.mul(${digits(pool, sum, TOP, true)}, ${quotient}));`);
    term = `f64x2.relaxed_madd(multiples, v128.load(primeDigits + o), ${term})`;
  }
  return [
    "{",
    ...lines,
    "let carry = f64x2.splat(0), o: usize = 0;",
    `for (; o < ${last}; o += 16) {`,
    `  const x = ${term};`,
    "  const rounded = f64x2.sub(f64x2.add(x, rounder), rounder);",
    `  v128.store(${base} + o, f64x2.add(f64x2.sub(x, rounded), carry), ${offset});`,
    "  carry = f64x2.mul(rounded, down);",
    "}",
    `v128.store(${base} + o, f64x2.add(${term}, carry), ${offset});`,
    "}",
  ];
}

/** Digit i after the loop's position, or digit i itself. */
function digits(pool: ConstantPool, sum: Linear, i: number, fixed = false): string {
  const of = (part: Linear): string => digits(pool, part, i, fixed);
  switch (sum.op) {
    case "load":
      return `v128.load(${sum.base}${fixed ? "" : " + o"}, ${sum.offset + 16 * i})`;
    case "add":
      return `f64x2.add(${of(sum.a)}, ${of(sum.b)})`;
    case "subtract":
      return `f64x2.sub(${of(sum.a)}, ${of(sum.b)})`;
    case "merge":
      return `i64x2.shuffle(${of(sum.a)}, ${of(sum.b)}, 0, 3)`;
    case "negate":
      return `v128.xor(${of(sum.a)}, ${pool.i64x2(1n << 63n)})`;
    case "conjugate":
      return `v128.xor(${of(sum.a)}, ${pool.i64x2(0n, 1n << 63n)})`;
    case "swap":
      return `swapLanes(${of(sum.a)})`;
    case "xi":
      return `timesXi(${of(sum.a)}, ${pool.i64x2(1n << 63n, 0n)})`;
    case "scale":
      return `f64x2.mul(${of(sum.a)}, ${pool.f64x2(sum.factor)})`;
  }
}
