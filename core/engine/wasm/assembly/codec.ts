/**
 * Points as bytes, in the Zcash form: three flag bits over a big-endian x, then y when uncompressed; an element of Fp²
 * has its imaginary part first.
 */
import { isCanonical, largerLanes, readPair, writePair, zeroLanes } from "./bytes";
import { CURVE_B, HAS_G2 } from "./constants";
import { copyPair, mul, negateLanes, PAIR, pairAdd, pairMul, pairSqr, pairSub, spreadLane, sqr } from "./field";
import { enterFrame, leaveFrame } from "./memory";
import { inSubgroup, isIdentity, one, POINT, setIdentity, toAffine, twoInSubgroup } from "./points";
import { sqrtFp, sqrtFp2 } from "./roots";

const COMPRESSED: u8 = 0x80;
const INFINITY: u8 = 0x40;
const LARGER: u8 = 0x20;

export const DECODED_POINT: i32 = 0;
export const DECODED_IDENTITY: i32 = 1;
export const NOT_A_POINT: i32 = 2;

/** y² = x³ + b; b is 4 in both lanes for G1, 4 + 4u for G2: the same pair. */
function curve(group: i32, d: usize, x: usize): void {
  const t = enterFrame(PAIR);
  if (HAS_G2 && group === 2) {
    sqr(t, x);
    mul(t, t, x);
  } else {
    pairSqr(t, x);
    pairMul(t, t, x);
  }
  pairAdd(d, t, CURVE_B);
  leaveFrame(t);
}

/** 1 if y is the larger of ±y; in Fp² the imaginary part decides unless it is zero. */
function isLarger(group: i32, y: usize): i32 {
  const larger = largerLanes(y);
  if (!HAS_G2 || group === 1) return larger & 1;
  const zero = zeroLanes(y);
  return (larger >> 1) | ((zero >> 1) & larger);
}

/** Reads a coordinate; 0 if it is not canonical. */
function readCoordinate(group: i32, d: usize, from: usize): i32 {
  if (HAS_G2 && group === 2) {
    readPair(d, from + 48, from);
    return isCanonical(from) & isCanonical(from + 48);
  }
  readPair(d, from, from);
  return isCanonical(from);
}

/**
 * A point of the subgroup, or why not. The bytes are overwritten.
 * @param bytes - 48 or 96 in G1, 96 or 192 in G2: the flag must agree
 */
export function decodePoint(group: i32, d: usize, from: usize, bytes: i32): i32 {
  const flags = load<u8>(from);
  const coordinate = group === 2 ? 96 : 48;
  const compressed = flags & COMPRESSED ? 1 : 0;
  if (bytes !== (compressed ? coordinate : 2 * coordinate)) return NOT_A_POINT;
  if (!compressed && flags & LARGER) return NOT_A_POINT;
  store<u8>(from, flags & 0x1f);
  if (flags & INFINITY) {
    let any = flags & LARGER;
    for (let i = 0; i < bytes; i++) any |= load<u8>(from + i);
    if (any) return NOT_A_POINT;
    setIdentity(group, d);
    return DECODED_IDENTITY;
  }
  const t = enterFrame(2 * PAIR);
  const result = decodeAffine(group, d, from, coordinate, compressed, flags & LARGER ? 1 : 0, t);
  leaveFrame(t);
  return result;
}

function decodeAffine(group: i32, d: usize, from: usize, bytes: i32, compressed: i32, larger: i32, t: usize): i32 {
  if (!readCoordinate(group, d, from)) return NOT_A_POINT;
  curve(group, t, d);
  const y = d + PAIR;
  if (compressed) {
    const found = HAS_G2 && group === 2 ? sqrtFp2(y, t) : sqrtFp(y, t);
    if (!found) return NOT_A_POINT;
    const flip = isLarger(group, y) ^ larger;
    negateLanes(y, y, flip, flip);
  } else {
    if (!readCoordinate(group, y, from + bytes)) return NOT_A_POINT;
    if (HAS_G2 && group === 2) sqr(t + PAIR, y);
    else pairSqr(t + PAIR, y);
    pairSub(t, t, t + PAIR);
    if (zeroLanes(t) !== 3) return NOT_A_POINT;
  }
  copyPair(d + 2 * PAIR, one(group));
  return inSubgroup(group, d) ? DECODED_POINT : NOT_A_POINT;
}

/**
 * Compressed points of G1, not the identity element, two at a time, one in each lane: roots and the check of the subgroup are computed for both at once.
 * @param d - as many points @param from - 48 bytes each, one after the other; overwritten
 * @returns 1 if all are points of the subgroup; else nothing is said of which are
 */
export function decodeAll(d: usize, from: usize, count: i32): i32 {
  for (let i = 0; i + 1 < count; i += 2) {
    if (!decodeTwo(d + <usize>i * POINT, from + 48 * <usize>i)) return 0;
  }
  if (!(count & 1)) return 1;
  const last = <usize>(count - 1);
  return decodePoint(1, d + last * POINT, from + 48 * last, 48) === DECODED_POINT ? 1 : 0;
}

function decodeTwo(d: usize, from: usize): i32 {
  const second = from + 48;
  const flags0 = load<u8>(from);
  const flags1 = load<u8>(second);
  if ((flags0 & flags1 & COMPRESSED) === 0 || (flags0 | flags1) & INFINITY) return 0;
  store<u8>(from, flags0 & 0x1f);
  store<u8>(second, flags1 & 0x1f);
  if (!(isCanonical(from) & isCanonical(second))) return 0;
  const t = enterFrame(3 * PAIR + PAIR);
  const y = t + PAIR;
  const right = t + 3 * PAIR;
  readPair(t, from, second);
  curve(1, right, t);
  let found = sqrtFp(y, right) === 3 ? 1 : 0;
  const larger = largerLanes(y);
  negateLanes(y, y, (larger & 1) ^ (flags0 & LARGER ? 1 : 0), (larger >> 1) ^ (flags1 & LARGER ? 1 : 0));
  copyPair(t + 2 * PAIR, one(1));
  if (found) found = twoInSubgroup(t);
  for (let o: usize = 0; o < 3 * PAIR; o += PAIR) {
    spreadLane(d + o, t + o, 0);
    spreadLane(d + 3 * PAIR + o, t + o, 1);
  }
  leaveFrame(t);
  return found;
}

/** Writes x, and y if it is wanted. @param form - 1 for compressed, 0 for both coordinates */
export function encodePoint(group: i32, to: usize, a: usize, form: i32): void {
  const coordinate: usize = group === 2 ? 96 : 48;
  if (isIdentity(a)) {
    memory.fill(to, 0, form ? coordinate : 2 * coordinate);
    store<u8>(to, form ? COMPRESSED | INFINITY : INFINITY);
    return;
  }
  const t = enterFrame(2 * PAIR + 48);
  toAffine(group, t, a);
  writeCoordinate(group, to, t, t + 2 * PAIR);
  if (form) {
    const flags = COMPRESSED | (isLarger(group, t + PAIR) ? LARGER : 0);
    store<u8>(to, load<u8>(to) | flags);
  } else {
    writeCoordinate(group, to + coordinate, t + PAIR, t + 2 * PAIR);
  }
  leaveFrame(t);
}

function writeCoordinate(group: i32, to: usize, a: usize, unused: usize): void {
  if (HAS_G2 && group === 2) writePair(to + 48, to, a);
  else writePair(to, unused, a);
}
