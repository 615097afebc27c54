/**
 * Contract: G1 and G2, against `@noble/curves` used directly.
 * @module
 */
import type { WeierstrassPoint } from "@noble/curves/abstract/weierstrass.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Engine, Group, Scalar } from "../src/engine.ts";
import { arbScalar, EDGE_SCALARS, hex, type Oracle, R, scalar } from "./fixtures.ts";

const TAG = "MILAGRO-TEST-V1_XMD:SHA-256_SSWU_RO_";

export function describeGroup<H, F>(engine: () => Engine, pick: () => Group<H>, oracle: Oracle<F>): void {
  describe(oracle.name, () => {
    const k = (value: bigint): Scalar => scalar(engine().scalars, value);
    const bytes = (point: H): string => hex(pick().encode(point));
    const fromOracle = (point: WeierstrassPoint<F>): H => pick().decode(point.toBytes(true), { identity: "allow" });
    /** A point that has nothing to do with the generator, with its oracle twin. */
    const sample = (seed: number): { point: H; twin: WeierstrassPoint<F> } => {
      const message = Uint8Array.of(seed);
      return { point: pick().hash(message, TAG), twin: oracle.hash(message, TAG) };
    };
    const twinTimes = (twin: WeierstrassPoint<F>, value: bigint): string => twin.multiplyUnsafe(value).toHex(true);

    test("constants: the generator is the standard one, the identity is neutral", () => {
      const { generator, identity, encodedLength } = pick();
      expect(bytes(generator)).toBe(oracle.generator.toHex(true));
      expect(encodedLength).toBe(oracle.width);
      expect([pick().isIdentity(identity), pick().isIdentity(generator)]).toEqual([true, false]);
    });

    test("it is an abelian group", () =>
      fc.assert(
        fc.property(arbScalar, arbScalar, (x, y) => {
          const g = pick();
          const [a, b] = [g.multiplyPublic(g.generator, k(x)), g.multiplyPublic(g.generator, k(y))];
          const c = sample(1).point;
          expect(g.equals(g.add(a, b), g.add(b, a))).toBe(true);
          expect(g.equals(g.add(g.add(a, b), c), g.add(a, g.add(b, c)))).toBe(true);
          expect(g.equals(g.add(a, g.identity), a)).toBe(true);
          expect(g.isIdentity(g.add(a, g.negate(a)))).toBe(true);
          expect(g.equals(g.subtract(a, b), g.add(a, g.negate(b)))).toBe(true);
          expect(g.equals(g.add(a, b), g.multiplyPublic(g.generator, k(x + y)))).toBe(true);
        }),
        { numRuns: 4 },
      ));

    test("addition knows equal, opposite and neutral points", () => {
      const g = pick();
      const { point, twin } = sample(2);
      const again = g.subtract(g.add(point, g.generator), g.generator); // equal, with other coordinates inside
      expect(bytes(g.add(point, point))).toBe(twin.double().toHex(true));
      expect(bytes(g.add(point, again))).toBe(twin.double().toHex(true));
      expect(g.isIdentity(g.subtract(point, again))).toBe(true);
      expect(g.isIdentity(g.add(point, g.negate(again)))).toBe(true);
      expect(g.isIdentity(g.add(g.identity, g.identity))).toBe(true);
      expect(g.isIdentity(g.negate(g.identity))).toBe(true);
      expect(bytes(g.add(g.identity, point))).toBe(bytes(point));
      expect(bytes(g.subtract(g.identity, point))).toBe(twin.negate().toHex(true));
    });

    test("equality sees points, not coordinates", () => {
      const g = pick();
      const { point } = sample(3);
      const again = g.subtract(g.add(point, g.generator), g.generator);
      expect(g.equals(point, again)).toBe(true);
      expect(g.equals(point, g.negate(point))).toBe(false);
      expect(g.equals(point, g.identity)).toBe(false);
      expect(g.equals(g.identity, point)).toBe(false);
      expect(g.equals(g.identity, g.subtract(point, again))).toBe(true);
    });

    test("sum adds any number of points", () => {
      const g = pick();
      const { point, twin } = sample(4);
      expect(g.isIdentity(g.sum([]))).toBe(true);
      expect(bytes(g.sum([point]))).toBe(bytes(point));
      expect(bytes(g.sum([point, point, g.identity, g.negate(point), point]))).toBe(twin.double().toHex(true));
      expect(g.isIdentity(g.sum([point, g.negate(point)]))).toBe(true);
    });

    test("every multiplication agrees with the oracle at every edge scalar", () => {
      const g = pick();
      const { point, twin } = sample(5);
      const table = g.fixedBase(point);
      for (const value of EDGE_SCALARS) {
        const want = twinTimes(twin, value);
        expect(bytes(g.multiplySecret(point, k(value))), `secret ${value}`).toBe(want);
        expect(bytes(g.multiplyPublic(point, k(value))), `public ${value}`).toBe(want);
        expect(bytes(table.multiplySecret(k(value))), `fixed secret ${value}`).toBe(want);
        expect(bytes(table.multiplyPublic(k(value))), `fixed public ${value}`).toBe(want);
        expect(bytes(g.multiScalar([point], [k(value)])), `multi-scalar ${value}`).toBe(want);
      }
    });

    test("every multiplication agrees with the oracle at random scalars", () => {
      const table = pick().fixedBase(pick().generator);
      fc.assert(
        fc.property(arbScalar, fc.nat(255), (value, seed) => {
          const { point, twin } = sample(seed);
          const want = twinTimes(twin, value);
          expect(bytes(pick().multiplySecret(point, k(value)))).toBe(want);
          expect(bytes(pick().multiplyPublic(point, k(value)))).toBe(want);
          const base = twinTimes(oracle.generator, value);
          expect(bytes(table.multiplySecret(k(value)))).toBe(base);
          expect(bytes(table.multiplyPublic(k(value)))).toBe(base);
        }),
        { numRuns: process.env["SLOW"] === "1" ? 1000 : 4 },
      );
    });

    test("a table that was destroyed multiplies nothing; its point goes on", () => {
      const { point, twin } = sample(7);
      const table = pick().fixedBase(point);
      expect(bytes(table.multiplySecret(k(5n)))).toBe(twinTimes(twin, 5n));
      table.destroy();
      table.destroy();
      expect(() => table.multiplySecret(k(5n))).toThrow(TypeError);
      expect(() => table.multiplyPublic(k(5n))).toThrow(TypeError);
      expect(bytes(pick().multiplySecret(point, k(5n)))).toBe(twinTimes(twin, 5n));
    });

    test("any number of points are multiplied together as each by itself, at every edge scalar", () => {
      const g = pick();
      const { point } = sample(11);
      const all = [point, g.generator, g.negate(point), point, g.identity, g.identity, sample(12).point];
      for (const value of EDGE_SCALARS) {
        const want = all.map((each) => bytes(g.multiplySecret(each, k(value))));
        expect(g.multiplySecretAll(all, k(value)).map(bytes), `${value}`).toEqual(want);
      }
      for (let count = 0; count <= all.length; count++) {
        const want = all.slice(0, count).map((each) => bytes(g.multiplySecret(each, k(R / 3n))));
        expect(g.multiplySecretAll(all.slice(0, count), k(R / 3n)).map(bytes), `${count}`).toEqual(want);
      }
    });

    test("small secrets multiply like any scalar", () => {
      const { point, twin } = sample(6);
      for (const value of [0, 1, 2, 15, 16, 17, 1234, 9999, 999_999, 2 ** 31, 2 ** 32 - 1]) {
        expect(bytes(pick().multiplySmallSecret(point, value)), `${value}`).toBe(twinTimes(twin, BigInt(value)));
      }
    });

    test.each([-1, 2 ** 32, 0.5, Number.NaN, Number.POSITIVE_INFINITY])("a small secret of %d is refused", (value) => {
      expect(() => pick().multiplySmallSecret(pick().generator, value)).toThrow(TypeError);
    });

    test("multiples of the identity are the identity", () => {
      const g = pick();
      const table = g.fixedBase(g.identity);
      for (const value of [0n, 1n, 5n, R - 1n]) {
        expect(g.isIdentity(g.multiplySecret(g.identity, k(value)))).toBe(true);
        expect(g.isIdentity(g.multiplyPublic(g.identity, k(value)))).toBe(true);
        expect(g.isIdentity(table.multiplySecret(k(value)))).toBe(true);
        expect(g.isIdentity(table.multiplyPublic(k(value)))).toBe(true);
        expect(g.isIdentity(g.multiScalar([g.identity, g.identity], [k(value), k(1n)]))).toBe(true);
      }
      expect(g.isIdentity(g.multiplySmallSecret(g.identity, 77))).toBe(true);
    });

    test.each([2, 3, 4, 5, 8, 9, 17, 33])("a multi-scalar product of %d terms is the sum of its terms", (count) => {
      const g = pick();
      const values = Array.from({ length: count }, (_, i) => (i % 3 === 0 ? BigInt(i) : (R / 7n) * BigInt(i + 1)) % R);
      const seeds = values.map((_, i) => BigInt(i + 1) ** 9n);
      const points = seeds.map((s) => g.multiplyPublic(g.generator, k(s)));
      const want = seeds.reduce((sum, s, i) => (sum + s * (values[i] as bigint)) % R, 0n);
      expect(bytes(g.multiScalar(points, values.map(k)))).toBe(twinTimes(oracle.generator, want));
    });

    test.each([1, 4, 5, 8, 9, 20, 40, 100, 300])(
      "a multi-scalar product of %d terms is right where halves of scalars begin and end",
      (count) => {
        const g = pick();
        const square = 0xd201000000010000n ** 2n; // of the curve's parameter; λ = square − 1 halves a scalar
        const lambda = square - 1n;
        const bounds = [
          R - 1n,
          lambda - 1n,
          lambda,
          square,
          lambda * lambda - 1n,
          2n ** 128n - 1n,
          lambda * (lambda - 1n),
        ];
        const values = Array.from({ length: count }, (_, i) => (bounds[i % bounds.length] as bigint) % R);
        const points: H[] = [g.generator];
        while (points.length < count) points.push(g.add(points.at(-1) as H, points.at(-1) as H));
        const want = values.reduce((sum, value, i) => (sum + value * 2n ** BigInt(i)) % R, 0n);
        expect(bytes(g.multiScalar(points, values.map(k)))).toBe(twinTimes(oracle.generator, want));
      },
    );

    test("a multi-scalar product survives equal, opposite and neutral points, zeros and cancellation", () => {
      const g = pick();
      const { point, twin } = sample(7);
      const minus = g.negate(point);
      expect(g.isIdentity(g.multiScalar([], []))).toBe(true);
      expect(g.isIdentity(g.multiScalar([point, minus], [k(99n), k(99n)]))).toBe(true);
      expect(g.isIdentity(g.multiScalar([point, point], [k(1n), k(R - 1n)]))).toBe(true);
      expect(g.isIdentity(g.multiScalar([point, point, g.identity], [k(0n), k(0n), k(5n)]))).toBe(true);
      for (const more of [0, 1, 4, 5, 40]) {
        const points = [point, point, minus, g.identity, ...Array<H>(more).fill(point)];
        const scalars = [k(3n), k(4n), k(2n), k(9n), ...Array<Scalar>(more).fill(k(1n))];
        expect(bytes(g.multiScalar(points, scalars))).toBe(twinTimes(twin, 5n + BigInt(more)));
      }
    });

    test("a multi-scalar product of unequal lengths is refused", () => {
      const g = pick();
      expect(() => g.multiScalar([g.generator], [])).toThrow(TypeError);
      expect(() => g.multiScalar([], [k(1n)])).toThrow(TypeError);
    });

    test("hashing agrees with the oracle for every length of message and tag", () => {
      for (const [length, tag] of [
        [0, "x"],
        [1, TAG],
        [255, "t".repeat(255)],
        [1000, TAG],
      ] as const) {
        const message = new Uint8Array(length).fill(length);
        expect(bytes(pick().hash(message, tag))).toBe(oracle.hash(message, tag).toHex(true));
      }
      expect(bytes(pick().hash(Uint8Array.of(1), "a"))).not.toBe(bytes(pick().hash(Uint8Array.of(1), "b")));
    });

    test.each([
      ["empty", ""],
      ["longer than 255", "t".repeat(256)],
      ["not ASCII", "münze"],
    ])("a tag that is %s is refused", (_, tag) => {
      expect(() => pick().hash(Uint8Array.of(1), tag)).toThrow(TypeError);
    });

    test("inputs are never changed", () => {
      const g = pick();
      const point = fromOracle(oracle.generator.double());
      const before = bytes(point);
      g.add(point, point);
      g.negate(point);
      g.multiplySecret(point, k(77n));
      g.multiplySecretAll([point, point, point], k(77n));
      g.multiScalar([point, point], [k(3n), k(4n)]);
      g.sum([point, point]);
      expect(bytes(point)).toBe(before);
    });
  });
}
