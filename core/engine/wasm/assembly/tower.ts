/**
 * What of Fp¹² is not a straight line: inversion, Frobenius maps, and the group GT.
 */
import { clearPair, copyPairs, isCanonical, readPair, writePair, zeroLanes } from "./bytes";
import { FROBENIUS, REAL_ONE } from "./constants";
import {
  adjointFp6,
  conjugateFp12,
  copyPair,
  cyclotomicSqr,
  frobeniusEven,
  frobeniusOdd,
  lookUp,
  mulFp6,
  mulFp12,
  negateLanes,
  PAIR,
  pairNeg,
  pairSub,
  scaleFp6,
  subtractShifted,
} from "./field";
import { enterFrame, leaveFrame } from "./memory";
import { powerX } from "./pairing";
import { invertCoordinate } from "./points";
import { TABLE_ENTRIES, WINDOWS_G2, windowsG2 } from "./windows";

export const FP12: usize = 6 * PAIR;

export function setOneFp12(d: usize): void {
  copyPair(d, REAL_ONE);
  for (let i: usize = 1; i < 6; i++) clearPair(d + i * PAIR);
}

/** a⁻¹ by the norms down to Fp: c0² − v·c1² in Fp⁶, its adjoint in Fp². */
export function invertFp12(d: usize, a: usize): void {
  const t = enterFrame(9 * PAIR);
  const norm = t + 6 * PAIR;
  const high = 3 * PAIR;
  mulFp6(t, a, a);
  mulFp6(t + high, a + high, a + high);
  subtractShifted(norm, t, t + high);
  adjointFp6(t, t + high, norm);
  invertCoordinate(2, t + high, t + high);
  scaleFp6(norm, t, t + high);
  mulFp6(d, a, norm);
  mulFp6(d + high, a + high, norm);
  for (let i: usize = 3; i < 6; i++) pairNeg(d + i * PAIR, d + i * PAIR);
  leaveFrame(t);
}

/** a^(p^power) for power 1 or 2. */
export function frobenius(d: usize, a: usize, power: usize): void {
  const coefficients = FROBENIUS + (power - 1) * FP12;
  if (power & 1) frobeniusOdd(d, a, coefficients);
  else frobeniusEven(d, a, coefficients);
}

export function equalFp12(a: usize, b: usize): i32 {
  const t = enterFrame(PAIR);
  let equal = 3;
  for (let i: usize = 0; i < 6; i++) {
    pairSub(t, a + i * PAIR, b + i * PAIR);
    equal &= zeroLanes(t);
  }
  leaveFrame(t);
  return equal === 3 ? 1 : 0;
}

export function isOneFp12(a: usize): i32 {
  const t = enterFrame(FP12);
  setOneFp12(t);
  const result = equalFp12(a, t);
  leaveFrame(t);
  return result;
}

/** 576 bytes, highest coefficient first. */
export function writeFp12(to: usize, a: usize): void {
  for (let i: usize = 0; i < 6; i++) {
    const at = to + (5 - i) * 96;
    writePair(at + 48, at, a + i * PAIR);
  }
}

/** 1 if 576 bytes are an element of GT: canonical, in the cyclotomic subgroup, and its p-th power is its x-th. */
export function readGt(d: usize, from: usize): i32 {
  let canonical = 1;
  for (let i: usize = 0; i < 6; i++) {
    const at = from + (5 - i) * 96;
    canonical &= isCanonical(at) & isCanonical(at + 48);
    readPair(d + i * PAIR, at + 48, at);
  }
  if (!canonical) return 0;
  const t = enterFrame(2 * FP12);
  const s = t + FP12;
  // a^(p⁴ − p² + 1) = 1, and not 0
  frobenius(t, d, 2);
  frobenius(s, t, 2);
  mulFp12(s, s, d);
  let member = equalFp12(s, t) & (1 - isZero(d));
  powerX(t, d);
  frobenius(s, d, 1);
  member &= equalFp12(s, t);
  leaveFrame(t);
  return member;
}

function isZero(a: usize): i32 {
  let zero = 3;
  for (let i: usize = 0; i < 6; i++) zero &= zeroLanes(a + i * PAIR);
  return zero === 3 ? 1 : 0;
}

/** a^k in GT: as multiplication in G2, with conjugation for negation and Frobenius for the endomorphism. */
export function powerGt(d: usize, a: usize, k: usize): void {
  const table: usize = <usize>TABLE_ENTRIES * FP12;
  const t = enterFrame(4 * table + FP12 + 80);
  const entry = t + 4 * table;
  const windows = entry + FP12;
  windowsG2(windows, k);
  setOneFp12(t);
  copyPairs(t + FP12, a, 6);
  for (let i: usize = 2; i < <usize>TABLE_ENTRIES; i++) {
    if (i & 1) mulFp12(t + i * FP12, t + (i - 1) * FP12, a);
    else cyclotomicSqr(t + i * FP12, t + (i >> 1) * FP12);
  }
  for (let part: usize = 1; part < 4; part++) {
    for (let i: usize = 0; i < <usize>TABLE_ENTRIES; i++) {
      const power = t + part * table + i * FP12;
      frobenius(power, power - table, 1);
      conjugateFp12(power, power);
    }
  }
  for (let step = WINDOWS_G2 - 1; step >= 0; step--) {
    for (let i = 0; i < 4 && step < WINDOWS_G2 - 1; i++) cyclotomicSqr(d, d);
    for (let part: usize = 0; part < 4; part++) {
      const digit = <i32>load<i8>(windows + part * WINDOWS_G2 + step);
      const sign = digit >> 31;
      const wanted = (digit ^ sign) - sign;
      lookUp(entry, t + part * table, FP12, TABLE_ENTRIES, wanted, wanted);
      for (let i: usize = 3; i < 6; i++) negateLanes(entry + i * PAIR, entry + i * PAIR, sign & 1, sign & 1);
      if (step === WINDOWS_G2 - 1 && part === 0) copyPairs(d, entry, 6);
      else mulFp12(d, d, entry);
    }
  }
  leaveFrame(t);
}
