/**
 * The scalar tier: plain 64-bit integer instructions, for every WebAssembly engine there is.
 * @module
 */
import * as common from "./digits30.ts";
import { COUNT, WIDTH } from "./digits30.ts";
import { emitScalarKernels } from "./scalar-kernels.ts";
import type { Linear, Settling, Tier } from "./tier.ts";

const PAIR_BYTES = 8 * COUNT;
const TOP = 8 * (COUNT - 1);

export function createScalarTier(): Tier {
  return {
    name: "scalar",
    features: [],
    width: WIDTH,
    count: COUNT,
    pairBytes: PAIR_BYTES,
    wideBytes: common.WIDE_BYTES,
    stored: common.STORED,
    kernels: common.KERNELS,
    largestFactor: 12,
    proveSum: (range, wide, settled, where) => common.proveSum(range, wide, where, settled ? 1n << 40n : undefined),
    settle: common.settle,
    emitSum,
    emitWideSum,
    emitField: () =>
      `${FIELD}\n${carriedSum("add")}${carriedSum("subtract")}${common.DIGIT_ACCESS}\n${emitScalarKernels()}`,
  };
}

const at = (base: string, offset: number): string => (offset === 0 ? base : `${base} + ${offset}`);

/** One loop over the digits, both lanes at a time; both are read before either is stored. */
function emitSum(base: string, offset: number, sum: Linear, how: Settling): string[] {
  if (how === "carry" && (sum.op === "add" || sum.op === "subtract") && sum.a.op === "load" && sum.b.op === "load") {
    const operands = [at(base, offset), at(sum.a.base, sum.a.offset), at(sum.b.base, sum.b.offset)];
    return [`${sum.op}Carried(${operands.join(", ")});`];
  }
  return emitLoop(base, offset, sum, how);
}

function emitLoop(base: string, offset: number, sum: Linear, how: Settling): string[] {
  const [x0, x1] = [digit(sum, 0, "o"), digit(sum, 1, "o")];
  const store = (x: string, lane: number, at = "o"): string =>
    `store<i32>(${base} + ${at}, <i32>${x}, ${offset + 4 * lane});`;
  if (how === "none") {
    return [
      `for (let o: usize = 0; o <= ${TOP}; o += 8) {`,
      `  const x0 = ${x0}, x1 = ${x1};`,
      `  ${store("x0", 0)}`,
      `  ${store("x1", 1)}`,
      "}",
    ];
  }
  const lines = ["let carry0: i64 = 0, carry1: i64 = 0, o: usize = 0;"];
  let [term0, term1] = [x0, x1];
  if (how === "reduce") {
    for (const lane of [0, 1]) {
      const top = digit(sum, lane as 0 | 1, `${TOP}`);
      lines.push(`const multiples${lane} = multiplesOfPrime(${top});`);
    }
    term0 = `${x0} - multiples0 * load<i64>(primeDigits + o)`;
    term1 = `${x1} - multiples1 * load<i64>(primeDigits + o)`;
  }
  return [
    "{",
    ...lines,
    `for (; o < ${TOP}; o += 8) {`,
    `  const x0 = ${term0} + carry0, x1 = ${term1} + carry1;`,
    `  carry0 = (x0 + ${common.HALF_DIGIT}) >> ${WIDTH};`,
    `  carry1 = (x1 + ${common.HALF_DIGIT}) >> ${WIDTH};`,
    `  ${store(`(x0 - (carry0 << ${WIDTH}))`, 0)}`,
    `  ${store(`(x1 - (carry1 << ${WIDTH}))`, 1)}`,
    "}",
    `const top0 = ${term0} + carry0, top1 = ${term1} + carry1;`,
    store("top0", 0),
    store("top1", 1),
    "}",
  ];
}

/** The sum or difference of two pairs with carries is needed so often that it is a function. */
function carriedSum(op: "add" | "subtract"): string {
  const [a, b] = (["a", "b"] as const).map((base): Linear => ({ op: "load", base, offset: 0 }));
  const lines = emitLoop("d", 0, { op, a, b } as Linear, "carry");
  return `function ${op}Carried(d: usize, a: usize, b: usize): void {\n${lines.map((line) => `  ${line}\n`).join("")}}\n`;
}

function emitWideSum(base: string, offset: number, sum: Linear): string[] {
  const [x0, x1] = [digit(sum, 0, "o", true), digit(sum, 1, "o", true)];
  return [
    `for (let o: usize = 0; o < ${common.WIDE_BYTES}; o += 16) {`,
    `  const x0 = ${x0}, x1 = ${x1};`,
    `  store<i64>(${base} + o, x0, ${offset});`,
    `  store<i64>(${base} + o, x1, ${offset + 8});`,
    "}",
  ];
}

/** One lane of a digit as an i64. */
function digit(sum: Linear, lane: 0 | 1, at: string, wide = false): string {
  const of = (part: Linear, l: 0 | 1 = lane): string => digit(part, l, at, wide);
  const other = lane === 0 ? 1 : 0;
  switch (sum.op) {
    case "load":
      return wide
        ? `load<i64>(${sum.base} + ${at}, ${sum.offset + 8 * lane})`
        : `<i64>load<i32>(${sum.base} + ${at}, ${sum.offset + 4 * lane})`;
    case "add":
      return `(${of(sum.a)} + ${of(sum.b)})`;
    case "subtract":
      return `(${of(sum.a)} - ${of(sum.b)})`;
    case "merge":
      return lane === 0 ? of(sum.a) : of(sum.b);
    case "negate":
      return `(-(${of(sum.a)}))`;
    case "conjugate":
      return lane === 0 ? of(sum.a) : `(-(${of(sum.a)}))`;
    case "swap":
      return of(sum.a, other);
    case "xi":
      return lane === 0 ? `(${of(sum.a, 0)} - ${of(sum.a, 1)})` : `(${of(sum.a, 0)} + ${of(sum.a, 1)})`;
    case "scale":
      return `(${of(sum.a)} * ${sum.factor})`;
  }
}

const FIELD = `
export const PAIR: usize = ${PAIR_BYTES};
export const DIGITS: i32 = ${COUNT};
export const WIDTH: i64 = ${WIDTH};
const primeDigits: usize = memory.data<i64>([${common.PRIME_DIGITS.join(", ")}], 8);

function multiplesOfPrime(top: i64): i64 {
  return (top * ${common.QUOTIENT} + ${1n << BigInt(common.QUOTIENT_SHIFT - 1)}) >> ${common.QUOTIENT_SHIFT};
}
export function copyPair(d: usize, a: usize): void {
  for (let o: usize = 0; o < PAIR; o += 8) store<u64>(d + o, load<u64>(a + o));
}
/** Lane i of \`bytes\` bytes from entry \`index i\` of a table; every entry is read. */
export function lookUp(d: usize, table: usize, bytes: usize, entries: i32, index0: i32, index1: i32): void {
  memory.fill(d, 0, bytes);
  for (let j = 0; j < entries; j++) {
    const mask = (<u64>(<u32>-<i32>(j === index0))) | ((<u64>(<u32>-<i32>(j === index1))) << 32);
    const from = table + j * bytes;
    for (let o: usize = 0; o < bytes; o += 8) store<u64>(d + o, load<u64>(d + o) | (load<u64>(from + o) & mask));
  }
}
`;
