/**
 * Multiplication kernels of the scalar tier: product scanning, one accumulator per lane. Sums wrap around modulo 2^64,
 * which is harmless as long as the finished column fits: that is what is proved.
 * @module
 */
import { COLUMNS, COUNT, HALF_DIGIT, MASK, MINUS_INVERSE, SCHEDULE, WIDTH } from "./digits30.ts";

export function emitScalarKernels(): string {
  return [...LANE_KERNELS, mul(), sqr(), ...WRAPPERS].join("\n");
}

const load = (base: string, i: number, lane = 0): string => `<i64>load<i32>(${base}, ${8 * i + 4 * lane})`;

/** Reduction of one accumulator: digits of m in `prefix`, the accumulator in `c`. */
function reduceColumn(prefix: string, c: string, k: number, store: string): string[] {
  const lines = [];
  for (const step of SCHEDULE.steps) {
    const j = k - step.index;
    const digit = step.digits[j];
    if (j >= Math.max(1, step.degree) && digit !== undefined && digit !== 0n) {
      lines.push(`${c} += ${prefix}${step.index} * ${digit};`);
    }
  }
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
const indices = (k: number): number[] =>
  Array.from({ length: COUNT }, (_, i) => i).filter((i) => k - i >= 0 && k - i < COUNT);
const body = (lines: readonly string[]): string => lines.map((line) => `  ${line}\n`).join("");

/** One lane: `families` are the pairs of operands whose products are added up. */
function laneKernel(name: string, parameters: string[], families: [string, string][], square = false): string {
  const lines: string[] = [];
  for (const parameter of parameters) {
    for (let i = 0; i < COUNT; i++) lines.push(`const ${parameter}${i} = ${load(parameter, i)};`);
  }
  lines.push("let c: i64 = 0;");
  for (let k = 0; k < COLUMNS; k++) {
    for (const [x, y] of families) {
      if (k === COLUMNS - 1) continue;
      const terms = indices(k)
        .filter((i) => !square || i <= k - i)
        .map((i) => (square && i < k - i ? `2 * ${x}${i} * ${y}${k - i}` : `${x}${i} * ${y}${k - i}`));
      lines.push(`c += ${terms.join(" + ")};`);
    }
    lines.push(...reduceColumn("m", "c", k, "d"));
  }
  return `function ${name}(${["d", ...parameters].map((p) => `${p}: usize`).join(", ")}): void {\n${body(lines)}}\n`;
}

const LANE_KERNELS = [
  laneKernel("laneMul", ["a", "b"], [["a", "b"]]),
  laneKernel("laneSqr", ["a"], [["a", "a"]], true),
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

/** Karatsuba by column: re = a0·b0 − a1·b1, im = (a0 + a1)(b0 + b1) − a0·b0 − a1·b1. */
function mul(): string {
  const lines: string[] = [];
  for (const p of ["a", "b"]) {
    for (let i = 0; i < COUNT; i++) {
      lines.push(
        `const ${p}r${i} = ${load(p, i, 0)}, ${p}i${i} = ${load(p, i, 1)}, ${p}s${i} = ${p}r${i} + ${p}i${i};`,
      );
    }
  }
  lines.push("let re: i64 = 0, im: i64 = 0, s: i64 = 0, t: i64 = 0;");
  for (let k = 0; k < COLUMNS; k++) {
    if (k < COLUMNS - 1) {
      const sum = (part: string): string =>
        indices(k)
          .map((i) => `a${part}${i} * b${part}${k - i}`)
          .join(" + ");
      lines.push(`s = ${sum("r")}; t = ${sum("i")};`, `im += ${sum("s")} - s - t; re += s - t;`);
    }
    lines.push(...reduceColumn("m", "re", k, "d"), ...reduceColumn("n", "im", k, "d"));
  }
  return `export function mul(d: usize, a: usize, b: usize): void {\n${body(lines)}}\n`;
}

/** re = (a0 + a1)(a0 − a1), whose columns are those of a0² − a1²; im = 2·a0·a1. */
function sqr(): string {
  const lines: string[] = [];
  for (let i = 0; i < COUNT; i++) {
    lines.push(
      `const r${i} = ${load("a", i, 0)}, i${i} = ${load("a", i, 1)}, x${i} = r${i} + i${i}, y${i} = r${i} - i${i};`,
    );
  }
  lines.push("let re: i64 = 0, im: i64 = 0;");
  for (let k = 0; k < COLUMNS; k++) {
    if (k < COLUMNS - 1) {
      const sum = (x: string, y: string): string =>
        indices(k)
          .map((i) => `${x}${i} * ${y}${k - i}`)
          .join(" + ");
      lines.push(`re += ${sum("x", "y")};`, `im += (${sum("r", "i")}) << 1;`);
    }
    lines.push(...reduceColumn("m", "re", k, "d"), ...reduceColumn("n", "im", k, "d"));
  }
  return `export function sqr(d: usize, a: usize): void {\n${body(lines)}}\n`;
}
