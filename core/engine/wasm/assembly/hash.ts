/**
 * Hashing to G1 and G2 after RFC 9380: two field elements are mapped to an isogenous curve, taken to ours, added, and
 * brought into the subgroup. No step branches on the message.
 */
import { oddLanes, readWide, zeroLanes } from "./bytes";
import {
  HAS_G2,
  ISOGENY_G1_X_DENOMINATOR,
  ISOGENY_G1_X_NUMERATOR,
  ISOGENY_G1_Y_DENOMINATOR,
  ISOGENY_G1_Y_NUMERATOR,
  ISOGENY_G2_X_DENOMINATOR,
  ISOGENY_G2_X_NUMERATOR,
  ISOGENY_G2_Y_DENOMINATOR,
  ISOGENY_G2_Y_NUMERATOR,
  MAP_A_G1,
  MAP_A_G2,
  MAP_B_G1,
  MAP_B_G2,
  MAP_Z_G1,
  MAP_Z_G2,
  ONE,
  REAL_ONE,
  SQRT_MINUS_Z_G1,
} from "./constants";
import {
  copyPair,
  g1Add,
  g2Add,
  mul,
  negateLanes,
  PAIR,
  pairAdd,
  pairDot,
  pairMul,
  pairNeg,
  pairSqr,
  pairSub,
  selectLanes,
  spreadLane,
  sqr,
  swapPair,
} from "./field";
import { enterFrame, leaveFrame } from "./memory";
import { doublePoint, invertCoordinate, multiplyByX, negatePoint, POINT, psi } from "./points";
import { rootPower, rootsOrAlternatives } from "./roots";

/** The numerators have at most this many coefficients. */
const DEGREES: usize = 16;

/**
 * Numerator and denominator of x1 = B(1 + 1/s)/−A and what belongs to it: s = Z²u⁴ + Zu², or −Z in its place if it is 0.
 * @param n, m - numerator and denominator of x1 @param zu - Z·u²
 */
function mapX(group: i32, n: usize, m: usize, zu: usize, u: usize): void {
  const t = enterFrame(2 * PAIR);
  const s = t;
  const v = t + PAIR;
  const g2 = HAS_G2 && group === 2;
  square(g2, zu, u);
  product(g2, zu, zu, g2 ? MAP_Z_G2 : MAP_Z_G1);
  square(g2, s, zu);
  pairAdd(s, s, zu);
  const zero = zeroLanes(s);
  pairAdd(v, s, g2 ? REAL_ONE : ONE);
  product(g2, n, v, g2 ? MAP_B_G2 : MAP_B_G1);
  pairNeg(s, s);
  const both = g2 ? (zero === 3 ? 1 : 0) : zero & 1;
  selectLanes(s, s, g2 ? MAP_Z_G2 : MAP_Z_G1, both, g2 ? both : zero >> 1);
  product(g2, m, s, g2 ? MAP_A_G2 : MAP_A_G1);
  leaveFrame(t);
}

/** w = n³ + A·n·m² + B·m³, the curve's right side times m³, and m³. */
function mapY(group: i32, w: usize, cube: usize, n: usize, m: usize): void {
  const t = enterFrame(2 * PAIR);
  const v = t;
  const mm = t + PAIR;
  const g2 = HAS_G2 && group === 2;
  square(g2, mm, m);
  product(g2, cube, mm, m);
  square(g2, w, n);
  product(g2, v, mm, g2 ? MAP_A_G2 : MAP_A_G1);
  pairAdd(w, w, v);
  product(g2, w, w, n);
  product(g2, v, cube, g2 ? MAP_B_G2 : MAP_B_G1);
  pairAdd(w, w, v);
  leaveFrame(t);
}

function product(g2: bool, d: usize, a: usize, b: usize): void {
  if (HAS_G2 && g2) mul(d, a, b);
  else pairMul(d, a, b);
}

function square(g2: bool, d: usize, a: usize): void {
  if (HAS_G2 && g2) sqr(d, a);
  else pairSqr(d, a);
}

/** Powers of the denominator: mⁱ at d + i·PAIR. */
function denominatorPowers(g2: bool, d: usize, m: usize, count: usize): void {
  copyPair(d, g2 ? REAL_ONE : ONE);
  for (let i: usize = 1; i < count; i++) product(g2, d + i * PAIR, d + (i - 1) * PAIR, m);
}

/** Σ kᵢ·nⁱ·m^(degree−i) by Horner's rule from the highest coefficient down. */
function polynomial(g2: bool, d: usize, coefficients: usize, degree: usize, n: usize, powers: usize): void {
  const t = enterFrame(PAIR);
  copyPair(d, coefficients + degree * PAIR);
  for (let i: usize = 1; i <= degree; i++) {
    const coefficient = coefficients + (degree - i) * PAIR;
    const power = powers + i * PAIR;
    if (HAS_G2 && g2) {
      mul(t, coefficient, power);
      mul(d, d, n);
      pairAdd(d, d, t);
    } else {
      pairDot(d, d, n, coefficient, power);
    }
  }
  leaveFrame(t);
}

/**
 * The isogeny of (n/m, y): X = xn·yd, Y = y·yn·xd·m, Z = xd·m·yd, since the x map's numerator has one degree more than its
 * denominator.
 */
function isogeny(g2: bool, d: usize, n: usize, m: usize, y: usize): void {
  const t = enterFrame((DEGREES + 4) * PAIR);
  const xn = t + DEGREES * PAIR;
  const xd = xn + PAIR;
  const yn = xd + PAIR;
  const yd = yn + PAIR;
  if (HAS_G2 && g2) {
    denominatorPowers(true, t, m, 4);
    polynomial(true, xn, ISOGENY_G2_X_NUMERATOR, 3, n, t);
    polynomial(true, xd, ISOGENY_G2_X_DENOMINATOR, 2, n, t);
    polynomial(true, yn, ISOGENY_G2_Y_NUMERATOR, 3, n, t);
    polynomial(true, yd, ISOGENY_G2_Y_DENOMINATOR, 3, n, t);
  } else {
    denominatorPowers(false, t, m, 16);
    polynomial(false, xn, ISOGENY_G1_X_NUMERATOR, 11, n, t);
    polynomial(false, xd, ISOGENY_G1_X_DENOMINATOR, 10, n, t);
    polynomial(false, yn, ISOGENY_G1_Y_NUMERATOR, 15, n, t);
    polynomial(false, yd, ISOGENY_G1_Y_DENOMINATOR, 15, n, t);
  }
  product(g2, xd, xd, m);
  product(g2, d, xn, yd);
  product(g2, d + PAIR, yn, xd);
  product(g2, d + PAIR, d + PAIR, y);
  product(g2, d + 2 * PAIR, xd, yd);
  leaveFrame(t);
}

/** @param uniform - 128 bytes of expand_message_xmd: two elements of 64 bytes, one for each lane */
export function hashG1(d: usize, uniform: usize): void {
  const t = enterFrame(9 * PAIR);
  const u = t;
  const n = t + PAIR;
  const m = t + 2 * PAIR;
  const zu = t + 3 * PAIR;
  const w = t + 4 * PAIR;
  const cube = t + 5 * PAIR;
  const y = t + 6 * PAIR;
  const v = t + 7 * PAIR;
  const s = t + 8 * PAIR;
  readWide(u, uniform, uniform + 64);
  mapX(1, n, m, zu, u);
  mapY(1, w, cube, n, m);
  // y = √(w/cube) = w·cube·(w·cube³)^((p−3)/4)
  pairMul(v, w, cube);
  pairSqr(s, cube);
  pairMul(s, s, v);
  rootPower(y, s);
  pairMul(y, y, v);
  pairSqr(v, y);
  pairMul(v, v, cube);
  pairSub(v, v, w);
  const square = zeroLanes(v);
  // otherwise √(Z·w/cube)·Z·u³ belongs to x2 = Z·u²·x1
  pairMul(v, y, SQRT_MINUS_Z_G1);
  pairMul(v, v, zu);
  pairMul(v, v, u);
  selectLanes(y, v, y, square & 1, square >> 1);
  pairMul(v, n, zu);
  selectLanes(n, v, n, square & 1, square >> 1);
  const flip = oddLanes(u) ^ oddLanes(y);
  negateLanes(y, y, flip & 1, flip >> 1);
  const p = enterFrame(2 * POINT);
  isogeny(false, p, n, m, y);
  for (let o: usize = 0; o < POINT; o += PAIR) swapPair(p + POINT + o, p + o);
  g1Add(p, p, p + POINT);
  for (let o: usize = 0; o < POINT; o += PAIR) spreadLane(p + o, p + o, 0);
  multiplyByX(1, p + POINT, p);
  g1Add(d, p, p + POINT);
  leaveFrame(p);
  leaveFrame(t);
}

/** sgn0 in Fp²: the parity of the real part, or of the imaginary part if that is zero. */
function sign(a: usize): i32 {
  const odd = oddLanes(a);
  const zero = zeroLanes(a);
  return (odd & 1) | (zero & (odd >> 1) & 1);
}

/** @param uniform - 256 bytes of expand_message_xmd: two elements of Fp² of 128 bytes */
export function hashG2(d: usize, uniform: usize): void {
  const t = enterFrame(18 * PAIR);
  const u = t;
  const n = t + 2 * PAIR;
  const m = t + 4 * PAIR;
  const zu = t + 6 * PAIR;
  const w = t + 8 * PAIR;
  const cube = t + 10 * PAIR;
  const alternative = t + 12 * PAIR;
  const y = t + 14 * PAIR;
  const v = t + 16 * PAIR;
  for (let i: usize = 0; i < 2; i++) {
    const o = i * PAIR;
    readWide(u + o, uniform + 128 * i, uniform + 128 * i + 64);
    mapX(2, n + o, m + o, zu + o, u + o);
    mapY(2, w + o, cube + o, n + o, m + o);
    // w/cube is a square exactly if w·cube is, and its root is that of w·cube over cube
    mul(w + o, w + o, cube + o);
    sqr(v, zu + o);
    mul(v, v, zu + o);
    mul(alternative + o, v, w + o);
  }
  const square = rootsOrAlternatives(y, w, alternative, u);
  const p = enterFrame(2 * POINT);
  for (let i: usize = 0; i < 2; i++) {
    const o = i * PAIR;
    const kept = (square >> <i32>i) & 1;
    mul(v, n + o, zu + o);
    selectLanes(n + o, v, n + o, kept, kept);
    // the sign that counts is that of the whole root
    invertCoordinate(2, v, cube + o);
    mul(y + o, y + o, v);
    const flip = sign(u + o) ^ sign(y + o);
    negateLanes(y + o, y + o, flip, flip);
    isogeny(true, p + i * POINT, n + o, m + o, y + o);
  }
  g2Add(p, p, p + POINT);
  clearCofactor(d, p);
  leaveFrame(p);
  leaveFrame(t);
}

/** [x² − x − 1]P + [x − 1]ψ(P) + ψ²(2P), with x = −X (Budroni–Pintore, RFC 9380 §G.3). */
function clearCofactor(d: usize, a: usize): void {
  const t = enterFrame(4 * POINT);
  const xp = t;
  const image = t + POINT;
  const sum = t + 2 * POINT;
  const s = t + 3 * POINT;
  multiplyByX(2, xp, a);
  negatePoint(xp, xp);
  psi(image, a);
  doublePoint(2, sum, a);
  psi(sum, sum);
  psi(sum, sum);
  g2Add(s, xp, image);
  negatePoint(image, image);
  g2Add(sum, sum, image);
  multiplyByX(2, s, s);
  negatePoint(s, s);
  g2Add(sum, sum, s);
  negatePoint(xp, xp);
  g2Add(sum, sum, xp);
  negatePoint(s, a);
  g2Add(d, sum, s);
  leaveFrame(t);
}
