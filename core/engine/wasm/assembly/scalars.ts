/**
 * Scalars: integers in [0, r), 32 little-endian bytes in memory. Products are Montgomery's with nine digits of 30 bits;
 * the loops are fixed, so no operation depends on a value, small or large.
 */
import { ORDER_LIMB_INVERSE, ORDER_LIMBS, SCALAR_R_SQUARED, SCALAR_SHIFT_128 } from "./constants";
import { invertLimbs, LIMBS, readLimbs } from "./inverse";
import { enterFrame, leaveFrame } from "./memory";

const COUNT: i32 = 9;
const MASK: u64 = (1 << 30) - 1;
/** Bytes of a number as limbs; `inverse.ts` wants thirteen. */
const NUMBER: usize = 4 * 13;

function unpack(d: usize, scalar: usize): void {
  let bits: u64 = 0;
  let held = 0;
  let next = 0;
  for (let i = 0; i < LIMBS; i++) {
    while (held < 30 && next < 32) {
      bits |= (<u64>load<u8>(scalar + next)) << held;
      held += 8;
      next += 1;
    }
    store<u32>(d + (i << 2), <u32>(bits & MASK));
    bits >>= 30;
    held -= 30;
  }
}

function pack(scalar: usize, limbs: usize): void {
  let bits: u64 = 0;
  let held = 0;
  let next = 0;
  for (let i = 0; i < 32; i++) {
    if (held < 8) {
      bits |= (<u64>load<u32>(limbs + (next << 2))) << held;
      held += 30;
      next += 1;
    }
    store<u8>(scalar + i, <u8>bits);
    bits >>= 8;
    held -= 8;
  }
}

/** d ← a if a < r, a − r otherwise, for a in [0, 2r). */
function subtractOrder(d: usize, a: usize): void {
  const t = enterFrame(NUMBER);
  let borrow: i64 = 0;
  for (let i = 0; i < COUNT; i++) {
    const value = <i64>load<u32>(a + (i << 2)) - <i64>load<u32>(ORDER_LIMBS + (i << 2)) + borrow;
    borrow = value >> 30;
    store<u32>(t + (i << 2), <u32>(value & <i64>MASK));
  }
  const keep = <u32>borrow;
  for (let i = 0; i < COUNT; i++) {
    const kept = load<u32>(a + (i << 2)) & keep;
    store<u32>(d + (i << 2), kept | (load<u32>(t + (i << 2)) & ~keep));
  }
  leaveFrame(t);
}

/** a·b/2^270 mod r, on limbs. */
function multiplyLimbs(d: usize, a: usize, b: usize): void {
  const t = enterFrame(8 * (COUNT + 1) + NUMBER);
  memory.fill(t, 0, 8 * (COUNT + 1));
  for (let i = 0; i < COUNT; i++) {
    const x = <u64>load<u32>(a + (i << 2));
    const low = load<u64>(t) + x * <u64>load<u32>(b);
    const m = (low * (MASK + 1 - <u64>ORDER_LIMB_INVERSE)) & MASK;
    let carry = (low + m * <u64>load<u32>(ORDER_LIMBS)) >> 30;
    for (let j = 1; j < COUNT; j++) {
      const column = load<u64>(t + (j << 3)) + x * <u64>load<u32>(b + (j << 2)) + carry;
      const sum = column + m * <u64>load<u32>(ORDER_LIMBS + (j << 2));
      store<u64>(t + (j << 3) - 8, sum & MASK);
      carry = sum >> 30;
    }
    store<u64>(t + (COUNT << 3) - 8, carry);
  }
  const result = t + 8 * (COUNT + 1);
  for (let j = 0; j < COUNT; j++) store<u32>(result + (j << 2), <u32>load<u64>(t + (j << 3)));
  subtractOrder(d, result);
  leaveFrame(t);
}

export function scalarMultiply(d: usize, a: usize, b: usize): void {
  const t = enterFrame(2 * NUMBER);
  unpack(t, a);
  unpack(t + NUMBER, b);
  multiplyLimbs(t, t, t + NUMBER);
  multiplyLimbs(t, t, SCALAR_R_SQUARED);
  pack(d, t);
  leaveFrame(t);
}

export function scalarAdd(d: usize, a: usize, b: usize): void {
  const t = enterFrame(2 * NUMBER);
  unpack(t, a);
  unpack(t + NUMBER, b);
  let carry: u32 = 0;
  for (let i = 0; i < COUNT; i++) {
    const sum = load<u32>(t + (i << 2)) + load<u32>(t + NUMBER + (i << 2)) + carry;
    store<u32>(t + (i << 2), sum & <u32>MASK);
    carry = sum >> 30;
  }
  subtractOrder(t, t);
  pack(d, t);
  leaveFrame(t);
}

/** r − a, and 0 for 0. */
export function scalarNegate(d: usize, a: usize): void {
  const t = enterFrame(NUMBER);
  unpack(t, a);
  let borrow: i64 = 0;
  for (let i = 0; i < COUNT; i++) {
    const value = <i64>load<u32>(ORDER_LIMBS + (i << 2)) - <i64>load<u32>(t + (i << 2)) + borrow;
    borrow = value >> 30;
    store<u32>(t + (i << 2), <u32>(value & <i64>MASK));
  }
  subtractOrder(t, t);
  pack(d, t);
  leaveFrame(t);
}

/** 1/a, and 0 for 0. */
export function scalarInvert(d: usize, a: usize): void {
  const t = enterFrame(NUMBER);
  unpack(t, a);
  invertLimbs(t, t, ORDER_LIMBS, ORDER_LIMB_INVERSE, 20);
  pack(d, t);
  leaveFrame(t);
}

/** Big-endian bytes modulo r. @param bytes - their number, a multiple of 16 */
export function scalarReduce(d: usize, from: usize, bytes: i32): void {
  const t = enterFrame(2 * NUMBER);
  memory.fill(t, 0, NUMBER);
  for (let i = 0; i < bytes; i += 16) {
    multiplyLimbs(t, t, SCALAR_SHIFT_128);
    readLimbs(t + NUMBER, from + i, 16);
    let carry: u32 = 0;
    for (let j = 0; j < COUNT; j++) {
      const sum = load<u32>(t + (j << 2)) + load<u32>(t + NUMBER + (j << 2)) + carry;
      store<u32>(t + (j << 2), sum & <u32>MASK);
      carry = sum >> 30;
    }
    subtractOrder(t, t);
  }
  pack(d, t);
  leaveFrame(t);
}

/** 1 if 32 little-endian bytes are below r. */
export function scalarIsCanonical(a: usize): i32 {
  const t = enterFrame(NUMBER);
  unpack(t, a);
  let borrow: i64 = 0;
  for (let i = 0; i < COUNT; i++) {
    borrow = (<i64>load<u32>(t + (i << 2)) - <i64>load<u32>(ORDER_LIMBS + (i << 2)) + borrow) >> 30;
  }
  leaveFrame(t);
  return <i32>(borrow & 1);
}
