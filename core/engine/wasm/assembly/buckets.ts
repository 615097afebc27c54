/**
 * Sums of the points in each of Pippenger's buckets, in affine coordinates: a chord takes three products and a square, and
 * an inversion that all chords of a round share. Variable time, as `multiScalar` is.
 */
import { zeroLanes } from "./bytes";
import { HAS_G2 } from "./constants";
import { copyPair, g1AddChord, g2AddChord, gatherLanes, PAIR, pairMul, pairSub, swapPair } from "./field";
import { enterFrame, leaveFrame } from "./memory";
import { invertCoordinate, mulCoordinate, one, POINT } from "./points";

export const AFFINE: usize = 2 * PAIR;

/** Additions that one step makes: a pair is two elements of Fp, or one of Fp². */
export function lanesOf(group: i32): i32 {
  return HAS_G2 && group === 2 ? 1 : 2;
}

/** Bytes of the bucket table and its copy, the points by bucket, the sums to make, and their results. */
export function batchWork(group: i32, points: i32, buckets: i32): usize {
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
export function fillBuckets(
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
export function gather(group: i32, d: usize, names: usize, y: usize): void {
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
