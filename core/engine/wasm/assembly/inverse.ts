/**
 * Inversion by Bernstein–Yang division steps: a fixed number of steps, each the same whatever the operand, for p and
 * for r. Thirty steps are collected in a 2×2 matrix of small integers, which is then applied to the whole numbers.
 *
 * Numbers are 13 signed digits of 30 bits; r needs nine of them, and the rest stay zero.
 * Sources: Bernstein–Yang, ePrint 2019/266; the steps begin with δ = ½ instead of 1 (δ is kept doubled), and then
 * ⌊(45907·d + 26313)/19929⌋ suffice for 0 ≤ g ≤ f < 2^d (Wuille, safegcd-bounds, genproofhd.md): 878 for p (30 rounds
 * of 30, where 1101 would take 37) and 588 for r (20 rounds).
 */
import { readPair, writePair } from "./bytes";
import { PRIME_LIMB_INVERSE, PRIME_LIMBS } from "./constants";
import { PAIR } from "./field";
import { enterFrame, leaveFrame } from "./memory";

export const LIMBS: i32 = 13;
const LIMB_BITS: i64 = 30;
const LIMB_MASK: i64 = (1 << 30) - 1;
const NUMBER: usize = 4 * 13;

/** Big-endian bytes as 30-bit limbs. */
export function readLimbs(d: usize, from: usize, bytes: i32): void {
  let bits: u64 = 0;
  let held = 0;
  let next = bytes - 1;
  for (let i = 0; i < LIMBS; i++) {
    while (held < 30 && next >= 0) {
      bits |= (<u64>load<u8>(from + next)) << held;
      held += 8;
      next -= 1;
    }
    store<i32>(d + (i << 2), <i32>(bits & <u64>LIMB_MASK));
    bits >>= 30;
    held -= 30;
  }
}

export function writeLimbs(to: usize, limbs: usize, bytes: i32): void {
  let bits: u64 = 0;
  let held = 0;
  let next = 0;
  for (let i = bytes - 1; i >= 0; i--) {
    if (held < 8 && next < LIMBS) {
      bits |= (<u64>load<u32>(limbs + (next << 2))) << held;
      held += 30;
      next += 1;
    }
    store<u8>(to + i, <u8>bits);
    bits >>= 8;
    held -= 8;
  }
}

/** u, v, q, r of a round, in units of 2^-30; delta is handed on from round to round. */
let u: i32 = 0;
let v: i32 = 0;
let q: i32 = 0;
let r: i32 = 0;

function round(start: i32, f0: i32, g0: i32): i32 {
  let delta = start;
  let f = f0;
  let g = g0;
  let a = 1;
  let b = 0;
  let c = 0;
  let d = 1;
  for (let i = 0; i < 30; i++) {
    // what does not wait for g comes first: the steps are one long chain
    const positive = ~((delta - 1) >> 31);
    const addF = (f ^ positive) - positive;
    const addA = (a ^ positive) - positive;
    const addB = (b ^ positive) - positive;
    const odd = -(g & 1);
    // swap: (f, g) ← (g, g − f), otherwise g ← g + f if g is odd
    const swap = odd & positive;
    f ^= (f ^ g) & swap;
    a ^= (a ^ c) & swap;
    b ^= (b ^ d) & swap;
    g += addF & odd;
    c += addA & odd;
    d += addB & odd;
    delta = (delta ^ swap) - swap + 2;
    g >>= 1;
    a <<= 1;
    b <<= 1;
  }
  u = a;
  v = b;
  q = c;
  r = d;
  return delta;
}

/** (f, g) ← matrix·(f, g)/2^30, which is exact. */
function applyToOperands(f: usize, g: usize): void {
  let cf: i64 = 0;
  let cg: i64 = 0;
  for (let i = 0; i < LIMBS; i++) {
    const fi = <i64>load<i32>(f + (i << 2));
    const gi = <i64>load<i32>(g + (i << 2));
    cf += <i64>u * fi + <i64>v * gi;
    cg += <i64>q * fi + <i64>r * gi;
    if (i > 0) {
      store<i32>(f + (i << 2) - 4, <i32>(cf & LIMB_MASK));
      store<i32>(g + (i << 2) - 4, <i32>(cg & LIMB_MASK));
    }
    cf >>= LIMB_BITS;
    cg >>= LIMB_BITS;
  }
  store<i32>(f + NUMBER - 4, <i32>cf);
  store<i32>(g + NUMBER - 4, <i32>cg);
}

/**
 * (d, e) ← matrix·(d, e)/2^30 modulo m: the multiple of m that makes it divisible is added. Both stay in (−2m, m).
 * @param inverse - m⁻¹ mod 2^30
 */
function applyToCofactors(d: usize, e: usize, modulus: usize, inverse: i64): void {
  const signD = <i64>(load<i32>(d + NUMBER - 4) >> 31);
  const signE = <i64>(load<i32>(e + NUMBER - 4) >> 31);
  // a negative cofactor counts as itself plus m
  let md = (<i64>u & signD) + (<i64>v & signE);
  let me = (<i64>q & signD) + (<i64>r & signE);
  let cd: i64 = <i64>u * <i64>load<i32>(d) + <i64>v * <i64>load<i32>(e);
  let ce: i64 = <i64>q * <i64>load<i32>(d) + <i64>r * <i64>load<i32>(e);
  md -= (inverse * cd + md) & LIMB_MASK;
  me -= (inverse * ce + me) & LIMB_MASK;
  cd += <i64>load<i32>(modulus) * md;
  ce += <i64>load<i32>(modulus) * me;
  cd >>= LIMB_BITS;
  ce >>= LIMB_BITS;
  for (let i = 1; i < LIMBS; i++) {
    const di = <i64>load<i32>(d + (i << 2));
    const ei = <i64>load<i32>(e + (i << 2));
    const mi = <i64>load<i32>(modulus + (i << 2));
    cd += <i64>u * di + <i64>v * ei + mi * md;
    ce += <i64>q * di + <i64>r * ei + mi * me;
    store<i32>(d + (i << 2) - 4, <i32>(cd & LIMB_MASK));
    store<i32>(e + (i << 2) - 4, <i32>(ce & LIMB_MASK));
    cd >>= LIMB_BITS;
    ce >>= LIMB_BITS;
  }
  store<i32>(d + NUMBER - 4, <i32>cd);
  store<i32>(e + NUMBER - 4, <i32>ce);
}

/** d ← ±d in [0, m): first into (−m, m), then negated if f ended as −1, then once more. */
function normalise(d: usize, negate: i64, modulus: usize): void {
  for (let pass = 0; pass < 2; pass++) {
    const negative = <i64>(load<i32>(d + NUMBER - 4) >> 31);
    const flip = pass === 0 ? negate : 0;
    let carry: i64 = 0;
    for (let i = 0; i < LIMBS; i++) {
      const value = <i64>load<i32>(d + (i << 2)) + (<i64>load<i32>(modulus + (i << 2)) & negative);
      carry += (value ^ flip) - flip;
      const last = i === LIMBS - 1;
      store<i32>(d + (i << 2), <i32>(last ? carry : carry & LIMB_MASK));
      carry >>= LIMB_BITS;
    }
  }
}

/**
 * d ← a⁻¹ modulo an odd m, and 0 for 0. Limbs of a in [0, m).
 * @param inverse - m⁻¹ mod 2^30
 */
export function invertLimbs(d: usize, a: usize, modulus: usize, inverse: i64, rounds: i32): void {
  const t = enterFrame(NUMBER * 4);
  const f = t;
  const g = t + NUMBER;
  const e = t + 2 * NUMBER;
  const c = t + 3 * NUMBER;
  memory.copy(f, modulus, NUMBER);
  memory.copy(g, a, NUMBER);
  memory.fill(c, 0, NUMBER);
  memory.fill(e, 0, NUMBER);
  store<i32>(e, 1);
  let delta = 1;
  for (let i = 0; i < rounds; i++) {
    // the lowest limb holds 30 bits; the steps look at no more
    delta = round(delta, load<i32>(f), load<i32>(g));
    applyToCofactors(c, e, modulus, inverse);
    applyToOperands(f, g);
  }
  normalise(c, <i64>(load<i32>(f + NUMBER - 4) >> 31), modulus);
  memory.copy(d, c, NUMBER);
  leaveFrame(t);
}

/** 1/a in Fp, in both lanes; a's lanes must be equal. 0 for 0. */
export function invertFp(d: usize, a: usize): void {
  const t = enterFrame(PAIR + 96 + NUMBER);
  const bytes = t + PAIR;
  const limbs = bytes + 96;
  writePair(bytes, bytes + 48, a);
  readLimbs(limbs, bytes, 48);
  invertLimbs(limbs, limbs, PRIME_LIMBS, PRIME_LIMB_INVERSE, 30);
  writeLimbs(bytes, limbs, 48);
  readPair(d, bytes, bytes);
  leaveFrame(t);
}
