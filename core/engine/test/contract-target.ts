/**
 * Contract: the target group, against `@noble/curves` used directly.
 * @module
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Engine, Gt, Scalar } from "../src/engine.ts";
import { arbScalar, be, EDGE_SCALARS, hex, P, R, scalar } from "./fixtures.ts";
import {
  arbitraryElement as arbitrary,
  cyclotomicElement as cyclotomic,
  type Element,
  Fp12,
  writeElement as write,
} from "./oracle-target.ts";
import { published } from "./published.ts";

const SLOW = process.env["SLOW"] === "1";
const REFUSAL = expect.objectContaining({ code: "ERR_POINT_INVALID" });
export function describeTarget(engine: () => Engine): void {
  describe("GT", () => {
    const k = (value: bigint): Scalar => scalar(engine().scalars, value);
    const base = (): Gt => engine().pair(engine().g1.generator, engine().g2.generator);
    /** `e(g1, g2)^k` by way of G1 instead of GT. */
    const byPairing = (value: bigint): Gt =>
      engine().pair(engine().g1.multiplyPublic(engine().g1.generator, k(value)), engine().g2.generator);

    test("it is an abelian group in which inversion and one are what they say", () => {
      const { gt } = engine();
      const [a, b, c] = [byPairing(3n), byPairing(R - 5n), byPairing(R / 3n)];
      expect(gt.equals(gt.multiply(a, b), gt.multiply(b, a))).toBe(true);
      expect(gt.equals(gt.multiply(gt.multiply(a, b), c), gt.multiply(a, gt.multiply(b, c)))).toBe(true);
      expect(gt.equals(gt.multiply(a, gt.one), a)).toBe(true);
      expect(gt.isOne(gt.multiply(a, gt.invert(a)))).toBe(true);
      expect([gt.isOne(gt.one), gt.isOne(a), gt.equals(a, b), gt.equals(a, gt.one)]).toEqual([
        true,
        false,
        false,
        false,
      ]);
    });

    test("powers agree with pairings of multiples at edge exponents", () => {
      const { gt } = engine();
      const g = base();
      // A pairing and two powers each: on a slow engine every second edge will do.
      for (const value of EDGE_SCALARS.filter((_, i) => SLOW || i % 2 === 0)) {
        const want = byPairing(value);
        expect(gt.equals(gt.powerSecret(g, k(value)), want), `secret ${value}`).toBe(true);
        expect(gt.equals(gt.powerPublic(g, k(value)), want), `public ${value}`).toBe(true);
      }
    });

    test("exponents add and multiply", () => {
      const { gt } = engine();
      const g = base();
      fc.assert(
        fc.property(arbScalar, arbScalar, (a, b) => {
          const [x, y] = [gt.powerSecret(g, k(a)), gt.powerPublic(g, k(b))];
          expect(gt.equals(gt.multiply(x, y), gt.powerPublic(g, k(a + b)))).toBe(true);
          expect(gt.equals(gt.powerSecret(x, k(b)), gt.powerPublic(y, k(a)))).toBe(true);
        }),
      );
    });

    test("powers of one are one", () => {
      const { gt } = engine();
      expect(gt.isOne(gt.powerSecret(gt.one, k(R - 1n)))).toBe(true);
      expect(gt.isOne(gt.powerPublic(gt.one, k(12345n)))).toBe(true);
    });

    test("the encoding has 576 bytes in the documented order, and decodes back", () => {
      const { gt } = engine();
      const bytes = gt.encode(base());
      expect([gt.encodedLength, bytes.length]).toEqual([576, 576]);
      expect(hex(bytes)).toBe(published("paulmillr-noble-curves/pairings.json").full[0]);
      expect(gt.equals(gt.decode(bytes), base())).toBe(true);
      expect(hex(gt.encode(gt.one))).toBe(`${"00".repeat(575)}01`);
      bytes.fill(0);
      expect(gt.equals(base(), byPairing(1n))).toBe(true);
    });

    test.each([
      ["no bytes", (): Uint8Array => new Uint8Array(0)],
      ["575 bytes", (): Uint8Array => write(Fp12.ONE).subarray(1)],
      ["577 bytes", (): Uint8Array => new Uint8Array([0, ...write(Fp12.ONE)])],
      ["zero", (): Uint8Array => new Uint8Array(576)],
      ["one", (): Uint8Array => write(Fp12.ONE)],
      ["minus one", (): Uint8Array => write(Fp12.neg(Fp12.ONE))],
      ["two", (): Uint8Array => write(Fp12.add(Fp12.ONE, Fp12.ONE))],
      ["ones", (): Uint8Array => new Uint8Array(576).fill(255)],
      ["an element of Fp¹² at large", (): Uint8Array => write(arbitrary(5n))],
      ["a cyclotomic element of another order", (): Uint8Array => write(cyclotomic(5n))],
      ["another such element", (): Uint8Array => write(cyclotomic(6n))],
      ["a value before the final exponentiation", (): Uint8Array => write(miller())],
      ["the product of a good and a cyclotomic element", (): Uint8Array => write(Fp12.mul(good(), cyclotomic(7n)))],
      ["minus a good element", (): Uint8Array => write(Fp12.neg(good()))],
      ["a good element in the opposite order of coefficients", (): Uint8Array => Fp12.toBytes(good())],
    ])("decode refuses %s", (_, bytes) => {
      expect(() => engine().gt.decode(bytes())).toThrow(REFUSAL);
    });

    test("decode refuses p and more in each of the twelve coefficients", () => {
      for (let i = 0; i < 12; i++) {
        const bytes = write(good());
        bytes.set(be(P, 48), 48 * i);
        expect(() => engine().gt.decode(bytes), `p in ${i}`).toThrow(REFUSAL);
        bytes.fill(255, 48 * i, 48 * i + 48);
        expect(() => engine().gt.decode(bytes), `ones in ${i}`).toThrow(REFUSAL);
      }
    });

    test("decode refuses a changed bit", () => {
      for (const bit of [0, 2000, 4607]) {
        const bytes = write(good());
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(() => engine().gt.decode(bytes)).toThrow(REFUSAL);
      }
    });
  });
}

const { G1, G2 } = bls12_381;
const miller = (): Element => bls12_381.pairing(G1.Point.BASE, G2.Point.BASE, false);
let cached: Element | undefined;
function good(): Element {
  cached ??= bls12_381.pairing(G1.Point.BASE.double(), G2.Point.BASE);
  return cached;
}
