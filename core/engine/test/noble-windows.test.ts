import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandomIntegers, splitScalar } from "../src/noble-scalars.ts";
import {
  multiplySplit,
  multiplyWindows,
  signedDigits,
  toBase,
  type WalkGroup,
  windowTables,
} from "../src/noble-windows.ts";
import { arbScalar, EDGE_SCALARS, R, random, Z } from "./fixtures.ts";

/** Integers modulo r as the group, so that every intermediate value says which multiple of P it is. */
function recordingGroup(seen: bigint[]): WalkGroup<bigint> {
  const note = (value: bigint): bigint => {
    seen.push(value);
    return value;
  };
  return {
    zero: 0n,
    add: (a, b) => note((a + b) % R),
    double: (a) => note((2n * a) % R),
    negate: (a) => (R - a) % R,
    image: (a) => (a * Z) % R,
    base: Z,
    dimensions: 4,
    digitBits: 64,
  };
}

const integers = createRandomIntegers(random);

describe("signed digits", () => {
  test.each([64, 128, 255])(
    "of %d bits add up, stay within ±16, and their number does not depend on the value",
    (bits) => {
      const top = (1n << BigInt(bits)) - 1n;
      const values = [0n, 1n, 15n, 16n, 17n, 31n, 32n, top, top - 1n, top >> 1n, (top / 31n) * 16n, (top / 31n) * 17n];
      for (const value of values) {
        const digits = signedDigits(value, bits);
        expect(digits.length).toBe(signedDigits(0n, bits).length);
        expect(digits.every((digit) => Math.abs(digit) <= 16)).toBe(true);
        expect(digits.reduceRight((sum, digit) => 32n * sum + BigInt(digit), 0n)).toBe(value);
      }
    },
  );

  test("to the base of the endomorphism add up and fit their bits", () => {
    for (const [base, dimensions, bits] of [
      [Z, 4, 64n],
      [Z * Z, 2, 128n],
    ] as const) {
      for (const value of EDGE_SCALARS) {
        const digits = toBase(value, base, dimensions);
        expect(digits.length).toBe(dimensions);
        expect(digits.every((digit) => digit >= 0n && digit < 1n << bits)).toBe(true);
        expect(digits.reduceRight((sum, digit) => sum * base + digit, 0n)).toBe(value);
      }
    }
  });
});

describe("split multiplication", () => {
  test("gives k·P for every k", () =>
    fc.assert(
      fc.property(arbScalar, arbScalar, (k, point) => {
        const group = recordingGroup([]);
        expect(multiplySplit(group, point, splitScalar(k, integers))).toBe((k * point) % R);
        expect(multiplyWindows(group, windowTables(group, point), k)).toBe((k * point) % R);
      }),
    ));

  test("takes the same operations for every k", () => {
    const counts = EDGE_SCALARS.map((k) => {
      const seen: bigint[] = [];
      multiplySplit(recordingGroup(seen), 1n, splitScalar(k, integers));
      return seen.length;
    });
    expect(new Set(counts).size).toBe(1);
  });

  // Once broken: shared doublings let ρ cancel in the running sum.
  test.each([0n, 1n, 1234n, R - 1n, R / 2n])(
    "no intermediate value tells k = %s: with another ρ all are others",
    (k) => {
      const runs = [0, 1].map(() => {
        const seen: bigint[] = [];
        multiplySplit(recordingGroup(seen), 1n, splitScalar(k, integers));
        return new Set(seen.slice(0, -1).filter((value) => value > 2n ** 20n && value < R - 2n ** 20n));
      });
      const [first, second] = runs as [Set<bigint>, Set<bigint>];
      expect(first.size).toBeGreaterThan(150);
      // The first digits of a part are so few that two runs may share them.
      expect([...first].filter((value) => second.has(value)).length).toBeLessThan(20);
    },
  );

  test("both parts are uniform: neither is the secret, and they differ from call to call", () => {
    const parts = Array.from({ length: 20 }, () => splitScalar(5n, integers));
    expect(parts.every(([a, b]) => (a + b) % R === 5n && a < R && b < R)).toBe(true);
    expect(new Set(parts.flat()).size).toBe(40);
    expect(parts.flat().every((part) => part > 2n ** 200n)).toBe(true);
  });
});
