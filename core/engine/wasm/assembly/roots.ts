/**
 * Square roots. Every root is a power with the exponent (p − 3)/4, which is public and fixed, taken in both lanes at
 * once; a root in Fp² needs two of them, by way of the norm.
 */
import { zeroLanes } from "./bytes";
import { HALF, ROOT_CHAIN, ROOT_CHAIN_STEPS, SQRT_MINUS_125 } from "./constants";
import {
  copyPair,
  joinLanes,
  mul,
  normFp2,
  PAIR,
  pairAdd,
  pairMul,
  pairNeg,
  pairSqr,
  pairSub,
  selectLanes,
  spreadLane,
} from "./field";
import { enterFrame, leaveFrame } from "./memory";

/** a^((p − 3)/4) per lane: for a square that is 1/√a. Sliding windows of five bits over odd powers. */
export function rootPower(d: usize, a: usize): void {
  const t = enterFrame(18 * PAIR);
  const square = t + 16 * PAIR;
  const result = t + 17 * PAIR;
  copyPair(t, a);
  pairSqr(square, a);
  for (let i: usize = 1; i < 16; i++) pairMul(t + i * PAIR, t + (i - 1) * PAIR, square);
  copyPair(result, t + <usize>load<u8>(ROOT_CHAIN + 1) * PAIR);
  for (let step = 1; step < ROOT_CHAIN_STEPS; step++) {
    for (let i = load<u8>(ROOT_CHAIN + 2 * step); i > 0; i--) pairSqr(result, result);
    const index = load<u8>(ROOT_CHAIN + 2 * step + 1);
    if (index < 16) pairMul(result, result, t + <usize>index * PAIR);
  }
  copyPair(d, result);
  leaveFrame(t);
}

/** √a per lane; lane i of the result says whether there is one. */
export function sqrtFp(d: usize, a: usize): i32 {
  const t = enterFrame(2 * PAIR);
  rootPower(t, a);
  pairMul(t, t, a);
  pairSqr(t + PAIR, t);
  pairSub(t + PAIR, t + PAIR, a);
  const found = zeroLanes(t + PAIR);
  copyPair(d, t);
  leaveFrame(t);
  return found;
}

/**
 * Roots in Fp² of two elements, given a root of their norms: lane i of `s` is √(norm of element i).
 *
 * With t = (re + s)/2 and c = t^((p−3)/4): if t is a square, c·t is the root's real part and im·c/2 its imaginary part;
 * otherwise −t is one, c·t is the imaginary part and −im·c/2 the real one. t = 0 happens when im = 0; then t = re.
 * @param d - two pairs @param a - two pairs
 */
function rootsFromNorms(d: usize, a: usize, s: usize): void {
  const t = enterFrame(6 * PAIR);
  const re = t;
  const im = t + PAIR;
  const half = t + 2 * PAIR;
  const c = t + 3 * PAIR;
  const u = t + 4 * PAIR;
  const v = t + 5 * PAIR;
  spreadLane(u, a, 1);
  spreadLane(v, a + PAIR, 1);
  joinLanes(im, u, v);
  joinLanes(re, a, a + PAIR);
  pairAdd(half, re, s);
  pairMul(half, half, HALF);
  const zero = zeroLanes(half);
  selectLanes(half, half, re, zero & 1, zero >> 1);
  rootPower(c, half);
  pairMul(u, c, half);
  pairMul(v, im, c);
  pairMul(v, v, HALF);
  pairSqr(c, u);
  pairSub(c, c, half);
  const square = zeroLanes(c);
  pairNeg(c, v);
  selectLanes(re, c, u, square & 1, square >> 1);
  selectLanes(im, u, v, square & 1, square >> 1);
  joinLanes(d, re, im);
  spreadLane(u, re, 1);
  spreadLane(v, im, 1);
  joinLanes(d + PAIR, u, v);
  leaveFrame(t);
}

/** √a in Fp²; 0 if there is none. */
export function sqrtFp2(d: usize, a: usize): i32 {
  const t = enterFrame(5 * PAIR);
  copyPair(t, a);
  copyPair(t + PAIR, a);
  normFp2(t + 2 * PAIR, a);
  sqrtFp(t + 2 * PAIR, t + 2 * PAIR);
  rootsFromNorms(t + 3 * PAIR, t, t + 2 * PAIR);
  mul(t, t + 3 * PAIR, t + 3 * PAIR);
  pairSub(t, t, a);
  const found = zeroLanes(t) === 3 ? 1 : 0;
  copyPair(d, t + 3 * PAIR);
  leaveFrame(t);
  return found;
}

/**
 * For two elements w of Fp² and their u: √w, or √((Z·u²)³·w) where w is no square; Z = −(2 + u) is the constant of the
 * map to G2. Its norm is 5, so the norm's root of the second follows from that of the first.
 * @returns which w are squares, one bit each @param d, w, alternatives, u - two pairs each
 */
export function rootsOrAlternatives(d: usize, w: usize, alternatives: usize, u: usize): i32 {
  const t = enterFrame(6 * PAIR);
  const norm = t;
  const root = t + PAIR;
  const other = t + 2 * PAIR;
  const chosen = t + 3 * PAIR;
  const v = t + 5 * PAIR;
  normFp2(root, w);
  normFp2(other, w + PAIR);
  joinLanes(norm, root, other);
  const square = sqrtFp(root, norm);
  normFp2(other, u);
  normFp2(v, u + PAIR);
  joinLanes(other, other, v);
  pairSqr(v, other);
  pairMul(v, v, other);
  pairMul(v, v, SQRT_MINUS_125);
  pairMul(v, v, root);
  selectLanes(root, v, root, square & 1, square >> 1);
  selectLanes(chosen, alternatives, w, square & 1, square & 1);
  selectLanes(chosen + PAIR, alternatives + PAIR, w + PAIR, square >> 1, square >> 1);
  rootsFromNorms(d, chosen, root);
  leaveFrame(t);
  return square;
}
