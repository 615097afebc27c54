/**
 * Pairings of the noble engine, on noble's Miller loop: its public `pairing` would check both subgroups again.
 * @module
 */
import { normalizeZ } from "@noble/curves/abstract/curve.js";
import type { Fp2, Fp12 } from "@noble/curves/abstract/tower.js";
import type { WeierstrassPoint } from "@noble/curves/abstract/weierstrass.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import type { G1, G2, Gt, MillerValue, PairingInput, PreparedG2 } from "./engine.ts";
import { toGt } from "./noble-gt.ts";

type Lines = ReturnType<typeof bls12_381.utils.calcPairingPrecomputes>;
const G1Point = bls12_381.G1.Point;
const G2Point = bls12_381.G2.Point;
const F12 = bls12_381.fields.Fp12;

class NoblePreparedG2 {
  /** Undefined for the identity element. */
  readonly lines: Lines | undefined;
  constructor(point: WeierstrassPoint<Fp2>) {
    this.lines = point.is0() ? undefined : bls12_381.utils.calcPairingPrecomputes(point);
  }
}

class NobleMillerValue {
  readonly value: Fp12;
  constructor(value: Fp12) {
    this.value = value;
  }
}

/** The pairing part of `Engine`. */
export interface NoblePairing {
  prepare(point: G2): PreparedG2;
  pair(p: G1, q: G2 | PreparedG2): Gt;
  millerProduct(factors: readonly PairingInput[]): MillerValue;
  finalExponentiation(value: MillerValue): Gt;
  pairingCheck(factors: readonly PairingInput[]): boolean;
}

export function createNoblePairing(): NoblePairing {
  const exponentiate = (value: Fp12): Fp12 => F12.finalExponentiate(value);
  return {
    prepare: (point) => prepare(point) as unknown as PreparedG2,
    pair: (p, q) => toGt(exponentiate(millerProduct([[p, q]]))),
    millerProduct: (factors) => new NobleMillerValue(millerProduct(factors)) as unknown as MillerValue,
    finalExponentiation: (handle) => {
      const miller = handle as unknown as NobleMillerValue;
      if (!(miller instanceof NobleMillerValue)) throw new TypeError("expected a Miller value of this engine");
      return toGt(exponentiate(miller.value));
    },
    pairingCheck: (factors) => F12.eql(exponentiate(millerProduct(factors)), F12.ONE),
  };
}

function prepare(handle: G2): NoblePreparedG2 {
  if (!(handle instanceof G2Point)) throw new TypeError("expected a G2 handle of this engine");
  return new NoblePreparedG2(handle as unknown as WeierstrassPoint<Fp2>);
}

function millerProduct(factors: readonly PairingInput[]): Fp12 {
  const left: WeierstrassPoint<bigint>[] = [];
  const right: Lines[] = [];
  for (const [p, q] of factors) {
    if (!(p instanceof G1Point)) throw new TypeError("expected a G1 handle of this engine");
    const point = p as unknown as WeierstrassPoint<bigint>;
    const handle: unknown = q;
    const { lines } = handle instanceof NoblePreparedG2 ? handle : prepare(q as G2);
    if (point.is0() || lines === undefined) continue;
    left.push(point);
    right.push(lines);
  }
  const affine = normalizeZ(G1Point, left); // one inversion for all
  return bls12_381.millerLoopBatch(affine.map(({ X, Y }, i) => [right[i] as Lines, X, Y]));
}
