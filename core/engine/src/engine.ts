/**
 * The one interface through which everything reaches BLS12-381.
 *
 * Values are opaque handles that belong to the engine that made them; they never cross engines except through
 * `encode`/`decode`. An implementation may keep big integers (noble) or limbs in a byte array (WebAssembly).
 * Groups are written additively, GT multiplicatively. `r` is the prime order of G1, G2 and GT.
 *
 * Source: draft-irtf-cfrg-pairing-friendly-curves §4.2.1 (curve); RFC 9380 (hash to curve); the Zcash point encoding.
 * @module
 */

declare const kind: unique symbol;

/** An integer in [0, r). */
export interface Scalar {
  readonly [kind]: "Scalar";
}
/** An element of the order-r subgroup of E(Fp), the identity element included. */
export interface G1 {
  readonly [kind]: "G1";
}
/** An element of the order-r subgroup of E'(Fp²), the identity element included. */
export interface G2 {
  readonly [kind]: "G2";
}
/** An element of the order-r subgroup of Fp¹²*, the neutral element included. */
export interface Gt {
  readonly [kind]: "Gt";
}
/** A G2 point with its Miller-loop lines computed: worth it from the second pairing on. Public points only. */
export interface PreparedG2 {
  readonly [kind]: "PreparedG2";
}
/** A product of Miller loops that has not been through the final exponentiation; not yet an element of GT. */
export interface MillerValue {
  readonly [kind]: "MillerValue";
}

/** `length` fresh bytes from a cryptographically secure source, or a throw: never fewer, never weaker. */
export type RandomBytes = (length: number) => Uint8Array;

/** Scalars modulo r. No operation here is variable-time in a *small* scalar on an engine whose `constantTime` is true. */
export interface ScalarField {
  readonly zero: Scalar;
  readonly one: Scalar;
  /** @param bytes - exactly 32, big-endian @throws `ERR_SCALAR_INVALID` for another length, for a value ≥ r, and for 0 unless `zero: "allow"` */
  decode(bytes: Uint8Array, options?: { readonly zero?: "allow" }): Scalar;
  /** 32 bytes, big-endian. */
  encode(a: Scalar): Uint8Array;
  /** Big-endian bytes reduced mod r; 48 bytes or more leave a bias below 2⁻¹²⁸. @throws `ERR_SCALAR_INVALID` below 48 bytes */
  reduce(bytes: Uint8Array): Scalar;
  /** A non-negative safe integer as a scalar. */
  fromInteger(value: number): Scalar;
  /** Uniform in [1, r). */
  random(): Scalar;
  add(a: Scalar, b: Scalar): Scalar;
  subtract(a: Scalar, b: Scalar): Scalar;
  negate(a: Scalar): Scalar;
  multiply(a: Scalar, b: Scalar): Scalar;
  /** @throws TypeError for 0 */
  invert(a: Scalar): Scalar;
  equals(a: Scalar, b: Scalar): boolean;
  isZero(a: Scalar): boolean;
}

/** How a point is written: `compressed` is 48 bytes in G1 and 96 in G2, `uncompressed` twice that (Zcash flag bits). */
export type PointForm = "compressed" | "uncompressed";

/** G1 or G2. */
export interface Group<P> {
  /** Bytes of a compressed point: 48 (G1) or 96 (G2). */
  readonly encodedLength: number;
  readonly generator: P;
  readonly identity: P;
  /**
   * From outside in: canonical encoding (either form, told by the flag bits), on the curve, in the order-r subgroup,
   * and not the identity element unless `identity: "allow"`.
   * @throws `ERR_POINT_INVALID`, one code whichever check failed
   */
  decode(bytes: Uint8Array, options?: { readonly identity?: "allow" }): P;
  /**
   * As `decode` for each, the identity element refused, in less time where the engine can.
   * @throws `ERR_POINT_INVALID` if any of them is not a point; which one is not said
   */
  decodeAll(encodings: readonly Uint8Array[]): P[];
  encode(point: P, form?: PointForm): Uint8Array;
  add(a: P, b: P): P;
  subtract(a: P, b: P): P;
  negate(a: P): P;
  sum(points: readonly P[]): P;
  equals(a: P, b: P): boolean;
  isIdentity(a: P): boolean;
  /** RFC 9380 `hash_to_curve`, suite `…_XMD:SHA-256_SSWU_RO_`. @param tag - the domain separation tag, 1 to 255 ASCII characters */
  hash(message: Uint8Array, tag: string): P;
  /** `k·P` for a secret k: the sequence of operations does not depend on k. Also right when P was chosen by an attacker. */
  multiplySecret(point: P, k: Scalar): P;
  /** `k·P` for each of the points, as `multiplySecret`, in less time where the engine can. How many there are is public. */
  multiplySecretAll(points: readonly P[], k: Scalar): P[];
  /** As `multiplySecret` for k < 2³² (PINs): same guarantee, fewer steps where the engine has them. @param k - a non-negative safe integer below 2³² */
  multiplySmallSecret(point: P, k: number): P;
  /** `k·P` for public k and P; variable time. */
  multiplyPublic(point: P, k: Scalar): P;
  /** A table for a point that is multiplied often. */
  fixedBase(point: P): FixedBase<P>;
  /** `Σ kᵢ·Pᵢ` for public scalars; variable time. Empty input gives the identity element. @throws TypeError when the lengths differ */
  multiScalar(points: readonly P[], scalars: readonly Scalar[]): P;
}

/** Multiplication of one point by many scalars. */
export interface FixedBase<P> {
  /** @throws TypeError after `destroy`, as `multiplyPublic` */
  multiplySecret(k: Scalar): P;
  multiplyPublic(k: Scalar): P;
  /** Overwrites the table as far as the engine can: it is as secret as its point. */
  destroy(): void;
}

/** The target group, written multiplicatively. */
export interface TargetGroup {
  /** 576: twelve 48-byte big-endian coefficients, highest first (Fp12 c1,c0 / Fp6 c2,c1,c0 / Fp2 c1,c0), as drand and kilic write them. */
  readonly encodedLength: number;
  readonly one: Gt;
  /** @throws `ERR_POINT_INVALID` for another length, a coefficient ≥ p, an element outside the order-r subgroup, and 1 */
  decode(bytes: Uint8Array): Gt;
  encode(a: Gt): Uint8Array;
  multiply(a: Gt, b: Gt): Gt;
  /** The inverse: in GT it is the conjugate, and cheap. */
  invert(a: Gt): Gt;
  powerSecret(a: Gt, k: Scalar): Gt;
  powerPublic(a: Gt, k: Scalar): Gt;
  equals(a: Gt, b: Gt): boolean;
  isOne(a: Gt): boolean;
}

/** One factor `e(P, Q)` of a product. */
export type PairingInput = readonly [G1, G2 | PreparedG2];

/** What an implementation is and promises, for logs, `selfTest` reports and benchmarks. */
export interface EngineCapabilities {
  /** `noble`, `wasm-fma`, `wasm-simd`, `wasm-scalar` … */
  readonly name: string;
  /** True when secret operations run a fixed sequence of fixed-width machine instructions; false on big integers. */
  readonly constantTime: boolean;
  /** True when `zeroise` really overwrites; false where the language only lets us drop the reference. */
  readonly zeroises: boolean;
}

/** BLS12-381. Make one at start, with the process's random source, and pass it down: nothing here is global. */
export interface Engine {
  readonly capabilities: EngineCapabilities;
  readonly scalars: ScalarField;
  readonly g1: Group<G1>;
  readonly g2: Group<G2>;
  readonly gt: TargetGroup;
  prepare(point: G2): PreparedG2;
  pair(p: G1, q: G2 | PreparedG2): Gt;
  /** `Π e(Pᵢ, Qᵢ)` before the final exponentiation. Factors with an identity element count as 1. */
  millerProduct(factors: readonly PairingInput[]): MillerValue;
  finalExponentiation(value: MillerValue): Gt;
  /** Whether `Π e(Pᵢ, Qᵢ) = 1`: one final exponentiation however many factors. */
  pairingCheck(factors: readonly PairingInput[]): boolean;
  /** Overwrites what the engine holds of these values, as far as `capabilities.zeroises` goes. They must not be used again. */
  zeroise(...values: readonly (Scalar | G1 | G2 | Gt)[]): void;
  /** Known answers for every operation class. @throws `ERR_ENGINE_SELF_TEST` naming the operation: do not use this engine */
  selfTest(): void;
}

/** What of an engine needs neither G2 nor a pairing: all that logging in takes. Every `Engine` is one. */
export type G1Engine = Pick<Engine, "capabilities" | "scalars" | "g1" | "zeroise" | "selfTest">;
