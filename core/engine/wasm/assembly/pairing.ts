/**
 * The optimal ate pairing: Miller loops over any number of pairs at once, prepared lines, and the final exponentiation.
 *
 * A pair in the loop is affine P (x and y, each in both lanes) and either prepared lines or a point of G2 that walks
 * along. Sources: Aranha et al., ePrint 2010/526; Hayashida–Hayasaka–Teruya, ePrint 2020/875 (final exponentiation).
 */
import { copyPairs, zeroLanes } from "./bytes";
import { REAL_ONE, X } from "./constants";
import {
  additionStep,
  compressedNorm,
  compressedSqr,
  conjugateFp12,
  copyPair,
  cyclotomicSqr,
  decompress,
  doubledSqrFp12,
  doublingStep,
  evaluateLine,
  mul,
  mulFp12,
  mulFp12ByLine,
  mulFp12ByTangent,
  PAIR,
  pairMul,
  selectLanes,
} from "./field";
import { enterFrame, leaveFrame } from "./memory";
import { invertCoordinate, POINT } from "./points";
import { FP12, frobenius, invertFp12, setOneFp12 } from "./tower";

const LINE: usize = 3 * PAIR;
/** A prepared tangent: divided by its constant coefficient, which is 1 then and takes no place. */
const TANGENT: usize = 2 * PAIR;
const DOUBLINGS: i32 = 63;

/**
 * Steps through the loop for a point of G2: 63 tangents and 5 chords. The constant coefficient of a tangent is
 * (12ξ·Z² − Y²) times what is never 0, and 12ξ is no square. That of a chord could be 0, so chords stay as they are.
 * @param q - affine, Z = 1
 */
export function prepareLines(lines: usize, q: usize): void {
  const r = enterFrame(POINT + <usize>DOUBLINGS * (LINE + PAIR) + PAIR);
  const tangents = r + POINT;
  const products = tangents + <usize>DOUBLINGS * LINE;
  copyPairs(r, q, 3);
  copyPair(products, REAL_ONE);
  let at = lines;
  let tangent = tangents;
  let product = products;
  for (let i: i64 = 62; i >= 0; i--) {
    doublingStep(r, tangent);
    mul(product + PAIR, product, tangent);
    tangent += LINE;
    product += PAIR;
    at += TANGENT;
    if ((X >> <u64>i) & 1) {
      additionStep(r, at, q);
      at += LINE;
    }
  }
  // one inversion for all: from the last to the first, r is the inverse of the product up to there
  invertCoordinate(2, r, product);
  for (let i: i64 = 0; i < 63; i++) {
    if ((X >> <u64>i) & 1) at -= LINE;
    at -= TANGENT;
    tangent -= LINE;
    product -= PAIR;
    mul(product, product, r);
    mul(r, r, tangent);
    mul(at, tangent + PAIR, product);
    mul(at + PAIR, tangent + 2 * PAIR, product);
  }
  leaveFrame(r);
}

/**
 * Π f(Pᵢ, Qᵢ) over `prepared` + `walking` pairs.
 * @param points - the points P, one after the other, affine: first those of the prepared pairs
 * @param lines - addresses of the prepared lines, 4 bytes each
 * @param q - the points of the walking pairs, affine; @param r - copies of them, which are used up
 */
export function millerLoop(
  f: usize,
  points: usize,
  prepared: i32,
  lines: usize,
  walking: i32,
  q: usize,
  r: usize,
): void {
  const line = enterFrame(LINE);
  setOneFp12(f);
  let at: usize = 0;
  for (let i: i64 = 62; i >= 0; i--) {
    if (i < 62) doubledSqrFp12(f, f);
    for (let adding = 0; adding < 2; adding++) {
      if (adding && !((X >> <u64>i) & 1)) break;
      for (let j = 0; j < prepared; j++) {
        const from = <usize>load<u32>(lines + (j << 2)) + at;
        const point = points + <usize>j * POINT;
        if (adding) {
          evaluateLine(line, from, point);
          mulFp12ByLine(f, f, line);
        } else {
          pairMul(line, from, point);
          pairMul(line + PAIR, from + PAIR, point + PAIR);
          mulFp12ByTangent(f, f, line);
        }
      }
      for (let j = 0; j < walking; j++) {
        if (adding) additionStep(r + <usize>j * POINT, line, q + <usize>j * POINT);
        else doublingStep(r + <usize>j * POINT, line);
        evaluateLine(line, line, points + <usize>(prepared + j) * POINT);
        mulFp12ByLine(f, f, line);
      }
      at += adding ? LINE : TANGENT;
    }
  }
  conjugateFp12(f, f);
  leaveFrame(line);
}

/**
 * a^x = conj(a^X) in the cyclotomic subgroup. The squarings up to the second lowest bit of X are compressed, as four of
 * six coefficients; two powers are then decompressed with one inversion.
 */
export function powerX(d: usize, a: usize): void {
  const t = enterFrame(2 * FP12 + 3 * PAIR);
  const low = t;
  const high = t + FP12;
  const norm = t + 2 * FP12;
  const first = ctz(X);
  const second = ctz(X & (X - 1));
  copyPairs(low, a, 6);
  for (let i: u64 = 0; i < first; i++) compressedSqr(low, low);
  copyPairs(high, low, 6);
  for (let i = first; i < second; i++) compressedSqr(high, high);
  compressedNorm(norm, low);
  compressedNorm(norm + PAIR, high);
  const inverse = norm + 2 * PAIR;
  mul(inverse, norm, norm + PAIR);
  // 1 has no inverse here, and is as it should be already
  const isOne = zeroLanes(inverse) === 3 ? 1 : 0;
  invertCoordinate(2, inverse, inverse);
  mul(norm, norm, inverse);
  mul(norm + PAIR, norm + PAIR, inverse);
  decompress(low, norm + PAIR);
  decompress(high, norm);
  selectLanes(low, low, REAL_ONE, isOne, isOne);
  selectLanes(high, high, REAL_ONE, isOne, isOne);
  mulFp12(low, low, high);
  for (let i = second + 1; i < 64; i++) {
    cyclotomicSqr(high, high);
    if ((X >> i) & 1) mulFp12(low, low, high);
  }
  conjugateFp12(d, low);
  leaveFrame(t);
}

/** f^((p¹² − 1)/r·3), the power that the usual implementations agree on. */
export function finalExponentiation(d: usize, f: usize): void {
  const t = enterFrame(5 * FP12);
  const m = t;
  const a = t + FP12;
  const b = t + 2 * FP12;
  const x = t + 3 * FP12;
  const y = t + 4 * FP12;
  // the easy part, f^((p⁶ − 1)(p² + 1))
  invertFp12(x, f);
  conjugateFp12(y, f);
  mulFp12(y, y, x);
  frobenius(x, y, 2);
  mulFp12(m, x, y);
  // the hard part, 3(p⁴ − p² + 1)/r = (x − 1)²(x + p)(x² + p² − 1) + 3
  powerX(x, m);
  conjugateFp12(y, m);
  mulFp12(a, x, y);
  powerX(x, a);
  conjugateFp12(y, a);
  mulFp12(a, x, y);
  powerX(x, a);
  frobenius(y, a, 1);
  mulFp12(b, x, y);
  powerX(x, b);
  powerX(x, x);
  frobenius(y, b, 2);
  mulFp12(x, x, y);
  conjugateFp12(y, b);
  mulFp12(x, x, y);
  cyclotomicSqr(y, m);
  mulFp12(y, y, m);
  mulFp12(d, x, y);
  leaveFrame(t);
}
