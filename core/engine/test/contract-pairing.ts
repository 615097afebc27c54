/**
 * Contract: pairings, products and checks.
 * @module
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Engine, G1, G2, PairingInput, Scalar } from "../src/engine.ts";
import { arbScalar, R, scalar } from "./fixtures.ts";

export function describePairing(engine: () => Engine): void {
  describe("pairing", () => {
    const k = (value: bigint): Scalar => scalar(engine().scalars, value);
    const p = (value: bigint): G1 => engine().g1.multiplyPublic(engine().g1.generator, k(value));
    const q = (value: bigint): G2 => engine().g2.multiplyPublic(engine().g2.generator, k(value));

    test("it is bilinear", () =>
      fc.assert(
        fc.property(arbScalar, arbScalar, (a, b) => {
          const { gt, pair } = engine();
          const want = pair(p((a * b) % R), q(1n));
          expect(gt.equals(pair(p(a), q(b)), want)).toBe(true);
          expect(gt.equals(pair(p(b), q(a)), want)).toBe(true);
        }),
        { numRuns: process.env["SLOW"] === "1" ? 1000 : 5 },
      ));

    test("it is additive in both arguments", () => {
      const { g1, g2, gt, pair } = engine();
      const [a, b] = [g1.hash(Uint8Array.of(1), "a"), g1.hash(Uint8Array.of(2), "a")];
      const [c, d] = [g2.hash(Uint8Array.of(1), "a"), g2.hash(Uint8Array.of(2), "a")];
      expect(gt.equals(pair(g1.add(a, b), c), gt.multiply(pair(a, c), pair(b, c)))).toBe(true);
      expect(gt.equals(pair(a, g2.add(c, d)), gt.multiply(pair(a, c), pair(a, d)))).toBe(true);
      expect(gt.equals(pair(g1.negate(a), c), gt.invert(pair(a, c)))).toBe(true);
      expect(gt.equals(pair(a, g2.negate(c)), gt.invert(pair(a, c)))).toBe(true);
    });

    test("it does not degenerate, and the identity elements give one", () => {
      const { g1, g2, gt, pair, prepare } = engine();
      expect(gt.isOne(pair(g1.generator, g2.generator))).toBe(false);
      expect(gt.isOne(pair(g1.identity, g2.generator))).toBe(true);
      expect(gt.isOne(pair(g1.generator, g2.identity))).toBe(true);
      expect(gt.isOne(pair(g1.identity, g2.identity))).toBe(true);
      expect(gt.isOne(pair(g1.generator, prepare(g2.identity)))).toBe(true);
      expect(gt.isOne(pair(g1.identity, prepare(g2.generator)))).toBe(true);
    });

    test("a prepared point pairs like the point itself, again and again", () => {
      const { gt, pair, prepare } = engine();
      const prepared = prepare(q(7n));
      for (const a of [1n, 2n, R - 1n]) expect(gt.equals(pair(p(a), prepared), pair(p(a), q(7n)))).toBe(true);
    });

    test("a product of Miller loops is the product of pairings", () => {
      const { gt, pair, prepare, millerProduct, finalExponentiation, g1, g2 } = engine();
      const factors: PairingInput[] = [
        [p(3n), q(5n)],
        [g1.identity, q(9n)],
        [p(11n), prepare(q(R - 2n))],
        [p(4n), g2.identity],
        [p(8n), prepare(q(6n))],
      ];
      const want = pair(p(15n - 22n + R + 48n), q(1n));
      expect(gt.equals(finalExponentiation(millerProduct(factors)), want)).toBe(true);
      expect(gt.isOne(finalExponentiation(millerProduct([])))).toBe(true);
    });

    test("a check holds exactly when the product is one", () => {
      const { g1, g2, prepare, pairingCheck } = engine();
      const good: PairingInput[] = [
        [p(6n), q(1n)],
        [p(2n), prepare(q(R - 3n))],
      ];
      expect(pairingCheck(good)).toBe(true);
      expect(pairingCheck([...good].reverse())).toBe(true);
      expect(pairingCheck([])).toBe(true);
      expect(pairingCheck([[g1.identity, q(4n)], [p(4n), g2.identity], ...good])).toBe(true);
    });

    test.each([
      ["one factor alone", [[1n, 1n]]],
      [
        "a product that is off by one",
        [
          [6n, 1n],
          [2n, R - 2n],
        ],
      ],
      [
        "equal factors instead of opposite ones",
        [
          [6n, 1n],
          [2n, 3n],
        ],
      ],
      [
        "a square",
        [
          [1n, 1n],
          [1n, 1n],
        ],
      ],
      [
        "three factors, two of which cancel",
        [
          [1n, 1n],
          [1n, R - 1n],
          [5n, 1n],
        ],
      ],
    ] as [string, [bigint, bigint][]][])("a check refuses %s", (_, factors) => {
      expect(engine().pairingCheck(factors.map(([a, b]): PairingInput => [p(a), q(b)]))).toBe(false);
      expect(engine().pairingCheck(factors.map(([a, b]): PairingInput => [p(a), engine().prepare(q(b))]))).toBe(false);
    });

    test("a check over many factors", () => {
      const factors = Array.from({ length: 9 }, (_, i): PairingInput => [p(BigInt(i + 1)), q(BigInt(2 * i + 1))]);
      const sum = factors.reduce((total, _, i) => total + (i + 1) * (2 * i + 1), 0);
      expect(engine().pairingCheck([...factors, [p(R - BigInt(sum)), q(1n)]])).toBe(true);
      expect(engine().pairingCheck([...factors, [p(R - BigInt(sum - 1)), q(1n)]])).toBe(false);
    });
  });
}
