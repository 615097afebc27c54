/**
 * The numbers that define BLS12-381 and the little arithmetic on them that the generator needs at build time.
 * Source: draft-irtf-cfrg-pairing-friendly-curves §4.2.1. Everything else in the engine is derived from `X`.
 * @module
 */

/** The absolute value of the curve's parameter; the parameter itself is `-X`. */
export const X = 0xd201000000010000n;
/** Order of G1, G2 and GT: x⁴ − x² + 1. */
export const ORDER = X ** 4n - X ** 2n + 1n;
/** The field's prime: (x − 1)²·r/3 + x, with x = −X. */
export const PRIME = ((X + 1n) ** 2n * ORDER) / 3n - X;

/** The representative of `a` in [0, modulus). */
export function modulo(a: bigint, modulus: bigint): bigint {
  const rest = a % modulus;
  return rest < 0n ? rest + modulus : rest;
}

/** The representative of `a` in [−modulus/2, modulus/2). */
export function centred(a: bigint, modulus: bigint): bigint {
  const rest = modulo(a, modulus);
  return rest * 2n >= modulus ? rest - modulus : rest;
}

export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, modulo(base, modulus)];
  for (let e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** a⁻¹ modulo a number coprime to it. */
export function inverse(a: bigint, modulus: bigint): bigint {
  let [r0, r1, s0, s1] = [modulus, modulo(a, modulus), 0n, 1n];
  while (r1 !== 0n) {
    const q = r0 / r1;
    [r0, r1] = [r1, r0 - q * r1];
    [s0, s1] = [s1, s0 - q * s1];
  }
  if (r0 !== 1n) throw new RangeError("not invertible");
  return modulo(s0, modulus);
}

export const absolute = (a: bigint): bigint => (a < 0n ? -a : a);
/** Math.max is for doubles only. */
export function largest(...values: readonly bigint[]): bigint {
  return [...values].sort((a, b) => (a < b ? 1 : -1))[0] ?? 0n;
}

/** `count` digits to base 2^width, each in [−2^(width−1), 2^(width−1)) but the last, which takes what is left. */
export function balancedDigits(value: bigint, width: number, count: number): bigint[] {
  const digits: bigint[] = [];
  let rest = value;
  for (let i = 0; i < count - 1; i++) {
    const digit = centred(rest, 1n << BigInt(width));
    digits.push(digit);
    rest = (rest - digit) >> BigInt(width);
  }
  return [...digits, rest];
}
