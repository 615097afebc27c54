/**
 * Σ kᵢ·Pᵢ for public scalars, by Pippenger's buckets where there are more than a few points: variable time.
 *
 * The endomorphism turns each point into two of half the scalar's length in G1, and four of a quarter in G2. Buckets
 * are added up in affine coordinates with shared inversions. In G1 the lanes serve two such additions, and then two
 * neighbouring windows.
 */
import { AFFINE, batchWork, fillBuckets, gather, lanesOf } from "./buckets";
import { copyPairs } from "./bytes";
import { BETA, HAS_G2 } from "./constants";
import {
  copyPair,
  g1AddAffine,
  g2AddAffine,
  negateLanes,
  PAIR,
  pairMul,
  pairNeg,
  selectLanes,
  spreadLane,
} from "./field";
import { enterFrame, leaveFrame } from "./memory";
import { sumProducts, sumProductsWork } from "./multiply";
import { addPoints, doublePoint, isIdentity, normalisePoints, POINT, psi, setIdentity } from "./points";
import { partsG1Public, partsG2, recodeWide } from "./windows";

/** Bits of each half of a scalar in G1. */
const PART_BITS_G1: i32 = 128;

/** Points that one point becomes. */
function partsOf(group: i32): i32 {
  return HAS_G2 && group === 2 ? 4 : 2;
}

/** Bits of a window: 2^(bits − 1) buckets pay off when there are several points for each. */
function windowBits(points: i32): i32 {
  let bits = 3;
  while (bits < 12 && points >> (bits + 1) > 0) bits += 1;
  return bits > 4 ? bits - 2 : bits - 1;
}

/** In G2 a carry out of 64 bits takes one more; in G1 the top window has no sign, which takes more buckets instead. */
function windowCount(group: i32, bits: i32): i32 {
  return ((HAS_G2 && group === 2 ? 65 : PART_BITS_G1) + bits - 1) / bits;
}

/** The highest digit, without its sign, of windows before `end`. */
function lastBucket(group: i32, end: i32, windows: i32, bits: i32): i32 {
  const half = 1 << (bits - 1);
  if ((HAS_G2 && group === 2) || end < windows) return half;
  // A part is below 2^(128 − ½): with a carry its top window stays below 2^bits.
  return max(half, min(1 << (PART_BITS_G1 - bits * (windows - 1)), (1 << bits) - 1));
}

/** As many windows at once as have this many points together: an inversion serves them all. */
const BATCH: i32 = 4096;
function windowsAtOnce(group: i32, parts: i32, windows: i32): i32 {
  const lanes = lanesOf(group);
  return min(max(BATCH / (parts * lanes), 1), (windows + lanes - 1) / lanes) * lanes;
}

/** Few points cost less with a table for each than with buckets for all. */
function areFew(group: i32, count: i32): bool {
  return count <= (HAS_G2 && group === 2 ? 4 : 8);
}

/** Bytes that `multiScalar` needs beside its operands. */
export function multiScalarWork(group: i32, count: i32): usize {
  if (areFew(group, count)) return sumProductsWork(group, count);
  const parts = partsOf(group) * count;
  const bits = windowBits(parts);
  const windows = windowCount(group, bits);
  const together = windowsAtOnce(group, parts, windows);
  const digits = 2 * parts * (windows + 1);
  const batch = batchWork(group, together * parts, together << bits);
  const sums = max(batch, ((<usize>1) << bits) * POINT);
  return <usize>parts * POINT + ((digits + 15) & ~15) + max(sums, <usize>count * PAIR);
}

/** @param points - become affine @param work - `multiScalarWork` bytes */
export function multiScalar(group: i32, d: usize, points: usize, scalars: usize, count: i32, work: usize): void {
  if (areFew(group, count)) {
    sumProducts(group, d, points, scalars, count, work);
    return;
  }
  const parts = partsOf(group) * count;
  const bits = windowBits(parts);
  const windows = windowCount(group, bits);
  const affine = work;
  const digits = affine + <usize>parts * POINT;
  const rest = digits + <usize>((2 * parts * (windows + 1) + 15) & ~15);
  normalisePoints(group, points, count, rest);
  for (let i = 0; i < count; i++) {
    const first = i * partsOf(group);
    expandPoint(group, affine + <usize>first * POINT, points + <usize>i * POINT);
    const row = digits + 2 * <usize>(first * (windows + 1));
    expandScalar(group, row, scalars + 32 * i, windows, bits);
    if (isIdentity(points + <usize>i * POINT)) memory.fill(row, 0, 2 * (windows + 1) * partsOf(group));
  }
  const t = enterFrame(2 * POINT);
  const sum = t;
  setIdentity(group, d);
  const lanes = lanesOf(group);
  const together = windowsAtOnce(group, parts, windows);
  for (let first = ((windows - 1) / together) * together; first >= 0; first -= together) {
    const here = min(together, ((windows - first + lanes - 1) / lanes) * lanes);
    const last = lastBucket(group, first + here, windows, bits);
    const column = digits + 2 * first;
    const batched = fillBuckets(group, affine, column, windows + 1, parts, rest, here, last);
    for (let window = here - lanes; window >= 0; window -= lanes) {
      if (batched) sumBuckets(group, sum, rest + <usize>(4 * window * (last + 1)), last);
      else sumWindow(group, sum, affine, column + 2 * window, windows + 1, parts, rest, last);
      if (lanes === 2) {
        for (let i = 0; i < bits; i++) doublePoint(1, d, d);
        for (let o: usize = 0; o < POINT; o += PAIR) spreadLane(t + POINT + o, sum + o, 1);
        addPoints(1, d, d, t + POINT);
        for (let o: usize = 0; o < POINT; o += PAIR) spreadLane(sum + o, sum + o, 0);
      }
      for (let i = 0; i < bits; i++) doublePoint(group, d, d);
      addPoints(group, d, d, sum);
    }
  }
  leaveFrame(t);
}

/** The point and its images under the endomorphism, affine: x, y and −y. */
function expandPoint(group: i32, d: usize, point: usize): void {
  copyPairs(d, point, 2);
  if (HAS_G2 && group === 2) {
    const t = enterFrame(POINT);
    copyPairs(t, point, 3);
    for (let part: usize = 1; part < 4; part++) {
      psi(t, t);
      pairNeg(t + PAIR, t + PAIR);
      copyPairs(d + part * POINT, t, 2);
    }
    leaveFrame(t);
  } else {
    pairMul(d + POINT, point, BETA);
    spreadLane(d + POINT, d + POINT, 1);
    copyPair(d + POINT + PAIR, point + PAIR);
  }
  const end = d + <usize>partsOf(group) * POINT;
  for (let at = d; at < end; at += POINT) pairNeg(at + 2 * PAIR, at + PAIR);
}

/** Signed windows of every part of a scalar, two bytes each, `windows` + 1 a row. */
function expandScalar(group: i32, row: usize, scalar: usize, windows: i32, bits: i32): void {
  const t = enterFrame(4 * 24);
  const inG2 = HAS_G2 && group === 2;
  if (inG2) partsG2(t, scalar);
  else partsG1Public(t, scalar);
  for (let part = 0; part < partsOf(group); part++) {
    recodeWide(row + 2 * part * (windows + 1), t + 24 * part, windows + 1, bits, inG2 ? windows : windows - 1);
  }
  leaveFrame(t);
}

/** Σ i·bucketᵢ of one window, or of two in the lanes of G1, by a running sum of running sums. @param names - of bucket 0 */
function sumBuckets(group: i32, d: usize, names: usize, last: i32): void {
  const t = enterFrame(3 * POINT);
  const next = t + POINT;
  const point = t + 2 * POINT;
  const pair = point + AFFINE; // names of a bucket in either window
  setIdentity(group, d);
  setIdentity(group, t);
  for (let i = last; i > 0; i--) {
    const name0 = load<u32>(names + <usize>(4 * i));
    const name1 = HAS_G2 && group === 2 ? name0 : load<u32>(names + <usize>(4 * (last + 1 + i)));
    if (name0 | name1) {
      store<u32>(pair, name0 ? name0 : name1);
      store<u32>(pair, name1 ? name1 : name0, 8);
      gather(group, point, pair, 0);
      gather(group, point + PAIR, pair, 1);
      if (HAS_G2 && group === 2) {
        g2AddAffine(t, t, point);
      } else {
        g1AddAffine(next, t, point);
        for (let o: usize = 0; o < POINT; o += PAIR) {
          selectLanes(t + o, t + o, next + o, <i32>(name0 !== 0), <i32>(name1 !== 0));
        }
      }
    }
    addPoints(group, d, d, t);
  }
  leaveFrame(t);
}

/**
 * Σ digit·point over all rows, for one window, or for two in the lanes of G1: by complete addition, for points that
 * `fillBuckets` cannot add.
 * @param stride - windows in a row @param last - the highest digit
 */
function sumWindow(
  group: i32,
  d: usize,
  affine: usize,
  digits: usize,
  stride: i32,
  parts: i32,
  buckets: usize,
  last: i32,
): void {
  const t = enterFrame(2 * POINT);
  const point = t + POINT;
  for (let i = 0; i <= last; i++) setIdentity(group, buckets + <usize>i * POINT);
  for (let i = 0; i < parts; i++) {
    const from = digits + 2 * <usize>(i * stride);
    const digit0 = <i32>load<i16>(from);
    const digit1 = HAS_G2 && group === 2 ? digit0 : <i32>load<i16>(from + 2);
    if (!(digit0 | digit1)) continue;
    copyPairs(point, affine + <usize>i * POINT, 2);
    negateLanes(point + PAIR, point + PAIR, <i32>(digit0 < 0), <i32>(digit1 < 0));
    const bucket0 = buckets + <usize>abs(digit0) * POINT;
    const bucket1 = buckets + <usize>abs(digit1) * POINT;
    if (HAS_G2 && group === 2) {
      g2AddAffine(bucket0, bucket0, point);
    } else {
      for (let o: usize = 0; o < POINT; o += PAIR) selectLanes(t + o, bucket0 + o, bucket1 + o, 0, 1);
      g1AddAffine(t, t, point);
      for (let o: usize = 0; o < POINT; o += PAIR) {
        selectLanes(bucket0 + o, bucket0 + o, t + o, 1, 0);
        selectLanes(bucket1 + o, bucket1 + o, t + o, 0, 1);
      }
    }
  }
  // Σ i·bucketᵢ: a running sum of running sums; bucket 0 has taken what counts for nothing
  setIdentity(group, d);
  setIdentity(group, t);
  for (let i = last; i > 0; i--) {
    addPoints(group, t, t, buckets + <usize>i * POINT);
    addPoints(group, d, d, t);
  }
  leaveFrame(t);
}
