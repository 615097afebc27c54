/**
 * Scalars modulo r for the noble engine: a bigint behind a private field, so that printing or serialising a handle
 * shows nothing and `zeroise` can at least drop the reference.
 *
 * Security: big-integer arithmetic takes time that depends on the size of its operands. Inversion, the one operation
 * whose running time depends strongly on the value, is blinded by a uniform factor.
 * @module
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bytesToNumberBE, numberToBytesBE } from "@noble/curves/utils.js";
import type { RandomBytes, Scalar, ScalarField } from "./engine.ts";
import { MilagroError } from "./error.ts";
import type { SplitScalar } from "./noble-windows.ts";

const Fr = bls12_381.fields.Fr;
/** The prime order of G1, G2 and GT. */
export const ORDER: bigint = Fr.ORDER;
const SCALAR_BYTES = 32;
/** 384 bits reduced modulo a 255-bit number: a bias below 2⁻¹²⁸. */
const WIDE_BYTES = 48;

class NobleScalar {
  #value: bigint | undefined;
  constructor(value: bigint) {
    this.#value = value;
  }
  static read(scalar: NobleScalar): bigint {
    const value = scalar.#value;
    if (value === undefined) throw new TypeError("scalar was zeroised");
    return value;
  }
  static drop(handle: object): void {
    if (#value in handle) handle.#value = undefined;
  }
}

/** @param value - already in [0, r) */
export const toScalar = (value: bigint): Scalar => new NobleScalar(value) as unknown as Scalar;
/** The integer behind a handle of this engine. @throws TypeError for another engine's handle, and after `zeroise` */
export const fromScalar = (scalar: Scalar): bigint => NobleScalar.read(scalar as unknown as NobleScalar);
/** Forgets a scalar's value; other handles are left alone. */
export const dropScalar = (handle: object): void => NobleScalar.drop(handle);

/**
 * `a·b mod r`. Both are lifted by r first, so that small values meet multiplication at the size of large ones: a PIN
 * in a plain product shows in the time of a blinded inversion (measured: |t| = 16).
 */
const product = (a: bigint, b: bigint): bigint => ((a + ORDER) * (b + ORDER)) % ORDER;

/** `k = a + b` with b, and so a, uniform in [0, r). */
export function splitScalar(k: bigint, random: RandomIntegers): SplitScalar {
  const blind = random.modOrder();
  return [(k + ORDER + blind) % ORDER, (ORDER - blind) % ORDER];
}

/** Uniform integers from the injected source; a source that returns too little is refused, not padded. */
export interface RandomIntegers {
  /** Uniform in [0, r). */
  modOrder(): bigint;
  /** Uniform in [1, r). */
  nonZero(): bigint;
}

export function createRandomIntegers(random: RandomBytes): RandomIntegers {
  function wide(): bigint {
    const bytes = random(WIDE_BYTES);
    if (!(bytes instanceof Uint8Array) || bytes.length !== WIDE_BYTES) {
      throw new TypeError("the random source returned the wrong number of bytes");
    }
    const value = bytesToNumberBE(bytes);
    bytes.fill(0);
    return value;
  }
  return {
    modOrder: () => wide() % ORDER,
    nonZero: () => (wide() % (ORDER - 1n)) + 1n,
  };
}

export function createNobleScalars(random: RandomIntegers): ScalarField {
  return {
    zero: toScalar(0n),
    one: toScalar(1n),
    decode(bytes, options) {
      if (!(bytes instanceof Uint8Array) || bytes.length !== SCALAR_BYTES) {
        throw new MilagroError("ERR_SCALAR_INVALID", "scalar: expected 32 bytes");
      }
      const value = bytesToNumberBE(bytes);
      if (value >= ORDER) throw new MilagroError("ERR_SCALAR_INVALID", "scalar: not below the group order");
      if (value === 0n && options?.zero !== "allow") {
        throw new MilagroError("ERR_SCALAR_INVALID", "scalar: zero is not allowed here");
      }
      return toScalar(value);
    },
    encode: (a) => numberToBytesBE(fromScalar(a), SCALAR_BYTES),
    reduce(bytes) {
      if (!(bytes instanceof Uint8Array) || bytes.length < WIDE_BYTES) {
        throw new MilagroError("ERR_SCALAR_INVALID", "scalar: reducing needs at least 48 bytes");
      }
      return toScalar(bytesToNumberBE(bytes) % ORDER);
    },
    fromInteger(value) {
      if (!Number.isSafeInteger(value) || value < 0) throw new TypeError("expected a non-negative safe integer");
      return toScalar(BigInt(value));
    },
    random: () => toScalar(random.nonZero()),
    add: (a, b) => toScalar(Fr.add(fromScalar(a), fromScalar(b))),
    subtract: (a, b) => toScalar(Fr.sub(fromScalar(a), fromScalar(b))),
    negate: (a) => toScalar(Fr.neg(fromScalar(a))),
    multiply: (a, b) => toScalar(product(fromScalar(a), fromScalar(b))),
    invert(a) {
      const value = fromScalar(a);
      if (value === 0n) throw new TypeError("zero has no inverse");
      const blind = random.nonZero();
      return toScalar(product(Fr.inv(product(value, blind)), blind));
    },
    equals: (a, b) => fromScalar(a) === fromScalar(b),
    isZero: (a) => fromScalar(a) === 0n,
  };
}
