/**
 * Scalars cut into signed windows of four bits, in constant time.
 *
 * Both groups and GT have an endomorphism that multiplies by a power of the curve's parameter: k is written to base
 * X = |x| with four digits of 64 bits, and the parts are multiplied at the same time.
 */
import { X, X_RECIPROCAL } from "./constants";
import { enterFrame, leaveFrame } from "./memory";

/** Windows of a part: 130 bits in G1 (two digits added together), 64 in G2 and GT. */
export const WINDOWS_G1: i32 = 33;
export const WINDOWS_G2: i32 = 17;
/** A window's digit is in [−8, 8]; a table holds the multiples 0 to 8. */
export const TABLE_ENTRIES: i32 = 9;

/** The high word of a product. */
function multiplyHigh(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff;
  const a1 = a >> 32;
  const b0 = b & 0xffffffff;
  const b1 = b >> 32;
  const middle = a1 * b0 + ((a0 * b0) >> 32);
  const other = a0 * b1 + (middle & 0xffffffff);
  return a1 * b1 + (middle >> 32) + (other >> 32);
}

/**
 * k = Σ dᵢ·Xⁱ with dᵢ in [0, X): four u64 at d. The top digit is the quotient that is left, below 2^64. A word at a time,
 * by the reciprocal of X and two corrections without a branch (Möller–Granlund, IEEE Transactions on Computers 60, 2011).
 */
function splitBaseX(d: usize, k: usize): void {
  const t = enterFrame(32);
  memory.copy(t, k, 32);
  for (let part = 0; part < 3; part++) {
    let rest: u64 = 0;
    for (let word = 3 - part; word >= 0; word--) {
      const at = t + (word << 3);
      const value = load<u64>(at);
      const low = X_RECIPROCAL * rest + value;
      let quotient = multiplyHigh(X_RECIPROCAL, rest) + rest + carryOut(value, low) + 1;
      rest = value - quotient * X;
      const tooMuch = 0 - <u64>(rest > low ? 1 : 0);
      quotient += tooMuch;
      rest += X & tooMuch;
      const tooLittle = 0 - <u64>(rest >= X ? 1 : 0);
      quotient -= tooLittle;
      rest -= X & tooLittle;
      store<u64>(at, quotient);
    }
    store<u64>(d + (part << 3), rest);
  }
  store<u64>(d + 24, load<u64>(t));
  leaveFrame(t);
}

/** Signed windows of a number of three words, one byte each, lowest first: Σ wᵢ·16ⁱ. */
function recode(windows: usize, number: usize, count: i32): void {
  let carry = 0;
  for (let i = 0; i < count; i++) {
    const nibble = <i32>((load<u64>(number + ((i >> 4) << 3)) >> <u64>((i & 15) << 2)) & 15) + carry;
    carry = (nibble + 8) >> 4;
    store<i8>(windows + i, <i8>(nibble - (carry << 4)));
  }
}

/**
 * Signed windows of `bits` bits of a number of three words, two bytes each, lowest first.
 * @param top - the window that takes what is left without a sign, so that nothing is carried into another
 */
export function recodeWide(windows: usize, number: usize, count: i32, bits: i32, top: i32): void {
  let carry = 0;
  const mask = ((<u64>1) << bits) - 1;
  for (let i = 0; i < count; i++) {
    const at = i * bits;
    const word = at >> 6;
    const shift = <u64>(at & 63);
    let value = word < 3 ? load<u64>(number + (word << 3)) >> shift : 0;
    if (shift + bits > 64 && word < 2) value |= load<u64>(number + (word << 3) + 8) << (64 - shift);
    const digit = <i32>(value & mask) + carry;
    carry = i === top ? 0 : (digit + (1 << (bits - 1))) >> bits;
    store<i16>(windows + (i << 1), <i16>(digit - (carry << bits)));
  }
}

/** For G1: k = a + b·λ with λ = X² − 1 and a, b below 2^129, three words each. */
export function partsG1(a: usize, k: usize): void {
  const t = enterFrame(32);
  const b = a + 24;
  splitBaseX(t, k);
  // k = (d0 + d1·X) + (d2 + d3·X)·(λ + 1)
  multiplyX(a, load<u64>(t + 8), load<u64>(t));
  multiplyX(b, load<u64>(t + 24), load<u64>(t + 16));
  let carry: u64 = 0;
  for (let i = 0; i < 24; i += 8) {
    const x = load<u64>(a + i);
    const sum = x + load<u64>(b + i);
    const total = sum + carry;
    carry = carryOut(x, sum) | carryOut(sum, total);
    store<u64>(a + i, total);
  }
  leaveFrame(t);
}

/** As `partsG1`, for a public k: both parts below 2^128, since a − λ and b + 1 do as well while a has λ in it. */
export function partsG1Public(a: usize, k: usize): void {
  partsG1(a, k);
  const t = enterFrame(48);
  const lambda = t;
  const rest = t + 24;
  multiplyX(lambda, X - 1, X - 1); // X² − 1
  while (!subtractWords(rest, a, lambda)) {
    memory.copy(a, rest, 24);
    for (let at = a + 24; ; at += 8) {
      const word = load<u64>(at) + 1;
      store<u64>(at, word);
      if (word) break;
    }
  }
  leaveFrame(t);
}

/** For G2 and GT: the four digits, three words each. */
export function partsG2(parts: usize, k: usize): void {
  const t = enterFrame(32);
  splitBaseX(t, k);
  memory.fill(parts, 0, 96);
  for (let i = 0; i < 4; i++) store<u64>(parts + 24 * i, load<u64>(t + (i << 3)));
  leaveFrame(t);
}

/** `WINDOWS_G1` windows of the first part, then as many of the second. */
export function windowsG1(windows: usize, k: usize): void {
  const t = enterFrame(48);
  partsG1(t, k);
  recode(windows, t, WINDOWS_G1);
  recode(windows + WINDOWS_G1, t + 24, WINDOWS_G1);
  leaveFrame(t);
}

/** `WINDOWS_G2` windows of each of the four parts. */
export function windowsG2(windows: usize, k: usize): void {
  const t = enterFrame(96);
  partsG2(t, k);
  for (let i = 0; i < 4; i++) recode(windows + i * WINDOWS_G2, t + 24 * i, WINDOWS_G2);
  leaveFrame(t);
}

/** Nine windows of a number below 2^32. */
export function windowsSmall(windows: usize, k: u32): void {
  const t = enterFrame(32);
  store<u64>(t, <u64>k);
  store<u64>(t + 8, 0);
  recode(windows, t, 9);
  leaveFrame(t);
}

/** high·X + low as three words. */
function multiplyX(d: usize, high: u64, low: u64): void {
  const x0 = X & 0xffffffff;
  const x1 = X >> 32;
  const h0 = high & 0xffffffff;
  const h1 = high >> 32;
  const middle = h0 * x1 + ((h0 * x0) >> 32);
  const upper = (middle & 0xffffffff) + h1 * x0;
  const product0 = h0 * x0 + ((h0 * x1 + h1 * x0) << 32);
  const product1 = h1 * x1 + (middle >> 32) + (upper >> 32);
  const sum = product0 + low;
  store<u64>(d, sum);
  store<u64>(d + 8, product1 + carryOut(product0, sum));
  store<u64>(d + 16, 0);
}

/** a − b of three words each. @returns whether it is below zero */
function subtractWords(d: usize, a: usize, b: usize): bool {
  let borrow: u64 = 0;
  for (let i = 0; i < 24; i += 8) {
    const x = load<u64>(a + i);
    const y = load<u64>(b + i);
    store<u64>(d + i, x - y - borrow);
    borrow = <u64>(x < y || (x === y && borrow !== 0));
  }
  return borrow !== 0;
}

/** 1 if the sum of two words, one of which was `addend`, wrapped around. */
function carryOut(addend: u64, sum: u64): u64 {
  return sum < addend ? 1 : 0;
}
