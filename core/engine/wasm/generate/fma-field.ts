/**
 * The part of the FMA tier that does not multiply: digits in and out, and choosing lanes without branches.
 * @module
 */
import type { ConstantPool } from "./constant-pool.ts";
import { WIDTH } from "./fma-columns.ts";
import { FMA_COUNT, FMA_PAIR_BYTES } from "./fma-kernels.ts";
import { balancedDigits, PRIME } from "./numbers.ts";
import { WIDE_HELPERS } from "./wide-products.ts";

export function emitFmaField(pool: ConstantPool, kernels: string): string {
  const signs = pool.i64x2(1n << 63n);
  const prime = balancedDigits(PRIME, WIDTH, FMA_COUNT).flatMap((digit) => [Number(digit), Number(digit)]);
  const body = `
const primeDigits: usize = memory.data<f64>([${prime.map((digit) => digit.toFixed(1)).join(", ")}], 16);

export const PAIR: usize = ${FMA_PAIR_BYTES};
export const DIGITS: i32 = ${FMA_COUNT};
export const WIDTH: i64 = ${WIDTH};

function swapLanes(a: v128): v128 {
  return i64x2.shuffle(a, a, 1, 0);
}
function timesXi(a: v128, signs: v128): v128 {
  return f64x2.add(a, v128.xor(swapLanes(a), signs));
}
${WIDE_HELPERS}
export function getDigit(a: usize, lane: i32, i: i32): i64 {
  return <i64>load<f64>(a + ((i << 4) + (lane << 3)));
}
export function setDigit(d: usize, lane: i32, i: i32, digit: i64): void {
  store<f64>(d + ((i << 4) + (lane << 3)), <f64>digit);
}
export function copyPair(d: usize, a: usize): void {
  for (let o: usize = 0; o < PAIR; o += 32) {
    v128.store(d + o, v128.load(a + o));
    v128.store(d + o, v128.load(a + o, 16), 16);
  }
}
/** Both lanes become one of a's. */
export function spreadLane(d: usize, a: usize, lane: i32): void {
  for (let o: usize = 0; o < PAIR; o += 16) v128.store(d + o, v128.load64_splat(a + o + (lane << 3)));
}
/** Any lane of a, any lane of b. */
export function gatherLanes(d: usize, a: usize, laneA: usize, b: usize, laneB: usize): void {
  const from0 = a + (laneA << 3);
  const from1 = b + (laneB << 3);
  for (let o: usize = 0; o < PAIR; o += 16) {
    v128.store(d + o, i64x2.shuffle(v128.load64_splat(from0 + o), v128.load64_splat(from1 + o), 0, 2));
  }
}
/** Lane 0 of a, lane 0 of b. */
export function joinLanes(d: usize, a: usize, b: usize): void {
  gatherLanes(d, a, 0, b, 0);
}
/** Lane i is a's where choice i is 0 and b's where it is 1. */
export function selectLanes(d: usize, a: usize, b: usize, choice0: i32, choice1: i32): void {
  const mask = i64x2(-(<i64>choice0), -(<i64>choice1));
  for (let o: usize = 0; o < PAIR; o += 16) {
    v128.store(d + o, v128.bitselect(v128.load(b + o), v128.load(a + o), mask));
  }
}
/** Lane i is negated where choice i is 1. */
export function negateLanes(d: usize, a: usize, choice0: i32, choice1: i32): void {
  const mask = v128.and(i64x2(-(<i64>choice0), -(<i64>choice1)), ${signs});
  for (let o: usize = 0; o < PAIR; o += 16) v128.store(d + o, v128.xor(v128.load(a + o), mask));
}
/**
 * Lane i of \`bytes\` bytes from entry \`index i\` of a table; every entry is read.
 */
export function lookUp(d: usize, table: usize, bytes: usize, entries: i32, index0: i32, index1: i32): void {
  const wanted = i64x2(<i64>index0, <i64>index1);
  const one = i64x2.splat(1);
  for (let o: usize = 0; o < bytes; o += 64) {
    let r0 = i64x2.splat(0),
      r1 = r0,
      r2 = r0,
      r3 = r0,
      entry = r0;
    let from = table + o;
    for (let j = 0; j < entries; j++) {
      const mask = i64x2.eq(entry, wanted);
      r0 = v128.or(r0, v128.and(mask, v128.load(from)));
      r1 = v128.or(r1, v128.and(mask, v128.load(from, 16)));
      r2 = v128.or(r2, v128.and(mask, v128.load(from, 32)));
      r3 = v128.or(r3, v128.and(mask, v128.load(from, 48)));
      entry = i64x2.add(entry, one);
      from += bytes;
    }
    v128.store(d + o, r0);
    v128.store(d + o, r1, 16);
    v128.store(d + o, r2, 32);
    v128.store(d + o, r3, 48);
  }
}
`;
  return `${pool.declaration()}${body}\n${kernels}`;
}
