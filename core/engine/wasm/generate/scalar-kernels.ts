/**
 * Multiplication kernels of the scalar tier: product scanning, one accumulator per lane. Sums wrap around modulo 2^64,
 * which is harmless as long as the finished column fits: that is what is proved.
 * @module
 */
import { COLUMNS, COUNT, HALF_DIGIT, MASK, MINUS_INVERSE, SCHEDULE, WIDE_BYTES, WIDTH } from "./digits30.ts";
import { type ColumnPlan, halfSums, planColumn } from "./karatsuba.ts";
import { emitReducedProducts } from "./wide-products.ts";

export function emitScalarKernels(): string {
  return [
    ...LANE_KERNELS,
    wideKernel("mulWide", ["a", "b"]),
    wideKernel("sqrWide", ["a", "a"]),
    laneReduce(),
    WIDE,
    ...WRAPPERS,
  ].join("\n");
}

const load = (base: string, i: number, lane = 0): string => `<i64>load<i32>(${base}, ${8 * i + 4 * lane})`;

/** Reduction of one accumulator: digits of m in `prefix`, the accumulator in `c`. */
function reduceColumn(prefix: string, c: string, k: number, store: string): string[] {
  // summed apart from the accumulator, whose carry would otherwise hold up each of these additions
  const multiples = SCHEDULE.steps.flatMap((step) => {
    const j = k - step.index;
    const digit = step.digits[j];
    return j >= Math.max(1, step.degree) && digit ? [`${prefix}${step.index} * ${digit}`] : [];
  });
  const lines = multiples.length > 0 ? [`${c} += ${multiples.join(" + ")};`] : [];
  const own = SCHEDULE.steps[k];
  if (own) {
    const q = own.degree === 0 ? `${c} * ${MINUS_INVERSE}` : c;
    lines.push(`const ${prefix}${k} = ((${q} + ${HALF_DIGIT}) & ${MASK}) - ${HALF_DIGIT};`);
    // N = −1 there: what is left is exactly the carry; for p itself the product makes the column divisible
    lines.push(
      own.degree === 0
        ? `${c} = (${c} + ${prefix}${k} * ${own.digits[0]}) >> ${WIDTH};`
        : `${c} = (${c} - ${prefix}${k}) >> ${WIDTH};`,
    );
  } else if (k < COLUMNS - 1) {
    lines.push(`{ const carry = (${c} + ${HALF_DIGIT}) >> ${WIDTH};`);
    lines.push(`store<i32>(${store}, <i32>(${c} - (carry << ${WIDTH})), ${storeOffset(prefix, k)}); ${c} = carry; }`);
  } else {
    lines.push(`store<i32>(${store}, <i32>${c}, ${storeOffset(prefix, k)});`);
  }
  return lines;
}

const storeOffset = (prefix: string, k: number): number => 8 * (k - COUNT) + (prefix === "n" ? 4 : 0);
const body = (lines: readonly string[]): string => lines.map((line) => `  ${line}\n`).join("");

const plus = (a: string, b: string): string => `${a} + ${b}`;

/** One lane: `families` are the pairs of operands whose products are added up. */
function laneKernel(name: string, parameters: string[], families: [string, string][]): string {
  const lines: string[] = [];
  for (const parameter of parameters) {
    for (let i = 0; i < COUNT; i++) lines.push(`const ${parameter}${i} = ${load(parameter, i)};`);
    lines.push(...halfSums(parameter, plus));
  }
  lines.push(`let c: i64 = 0, ${families.map((_, f) => `z${f}: i64 = 0`).join(", ")};`);
  for (let k = 0; k < COLUMNS; k++) {
    if (k < COLUMNS - 1) {
      families.forEach(([x, y], f) => {
        lines.push(...productColumn(`z${f}`, x, y, k), `c += z${f};`);
      });
    }
    lines.push(...reduceColumn("m", "c", k, "d"));
  }
  return `function ${name}(${["d", ...parameters].map((p) => `${p}: usize`).join(", ")}): void {\n${body(lines)}}\n`;
}

const LANE_KERNELS = [
  laneKernel("laneMul", ["a", "b"], [["a", "b"]]),
  laneKernel("laneSqr", ["a"], [["a", "a"]]),
  laneKernel(
    "laneDot",
    ["a", "b", "e", "f"],
    [
      ["a", "b"],
      ["e", "f"],
    ],
  ),
];

const WRAPPERS = (
  [
    ["Mul", ["a", "b"]],
    ["Sqr", ["a"]],
    ["Dot", ["a", "b", "e", "f"]],
  ] as const
).map(([name, parameters]) => {
  const declared = ["d", ...parameters].map((p) => `${p}: usize`).join(", ");
  const lanes = [0, 1].map(
    (lane) => `lane${name}(${["d", ...parameters].map((p) => `${p} + ${4 * lane}`).join(", ")});`,
  );
  return `export function pair${name}(${declared}): void {\n${body(lanes)}}\n`;
});

/** The finished column of a lane's unreduced product: 30 bits stay, the rest is the carry. */
const finishWide = (c: string, k: number, lane: 0 | 1): string =>
  k < COLUMNS - 1
    ? `store<i64>(d, ${c} & ${MASK}, ${16 * k + 8 * lane}); ${c} >>= ${WIDTH};`
    : `store<i64>(d, ${c}, ${16 * k + 8 * lane});`;

/** Σ x[i]·y[j]; of equal factors each product i ≠ j is taken once. */
function sumOf(x: string, y: string, pairs: ColumnPlan["middle"]): string {
  if (x !== y) return pairs.map(([i, j]) => `${x}${i} * ${y}${j}`).join(" + ");
  const mixed = pairs.filter(([i, j]) => i < j).map(([i, j]) => `${x}${i} * ${x}${j}`);
  const squares = pairs.filter(([i, j]) => i === j).map(([i]) => `${x}${i} * ${x}${i}`);
  return [...(mixed.length > 0 ? [`((${mixed.join(" + ")}) << 1)`] : []), ...squares].join(" + ");
}

/** Assigns column k of x·y to `name`, and declares what it needs with names that begin with that. */
function productColumn(name: string, x: string, y: string, k: number): string[] {
  const { declared, middle, plus, minus } = planColumn(k);
  const terms = [
    ...plus.map((part) => name + part),
    ...(middle.length > 0 ? [sumOf(`${x}m`, `${y}m`, middle)] : []),
    ...minus.map((part) => `-${name}${part}`),
  ];
  return [
    ...declared.map((part) => `const ${name}${part.name} = ${sumOf(x, y, part.products)};`),
    `${name} = ${terms.join(" + ").replaceAll("+ -", "- ")};`,
  ];
}

/** Karatsuba by column: re = a0·b0 − a1·b1, im = (a0 + a1)(b0 + b1) − a0·b0 − a1·b1; squares likewise. */
function wideKernel(name: string, parameters: readonly [string, string]): string {
  const lines: string[] = [];
  const [a, b] = parameters;
  for (const p of new Set(parameters)) {
    for (let i = 0; i < COUNT; i++) {
      lines.push(
        `const ${p}r${i} = ${load(p, i, 0)}, ${p}i${i} = ${load(p, i, 1)}, ${p}s${i} = ${p}r${i} + ${p}i${i};`,
      );
    }
  }
  const parts = ["r", "i", "s"];
  for (const p of new Set(parameters)) lines.push(...parts.flatMap((part) => halfSums(`${p}${part}`, plus)));
  lines.push("let re: i64 = 0, im: i64 = 0, r: i64 = 0, i: i64 = 0, s: i64 = 0;");
  for (let k = 0; k < COLUMNS; k++) {
    if (k < COLUMNS - 1) {
      lines.push(...parts.flatMap((part) => productColumn(part, `${a}${part}`, `${b}${part}`, k)));
      lines.push("re += r - i; im += s - r - i;");
    }
    lines.push(finishWide("re", k, 0), finishWide("im", k, 1));
  }
  const declared = ["d", ...new Set(parameters)].map((p) => `${p}: usize`).join(", ");
  return `export function ${name}(${declared}): void {\n${body(lines)}}\n`;
}

function laneReduce(): string {
  const lines = ["let c: i64 = 0;"];
  for (let k = 0; k < COLUMNS; k++) lines.push(`c += load<i64>(w, ${16 * k});`, ...reduceColumn("m", "c", k, "d"));
  return `function laneReduce(d: usize, w: usize): void {\n${body(lines)}}\n`;
}

const WIDE = `
export function reduceWide(d: usize, w: usize): void {
  laneReduce(d, w);
  laneReduce(d + 4, w + 8);
}
${emitReducedProducts(WIDE_BYTES)}`;
