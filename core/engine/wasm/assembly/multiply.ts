/**
 * Multiplication by secret scalars: tables of nine multiples, signed windows, every look-up reading every entry. In G1
 * the lanes take the two halves of the scalar, or two points; in G2 four tables take the four parts of it.
 */
import { copyPairs } from "./bytes";
import { BETA, HAS_G2 } from "./constants";
import { g1Add, lookUp, negateLanes, PAIR, pairMul, selectLanes, spreadLane, swapPair } from "./field";
import { enterFrame, leaveFrame } from "./memory";
import { addPoints, doublePoint, negatePoint, POINT, psi, setIdentity } from "./points";
import { TABLE_ENTRIES, WINDOWS_G1, WINDOWS_G2, windowsG1, windowsG2, windowsSmall } from "./windows";

const TABLE: usize = 9 * POINT;
/** Tables of a fixed base: one for every four windows in G1, for every six of each of four parts in G2. */
const FIXED_STEPS_G1: i32 = 4;
const FIXED_STEPS_G2: i32 = 6;
const FIXED_TABLES_G1: i32 = 9;
const FIXED_TABLES_G2: i32 = 3;

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

/** Adds the table's multiple for one window of each lane: every entry is read, and its y negated where the digit is. */
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
  sumProducts(group, d, a, k, 1, t);
  leaveFrame(t);
}

/** Bytes that `sumProducts` needs beside its operands: the tables and the windows of each point. */
export function sumProductsWork(group: i32, count: i32): usize {
  const tables: usize = HAS_G2 && group === 2 ? 4 : 1;
  return <usize>count * (tables * TABLE + 80);
}

/** Σ kᵢ·Pᵢ in the same way: the points share the doublings. For a few points, since each has tables of its own. @param work - `sumProductsWork` bytes */
export function sumProducts(group: i32, d: usize, points: usize, scalars: usize, count: i32, work: usize): void {
  const parts = HAS_G2 && group === 2 ? 4 : 1;
  const windows = work + <usize>(parts * count) * TABLE;
  for (let i = 0; i < count; i++) {
    const point = points + <usize>i * POINT;
    const table = work + <usize>(parts * i) * TABLE;
    if (HAS_G2 && group === 2) {
      windowsG2(windows + 4 * WINDOWS_G2 * i, scalars + 32 * i);
      buildTable(2, table, point);
      for (let j: usize = 0; j < 3; j++) mapTable(table + (j + 1) * TABLE, table + j * TABLE);
    } else {
      windowsG1(windows + 2 * WINDOWS_G1 * i, scalars + 32 * i);
      const lanes = enterFrame(POINT);
      pairMul(lanes, point, BETA);
      copyPairs(lanes + PAIR, point + PAIR, 2);
      buildTable(1, table, lanes);
      leaveFrame(lanes);
    }
  }
  if (HAS_G2 && group === 2) {
    walk(2, d, work, 4 * count, windows, WINDOWS_G2, WINDOWS_G2, 0);
  } else {
    walk(1, d, work, count, windows, 2 * WINDOWS_G1, WINDOWS_G1, WINDOWS_G1);
    mergeLanes(d);
  }
}

/**
 * k·P for each point of a list in G1, two at a time: P in lane 0 and Q in lane 1, each with the tables of both halves of k. The two share the doublings that
 * the lanes of one multiplication take for its halves.
 * @param d - as many points @param points - one after the other
 */
export function multiplyAll(d: usize, points: usize, count: i32, k: usize): void {
  const t = enterFrame(2 * TABLE + POINT + 80);
  const sum = t + 2 * TABLE;
  const windows = sum + POINT;
  for (let i = 0; i + 1 < count; i += 2) {
    const from = points + <usize>i * POINT;
    const to = d + <usize>i * POINT;
    windowsG1(windows, k);
    for (let o: usize = 0; o < POINT; o += PAIR) selectLanes(sum + o, from + o, from + POINT + o, 0, 1);
    buildTable(1, t, sum);
    spreadLane(sum, BETA, 1);
    for (let j: usize = 0; j < <usize>TABLE; j += POINT) {
      pairMul(t + TABLE + j, t + j, sum);
      copyPairs(t + TABLE + j + PAIR, t + j + PAIR, 2);
    }
    walk(1, sum, t, 2, windows, WINDOWS_G1, WINDOWS_G1, 0);
    for (let o: usize = 0; o < POINT; o += PAIR) {
      spreadLane(to + o, sum + o, 0);
      spreadLane(to + POINT + o, sum + o, 1);
    }
  }
  leaveFrame(t);
  if (count & 1) multiplyPoint(1, d + <usize>(count - 1) * POINT, points + <usize>(count - 1) * POINT, k);
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
