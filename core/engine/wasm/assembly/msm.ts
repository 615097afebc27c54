/**
 * Σ kᵢ·Pᵢ for public scalars, by Pippenger's buckets: variable time.
 *
 * The endomorphism turns each point into two of half the scalar's length in G1, and four of a quarter in G2. Buckets
 * are added up in affine coordinates with shared inversions. In G1 the lanes serve two such additions, and then two
 * neighbouring windows.
 */
import { copyPairs, zeroLanes } from "./bytes";
import { BETA, HAS_G2 } from "./constants";
import {
  copyPair,
  g1AddAffine,
  g1AddChord,
  g2AddAffine,
  g2AddChord,
  gatherLanes,
  negateLanes,
  PAIR,
  pairMul,
  pairNeg,
  pairSub,
  selectLanes,
  spreadLane,
  swapPair,
} from "./field";
import { enterFrame, leaveFrame } from "./memory";
import {
  addPoints,
  doublePoint,
  invertCoordinate,
  isIdentity,
  mulCoordinate,
  normalisePoints,
  one,
  POINT,
  psi,
  setIdentity,
} from "./points";
import { partsG1Public, partsG2, recodeWide } from "./windows";

const AFFINE: usize = 2 * PAIR;
/** Bits of each half of a scalar in G1. */
const PART_BITS_G1: i32 = 128;

/** Additions that one step makes: a pair is two elements of Fp, or one of Fp². */
function lanesOf(group: i32): i32 {
  return HAS_G2 && group === 2 ? 1 : 2;
}

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

/** Bytes that `multiScalar` needs beside its operands. */
export function multiScalarWork(group: i32, count: i32): usize {
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

/** Bytes of the bucket table and its copy, the points by bucket, the sums to make, and their results. */
function batchWork(group: i32, points: i32, buckets: i32): usize {
  const steps = points / lanesOf(group) + ROUNDS;
  return <usize>((8 * buckets + 8 * points + 31) & ~15) + <usize>steps * AFFINE;
}

/** Each round halves the points of a bucket: more than any product has. Rounds may leave a lane empty. */
const ROUNDS: i32 = 32;

/**
 * Adds up the points of each bucket of `windows` windows in affine coordinates: round by round, two by two, all slopes
 * of a round by one inversion. A point is named by the address of its x, its lane in bit 1, and in bit 0 whether −y is
 * meant.
 * @param table - becomes the name of each bucket's sum, 0 where there is none; window by window, from bucket 0 on
 * @returns false if two points had the same x, which chords cannot add: then nothing is of use
 */
function fillBuckets(
  group: i32,
  affine: usize,
  digits: usize,
  stride: i32,
  parts: i32,
  table: usize,
  windows: i32,
  last: i32,
): bool {
  const buckets = windows * (last + 1);
  const order = table + <usize>(8 * buckets);
  const total = sortByBucket(affine, digits, stride, parts, table, windows, last, order);
  const sums = order + <usize>(4 * total);
  const lanes = lanesOf(group);
  let results = (sums + <usize>(4 * total) + 31) & ~15;
  for (;;) {
    const count = pairUp(group, table, buckets, order, sums, results);
    if (count === 0) break;
    if (lanes === 2 && count & 1) store<u64>(sums + <usize>(8 * count), load<u64>(sums + <usize>(8 * count) - 8));
    const steps = (count + lanes - 1) / lanes;
    if (!addChords(group, sums, results, steps)) return false;
    results += <usize>steps * AFFINE;
  }
  let at = order;
  for (let i = 0; i < buckets; i++) {
    const entry = table + <usize>(4 * i);
    if (!load<u32>(entry)) continue;
    store<u32>(entry, load<u32>(at));
    at += 4;
  }
  return true;
}

/** @param table - becomes the number of points in each bucket; as much memory after it is used up @returns how many there are */
function sortByBucket(
  affine: usize,
  digits: usize,
  stride: i32,
  parts: i32,
  table: usize,
  windows: i32,
  last: i32,
  order: usize,
): i32 {
  const buckets = windows * (last + 1);
  const ends = table + <usize>(4 * buckets);
  memory.fill(table, 0, 4 * buckets);
  let total: u32 = 0;
  for (let placing = 0; placing < 2; placing++) {
    for (let i: usize = 0; placing && i < <usize>(4 * buckets); i += 4) {
      total += load<u32>(table + i);
      store<u32>(ends + i, total);
    }
    for (let i = 0; i < parts; i++) {
      const row = digits + 2 * <usize>(i * stride);
      for (let window = 0; window < windows; window++) {
        const digit = <i32>load<i16>(row + (window << 1));
        if (!digit) continue;
        const bucket = <usize>(4 * (window * (last + 1) + abs(digit)));
        if (placing) {
          const place = load<u32>(ends + bucket) - 1;
          store<u32>(ends + bucket, place);
          store<u32>(order + 4 * <usize>place, <u32>(affine + <usize>i * POINT) | <u32>(digit < 0));
        } else {
          store<u32>(table + bucket, load<u32>(table + bucket) + 1);
        }
      }
    }
  }
  return <i32>total;
}

/** Two by two, the points of each bucket go to `sums`, and the names of their sums take their places in `order`. */
function pairUp(group: i32, table: usize, buckets: i32, order: usize, sums: usize, results: usize): i32 {
  const lanes = lanesOf(group);
  let from = order;
  let to = order;
  let count = 0;
  for (let i = 0; i < buckets; i++) {
    const entry = table + <usize>(4 * i);
    const points = load<u32>(entry);
    for (let j: u32 = 1; j < points; j += 2) {
      store<u64>(sums + <usize>(8 * count), load<u64>(from));
      from += 8;
      const lane = lanes === 2 ? count & 1 : 0;
      store<u32>(to, <u32>(results + <usize>(count / lanes) * AFFINE) | <u32>(lane << 1));
      to += 4;
      count += 1;
    }
    if (points & 1) {
      store<u32>(to, load<u32>(from));
      from += 4;
      to += 4;
    }
    store<u32>(entry, (points + 1) >> 1);
  }
  return count;
}

/** One coordinate of the points that `names` names, in each lane the one of its sum. @param y - 1 for y */
function gather(group: i32, d: usize, names: usize, y: usize): void {
  const name0 = load<u32>(names);
  const from0 = (<usize>name0 & ~3) + y * (PAIR + (name0 & 1) * PAIR);
  if (HAS_G2 && group === 2) {
    copyPair(d, from0);
    return;
  }
  const name1 = load<u32>(names, 8);
  const from1 = (<usize>name1 & ~3) + y * (PAIR + (name1 & 1) * PAIR);
  gatherLanes(d, from0, (name0 >> 1) & 1, from1, (name1 >> 1) & 1);
}

/** @returns false if two points had the same x */
function addChords(group: i32, sums: usize, results: usize, steps: i32): bool {
  const t = enterFrame(6 * PAIR);
  const product = t + 4 * PAIR;
  const slope = t + 5 * PAIR;
  const step = <usize>(8 * lanesOf(group));
  copyPair(product, one(group));
  let result = results;
  let names = sums;
  for (let i = 0; i < steps; i++) {
    gather(group, t, names, 0);
    gather(group, t + PAIR, names + 4, 0);
    pairSub(result, t + PAIR, t);
    copyPair(result + PAIR, product);
    mulCoordinate(group, product, product, result);
    result += AFFINE;
    names += step;
  }
  const zero = zeroLanes(product);
  if (HAS_G2 && group === 2 ? zero === 3 : zero !== 0) {
    leaveFrame(t);
    return false;
  }
  if (HAS_G2 && group === 2) {
    invertCoordinate(2, product, product);
  } else {
    // 1/a and 1/b are b/(ab) and a/(ab)
    swapPair(t, product);
    pairMul(product, product, t);
    invertCoordinate(1, product, product);
    pairMul(product, product, t);
  }
  for (let i = 0; i < steps; i++) {
    result -= AFFINE;
    names -= step;
    mulCoordinate(group, slope, product, result + PAIR);
    mulCoordinate(group, product, product, result);
    for (let y: usize = 0; y < 2; y++) {
      gather(group, t + y * PAIR, names, y);
      gather(group, t + (2 + y) * PAIR, names + 4, y);
    }
    if (HAS_G2 && group === 2) g2AddChord(result, t, slope);
    else g1AddChord(result, t, slope);
  }
  leaveFrame(t);
  return true;
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
