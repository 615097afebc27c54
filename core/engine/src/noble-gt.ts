/**
 * The target group of the noble engine: the order-r subgroup of Fp¹²*, where inversion is conjugation, squaring has a
 * short cut and Frobenius multiplies exponents by z.
 * @module
 */
import type { Fp12 } from "@noble/curves/abstract/tower.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bytesToNumberBE, numberToBytesBE } from "@noble/curves/utils.js";
import type { Gt, Scalar, TargetGroup } from "./engine.ts";
import { MilagroError } from "./error.ts";
import { FP_BYTES, P } from "./noble-codec.ts";
import { PARAMETER } from "./noble-parameter.ts";
import { fromScalar, type RandomIntegers, splitScalar } from "./noble-scalars.ts";
import { multiplySplit, signedDigits, toBase, type WalkGroup } from "./noble-windows.ts";

const F12 = bls12_381.fields.Fp12;
const COEFFICIENTS = 12;
const GT_BYTES = COEFFICIENTS * FP_BYTES;

/** GT in the additive words of the walk. z is negative: a^|z| is the conjugate of Frobenius. */
const WALK: WalkGroup<Fp12> = {
  zero: F12.ONE,
  add: (a, b) => F12.mul(a, b),
  double: (a) => F12._cyclotomicSquare(a),
  negate: (a) => F12.conjugate(a),
  image: (a) => F12.conjugate(F12.frobeniusMap(a, 1)),
  base: PARAMETER,
  dimensions: 4,
  digitBits: 64,
};

class NobleGt {
  readonly #value: Fp12;
  constructor(value: Fp12) {
    this.#value = value;
  }
  static read(element: NobleGt): Fp12 {
    return element.#value;
  }
}

/** @param value - an element of the order-r subgroup */
export const toGt = (value: Fp12): Gt => new NobleGt(value) as unknown as Gt;
const from = (handle: Gt): Fp12 => NobleGt.read(handle as unknown as NobleGt);

export function createNobleTargetGroup(random: RandomIntegers): TargetGroup {
  return {
    encodedLength: GT_BYTES,
    one: toGt(F12.ONE),
    decode(bytes) {
      if (!(bytes instanceof Uint8Array) || bytes.length !== GT_BYTES) throw refusal("expected 576 bytes");
      const value = readCoefficients(bytes);
      if (F12.eql(value, F12.ONE)) throw refusal("the neutral element is not allowed");
      if (!isInSubgroup(value)) throw refusal("outside the prime-order group");
      return toGt(value);
    },
    encode: (a) => writeCoefficients(from(a)),
    multiply: (a, b) => toGt(F12.mul(from(a), from(b))),
    invert: (a) => toGt(F12.conjugate(from(a))),
    powerSecret: (a, k) => toGt(multiplySplit(WALK, from(a), splitScalar(fromScalar(k), random))),
    powerPublic: (a, k: Scalar) => toGt(powerPublic(from(a), fromScalar(k))),
    equals: (a, b) => F12.eql(from(a), from(b)),
    isOne: (a) => F12.eql(from(a), F12.ONE),
  };
}

/**
 * Order r, for any value: z^(p⁴−p²+1) = 1 puts it into the cyclotomic subgroup, z^p = z^x into the one of order
 * gcd(p − x, p⁴ − p² + 1) = r.
 */
function isInSubgroup(value: Fp12): boolean {
  if (F12.is0(value)) return false;
  if (!F12.eql(F12.mul(F12.frobeniusMap(value, 4), value), F12.frobeniusMap(value, 2))) return false;
  return F12.eql(F12.frobeniusMap(value, 1), F12.conjugate(F12._cyclotomicExp(value, PARAMETER)));
}

function powerPublic(value: Fp12, k: bigint): Fp12 {
  let image = value;
  const tracks = toBase(k, WALK.base, WALK.dimensions).map((digit, i) => {
    if (i > 0) image = WALK.image(image);
    const table = [F12.ONE, image];
    for (let j = 2; j <= 16; j++) table.push(F12.mul(table[j - 1] as Fp12, image));
    return { table, digits: signedDigits(digit, WALK.digitBits) };
  });
  let result = F12.ONE;
  for (let i = (tracks[0]?.digits.length ?? 0) - 1; i >= 0; i--) {
    for (let d = 0; d < 5; d++) result = F12._cyclotomicSquare(result);
    for (const { table, digits } of tracks) {
      const digit = digits[i] as number;
      if (digit === 0) continue;
      const entry = table[Math.abs(digit)] as Fp12;
      result = F12.mul(result, digit < 0 ? F12.conjugate(entry) : entry);
    }
  }
  return result;
}

function coefficients({ c0, c1 }: Fp12): bigint[] {
  return [c1.c2, c1.c1, c1.c0, c0.c2, c0.c1, c0.c0].flatMap((part) => [part.c1, part.c0]);
}

function writeCoefficients(value: Fp12): Uint8Array {
  const bytes = new Uint8Array(GT_BYTES);
  coefficients(value).forEach((coefficient, i) => {
    bytes.set(numberToBytesBE(coefficient, FP_BYTES), i * FP_BYTES);
  });
  return bytes;
}

function readCoefficients(bytes: Uint8Array): Fp12 {
  const values: bigint[] = [];
  for (let i = 0; i < COEFFICIENTS; i++) {
    const value = bytesToNumberBE(bytes.subarray(i * FP_BYTES, (i + 1) * FP_BYTES));
    if (value >= P) throw refusal("a coefficient is not below p");
    values.push(value);
  }
  const [l, k, j, i, h, g, f, e, d, c, b, a] = values as [
    ...[bigint, bigint, bigint, bigint, bigint, bigint],
    ...[bigint, bigint, bigint, bigint, bigint, bigint],
  ];
  return F12.fromBigTwelve([a, b, c, d, e, f, g, h, i, j, k, l]);
}

function refusal(reason: string): MilagroError {
  return new MilagroError("ERR_POINT_INVALID", `GT: ${reason}`);
}
