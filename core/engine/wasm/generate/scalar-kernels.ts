/**
 * Multiplication kernels of the scalar tier: product scanning, one accumulator per lane. Sums wrap around modulo 2^64,
 * which is harmless as long as the finished column fits: that is what is proved.
 * @module
 */
import { COLUMNS, COUNT, HALF_DIGIT, MASK, MINUS_INVERSE, SCHEDULE, WIDE_BYTES, WIDTH } from "./digits30.ts";
import { emitReducedProducts } from "./wide-products.ts";

/** Digits of the lower part where products are cut in two. */
const LOW = 7;

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

/** One lane: `families` are the pairs of operands whose products are added up. */
function laneKernel(name: string, parameters: string[], families: [string, string][]): string {
  const lines: string[] = [];
  for (const parameter of parameters) {
    for (let i = 0; i < COUNT; i++) lines.push(`const ${parameter}${i} = ${load(parameter, i)};`);
    lines.push(...halfSums(parameter));
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

/** Σ x[i]·y[j] with i + j = k, `first` ≤ i, j < `end`; of equal factors each product i ≠ j is taken once. */
function products(x: string, y: string, k: number, first: number, end: number): string {
  const terms: string[] = [];
  const doubled: string[] = [];
  for (let i = Math.max(first, k - end + 1); i <= Math.min(end - 1, k - first); i++) {
    const j = k - i;
    if (x !== y || i === j) terms.push(`${x}${i} * ${y}${j}`);
    else if (i < j) doubled.push(`${x}${i} * ${y}${j}`);
  }
  return [...(doubled.length > 0 ? [`((${doubled.join(" + ")}) << 1)`] : []), ...terms].join(" + ");
}

/**
 * Karatsuba once more, over the digits: x·y = low + (middle − low − high)·2^210 + high·2^420 with the products of the
 * halves and of their sums. A fifth of the multiplications less, for additions that find room beside them.
 * @returns the sums of x's halves
 */
function halfSums(x: string): string[] {
  return Array.from({ length: LOW }, (_, i) =>
    i + LOW < COUNT ? `const ${x}m${i} = ${x}${i} + ${x}${i + LOW};` : `const ${x}m${i} = ${x}${i};`,
  );
}

/** Declares what column k of x·y is the first to need, with names that begin with `name`, and assigns it to `name`. */
function productColumn(name: string, x: string, y: string, k: number): string[] {
  const inLow = (j: number): boolean => j >= 0 && j <= 2 * LOW - 2;
  const inHigh = (j: number): boolean => j >= 0 && j <= 2 * (COUNT - LOW) - 2;
  const j = k - LOW;
  const lines: string[] = [];
  if (inLow(k)) lines.push(`const ${name}l${k} = ${products(x, y, k, 0, LOW)};`);
  if (inHigh(j)) lines.push(`const ${name}h${j} = ${products(x, y, j + 2 * LOW, LOW, COUNT)};`);
  const terms = [
    ...(inLow(k) ? [`${name}l${k}`] : []),
    ...(inHigh(k - 2 * LOW) ? [`${name}h${k - 2 * LOW}`] : []),
    ...(inLow(j) ? [products(`${x}m`, `${y}m`, j, 0, LOW)] : []),
  ];
  const less = [...(inLow(j) ? [`${name}l${j}`] : []), ...(inHigh(j) ? [`${name}h${j}`] : [])];
  return [...lines, `${name} = ${terms.join(" + ")}${less.map((term) => ` - ${term}`).join("")};`];
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
  for (const p of new Set(parameters)) lines.push(...parts.flatMap((part) => halfSums(`${p}${part}`)));
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
