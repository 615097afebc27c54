import { describe, expect, test } from "vitest";
import { createEngine, ENGINE_TIERS, type Engine } from "../src/index.ts";
import { createNobleEngine } from "../src/noble.ts";
import { runSelfTest } from "../src/self-test.ts";
import { random } from "./fixtures.ts";

const good = createNobleEngine({ random });
/** An engine with one wrong operation. */
const broken = (change: (engine: Engine) => Partial<Engine>): Engine => ({ ...good, ...change(good) });
/** How a trap in compiled code looks from outside. */
const trap = (): never => {
  throw new RangeError("unreachable executed");
};
const failure = (operation: string): unknown =>
  expect.objectContaining({ code: "ERR_ENGINE_SELF_TEST", message: expect.stringContaining(operation) });

describe("self-test", () => {
  test.each([
    ["scalar inversion", (e: Engine) => ({ scalars: { ...e.scalars, invert: e.scalars.negate } })],
    ["scalar arithmetic", (e: Engine) => ({ scalars: { ...e.scalars, add: e.scalars.multiply } })],
    ["G1 hash", (e: Engine) => ({ g1: { ...e.g1, hash: () => e.g1.generator } })],
    ["G1 secret multiplication", (e: Engine) => ({ g1: { ...e.g1, multiplySecret: (p) => p } })],
    ["G1 multi-scalar", (e: Engine) => ({ g1: { ...e.g1, multiScalar: (points) => e.g1.sum(points) } })],
    ["G2 fixed base", (e: Engine) => ({ g2: { ...e.g2, fixedBase: () => e.g2.fixedBase(e.g2.generator) } })],
    ["pairing", (e: Engine) => ({ pair: () => e.gt.one })],
    ["pairing check", () => ({ pairingCheck: () => true })],
    ["GT secret power", (e: Engine) => ({ gt: { ...e.gt, powerSecret: (a) => a } })],
  ] as [string, (e: Engine) => Partial<Engine>][])("a wrong answer of %s is caught and named", (operation, change) => {
    expect(() => runSelfTest(broken(change))).toThrow(failure(operation));
  });

  test.each([
    ["G1 hash", (e: Engine): Partial<Engine> => ({ g1: { ...e.g1, hash: trap } })],
    ["scalar arithmetic", (e: Engine): Partial<Engine> => ({ scalars: { ...e.scalars, reduce: trap } })],
    [
      "G1 small secret multiplication",
      (e: Engine): Partial<Engine> => ({ g1: { ...e.g1, multiplySmallSecret: trap } }),
    ],
  ])("%s that throws is caught and named", (operation, change) => {
    expect(() => runSelfTest(broken(change))).toThrow(failure(operation));
  });
});

describe("createEngine", () => {
  test("gives an engine that works", async () => {
    const engine = await createEngine({ random });
    expect(() => engine.selfTest()).not.toThrow();
  });

  test("gives noble where it is insisted on", async () => {
    expect((await createEngine({ random, tier: "noble" })).capabilities.name).toBe("noble");
  });

  test("refuses a tier that does not exist", async () => {
    await expect(createEngine({ random, tier: "abacus" as (typeof ENGINE_TIERS)[number] })).rejects.toThrow(TypeError);
  });

  test("noble is the last resort", () => {
    expect(ENGINE_TIERS.at(-1)).toBe("noble");
  });
});
