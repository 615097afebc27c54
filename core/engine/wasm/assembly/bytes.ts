/**
 * Field elements in and out: 48 big-endian bytes outside, Montgomery form in signed digits inside. Reading out makes
 * the representative unique, in [0, p), without a branch.
 */
import { PRIME, PRIME_BYTES, R_SQUARED, RAW_ONE, TWO_256 } from "./constants";
import { copyPair, DIGITS, getDigit, PAIR, pairAdd, pairMul, setDigit, WIDTH } from "./field";
import { enterFrame, leaveFrame } from "./memory";

/** Bytes of an element of Fp. */
export const FP_BYTES: i32 = 48;
/** Room for the unique digits of one element, 64 bits each. */
const UNIQUE: usize = 16 * 8;

/** Reads the integer of `bytes` big-endian bytes into one lane, without bringing it into Montgomery form. */
function readDigits(d: usize, lane: i32, from: usize, bytes: i32): void {
  let bits: i64 = 0;
  let held: i64 = 0;
  let carry: i64 = 0;
  let next = bytes - 1;
  for (let i = 0; i < DIGITS; i++) {
    while (held < WIDTH && next >= 0) {
      bits |= (<i64>load<u8>(from + next)) << held;
      held += 8;
      next -= 1;
    }
    const value = (bits & (((<i64>1) << WIDTH) - 1)) + carry;
    bits = <i64>(<u64>bits >> <u64>WIDTH);
    held -= WIDTH;
    carry = i < DIGITS - 1 ? (value + ((<i64>1) << (WIDTH - 1))) >> WIDTH : 0;
    setDigit(d, lane, i, value - (carry << WIDTH));
  }
}

/** A pair from two elements of 48 bytes each, which must be below p. */
export function readPair(d: usize, lane0: usize, lane1: usize): void {
  readDigits(d, 0, lane0, FP_BYTES);
  readDigits(d, 1, lane1, FP_BYTES);
  pairMul(d, d, R_SQUARED);
}

/** Leaves the Montgomery form: |value| is below 0.7·p then (see montgomery.ts in the generator). */
function leaveMontgomery(d: usize, a: usize): void {
  pairMul(d, a, RAW_ONE);
}

/** Unique digits in [0, 2^WIDTH) of a lane outside Montgomery form with |value| < p: p is added if it is negative. */
function uniqueDigits(d: usize, a: usize, lane: i32): void {
  const last = DIGITS - 1;
  const mask = ((<i64>1) << WIDTH) - 1;
  let carry: i64 = 0;
  for (let i = 0; i < DIGITS; i++) {
    const value = getDigit(a, lane, i) + carry;
    carry = value >> WIDTH;
    store<i64>(d + (i << 3), i < last ? value & mask : value);
  }
  const negative = load<i64>(d + (last << 3)) >> 63;
  carry = 0;
  for (let i = 0; i < DIGITS; i++) {
    const value = load<i64>(d + (i << 3)) + (load<i64>(PRIME + (i << 3)) & negative) + carry;
    carry = value >> WIDTH;
    store<i64>(d + (i << 3), value & mask);
  }
}

function writeDigits(to: usize, digits: usize): void {
  let bits: i64 = 0;
  let held: i64 = 0;
  let next = 0;
  for (let i = FP_BYTES - 1; i >= 0; i--) {
    if (held < 8 && next < DIGITS) {
      bits |= load<i64>(digits + (next << 3)) << held;
      held += WIDTH;
      next += 1;
    }
    store<u8>(to + i, <u8>bits);
    bits >>= 8;
    held -= 8;
  }
}

/** Both lanes as 48 big-endian bytes each. */
export function writePair(lane0: usize, lane1: usize, a: usize): void {
  const t = enterFrame(PAIR + UNIQUE);
  leaveMontgomery(t, a);
  uniqueDigits(t + PAIR, t, 0);
  writeDigits(lane0, t + PAIR);
  uniqueDigits(t + PAIR, t, 1);
  writeDigits(lane1, t + PAIR);
  leaveFrame(t);
}

/** 1 for each lane that is 0 modulo p, lane 1 in bit 1. */
export function zeroLanes(a: usize): i32 {
  const t = enterFrame(PAIR + UNIQUE);
  leaveMontgomery(t, a);
  let result = 0;
  for (let lane = 0; lane < 2; lane++) {
    uniqueDigits(t + PAIR, t, lane);
    let any: i64 = 0;
    for (let i = 0; i < DIGITS; i++) any |= load<i64>(t + PAIR + (i << 3));
    result |= (1 - <i32>((any | -any) >>> 63)) << lane;
  }
  leaveFrame(t);
  return result;
}

/** Parity of each lane's representative in [0, p), lane 1 in bit 1. */
export function oddLanes(a: usize): i32 {
  const t = enterFrame(PAIR + UNIQUE);
  leaveMontgomery(t, a);
  uniqueDigits(t + PAIR, t, 0);
  let result = <i32>(load<i64>(t + PAIR) & 1);
  uniqueDigits(t + PAIR, t, 1);
  result |= (<i32>(load<i64>(t + PAIR) & 1)) << 1;
  leaveFrame(t);
  return result;
}

/** 1 for each lane whose representative is above (p − 1)/2, lane 1 in bit 1: the larger of ±a. */
export function largerLanes(a: usize): i32 {
  const t = enterFrame(PAIR + UNIQUE);
  leaveMontgomery(t, a);
  let result = 0;
  for (let lane = 0; lane < 2; lane++) {
    uniqueDigits(t + PAIR, t, lane);
    // 2·value > p − 1 exactly if 2·value − p ≥ 0, for p is odd
    let carry: i64 = 0;
    for (let i = 0; i < DIGITS; i++) {
      const value = 2 * load<i64>(t + PAIR + (i << 3)) - load<i64>(PRIME + (i << 3)) + carry;
      carry = value >> WIDTH;
    }
    result |= (1 + <i32>carry) << lane;
  }
  leaveFrame(t);
  return result;
}

/** Whether 48 big-endian bytes are below p. Constant time, as everything here. */
export function isCanonical(from: usize): i32 {
  let borrow = 0;
  for (let i = FP_BYTES - 1; i >= 0; i--) {
    borrow = ((<i32>load<u8>(from + i) - <i32>load<u8>(PRIME_BYTES + i) + borrow) >> 8) & -1;
  }
  return borrow & 1;
}

/**
 * Two elements of Fp from 64 big-endian bytes each, reduced modulo p: high·2^256 + low.
 */
export function readWide(d: usize, lane0: usize, lane1: usize): void {
  const t = enterFrame(PAIR);
  readDigits(t, 0, lane0, 32);
  readDigits(t, 1, lane1, 32);
  pairMul(t, t, TWO_256);
  readDigits(d, 0, lane0 + 32, 32);
  readDigits(d, 1, lane1 + 32, 32);
  pairAdd(d, d, t);
  pairMul(d, d, R_SQUARED);
  leaveFrame(t);
}

export function clearPair(d: usize): void {
  memory.fill(d, 0, PAIR);
}

export function copyPairs(d: usize, a: usize, count: usize): void {
  for (let o: usize = 0; o < count * PAIR; o += PAIR) copyPair(d + o, a + o);
}
