/**
 * What every engine must do, whatever it is made of: one suite, run for each implementation and tier.
 * @module
 */
import { beforeAll, describe, expect, test } from "vitest";
import type { Engine, RandomBytes } from "../src/engine.ts";
import { describeEncodings } from "./contract-encodings.ts";
import { describeGroup } from "./contract-groups.ts";
import { describePairing } from "./contract-pairing.ts";
import { describePublished } from "./contract-published.ts";
import { describeScalars } from "./contract-scalars.ts";
import { describeTarget } from "./contract-target.ts";
import { G1_ORACLE, G2_ORACLE, random } from "./fixtures.ts";

/** Makes the engine under test with the given source of randomness. */
export type MakeEngine = (options: { random: RandomBytes }) => Engine | Promise<Engine>;

/** Registers the whole suite. @param name - shown before every test */
export function describeEngine(name: string, makeEngine: MakeEngine): void {
  describe(name, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await makeEngine({ random });
    });
    const get = (): Engine => engine;
    describeScalars(get);
    for (const [pick, oracle] of [
      [(): Engine["g1"] => engine.g1, G1_ORACLE],
      [(): Engine["g2"] => engine.g2, G2_ORACLE],
    ] as const) {
      describeGroup(get, pick as never, oracle as never);
      describeEncodings(pick as never, oracle as never);
    }
    describeTarget(get);
    describePairing(get);
    describePublished(get);
    describeWhole(get, makeEngine);
  });
}

function describeWhole(engine: () => Engine, makeEngine: MakeEngine): void {
  describe("engine", () => {
    test("it passes its own self-test", () => {
      expect(() => engine().selfTest()).not.toThrow();
    });

    test("it has a name and says what it promises", () => {
      const { name, constantTime, zeroises } = engine().capabilities;
      expect(name).toMatch(/^[a-z0-9-]+$/);
      expect([typeof constantTime, typeof zeroises]).toEqual(["boolean", "boolean"]);
    });

    test("zeroise leaves other values alone", () => {
      const { scalars, g1, g2, gt, zeroise } = engine();
      const [k, kept] = [scalars.random(), scalars.random()];
      const before = scalars.encode(kept);
      const point = g1.multiplySecret(g1.generator, kept);
      zeroise(k, g1.multiplySecret(g1.generator, k), g2.multiplySecret(g2.generator, k), gt.multiply(gt.one, gt.one));
      expect(scalars.encode(kept)).toEqual(before);
      expect(g1.equals(point, g1.multiplyPublic(g1.generator, kept))).toBe(true);
      expect(scalars.isZero(scalars.one)).toBe(false);
    });

    test("a random source that throws stops what needs randomness", async () => {
      const broken = await makeEngine({
        random: () => {
          throw new Error("no entropy");
        },
      });
      expect(() => broken.scalars.random()).toThrow("no entropy");
    });

    test("a random source that returns too little is refused", async () => {
      const short = await makeEngine({ random: (length) => new Uint8Array(length - 1) });
      expect(() => short.scalars.random()).toThrow();
    });

    test("a random scalar is never zero, even from a source of zeros", async () => {
      const zeros = await makeEngine({ random: (length) => new Uint8Array(length) });
      let value: unknown;
      try {
        value = zeros.scalars.isZero(zeros.scalars.random());
      } catch {
        return; // refusing such a source is as good
      }
      expect(value).toBe(false);
    });
  });
}
