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
  mul,
  normFp2,
  PAIR,
  pairMul,
  pairNeg,
  pairSub,
  selectLanes,
  spreadLane,
  spreadPoint,
} from "./field";
import { invertFp } from "./inverse";
import { enterFrame, leaveFrame } from "./memory";

export const POINT: usize = 3 * PAIR;

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

/** |x|·P for the points in both lanes, in G1. */
function twoByX(d: usize, a: usize): void {
  const t = enterFrame(POINT);
  copyPairs(t, a, 3);
  for (let i: i64 = 62; i >= 0; i--) {
    g1Double(t, t);
    if ((X >> <u64>i) & 1) g1Add(t, t, a);
  }
  copyPairs(d, t, 3);
  leaveFrame(t);
}

/** As `inSubgroup`, whether both of two points of G1 are, one in each lane. */
export function twoInSubgroup(a: usize): i32 {
  const t = enterFrame(2 * POINT);
  const image = t + POINT;
  twoByX(t, a);
  twoByX(t, t);
  spreadLane(image, BETA, 1);
  pairMul(image, image, a);
  copyPairs(image + PAIR, a + PAIR, 2);
  g1Add(image, image, a);
  const result = equalPoints(1, t, image);
  leaveFrame(t);
  return result;
}
