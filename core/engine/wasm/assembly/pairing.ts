/**
 * The optimal ate pairing: Miller loops over any number of pairs at once, prepared lines, and the final exponentiation.
 *
 * A pair in the loop is affine P (x and y, each in both lanes) and either prepared lines or a point of G2 that walks
 * along. Sources: Aranha et al., ePrint 2010/526; Hayashida–Hayasaka–Teruya, ePrint 2020/875 (final exponentiation).
 */
import { copyPairs } from "./bytes";
import { X } from "./constants";
import {
  additionStep,
  conjugateFp12,
  cyclotomicSqr,
  doublingStep,
  evaluateLine,
  mulFp12,
  mulFp12ByLine,
  PAIR,
  sqrFp12,
} from "./field";
import { enterFrame, leaveFrame } from "./memory";
import { POINT } from "./points";
import { FP12, frobenius, invertFp12, setOneFp12 } from "./tower";

const LINE: usize = 3 * PAIR;
/** Lines of 63 doublings and 5 additions. */
export const PREPARED: usize = 68 * 3 * PAIR;

/** Steps through the loop for a point of G2. @param q - affine, Z = 1 */
export function prepareLines(lines: usize, q: usize): void {
  const r = enterFrame(POINT);
  copyPairs(r, q, 3);
  let line = lines;
  for (let i: i64 = 62; i >= 0; i--) {
    doublingStep(r, line);
    line += LINE;
    if ((X >> <u64>i) & 1) {
      additionStep(r, line, q);
      line += LINE;
    }
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
  let step: usize = 0;
  for (let i: i64 = 62; i >= 0; i--) {
    if (i < 62) sqrFp12(f, f);
    for (let adding = 0; adding < 2; adding++) {
      if (adding && !((X >> <u64>i) & 1)) break;
      for (let j = 0; j < prepared; j++) {
        const from = <usize>load<u32>(lines + (j << 2)) + step * LINE;
        evaluateLine(line, from, points + <usize>j * POINT);
        mulFp12ByLine(f, f, line);
      }
      for (let j = 0; j < walking; j++) {
        if (adding) additionStep(r + <usize>j * POINT, line, q + <usize>j * POINT);
        else doublingStep(r + <usize>j * POINT, line);
        evaluateLine(line, line, points + <usize>(prepared + j) * POINT);
        mulFp12ByLine(f, f, line);
      }
      step += 1;
    }
  }
  conjugateFp12(f, f);
  leaveFrame(line);
}

/** a^x = conj(a^X) in the cyclotomic subgroup. */
export function powerX(d: usize, a: usize): void {
  const t = enterFrame(FP12);
  copyPairs(t, a, 6);
  for (let i: i64 = 62; i >= 0; i--) {
    cyclotomicSqr(t, t);
    if ((X >> <u64>i) & 1) mulFp12(t, t, a);
  }
  conjugateFp12(d, t);
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
