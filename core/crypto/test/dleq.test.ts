import type { Scalar } from "@milagro/engine/engine";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concat } from "../src/bytes.ts";
import { type DleqPair, proveEqualLogs, verifyEqualLogs } from "../src/dleq.ts";
import { bytes, flip, NOTHING } from "./fixtures.ts";
import { engine } from "./mpin-fixtures.ts";

const k = engine.scalars.random();
const publicKey = engine.g1.multiplySecret(engine.g1.generator, k);
const base = (label: string) => engine.g1.hash(bytes(label), "DLEQ-TEST");
const pairOf = (label: string, secret: Scalar = k): DleqPair => ({
  base: base(label),
  power: engine.g1.multiplySecret(base(label), secret),
});
const pairs = ["a", "b", "c"].map((label) => pairOf(label));
const [a, b, c] = pairs as [DleqPair, DleqPair, DleqPair];
const proof = proveEqualLogs(engine, k, publicKey, pairs, "test");
const holds = (p: readonly DleqPair[], bytesOfProof: Uint8Array = proof, purpose = "test", key = publicKey): boolean =>
  verifyEqualLogs(engine, key, p, bytesOfProof, purpose);

test("one proof of 64 bytes covers any number of pairs", () => {
  expect(proof).toHaveLength(64);
  expect(holds(pairs)).toBe(true);
  expect(holds([a], proveEqualLogs(engine, k, publicKey, [a], "test"))).toBe(true);
});

test("it is deterministic, and its nonce differs from statement to statement", () => {
  expect(proveEqualLogs(engine, k, publicKey, pairs, "test")).toEqual(proof);
  const responses = [[a], [b], [a, b]].map((p) => proveEqualLogs(engine, k, publicKey, p, "test").slice(32).join());
  expect(new Set(responses).size).toBe(3);
});

test("law: holds for every secret and its own key, for no other", () => {
  const scalar = fc.uint8Array({ minLength: 48, maxLength: 48 }).map((wide) => engine.scalars.reduce(wide));
  fc.assert(
    fc.property(scalar, scalar, (s, t) => {
      fc.pre(!engine.scalars.isZero(s) && !engine.scalars.isZero(t) && !engine.scalars.equals(s, t));
      const key = engine.g1.multiplySecret(engine.g1.generator, s);
      const own = [pairOf("law", s)];
      expect(holds(own, proveEqualLogs(engine, s, key, own, "test"), "test", key)).toBe(true);
      expect(holds(own, proveEqualLogs(engine, t, key, own, "test"), "test", key)).toBe(false);
    }),
  );
});

describe("refuses", () => {
  test("a pair with another secret, wherever it stands", () => {
    const wrong = pairOf("b", engine.scalars.random());
    const lies = [
      [a, wrong, c],
      [wrong, a, c],
      [a, b, { ...c, power: engine.g1.negate(c.power) }],
    ];
    for (const lie of lies) {
      expect(holds(lie)).toBe(false);
      expect(holds(lie, proveEqualLogs(engine, k, publicKey, lie, "test"))).toBe(false);
    }
  });

  test("errors that cancel out in the plain sum", () => {
    const g = engine.g1.generator;
    const lie = [
      { ...a, power: engine.g1.add(a.power, g) },
      { ...b, power: engine.g1.subtract(b.power, g) },
    ];
    expect(holds(lie, proveEqualLogs(engine, k, publicKey, lie, "test"))).toBe(false);
  });

  test("a replay over another base, another order, fewer, more or no pairs", () => {
    const alone = proveEqualLogs(engine, k, publicKey, [a], "test");
    expect(holds([b], alone)).toBe(false);
    expect(holds([{ base: b.base, power: a.power }], alone)).toBe(false);
    for (const other of [[b, a, c], [a, b], [...pairs, pairOf("d")], []]) expect(holds(other)).toBe(false);
  });

  test("another purpose and another key", () => {
    expect(holds(pairs, proof, "other")).toBe(false);
    expect(holds(pairs, proof, "test", engine.g1.generator)).toBe(false);
    expect(holds(pairs, proof, "test", engine.g1.negate(publicKey))).toBe(false);
  });

  test("a changed or malformed proof", () => {
    const zero = new Uint8Array(32);
    const above = new Uint8Array(32).fill(0xff);
    const bad = [
      flip(proof, 0),
      flip(proof, -1),
      concat(proof.subarray(32), proof.subarray(0, 32)),
      concat(zero, proof.subarray(32)),
      concat(proof.subarray(0, 32), zero),
      concat(above, proof.subarray(32)),
      concat(proof.subarray(0, 32), above),
      proof.subarray(1),
      concat(proof, Uint8Array.of(0)),
      NOTHING,
    ];
    for (const wrong of bad) expect(holds(pairs, wrong)).toBe(false);
  });

  test("to prove nothing", () => {
    expect(() => proveEqualLogs(engine, k, publicKey, [], "test")).toThrow(TypeError);
  });
});
