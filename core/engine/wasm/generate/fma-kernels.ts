/**
 * Multiplication kernels of the FMA tier. Each is one straight line: columns of products, and reduction woven into
 * them so that there is other work while a digit m is on its way.
 * @module
 */
import type { ConstantPool } from "./constant-pool.ts";
import { CARRY_BIAS, FmaColumns, HALF_DIGIT, WIDTH } from "./fma-columns.ts";
import { planReduction } from "./montgomery.ts";
import { absolute, inverse, modulo, PRIME } from "./numbers.ts";
import { prove, type Range, tightenTop, widestLimb } from "./range.ts";
import type { Kernel } from "./tier.ts";
import { emitReducedProducts, reducedProduct } from "./wide-products.ts";

export const FMA_COUNT = 8;
export const FMA_PAIR_BYTES = 16 * FMA_COUNT;
export const R: bigint = 1n << BigInt(WIDTH * FMA_COUNT);
const COLUMNS = 2 * FMA_COUNT;
const SCHEDULE = planReduction(WIDTH, FMA_COUNT);
/** Digits that stay in memory: half a digit and what one round of carries can leave over. */
export const FMA_STORED: Range = tightenTop(
  { limbs: new Array<bigint>(FMA_COUNT).fill(HALF_DIGIT + (1n << 10n)), value: PRIME },
  WIDTH,
);
/** Kernels are proved for products of digits up to here: each factor a sum of two stored digits. */
const PRODUCT_LIMIT = (1n << 98n) + (1n << 82n);

/** One sum of products xᵢ·yⱼ, by the names of the variables that hold the digits. */
interface Family {
  readonly x: (i: number) => string;
  readonly y: (j: number) => string;
  /** The two factors are the same pair: products i ≠ j are taken once, with `x2` = 2x. */
  readonly x2?: (i: number) => string;
}

interface KernelPlan {
  readonly name: string;
  readonly result: Kernel["result"];
  readonly parameters: readonly string[];
  readonly setup: (pool: ConstantPool, i: number) => string[];
  readonly families: readonly Family[];
  /** Pairs of operands whose digits meet in a product, with the factors that the setup puts on each. */
  readonly meets: readonly (readonly [a: number, b: number, factor: bigint])[];
  /** |value| of the result before reduction, over Σ |operand a|·|operand b|: 2 in Fp², 1 per lane. */
  readonly valueFactor: bigint;
}

const at = (name: string) => (i: number) => `${name}${i}`;
const lane = (base: string, i: number) => `v128.load(${base}, ${16 * i})`;
const splat = (base: string, i: number, im: boolean) => `v128.load64_splat(${base}, ${16 * i + (im ? 8 : 0)})`;

/** re·(b.re, b.im) + im·(−b.im, b.re): both lanes of the product at once. */
const complexSetup = (a: string, b: string, prefix: string) => (pool: ConstantPool, i: number) => [
  `const ${prefix}r${i} = ${splat(a, i, false)};`,
  `const ${prefix}i${i} = v128.xor(${splat(a, i, true)}, ${pool.i64x2(1n << 63n, 0n)});`,
  `const ${prefix}b${i} = ${lane(b, i)};`,
  `const ${prefix}s${i} = swapLanes(${prefix}b${i});`,
];
const complexFamilies = (prefix: string): Family[] => [
  { x: at(`${prefix}r`), y: at(`${prefix}b`) },
  { x: at(`${prefix}i`), y: at(`${prefix}s`) },
];

const PLANS: readonly KernelPlan[] = [
  {
    name: "pairMul",
    result: "pair",
    parameters: ["a", "b"],
    setup: (_, i) => [`const a${i} = ${lane("a", i)}, b${i} = ${lane("b", i)};`],
    families: [{ x: at("a"), y: at("b") }],
    meets: [[0, 1, 1n]],
    valueFactor: 1n,
  },
  {
    name: "pairSqr",
    result: "pair",
    parameters: ["a"],
    setup: (_, i) => [`const a${i} = ${lane("a", i)}, d${i} = f64x2.add(a${i}, a${i});`],
    families: [{ x: at("a"), y: at("a"), x2: at("d") }],
    meets: [[0, 0, 2n]],
    valueFactor: 1n,
  },
  {
    name: "pairDot",
    result: "pair",
    parameters: ["a", "b", "e", "f"],
    setup: (_, i) => [
      `const a${i} = ${lane("a", i)}, b${i} = ${lane("b", i)}, e${i} = ${lane("e", i)}, f${i} = ${lane("f", i)};`,
    ],
    families: [
      { x: at("a"), y: at("b") },
      { x: at("e"), y: at("f") },
    ],
    meets: [
      [0, 1, 1n],
      [2, 3, 1n],
    ],
    valueFactor: 1n,
  },
  {
    name: "mulWide",
    result: "wide",
    parameters: ["a", "b"],
    setup: complexSetup("a", "b", "p"),
    families: complexFamilies("p"),
    meets: [[0, 1, 1n]],
    valueFactor: 2n,
  },
  {
    // (a + b·u)² = (a + b)(a − b) + 2ab·u
    name: "sqrWide",
    result: "wide",
    parameters: ["a"],
    setup: (_, i) => [
      `const r${i} = ${splat("a", i, false)}, i${i} = ${splat("a", i, true)};`,
      `const x${i} = f64x2.add(r${i}, i64x2.shuffle(i${i}, r${i}, 0, 2));`,
      `const y${i} = i64x2.shuffle(f64x2.sub(r${i}, i${i}), i${i}, 0, 2);`,
    ],
    families: [{ x: at("x"), y: at("y") }],
    meets: [[0, 0, 4n]],
    valueFactor: 2n,
  },
];

export function createFmaKernels(pool: ConstantPool): { kernels: ReadonlyMap<string, Kernel>; code: string } {
  const kernels = new Map<string, Kernel>();
  const code: string[] = [];
  for (const plan of PLANS) {
    code.push(emit(pool, plan));
    kernels.set(plan.name, describeKernel(plan));
  }
  code.push(emitReduce(pool), emitReducedProducts(2 * FMA_PAIR_BYTES));
  const reduce: Kernel = {
    name: "reduceWide",
    result: "pair",
    range: ([wide], where) => {
      prove(widestLimb(wide as Range), WIDE_COLUMN, `${where}: column to reduce`);
      return quotient((wide as Range).value, where);
    },
  };
  kernels.set(reduce.name, reduce);
  for (const name of ["mul", "sqr"] as const) {
    kernels.set(name, reducedProduct(name, kernels.get(`${name}Wide`) as Kernel, reduce));
  }
  return { kernels, code: code.join("\n") };
}

/** Columns that `reduceWide` is proved for. */
const WIDE_COLUMN = 1n << 59n;

function describeKernel(plan: KernelPlan): Kernel {
  return {
    name: plan.name,
    result: plan.result,
    range: (operands, where) => {
      let value = 0n;
      for (const [a, b, factor] of plan.meets) {
        const [x, y] = [operands[a] as Range, operands[b] as Range];
        prove(widestLimb(x) * widestLimb(y) * factor, PRODUCT_LIMIT, `${where}: product of digits`);
        value += x.value * y.value * plan.valueFactor;
      }
      if (plan.result === "pair") return quotient(value, where);
      const columns = new Array<bigint>(COLUMNS).fill(wideColumnBound(plan));
      return { limbs: columns, value };
    },
  };
}

function wideColumnBound(plan: KernelPlan): bigint {
  const products = BigInt(plan.families.length * FMA_COUNT);
  return products * (HALF_DIGIT + (PRODUCT_LIMIT >> BigInt(WIDTH)) + 2n);
}

/** Balanced digits of value/R, plus what the reduction adds. */
function quotient(value: bigint, where: string): Range {
  const reduced = value / R + SCHEDULE.excess + 1n;
  const range = tightenTop({ limbs: new Array<bigint>(FMA_COUNT).fill(HALF_DIGIT << 8n), value: reduced }, WIDTH);
  const top = range.limbs[FMA_COUNT - 1] as bigint;
  prove(top, HALF_DIGIT - 1n, `${where}: top digit of a reduced product`);
  return { limbs: [...new Array<bigint>(FMA_COUNT - 1).fill(HALF_DIGIT), top], value: reduced };
}

function emit(pool: ConstantPool, plan: KernelPlan): string {
  const { name, result } = plan;
  const columns = new FmaColumns(pool, name, COLUMNS);
  const setup: string[] = [];
  for (let i = 0; i < FMA_COUNT; i++) setup.push(...plan.setup(pool, i));
  const products = (k: number): void => {
    for (let i = Math.max(0, k - FMA_COUNT + 1); i <= Math.min(k, FMA_COUNT - 1); i++) {
      for (const family of plan.families) {
        const j = k - i;
        if (family.x2 && i > j) continue;
        const x = family.x2 && i < j ? family.x2(i) : family.x(i);
        columns.product(k, x, family.y(j), PRODUCT_LIMIT);
      }
    }
  };
  if (result === "wide") emitWide(columns, products);
  else emitReduction(pool, columns, products);
  const parameters = ["d", ...plan.parameters].map((parameter) => `${parameter}: usize`).join(", ");
  return functionText(name, parameters, [...setup, ...columns.code()]);
}

function emitWide(columns: FmaColumns, products: (k: number) => void): void {
  for (let k = 0; k < COLUMNS; k++) {
    if (k < COLUMNS - 1) products(k);
    columns.lines.push(`v128.store(d, ${columns.finish(k, 0n)}, ${16 * k});`);
  }
}

function emitReduce(pool: ConstantPool): string {
  const columns = new FmaColumns(pool, "reduceWide", COLUMNS);
  for (let k = 0; k < COLUMNS; k++) columns.load(k, lane("w", k), WIDE_COLUMN);
  emitReduction(pool, columns, () => {});
  return functionText("reduceWide", "d: usize, w: usize", columns.code());
}

/** Removes the low columns by the schedule, then turns the high ones into digits. @param products - emits one column's products */
function emitReduction(pool: ConstantPool, columns: FmaColumns, products: (k: number) => void): void {
  const { lines } = columns;
  const mask = (1n << BigInt(WIDTH)) - 1n;
  lines.push(`const mask = ${pool.i64x2(mask)}, unit = ${pool.f64x2(2 ** 52)};`);
  lines.push(`const middle = ${pool.f64x2(2 ** 52 + 2 ** (WIDTH - 1))};`);
  let emitted = 0;
  const emitProductsTo = (last: number): void => {
    for (; emitted <= Math.min(last, COLUMNS - 2); emitted++) products(emitted);
  };
  for (const group of groups()) {
    const first = group[0] as number;
    const last = group.at(-1) as number;
    emitProductsTo(last);
    for (const k of group) emitDigitOfM(pool, columns, k);
    emitProductsTo(last + 2);
    const reach = Math.max(...group.map((k) => k + (SCHEDULE.steps[k]?.digits.length ?? 0)));
    for (let column = first + 1; column < reach; column++) {
      for (const k of group) {
        const step = SCHEDULE.steps[k];
        const digit = step?.digits[column - k];
        if (!step || digit === undefined || column - k < Math.max(1, step.degree)) continue;
        columns.product(column, `m${k}`, pool.f64x2(Number(digit)), HALF_DIGIT * absolute(digit));
      }
    }
  }
  emitProductsTo(COLUMNS);
  emitDigits(columns);
}

/** Steps whose digits of m can be found one right after the other, because no product of the first meets the second. */
function groups(): number[][] {
  const result: number[][] = [];
  for (let k = 0; k < SCHEDULE.steps.length; ) {
    const pairs = SCHEDULE.steps[k]?.degree === 2 && (SCHEDULE.steps[k + 1]?.degree ?? 0) > 0;
    result.push(pairs ? [k, k + 1] : [k]);
    k += pairs ? 2 : 1;
  }
  return result;
}

function emitDigitOfM(pool: ConstantPool, columns: FmaColumns, k: number): void {
  const { lines } = columns;
  const step = SCHEDULE.steps[k];
  if (!step) throw new Error(`no step ${k}`);
  let offset = CARRY_BIAS;
  if (step.degree > 0) {
    offset += HALF_DIGIT; // rounds: m is the balanced digit, and the shift below takes off exactly that
    const column = columns.finish(k, offset);
    lines.push(`const m${k} = f64x2.sub(v128.or(v128.and(${column}, mask), unit), middle);`);
  } else {
    const column = columns.finish(k, CARRY_BIAS);
    lines.push(...inverseOfPrime(column, k));
    lines.push(`const w${k} = v128.and(i64x2.add(u${k}, ${pool.i64x2(HALF_DIGIT)}), mask);`);
    lines.push(`const m${k} = f64x2.sub(middle, v128.or(w${k}, unit));`);
    const digit = step.digits[0] as bigint;
    columns.product(k, `m${k}`, pool.f64x2(Number(digit)), HALF_DIGIT * absolute(digit));
    columns.finish(k, 0n);
  }
  emitCarry(columns, k, CARRY_BIAS);
}

/** u = column/p mod 2^49. It rests on p⁻¹ = 3·(1 + 2^16 + 2^32) mod 2^49: two additions and three shifts. */
function inverseOfPrime(column: string, k: number): string[] {
  const expected = 3n * (1n + (1n << 16n) + (1n << 32n));
  const modulus = 1n << BigInt(WIDTH);
  if (inverse(PRIME, modulus) !== modulo(expected, modulus)) throw new Error("the inverse of p has another form");
  return [
    `const t${k} = i64x2.add(${column}, i64x2.shl(${column}, 1));`,
    `const u${k} = i64x2.add(i64x2.add(t${k}, i64x2.shl(t${k}, 16)), i64x2.shl(t${k}, 32));`,
  ];
}

function emitCarry(columns: FmaColumns, k: number, bias: bigint): void {
  const carried = (columns.magnitude(k) >> BigInt(WIDTH)) + 1n;
  columns.add(k + 1, `i64x2.shr_u(c${k}, ${WIDTH})`, carried, bias >> BigInt(WIDTH));
}

function emitDigits(columns: FmaColumns): void {
  for (let k = FMA_COUNT; k < COLUMNS; k++) {
    const last = k === COLUMNS - 1;
    const column = columns.finish(k, last ? HALF_DIGIT : CARRY_BIAS + HALF_DIGIT);
    const digit = last ? column : `v128.and(${column}, mask)`;
    columns.lines.push(`v128.store(d, f64x2.sub(v128.or(${digit}, unit), middle), ${16 * (k - FMA_COUNT)});`);
    if (!last) emitCarry(columns, k, CARRY_BIAS);
  }
}

function functionText(name: string, parameters: string, body: readonly string[]): string {
  return `export function ${name}(${parameters}): void {\n${body.map((line) => `  ${line}\n`).join("")}}\n`;
}
