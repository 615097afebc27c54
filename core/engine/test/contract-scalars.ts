/**
 * Contract: scalars modulo r, against plain bigints.
 * @module
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Engine } from "../src/engine.ts";
import { arbScalar, be, EDGE_SCALARS, hex, integer, R, scalar } from "./fixtures.ts";

const mod = (value: bigint): bigint => ((value % R) + R) % R;

export function describeScalars(engine: () => Engine): void {
  describe("scalars", () => {
    const field = (): Engine["scalars"] => engine().scalars;
    const value = (a: ReturnType<Engine["scalars"]["random"]>): bigint => integer(field().encode(a));

    test("arithmetic is that of integers modulo r", () =>
      fc.assert(
        fc.property(arbScalar, arbScalar, (a, b) => {
          const [x, y] = [scalar(field(), a), scalar(field(), b)];
          expect(value(field().add(x, y))).toBe(mod(a + b));
          expect(value(field().subtract(x, y))).toBe(mod(a - b));
          expect(value(field().multiply(x, y))).toBe(mod(a * b));
          expect(value(field().negate(x))).toBe(mod(-a));
          expect(field().equals(x, y)).toBe(a === b);
        }),
      ));

    test("edge values obey the same arithmetic, pair by pair", () => {
      for (const a of EDGE_SCALARS) {
        for (const b of EDGE_SCALARS) {
          const [x, y] = [scalar(field(), a), scalar(field(), b)];
          expect(value(field().add(x, y))).toBe(mod(a + b));
          expect(value(field().subtract(x, y))).toBe(mod(a - b));
          expect(value(field().multiply(x, y))).toBe(mod(a * b));
        }
      }
    });

    test("a scalar times its inverse is one", () => {
      for (const a of EDGE_SCALARS.filter((k) => k !== 0n)) {
        expect(value(field().multiply(field().invert(scalar(field(), a)), scalar(field(), a)))).toBe(1n);
      }
    });

    test("zero has no inverse", () => {
      expect(() => field().invert(field().zero)).toThrow(TypeError);
    });

    test("zero and one are what they say", () => {
      expect([value(field().zero), value(field().one)]).toEqual([0n, 1n]);
      expect([field().isZero(field().zero), field().isZero(field().one)]).toEqual([true, false]);
      expect(field().isZero(field().subtract(scalar(field(), R - 1n), scalar(field(), R - 1n)))).toBe(true);
    });

    test("encode is the inverse of decode", () => {
      for (const a of EDGE_SCALARS) expect(hex(field().encode(scalar(field(), a)))).toBe(hex(be(a, 32)));
    });

    test("decoding keeps no hold on the input", () => {
      const bytes = be(5n, 32);
      const five = field().decode(bytes);
      bytes.fill(1);
      expect(value(five)).toBe(5n);
      field().encode(five).fill(9);
      expect(value(five)).toBe(5n);
    });

    test.each([
      ["zero", be(0n, 32)],
      ["r", be(R, 32)],
      ["r + 1", be(R + 1n, 32)],
      ["2r", be(2n * R, 32)],
      ["2²⁵⁶ − 1", new Uint8Array(32).fill(255)],
      ["2²⁵⁵", be(1n << 255n, 32)],
      ["no bytes", new Uint8Array(0)],
      ["31 bytes", be(5n, 31)],
      ["33 bytes", be(5n, 33)],
      ["48 bytes", be(5n, 48)],
      ["an array of numbers", Array(32).fill(1) as unknown as Uint8Array],
      ["a string", "01".repeat(16) as unknown as Uint8Array],
    ])("decode refuses %s", (_, bytes) => {
      expect(() => field().decode(bytes)).toThrow(expect.objectContaining({ code: "ERR_SCALAR_INVALID" }));
    });

    test.each([
      ["r", be(R, 32)],
      ["r + 1", be(R + 1n, 32)],
      ["no bytes", new Uint8Array(0)],
    ])("decode refuses %s also where zero is allowed", (_, bytes) => {
      expect(() => field().decode(bytes, { zero: "allow" })).toThrow(
        expect.objectContaining({ code: "ERR_SCALAR_INVALID" }),
      );
    });

    test("decode takes zero where it is allowed", () => {
      expect(field().isZero(field().decode(new Uint8Array(32), { zero: "allow" }))).toBe(true);
    });

    test("reduce takes any length from 48 bytes modulo r", () =>
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 48, maxLength: 80 }), (bytes) => {
          expect(value(field().reduce(bytes))).toBe(integer(bytes) % R);
        }),
      ));

    test.each([
      ["r − 1", R - 1n],
      ["r", R],
      ["r + 1", R + 1n],
      ["2r", 2n * R],
      ["r² − 1", R * R - 1n],
    ] as const)("reduce(%s) is right", (_, v) => {
      expect(value(field().reduce(be(v, 64)))).toBe(v % R);
    });

    test.each([0, 1, 32, 47])("reduce refuses %d bytes: the result would be biased", (length) => {
      expect(() => field().reduce(new Uint8Array(length).fill(7))).toThrow(
        expect.objectContaining({ code: "ERR_SCALAR_INVALID" }),
      );
    });

    test("fromInteger takes every non-negative safe integer", () => {
      for (const n of [0, 1, 9999, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
        expect(value(field().fromInteger(n))).toBe(BigInt(n));
      }
    });

    test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])("fromInteger refuses %d", (n) => {
      expect(() => field().fromInteger(n)).toThrow(TypeError);
    });

    test("random scalars are in range and differ", () => {
      const values = Array.from({ length: 20 }, () => value(field().random()));
      expect(values.every((v) => v > 0n && v < R)).toBe(true);
      expect(new Set(values).size).toBe(20);
    });

    test("no error repeats its input", () => {
      const secret = be(R + 12345n, 32);
      expect(() => field().decode(secret)).toThrow(
        expect.not.objectContaining({ message: expect.stringContaining(hex(secret).slice(20, 40)) }),
      );
    });
  });
}
