/**
 * Multiplication kernels of the SIMD tier: product scanning with both lanes of a column in one i64x2.
 *
 * There is no cheap arithmetic shift of 64-bit lanes, so 2^63 is added to a column before its carry is shifted out, and
 * 2^33 taken off the next: both, and the half digit that rounds, are one constant that each column starts from.
 * @module
 */
import type { ConstantPool } from "./constant-pool.ts";
import { COLUMNS, COUNT, HALF_DIGIT, MASK, MINUS_INVERSE, SCHEDULE, WIDE_BYTES, WIDTH } from "./digits30.ts";
import { type ColumnPlan, halfSums, planColumn } from "./karatsuba.ts";
import { emitReducedProducts } from "./wide-products.ts";

/** A sum of products of the digits x0, x1 … and y0, y1 …; of equal factors products i ≠ j are taken once. */
type Family = readonly [x: string, y: string];

interface Plan {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly setup: (i: number) => string[];
  readonly families: readonly Family[];
  /** By Karatsuba over the digits. It pays for `mulWide` alone; in `sqrWide` sums of digits would have no room. */
  readonly halves?: boolean;
}

const SIGN = 1n << 63n;
const digit = (base: string, i: number): string => `v128.load64_zero(${base}, ${8 * i})`;

export function emitSimdKernels(pool: ConstantPool): string {
  const minusRe = pool.i64x2(0xffffffffn);
  const plans: Plan[] = [
    {
      name: "pairMul",
      parameters: ["a", "b"],
      setup: (i) => [`const a${i} = ${digit("a", i)}, b${i} = ${digit("b", i)};`],
      families: [["a", "b"]],
    },
    {
      name: "pairSqr",
      parameters: ["a"],
      setup: (i) => [`const a${i} = ${digit("a", i)};`],
      families: [["a", "a"]],
    },
    {
      name: "pairDot",
      parameters: ["a", "b", "e", "f"],
      setup: (i) => [
        `const a${i} = ${digit("a", i)}, b${i} = ${digit("b", i)}, e${i} = ${digit("e", i)}, f${i} = ${digit("f", i)};`,
      ],
      families: [
        ["a", "b"],
        ["e", "f"],
      ],
    },
    {
      // re·(b.re, b.im) + im·(−b.im, b.re)
      name: "mulWide",
      parameters: ["a", "b"],
      setup: (i) => [
        `const r${i} = v128.load32_splat(a, ${8 * i});`,
        `const i${i} = negateBy(v128.load32_splat(a, ${8 * i + 4}), ${minusRe});`,
        `const b${i} = ${digit("b", i)}, s${i} = swapLanes(b${i});`,
      ],
      families: [
        ["r", "b"],
        ["i", "s"],
      ],
      halves: true,
    },
    {
      // (a + b·u)² = (a + b)(a − b) + 2ab·u; the columns of the first are those of a² − b²
      name: "sqrWide",
      parameters: ["a"],
      setup: (i) => [
        `const r${i} = v128.load32_splat(a, ${8 * i}), i${i} = v128.load32_splat(a, ${8 * i + 4});`,
        `const x${i} = i32x4.add(r${i}, i32x4.shuffle(i${i}, r${i}, 0, 4, 0, 4));`,
        `const y${i} = i32x4.shuffle(i32x4.sub(r${i}, i${i}), i${i}, 0, 4, 0, 4);`,
      ],
      families: [["x", "y"]],
    },
  ];
  return plans
    .map((plan) => (plan.name.endsWith("Wide") ? emitWide(pool, plan) : emit(pool, plan)))
    .concat(emitReduce(pool), emitReducedProducts(WIDE_BYTES))
    .join("\n");
}

const product = (x: string, y: string): string => `i64x2.extmul_low_i32x4_s(${x}, ${y})`;

function emit(pool: ConstantPool, plan: Plan): string {
  const lines = setUp(plan);
  lines.push(
    ...reduction(
      pool,
      (k) => columnProducts(plan, k),
      (k) => pool.i64x2(startOf(k)),
    ),
  );
  return functionText(plan.name, ["d", ...plan.parameters], lines);
}

/** The low half of the digits removed, column by column. */
function reduction(pool: ConstantPool, products: (k: number) => string[], start: (k: number) => string): string[] {
  const lines = [`const mask = ${pool.i32x4(MASK)}, half = ${pool.i32x4(HALF_DIGIT)};`, "let carry = i64x2.splat(0);"];
  for (let k = 0; k < COLUMNS; k++) {
    lines.push(`let c${k} = ${start(k)};`, ...products(k), ...columnMultiples(pool, k));
    lines.push(`c${k} = i64x2.add(c${k}, carry);`, ...finishColumn(pool, k));
  }
  return lines;
}

/** Digits of 30 bits without a sign, in 64. */
function emitWide(pool: ConstantPool, plan: Plan): string {
  const lines = setUp(plan);
  lines.push(`const mask = ${pool.i64x2(MASK)};`, "let carry = i64x2.splat(0);");
  for (let k = 0; k < COLUMNS; k++) {
    const last = k === COLUMNS - 1;
    lines.push(`let c${k} = ${pool.i64x2((last ? 0n : SIGN) - (k === 0 ? 0n : SIGN >> BigInt(WIDTH)))};`);
    if (!last) lines.push(...columnProducts(plan, k));
    lines.push(`c${k} = i64x2.add(c${k}, carry);`);
    lines.push(`v128.store(d, ${last ? `c${k}` : `v128.and(c${k}, mask)`}, ${16 * k});`);
    if (!last) lines.push(`carry = i64x2.shr_u(c${k}, ${WIDTH});`);
  }
  return functionText(plan.name, ["d", ...plan.parameters], lines);
}

function emitReduce(pool: ConstantPool): string {
  const start = (k: number): string => `i64x2.add(v128.load(w, ${16 * k}), ${pool.i64x2(startOf(k))})`;
  return functionText(
    "reduceWide",
    ["d", "w"],
    reduction(pool, () => [], start),
  );
}

function functionText(name: string, parameters: readonly string[], lines: readonly string[]): string {
  const declared = parameters.map((parameter) => `${parameter}: usize`).join(", ");
  return `export function ${name}(${declared}): void {\n${lines.map((line) => `  ${line}\n`).join("")}}\n`;
}

/** Takes off what the column below was too large by, and adds what makes this one ready to be cut. */
function startOf(k: number): bigint {
  const below = k === 0 ? 0n : SIGN >> BigInt(WIDTH);
  if (k === COLUMNS - 1) return -below;
  return SIGN + (SCHEDULE.steps[k]?.degree === 0 ? 0n : HALF_DIGIT) - below;
}

const sum = (a: string, b: string): string => `i32x4.add(${a}, ${b})`;

function setUp({ setup, families, halves }: Plan): string[] {
  const lines = Array.from({ length: COUNT }, (_, i) => setup(i)).flat();
  const factors = new Set(halves ? families.flat() : []);
  return [...lines, ...[...factors].flatMap((factor) => halfSums(factor, sum))];
}

/** Statements that add column k to `ck`. */
function columnProducts({ families, halves }: Plan, k: number): string[] {
  if (!halves) {
    const all = Array.from({ length: COUNT }, (_, i) => [i, k - i] as const).filter(([, j]) => j >= 0 && j < COUNT);
    return addProducts(`c${k}`, families, "", all);
  }
  const { declared, middle, plus, minus } = planColumn(k);
  return [
    ...declared.flatMap(({ name, products }) => [
      `let ${name} = i64x2.splat(0);`,
      ...addProducts(name, families, "", products),
    ]),
    ...addProducts(`c${k}`, families, "m", middle),
    ...plus.map((part) => `c${k} = i64x2.add(c${k}, ${part});`),
    ...minus.map((part) => `c${k} = i64x2.sub(c${k}, ${part});`),
  ];
}

/** @param suffix - of the factors' names: the digits themselves, or the sums of halves */
function addProducts(to: string, families: readonly Family[], suffix: string, pairs: ColumnPlan["middle"]): string[] {
  return families.flatMap(([x, y]) => {
    const [left, right] = [`${x}${suffix}`, `${y}${suffix}`];
    const term = ([i, j]: readonly [number, number]): string => product(`${left}${i}`, `${right}${j}`);
    if (x !== y) return pairs.map((pair) => `${to} = i64x2.add(${to}, ${term(pair)});`);
    const mixed = pairs.filter(([i, j]) => i < j).map(term);
    const squares = pairs.filter(([i, j]) => i === j).map(term);
    const doubled = mixed.length > 0 ? [`i64x2.shl(${mixed.reduce((a, b) => `i64x2.add(${a}, ${b})`)}, 1)`] : [];
    return [...doubled, ...squares].map((part) => `${to} = i64x2.add(${to}, ${part});`);
  });
}

function columnMultiples(pool: ConstantPool, k: number): string[] {
  return SCHEDULE.steps.flatMap(({ index, degree, digits }) => {
    const value = digits[k - index];
    if (k - index < Math.max(1, degree) || value === undefined || value === 0n) return [];
    return [`c${k} = i64x2.add(c${k}, ${product(`m${index}`, pool.i32x4(value))});`];
  });
}

function finishColumn(pool: ConstantPool, k: number): string[] {
  const step = SCHEDULE.steps[k];
  const low = `i32x4.shuffle(c${k}, c${k}, 0, 2, 0, 2)`;
  const balanced = (digits: string): string => `i32x4.sub(v128.and(${digits}, mask), half)`;
  const cut = `carry = i64x2.shr_u(c${k}, ${WIDTH});`;
  if (step && step.degree > 0) return [`const m${k} = ${balanced(low)};`, cut];
  if (step) {
    const q = `i32x4.add(i32x4.mul(${low}, ${pool.i32x4(MINUS_INVERSE)}), half)`;
    const first = pool.i32x4(step.digits[0] as bigint);
    return [`const m${k} = ${balanced(q)};`, `c${k} = i64x2.add(c${k}, ${product(`m${k}`, first)});`, cut];
  }
  if (k < COLUMNS - 1) return [`v128.store64_lane(d, ${balanced(low)}, 0, ${8 * (k - COUNT)});`, cut];
  // the last vector is filled up with zeros
  return [`v128.store(d, v128.and(${low}, ${pool.i64x2((1n << 64n) - 1n, 0n)}), ${8 * (k - COUNT)});`];
}
