import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import type { G1, Gt, PreparedG2, Scalar } from "../src/engine.ts";
import { createNobleEngine } from "../src/noble.ts";
import { be, hex, R, random } from "./fixtures.ts";

const engine = createNobleEngine({ random });
const { scalars, g1, g2, gt } = engine;

/** An engine that counts what it draws. */
function counting(): { engine: ReturnType<typeof createNobleEngine>; drawn: number[] } {
  const drawn: number[] = [];
  const source = (length: number): Uint8Array => {
    drawn.push(length);
    return random(length);
  };
  return { engine: createNobleEngine({ random: source }), drawn };
}

describe("blinding", () => {
  const operations: [string, (e: typeof engine, k: Scalar) => unknown][] = [
    ["G1 multiplySecret", (e, k) => e.g1.multiplySecret(e.g1.generator, k)],
    ["G1 multiplySmallSecret", (e) => e.g1.multiplySmallSecret(e.g1.generator, 1234)],
    ["G1 fixed base", (e, k) => e.g1.fixedBase(e.g1.generator).multiplySecret(k)],
    ["G2 multiplySecret", (e, k) => e.g2.multiplySecret(e.g2.generator, k)],
    ["G2 fixed base", (e, k) => e.g2.fixedBase(e.g2.generator).multiplySecret(k)],
    ["GT powerSecret", (e, k) => e.gt.powerSecret(e.gt.one, k)],
    ["scalar inversion", (e, k) => e.scalars.invert(k)],
  ];

  test.each(operations)("%s draws 48 fresh bytes every time", (_, operation) => {
    const { engine: counted, drawn } = counting();
    const k = counted.scalars.fromInteger(5);
    operation(counted, k);
    operation(counted, k);
    expect(drawn).toEqual([48, 48]);
  });

  test.each(operations)("%s does not go on without randomness", (_, operation) => {
    const broken = createNobleEngine({
      random: () => {
        throw new Error("no entropy");
      },
    });
    expect(() => operation(broken, broken.scalars.fromInteger(5))).toThrow("no entropy");
  });

  test.each(operations)("%s does not go on with too little randomness", (_, operation) => {
    const short = createNobleEngine({ random: (length) => new Uint8Array(length - 1) });
    expect(() => operation(short, short.scalars.fromInteger(5))).toThrow(TypeError);
  });

  test("the random bytes are wiped after use", () => {
    const lent: Uint8Array[] = [];
    const source = (length: number): Uint8Array => {
      lent.push(random(length));
      return lent.at(-1) as Uint8Array;
    };
    createNobleEngine({ random: source }).scalars.random();
    expect(lent.length).toBe(1);
    expect(lent[0]?.every((byte) => byte === 0)).toBe(true);
  });

  test("results are right at both ends of the blinding factor", () => {
    for (const fill of [0, 255]) {
      const fixed = createNobleEngine({ random: (length) => new Uint8Array(length).fill(fill) });
      for (const value of [0n, 1n, R - 1n]) {
        const k = fixed.scalars.decode(be(value, 32), { zero: "allow" });
        const want = hex(g1.encode(g1.multiplyPublic(g1.generator, scalars.decode(be(value, 32), { zero: "allow" }))));
        expect(hex(fixed.g1.encode(fixed.g1.multiplySecret(fixed.g1.generator, k)))).toBe(want);
      }
    }
  });
});

describe("handles", () => {
  test("a scalar shows nothing of itself when printed or serialised", () => {
    const k = scalars.fromInteger(123_456_789);
    for (const text of [inspect(k, { depth: 9, showHidden: true }), JSON.stringify(k), String(k)]) {
      expect(text).not.toContain("123456789");
      expect(text).not.toContain("75bcd15");
    }
  });

  test("a zeroised scalar refuses every use", () => {
    const k = scalars.random();
    engine.zeroise(k);
    expect(() => scalars.encode(k)).toThrow(TypeError);
    expect(() => g1.multiplySecret(g1.generator, k)).toThrow(TypeError);
    expect(() => scalars.add(k, scalars.one)).toThrow(TypeError);
  });

  test("what is not a handle of this engine is refused", () => {
    const strange = { X: 1n, Y: 2n, Z: 1n };
    expect(() => g1.add(g1.generator, strange as unknown as G1)).toThrow(TypeError);
    expect(() => g1.encode(g2.generator as unknown as G1)).toThrow(TypeError);
    expect(() => g1.multiplySecret(g1.generator, 5n as unknown as Scalar)).toThrow(TypeError);
    expect(() => gt.encode({} as Gt)).toThrow(TypeError);
    expect(() => engine.pair(g2.generator as unknown as G1, g2.generator)).toThrow(TypeError);
    expect(() => engine.pair(g1.generator, g1.generator as unknown as PreparedG2)).toThrow(TypeError);
    expect(() => engine.prepare(g1.generator as never)).toThrow(TypeError);
    expect(() => engine.finalExponentiation({} as never)).toThrow(TypeError);
  });
});
