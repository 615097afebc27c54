/**
 * Unreduced products, which have a column of 64 bits for each lane in every tier: products in Fp² made of them, and
 * sums of them in the tiers with vectors.
 * @module
 */
import type { ConstantPool } from "./constant-pool.ts";
import type { Kernel, Linear } from "./tier.ts";

/**
 * The product in Fp² that is reduced at once: by the two kernels that formulas with sums of products need anyway. One
 * kernel for both is hardly faster by itself, and together they were too large for the processor's instruction cache.
 */
export function reducedProduct(name: "mul" | "sqr", wide: Kernel, reduce: Kernel): Kernel {
  return { name, result: "pair", range: (operands, where) => reduce.range([wide.range(operands, where)], where) };
}

/** AssemblyScript for these. @param bytes - of an unreduced product */
export function emitReducedProducts(bytes: number): string {
  const product = (name: string, parameters: readonly string[]): string => `
export function ${name}(d: usize, ${parameters.map((parameter) => `${parameter}: usize`).join(", ")}): void {
  const t = enterFrame(${bytes});
  ${name}Wide(t, ${parameters.join(", ")});
  reduceWide(d, t);
  leaveFrame(t);
}
`;
  return product("mul", ["a", "b"]) + product("sqr", ["a"]);
}

/** Functions that these sums call. */
export const WIDE_HELPERS = `
function wideTimesXi(a: v128, signs: v128): v128 {
  return i64x2.add(a, i64x2.sub(v128.xor(i64x2.shuffle(a, a, 1, 0), signs), signs));
}
function wideTimes3(a: v128): v128 {
  return i64x2.add(a, i64x2.shl(a, 1));
}
`;

/** Statements that evaluate a sum and store it, two columns at a time. @param bytes - of an unreduced product */
export function emitWideSum(pool: ConstantPool, bytes: number, base: string, offset: number, sum: Linear): string[] {
  const store = (k: number): string => `v128.store(${base} + o, ${columns(pool, sum, k)}, ${offset + 16 * k});`;
  return [`for (let o: usize = 0; o < ${bytes}; o += 32) {`, `  ${store(0)}`, `  ${store(1)}`, "}"];
}

function columns(pool: ConstantPool, sum: Linear, k: number): string {
  const of = (part: Linear): string => columns(pool, part, k);
  switch (sum.op) {
    case "load":
      return `v128.load(${sum.base} + o, ${sum.offset + 16 * k})`;
    case "add":
      return `i64x2.add(${of(sum.a)}, ${of(sum.b)})`;
    case "subtract":
      return `i64x2.sub(${of(sum.a)}, ${of(sum.b)})`;
    case "negate":
      return `i64x2.neg(${of(sum.a)})`;
    case "xi":
      return `wideTimesXi(${of(sum.a)}, ${pool.i64x2(-1n, 0n)})`;
    case "scale":
      if (sum.factor === 2) return `i64x2.shl(${of(sum.a)}, 1)`;
      if (sum.factor === 3) return `wideTimes3(${of(sum.a)})`;
      throw new Error(`an unreduced product times ${sum.factor}`);
    case "conjugate":
    case "merge":
    case "swap":
      throw new Error(`${sum.op} of an unreduced product`);
  }
}
