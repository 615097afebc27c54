/**
 * Points of G1 (group 1) and G2 (group 2): three pairs (X : Y : Z), the identity element (0 : 1 : 0). A point of G1
 * that is stored has itself in both lanes; only a multiplication lets the lanes differ.
 */
import { clearPair, copyPairs, zeroLanes } from "./bytes";
import { BETA, HAS_G2, ONE, PSI_X, PSI_Y, REAL_ONE, X } from "./constants";
import {
  conjugate,
  copyPair,
  doubleAcrossLanes,
  g1Add,
  g1Double,
  g2Add,
  g2Double,
  gatherPoint,
  lookUp,
  mul,
  negateLanes,
  normFp2,
  PAIR,
  pairMul,
  pairNeg,
  pairSub,
  selectLanes,
  spreadLane,
  spreadPoint,
  swapPair,
} from "./field";
import { invertFp } from "./inverse";
import { enterFrame, leaveFrame } from "./memory";
import { TABLE_ENTRIES, WINDOWS_G1, WINDOWS_G2, windowsG1, windowsG2, windowsSmall } from "./windows";

export const POINT: usize = 3 * PAIR;
const TABLE: usize = 9 * POINT;
/** Tables of a fixed base: one for every four windows in G1, for every six of each of four parts in G2. */
const FIXED_STEPS_G1: i32 = 4;
const FIXED_STEPS_G2: i32 = 6;
const FIXED_TABLES_G1: i32 = 9;
const FIXED_TABLES_G2: i32 = 3;

export function addPoints(group: i32, d: usize, a: usize, b: usize): void {
  if (HAS_G2 && group === 2) g2Add(d, a, b);
  else g1Add(d, a, b);
}

export function doublePoint(group: i32, d: usize, a: usize): void {
  if (HAS_G2 && group === 2) g2Double(d, a);
  else g1Double(d, a);
}

/** Coordinates are elements of Fp in both lanes, or of Fp². */
export function mulCoordinate(group: i32, d: usize, a: usize, b: usize): void {
  if (HAS_G2 && group === 2) mul(d, a, b);
  else pairMul(d, a, b);
}

export function one(group: i32): usize {
  return HAS_G2 && group === 2 ? REAL_ONE : ONE;
}

export function setIdentity(group: i32, d: usize): void {
  clearPair(d);
  copyPair(d + PAIR, one(group));
  clearPair(d + 2 * PAIR);
}

export function negatePoint(d: usize, a: usize): void {
  copyPair(d, a);
  pairNeg(d + PAIR, a + PAIR);
  copyPair(d + 2 * PAIR, a + 2 * PAIR);
}

export function isIdentity(a: usize): i32 {
  return zeroLanes(a + 2 * PAIR) === 3 ? 1 : 0;
}

/** Cross products: right for the identity element too, since no point has both Y = 0 and Z = 0. */
export function equalPoints(group: i32, a: usize, b: usize): i32 {
  const t = enterFrame(2 * PAIR);
  let equal = 3;
  for (let i: usize = 0; i < 2; i++) {
    mulCoordinate(group, t, a + i * PAIR, b + 2 * PAIR);
    mulCoordinate(group, t + PAIR, b + i * PAIR, a + 2 * PAIR);
    pairSub(t, t, t + PAIR);
    equal &= zeroLanes(t);
  }
  leaveFrame(t);
  return equal === 3 ? 1 : 0;
}

export function invertCoordinate(group: i32, d: usize, a: usize): void {
  if (!HAS_G2 || group === 1) {
    invertFp(d, a);
    return;
  }
  const t = enterFrame(2 * PAIR);
  normFp2(t, a);
  invertFp(t, t);
  conjugate(t + PAIR, a);
  pairMul(d, t + PAIR, t);
  leaveFrame(t);
}

/** Divides by Z; the identity element becomes (0, 0). @param d - two pairs */
export function toAffine(group: i32, d: usize, a: usize): void {
  const t = enterFrame(PAIR);
  invertCoordinate(group, t, a + 2 * PAIR);
  mulCoordinate(group, d, a, t);
  mulCoordinate(group, d + PAIR, a + PAIR, t);
  leaveFrame(t);
}

function areNormal(group: i32, points: usize, count: i32): bool {
  for (let i = 0; i < count; i++) {
    if (memory.compare(points + <usize>i * POINT + 2 * PAIR, one(group), PAIR) !== 0) return false;
  }
  return true;
}

/**
 * Makes Z = 1 in every point of a list that is not the identity element: one inversion for all, none if all are so.
 * @param work - room for as many pairs as there are points
 */
export function normalisePoints(group: i32, points: usize, count: i32, work: usize): void {
  if (areNormal(group, points, count)) return;
  const t = enterFrame(2 * PAIR);
  const product = t;
  const inverse = t + PAIR;
  copyPair(product, one(group));
  for (let i = 0; i < count; i++) {
    const z = points + <usize>i * POINT + 2 * PAIR;
    copyPair(work + <usize>i * PAIR, product);
    if (zeroLanes(z) !== 3) mulCoordinate(group, product, product, z);
  }
  invertCoordinate(group, inverse, product);
  for (let i = count - 1; i >= 0; i--) {
    const point = points + <usize>i * POINT;
    if (zeroLanes(point + 2 * PAIR) === 3) continue;
    mulCoordinate(group, product, inverse, work + <usize>i * PAIR);
    mulCoordinate(group, inverse, inverse, point + 2 * PAIR);
    mulCoordinate(group, point, point, product);
    mulCoordinate(group, point + PAIR, point + PAIR, product);
    copyPair(point + 2 * PAIR, one(group));
  }
  leaveFrame(t);
}

/** ψ(P) = x·P = −X·P in G2: Frobenius between the twists. */
export function psi(d: usize, a: usize): void {
  const t = enterFrame(PAIR);
  conjugate(t, a);
  mul(d, t, PSI_X);
  conjugate(t, a + PAIR);
  mul(d + PAIR, t, PSI_Y);
  conjugate(d + 2 * PAIR, a + 2 * PAIR);
  leaveFrame(t);
}

/**
 * For `doubleAcrossLanes`: the identity element, for which the formula would give (0, 0, 0), becomes (1, 1, 0). Points
 * of small order get there on the way.
 */
function toJacobian(d: usize, a: usize): void {
  const zero = zeroLanes(a + 2 * PAIR);
  spreadPoint(d, a);
  selectLanes(d, d, ONE, zero & 1, zero >> 1);
}

/** |x|·P: a fixed chain of 63 doublings and 5 additions. */
export function multiplyByX(group: i32, d: usize, a: usize): void {
  const t = enterFrame(POINT + 2 * PAIR);
  const spread = t + POINT;
  copyPairs(t, a, 3);
  if (HAS_G2 && group === 2) {
    for (let i: i64 = 62; i >= 0; i--) {
      g2Double(t, t);
      if ((X >> <u64>i) & 1) g2Add(t, t, a);
    }
  } else {
    toJacobian(spread, t);
    for (let i: i64 = 62; i >= 0; i--) {
      doubleAcrossLanes(spread, spread);
      if ((X >> <u64>i) & 1) {
        gatherPoint(t, spread);
        g1Add(t, t, a);
        toJacobian(spread, t);
      }
    }
    gatherPoint(t, spread);
  }
  copyPairs(d, t, 3);
  leaveFrame(t);
}

/**
 * Whether a point of the curve is in the subgroup of order r, by what the endomorphism does there (Scott, ePrint
 * 2021/1130): φ(P) = (X² − 1)·P in G1, ψ(P) = −X·P in G2.
 */
export function inSubgroup(group: i32, a: usize): i32 {
  const t = enterFrame(2 * POINT);
  const image = t + POINT;
  multiplyByX(group, t, a);
  if (HAS_G2 && group === 2) {
    psi(image, a);
    negatePoint(image, image);
  } else {
    multiplyByX(group, t, t);
    pairMul(image, a, BETA);
    spreadLane(image, image, 1);
    copyPairs(image + PAIR, a + PAIR, 2);
    addPoints(group, image, image, a);
  }
  const result = equalPoints(group, t, image);
  leaveFrame(t);
  return result;
}

/** 0·P to 8·P, for each lane. */
function buildTable(group: i32, table: usize, a: usize): void {
  setIdentity(group, table);
  copyPairs(table + POINT, a, 3);
  for (let i: usize = 2; i < <usize>TABLE_ENTRIES; i += 2) {
    doublePoint(group, table + i * POINT, table + (i >> 1) * POINT);
    if (i < 8) addPoints(group, table + (i + 1) * POINT, table + i * POINT, table + POINT);
  }
}

/** The table of −ψ(P) = X·P from that of P. */
function mapTable(d: usize, table: usize): void {
  for (let i: usize = 0; i < <usize>TABLE_ENTRIES; i++) {
    psi(d + i * POINT, table + i * POINT);
    negatePoint(d + i * POINT, d + i * POINT);
  }
}

/** Adds the table's multiple for one window of each lane: every entry is read, and the sign is applied to both signs' y. */
function addWindow(group: i32, sum: usize, table: usize, digit0: i32, digit1: i32, first: bool): void {
  const t = enterFrame(POINT);
  const sign0 = digit0 >> 31;
  const sign1 = digit1 >> 31;
  lookUp(t, table, POINT, TABLE_ENTRIES, (digit0 ^ sign0) - sign0, (digit1 ^ sign1) - sign1);
  negateLanes(t + PAIR, t + PAIR, sign0 & 1, sign1 & 1);
  if (first) copyPairs(sum, t, 3);
  else addPoints(group, sum, sum, t);
  leaveFrame(t);
}

/**
 * Σ over `parts` tables: part j takes `steps` windows from j·stride on, highest first; four doublings between steps.
 * @param second - from a window of lane 0 to that of lane 1
 */
function walk(
  group: i32,
  d: usize,
  tables: usize,
  parts: i32,
  windows: usize,
  stride: i32,
  steps: i32,
  second: i32,
): void {
  for (let step = steps - 1; step >= 0; step--) {
    for (let i = 0; i < 4 && step < steps - 1; i++) doublePoint(group, d, d);
    for (let part = 0; part < parts; part++) {
      const window = windows + part * stride + step;
      const first = step === steps - 1 && part === 0;
      addWindow(group, d, tables + part * TABLE, load<i8>(window), load<i8>(window + second), first);
    }
  }
}

/** Adds the two lanes, which hold the halves of a multiplication in G1. */
function mergeLanes(d: usize): void {
  const t = enterFrame(POINT);
  for (let o: usize = 0; o < POINT; o += PAIR) swapPair(t + o, d + o);
  g1Add(d, d, t);
  for (let o: usize = 0; o < POINT; o += PAIR) spreadLane(d + o, d + o, 0);
  leaveFrame(t);
}

/** k·P with one sequence of operations for every k and P. */
export function multiplyPoint(group: i32, d: usize, a: usize, k: usize): void {
  const t = enterFrame(4 * TABLE + 80);
  const windows = t + 4 * TABLE;
  if (HAS_G2 && group === 2) {
    windowsG2(windows, k);
    buildTable(2, t, a);
    for (let i: usize = 0; i < 3; i++) mapTable(t + (i + 1) * TABLE, t + i * TABLE);
    walk(2, d, t, 4, windows, WINDOWS_G2, WINDOWS_G2, 0);
  } else {
    windowsG1(windows, k);
    const lanes = t + TABLE;
    pairMul(lanes, a, BETA);
    copyPairs(lanes + PAIR, a + PAIR, 2);
    buildTable(1, t, lanes);
    walk(1, d, t, 1, windows, 0, WINDOWS_G1, WINDOWS_G1);
    mergeLanes(d);
  }
  leaveFrame(t);
}

/** k·P for k < 2^32, in the same way. */
export function multiplySmall(group: i32, d: usize, a: usize, k: u32): void {
  const t = enterFrame(TABLE + 16);
  windowsSmall(t + TABLE, k);
  buildTable(group, t, a);
  walk(group, d, t, 1, t + TABLE, 0, 9, 0);
  leaveFrame(t);
}

export function fixedTableBytes(group: i32): usize {
  return <usize>(HAS_G2 && group === 2 ? 4 * FIXED_TABLES_G2 : FIXED_TABLES_G1) * TABLE;
}

/** Tables of 2^(4·steps·j)·P, and in G2 also of their images under the endomorphism. */
export function buildFixedTable(group: i32, tables: usize, a: usize): void {
  const t = enterFrame(POINT);
  const twice = HAS_G2 && group === 2;
  copyPairs(t, a, 3);
  if (!twice) pairMul(t, a, BETA);
  const count = twice ? FIXED_TABLES_G2 : FIXED_TABLES_G1;
  const doublings = 4 * (twice ? FIXED_STEPS_G2 : FIXED_STEPS_G1);
  for (let j = 0; j < count; j++) {
    buildTable(group, tables + j * TABLE, t);
    if (j < count - 1) for (let i = 0; i < doublings; i++) doublePoint(group, t, t);
  }
  if (twice) {
    for (let j: usize = 0; j < 9; j++) mapTable(tables + (j + 3) * TABLE, tables + j * TABLE);
  }
  leaveFrame(t);
}

export function multiplyFixed(group: i32, d: usize, tables: usize, k: usize): void {
  const t = enterFrame(80 + 80);
  memory.fill(t, 0, 160);
  if (HAS_G2 && group === 2) {
    windowsG2(t, k);
    const padded = t + 80;
    for (let i = 0; i < 4; i++) memory.copy(padded + 18 * i, t + WINDOWS_G2 * i, WINDOWS_G2);
    walk(2, d, tables, 4 * FIXED_TABLES_G2, padded, FIXED_STEPS_G2, FIXED_STEPS_G2, 0);
  } else {
    windowsG1(t, k);
    const padded = t + 80;
    for (let i = 0; i < 2; i++) memory.copy(padded + 36 * i, t + WINDOWS_G1 * i, WINDOWS_G1);
    walk(1, d, tables, FIXED_TABLES_G1, padded, FIXED_STEPS_G1, FIXED_STEPS_G1, 36);
    mergeLanes(d);
  }
  leaveFrame(t);
}
