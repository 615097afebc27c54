/**
 * The oracle's side of the target group: elements of Fp¹² inside and outside of it, written in the documented order.
 * @module
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { concatBytes } from "@noble/hashes/utils.js";
import { be, integer, P, R } from "./oracle.ts";

export const { Fp12 } = bls12_381.fields;
export type Element = typeof Fp12.ONE;
type Twelve = Parameters<typeof Fp12.fromBigTwelve>[0];

/** Highest coefficient first. */
export function writeElement(value: Element): Uint8Array {
  const sixes = [value.c1, value.c0];
  const twos = sixes.flatMap((six) => [six.c2, six.c1, six.c0]);
  return concatBytes(...twos.flatMap((two) => [be(two.c1, 48), be(two.c0, 48)]));
}

/** Some element of Fp¹², far from any subgroup. */
export const arbitraryElement = (seed: bigint): Element =>
  Fp12.fromBigTwelve(Array.from({ length: 12 }, (_, i) => (seed ** BigInt(31 + i) + BigInt(i)) % P) as Twelve);

/** In the cyclotomic subgroup, of an order far above r: the easy part of the final exponentiation alone. */
export function cyclotomicElement(seed: bigint): Element {
  const value = arbitraryElement(seed);
  const easy = Fp12.mul(Fp12.conjugate(value), Fp12.inv(value));
  return Fp12.mul(Fp12.frobeniusMap(easy, 2), easy);
}

/** An element from its coefficients, without any check. */
export function trustedElement(bytes: Uint8Array): Element {
  const values = Array.from({ length: 12 }, (_, i) => integer(bytes.slice(48 * i, 48 * i + 48)));
  return Fp12.fromBigTwelve(values.reverse() as Twelve);
}

/** By the definition of the group, slowly; undefined where an engine has to refuse. */
export function readElement(bytes: Uint8Array): Element | undefined {
  if (bytes.length !== 576) return undefined;
  for (let i = 0; i < 12; i++) if (integer(bytes.slice(48 * i, 48 * i + 48)) >= P) return undefined;
  const element = trustedElement(bytes);
  if (Fp12.is0(element) || Fp12.eql(element, Fp12.ONE)) return undefined;
  return Fp12.eql(Fp12.pow(element, R), Fp12.ONE) ? element : undefined;
}
