import type { WeierstrassPoint } from "@noble/curves/abstract/weierstrass.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromNoble1, G1_WALK, modP, toNoble1 } from "../src/noble-formulas-g1.ts";
import { fromNoble2, G2_WALK, toNoble2 } from "../src/noble-formulas-g2.ts";
import { multiScalar } from "../src/noble-multi-scalar.ts";
import type { WalkGroup } from "../src/noble-windows.ts";
import { arbScalar, G1_ORACLE, G2_ORACLE, type Oracle, P, R } from "./fixtures.ts";

describeFormulas(G1_ORACLE, G1_WALK, fromNoble1, toNoble1);
describeFormulas(G2_ORACLE, G2_WALK, fromNoble2, toNoble2);

function describeFormulas<F, E>(
  oracle: Oracle<F>,
  walk: WalkGroup<E>,
  into: (point: WeierstrassPoint<F>) => E,
  out: (element: E) => WeierstrassPoint<F>,
): void {
  const { generator } = oracle;
  const zero = generator.subtract(generator);
  const same = (element: E, point: WeierstrassPoint<F>): void => expect(out(element).equals(point)).toBe(true);

  describe(`complete formulas of ${oracle.name}`, () => {
    /** Neutral, equal, opposite and unrelated points, with and without denominators. */
    const points = [
      zero,
      generator,
      generator.negate(),
      generator.double(),
      generator.double().add(generator),
      generator.double().subtract(generator),
      oracle.hash(Uint8Array.of(1), "formulas"),
    ];

    test("addition agrees with noble's on every pair of special points", () => {
      for (const a of points) for (const b of points) same(walk.add(into(a), into(b)), a.add(b));
    });

    test("doubling, negation and the neutral element agree", () => {
      for (const a of points) {
        same(walk.double(into(a)), a.double());
        same(walk.negate(into(a)), a.negate());
        same(walk.add(walk.zero, into(a)), a);
        same(walk.double(walk.negate(into(a))), a.double().negate());
      }
    });

    test("long chains stay right: nothing overflows, signs do not pile up", () => {
      let [element, point] = [into(generator), generator];
      for (let i = 0; i < 60; i++) {
        element = walk.negate(walk.add(walk.double(element), walk.negate(walk.add(element, into(generator)))));
        point = point.double().subtract(point.add(generator)).negate();
      }
      same(element, point);
    });

    test("the endomorphism multiplies by its base in the subgroup", () => {
      for (const a of points) {
        const want = walk.base < R ? a.multiplyUnsafe(walk.base) : a;
        same(walk.image(into(a)), want);
      }
    });

    test("the neutral element comes back in its one form", () => {
      const sum = walk.add(into(generator), walk.negate(into(generator)));
      expect(() => out(sum).assertValidity()).not.toThrow();
      expect(out(sum).is0()).toBe(true);
    });

    test("few or many terms, short or long: Straus and Pippenger agree", () =>
      fc.assert(
        fc.property(fc.array(arbScalar, { minLength: 1, maxLength: 4 }), fc.boolean(), (scalars, short) => {
          const many = Array.from(
            { length: 24 },
            (_, i) => (scalars[i % scalars.length] as bigint) >> (short ? 127n : 0n),
          );
          const elements = many.map((_, i) => into(points[i % points.length] as WeierstrassPoint<F>));
          const all = multiScalar(walk, elements, many);
          const apart = many
            .map((k, i) => multiScalar(walk, [elements[i] as E], [k]))
            .reduce((sum, term) => walk.add(sum, term));
          same(all, out(apart));
        }),
        { numRuns: 3 },
      ));
  });
}

test("modP gives the representative in [0, p)", () => {
  for (const [value, want] of [
    [0n, 0n],
    [-1n, P - 1n],
    [P, 0n],
    [-P, 0n],
    [-P - 1n, P - 1n],
    [2n * P + 5n, 5n],
  ] as const) {
    expect(modP(value)).toBe(want);
  }
});
