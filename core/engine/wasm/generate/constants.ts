/**
 * Constants of the curve, the maps and the endomorphisms, computed here from the curve's parameter and written into the
 * module as plain integers: `initialise` brings them into the tier's representation once, at load.
 * @module
 */
import { ISOGENY_G1, ISOGENY_G2 } from "./isogenies.ts";
import { balancedDigits, inverse, modulo, ORDER, PRIME, power, X } from "./numbers.ts";
import type { Tier } from "./tier.ts";

type Fp2 = readonly [re: bigint, im: bigint];

const both = (value: bigint): Fp2 => [modulo(value, PRIME), modulo(value, PRIME)];
const complex = (re: bigint, im: bigint): Fp2 => [modulo(re, PRIME), modulo(im, PRIME)];
const multiply = ([a, b]: Fp2, [c, e]: Fp2): Fp2 => complex(a * c - b * e, a * e + b * c);
const divide = (a: Fp2, [c, e]: Fp2): Fp2 => {
  const norm = inverse(c * c + e * e, PRIME);
  return multiply(a, complex(c * norm, -e * norm));
};
function powerFp2(base: Fp2, exponent: bigint): Fp2 {
  let [result, square]: [Fp2, Fp2] = [[1n, 0n], base];
  for (let e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

function squareRoot(a: bigint): bigint {
  const root = power(a, (PRIME + 1n) / 4n, PRIME);
  if ((root * root - a) % PRIME !== 0n) throw new Error("not a square");
  return root;
}

/** The cube root of unity β with (β·x, y) = (X² − 1)·(x, y) in G1: fixed by a known answer in the tests. */
const BETA = 0x1a0111ea397fe699ec02408663d4de85aa0d857d89759ad4897d29650fb85f9b409427eb4f49fffd8bfd00000000aaacn;
const XI: Fp2 = [1n, 1n];
const MAP_Z_G1 = 11n;

const COMMON: Readonly<Record<string, readonly Fp2[]>> = {
  ONE: [both(1n)],
  CURVE_B: [both(4n)],
  BETA: [[1n, BETA]],
  TWO_256: [both(1n << 256n)],
  MAP_A_G1: [both(0x144698a3b8e9433d693a02c96d4982b0ea985383ee66a8d8e8981aefd881ac98936f8da0e0f97f5cf428082d584c1dn)],
  MAP_B_G1: [both(0x12e2908d11688030018b12e8753eee3b2016c1f0f24f4070a0b9c14fcef35ef55a23215a316ceaa5d1cc48e98e172be0n)],
  MAP_Z_G1: [both(MAP_Z_G1)],
  SQRT_MINUS_Z_G1: [both(squareRoot(-MAP_Z_G1))],
  ISOGENY_G1_X_NUMERATOR: ISOGENY_G1.xNumerator.map(both),
  ISOGENY_G1_X_DENOMINATOR: ISOGENY_G1.xDenominator.map(both),
  ISOGENY_G1_Y_NUMERATOR: ISOGENY_G1.yNumerator.map(both),
  ISOGENY_G1_Y_DENOMINATOR: ISOGENY_G1.yDenominator.map(both),
};

/** v and w to the p-th power: ξ^(i·(pᵏ − 1)/6) for coefficient w^i, in the order in which they are stored. */
const frobeniusOf = (k: bigint): Fp2[] =>
  [0n, 2n, 4n, 1n, 3n, 5n].map((i) => powerFp2(XI, (i * (PRIME ** k - 1n)) / 6n));

const WITH_G2: Readonly<Record<string, readonly Fp2[]>> = {
  REAL_ONE: [[1n, 0n]],
  HALF: [both(inverse(2n, PRIME))],
  PSI_X: [divide([1n, 0n], powerFp2(XI, (PRIME - 1n) / 3n))],
  PSI_Y: [divide([1n, 0n], powerFp2(XI, (PRIME - 1n) / 2n))],
  MAP_A_G2: [complex(0n, 240n)],
  MAP_B_G2: [complex(1012n, 1012n)],
  MAP_Z_G2: [complex(-2n, -1n)],
  SQRT_MINUS_125: [both(squareRoot(-125n))],
  ISOGENY_G2_X_NUMERATOR: ISOGENY_G2.xNumerator.map(([a, b]) => complex(a, b)),
  ISOGENY_G2_X_DENOMINATOR: ISOGENY_G2.xDenominator.map(([a, b]) => complex(a, b)),
  ISOGENY_G2_Y_NUMERATOR: ISOGENY_G2.yNumerator.map(([a, b]) => complex(a, b)),
  ISOGENY_G2_Y_DENOMINATOR: ISOGENY_G2.yDenominator.map(([a, b]) => complex(a, b)),
  FROBENIUS: [...frobeniusOf(1n), ...frobeniusOf(2n)],
};

/**
 * The exponent (p − 3)/4 as steps of sliding windows: squarings, then the index of an odd power below 32, 16 for none.
 */
function rootChain(): number[] {
  const bits = ((PRIME - 3n) / 4n).toString(2);
  const steps: number[] = [];
  let squarings = 0;
  for (let i = 0; i < bits.length; ) {
    if (bits[i] === "0") {
      squarings += 1;
      i += 1;
      continue;
    }
    const window = bits.slice(i, i + 5).replace(/0+$/, "");
    steps.push(squarings + window.length, (Number.parseInt(window, 2) - 1) / 2);
    squarings = 0;
    i += window.length;
  }
  return squarings > 0 ? [...steps, squarings, 16] : steps;
}

const bytes48 = (value: bigint): string[] =>
  value
    .toString(16)
    .padStart(96, "0")
    .match(/../g)
    ?.map((byte) => `0x${byte}`) ?? [];
const limbs30 = (value: bigint, count: number): bigint[] =>
  Array.from({ length: count }, (_, i) => (value >> BigInt(30 * i)) & 0x3fffffffn);
const hex = (values: readonly (bigint | number)[]): string =>
  values.map((value) => `${value < 0 ? "-" : ""}0x${(value < 0 ? -value : value).toString(16)}`).join(", ");

/** @param withG2 - whether the build has G2, GT and the pairing */
export function emitConstants(tier: Tier, withG2: boolean): string {
  const R = 1n << BigInt(tier.width * tier.count);
  const groups = withG2 ? { ...COMMON, ...WITH_G2 } : COMMON;
  // constants that are the same in both lanes come first, and are written once
  const entries = Object.entries(groups);
  const isSame = (values: readonly Fp2[]): boolean => values.every(([re, im]) => re === im);
  const same = entries.filter(([, values]) => isSame(values));
  const different = entries.filter(([, values]) => !isSame(values));
  const singles = same.flatMap(([, values]) => values);
  const pairs = different.flatMap(([, values]) => values);
  const lines: string[] = [];
  let at = 0;
  for (const [name, values] of [...same, ...different]) {
    lines.push(`export const ${name}: usize = table + ${at * tier.pairBytes};`);
    at += values.length;
  }
  if (!withG2) for (const name of Object.keys(WITH_G2)) lines.push(`export const ${name}: usize = 0;`);
  const chain = rootChain();
  const unique = Array.from(
    { length: tier.count },
    (_, i) => (PRIME >> BigInt(tier.width * i)) & ((1n << BigInt(tier.width)) - 1n),
  );
  const digits = (value: bigint): string => hex(balancedDigits(value, tier.width, tier.count));
  const RSCALAR = 1n << 270n;
  return `import { readPair } from "./bytes";
import { PAIR, setDigit } from "./field";

export const HAS_G2: bool = ${withG2};
/** |x| of the curve, and (2^128 − 1)/X − 2^64 rounded down. */
export const X: u64 = 0x${X.toString(16)};
export const X_RECIPROCAL: u64 = 0x${(((1n << 128n) - 1n) / X - (1n << 64n)).toString(16)};
/** p in unsigned digits of 64 bits, as bytes, and in 30-bit limbs. */
export const PRIME: usize = memory.data<i64>([${hex(unique)}], 16);
export const PRIME_BYTES: usize = memory.data<u8>([${bytes48(PRIME).join(", ")}]);
export const PRIME_LIMBS: usize = memory.data<i32>([${hex(limbs30(PRIME, 13))}], 4);
export const PRIME_LIMB_INVERSE: i64 = ${inverse(PRIME, 1n << 30n)};
export const ORDER_LIMBS: usize = memory.data<i32>([${hex(limbs30(ORDER, 13))}], 4);
export const ORDER_LIMB_INVERSE: i64 = ${inverse(ORDER, 1n << 30n)};
export const SCALAR_R_SQUARED: usize = memory.data<i32>([${hex(limbs30((RSCALAR * RSCALAR) % ORDER, 13))}], 4);
export const SCALAR_SHIFT_128: usize = memory.data<i32>([${hex(limbs30((RSCALAR << 128n) % ORDER, 13))}], 4);
export const ROOT_CHAIN: usize = memory.data<u8>([${hex(chain)}]);
export const ROOT_CHAIN_STEPS: i32 = ${chain.length / 2};
/** R² mod p, and the integer 1, as they are. */
export const R_SQUARED: usize = memory.data(${tier.pairBytes}, 16);
export const RAW_ONE: usize = memory.data(${tier.pairBytes}, 16);
const squareDigits: usize = memory.data<i64>([${digits((R * R) % PRIME)}], 16);
const singles: usize = memory.data<u8>([${singles.flatMap(([re]) => bytes48(re)).join(", ")}]);
const pairs: usize = memory.data<u8>([${pairs.flatMap((pair) => pair.flatMap(bytes48)).join(", ")}]);
const table: usize = memory.data(${at * tier.pairBytes}, 16);
${lines.join("\n")}

/** Brings the constants into Montgomery form: once, before anything else is called. */
export function initialise(): void {
  for (let lane = 0; lane < 2; lane++) {
    for (let i = 0; i < ${tier.count}; i++) {
      setDigit(R_SQUARED, lane, i, load<i64>(squareDigits + (i << 3)));
      setDigit(RAW_ONE, lane, i, i === 0 ? 1 : 0);
    }
  }
  for (let i: usize = 0; i < ${singles.length}; i++) readPair(table + i * PAIR, singles + 48 * i, singles + 48 * i);
  const rest = table + ${singles.length * tier.pairBytes};
  for (let i: usize = 0; i < ${pairs.length}; i++) readPair(rest + i * PAIR, pairs + 96 * i, pairs + 96 * i + 48);
}
`;
}
