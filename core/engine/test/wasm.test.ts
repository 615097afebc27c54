/// <reference path="../src/wasm-modules.d.ts" />
import { describe, expect, test } from "vitest";
import { createEngine } from "../src/index.ts";
import { createEngineSync } from "../src/sync.ts";
import { createWasmEngine } from "../src/wasm.ts";
import { createG1Engine } from "../src/wasm-g1.ts";
import { compileTier } from "../src/wasm-load.ts";
import { WASM_TIERS } from "../src/wasm-machine.ts";
import { describeEngine } from "./engine-contract.ts";
import { random, unhex } from "./fixtures.ts";

// The best tier goes through the whole contract here, the others in wasm-tiers.slow.test.ts.
describeEngine("wasm-fma", async (options) => {
  return createWasmEngine({ ...options, tier: "fma", module: await compileTier("fma") });
});

describe("tiers", () => {
  test("the best one that works is the default, and says so", async () => {
    const { capabilities } = await createEngine({ random });
    expect(capabilities).toEqual({ name: "wasm-fma", constantTime: true, zeroises: true });
  });

  test.each(WASM_TIERS)("%s gives the known answers", async (tier) => {
    const engine = await createEngine({ random, tier });
    expect(engine.capabilities.name).toBe(`wasm-${tier}`);
    expect(() => engine.selfTest()).not.toThrow();
  });

  test.each(WASM_TIERS)("%s has a build of G1 alone that gives the same", async (tier) => {
    const engine = await createG1Engine({ random, tier });
    expect(engine.capabilities.name).toBe(`wasm-${tier}-g1`);
    const { g1, scalars } = await createEngine({ random });
    const [k, message] = [random(48), random(20)];
    const small = engine.g1.multiplySecret(engine.g1.hash(message, "T"), engine.scalars.reduce(k));
    const whole = g1.multiplySecret(g1.hash(message, "T"), scalars.reduce(k));
    expect(engine.g1.encode(small)).toEqual(g1.encode(whole));
    const two = [engine.scalars.one, engine.scalars.fromInteger(2)];
    expect(engine.g1.multiScalar([small, small], two)).toSatisfy((sum) =>
      engine.g1.equals(sum as typeof small, engine.g1.multiplySmallSecret(small, 3)),
    );
  });

  test.each(WASM_TIERS)("%s can be had without waiting", async (tier) => {
    const { wasm } = (await import(`@milagro/engine/wasm/${tier}-sync`)) as { wasm: string };
    const { capabilities, g1 } = createEngineSync({ random, tier, wasm });
    expect(capabilities.name).toBe(`wasm-${tier}`);
    expect(g1.isIdentity(g1.subtract(g1.generator, g1.generator))).toBe(true);
  });

  test("what is no module is refused at once", async () => {
    const refusal = expect.objectContaining({ code: "ERR_ENGINE_SELF_TEST" });
    for (const wasm of ["", "AAAA", "not base64!", (await import("@milagro/engine/wasm/fma")).wasm]) {
      expect(() => createEngineSync({ random, tier: "fma", wasm })).toThrow(refusal);
    }
  });

  test("without WebAssembly noble takes over, and whoever insists on a tier is told", async () => {
    const platform = globalThis as { WebAssembly?: unknown };
    const { WebAssembly } = platform;
    delete platform.WebAssembly;
    try {
      expect((await createEngine({ random })).capabilities.name).toBe("noble");
      await expect(createEngine({ random, tier: "scalar" })).rejects.toMatchObject({ code: "ERR_ENGINE_SELF_TEST" });
      await expect(createG1Engine({ random })).rejects.toMatchObject({ code: "ERR_ENGINE_SELF_TEST" });
      expect(() => createEngineSync({ random, tier: "scalar", wasm: "AAAA" })).toThrow("scalar: not supported");
    } finally {
      platform.WebAssembly = WebAssembly;
    }
    expect((await createEngine({ random })).capabilities.name).toBe("wasm-fma");
  });

  test("an unknown tier is refused", async () => {
    await expect(createEngine({ random, tier: "avx" as never })).rejects.toThrow(TypeError);
  });
});

describe("handles", () => {
  test("those of another kind, tier or engine are refused", async () => {
    const [fma, scalar] = [await createEngine({ random, tier: "fma" }), await createEngine({ random, tier: "scalar" })];
    const noble = await createEngine({ random, tier: "noble" });
    const { g1, g2, gt } = fma;
    for (const foreign of [scalar.g1.generator, noble.g1.generator, g2.generator, gt.one, null, {}, "G1"]) {
      expect(() => g1.encode(foreign as never)).toThrow("expected a G1 handle of this engine");
      expect(() => fma.pair(foreign as never, g2.generator)).toThrow(TypeError);
    }
    expect(() => g1.multiplySecret(g1.generator, noble.scalars.one)).toThrow(TypeError);
    expect(() => fma.finalExponentiation(gt.one as never)).toThrow(TypeError);
  });

  test("a zeroised value is gone, and nothing else", async () => {
    const engine = await createEngine({ random });
    const { scalars, g1, g2, gt } = engine;
    const values = [scalars.random(), g1.negate(g1.generator), g2.negate(g2.generator), gt.multiply(gt.one, gt.one)];
    engine.zeroise(...(values as never[]));
    expect(() => scalars.encode(values[0] as never)).toThrow("Scalar was zeroised");
    expect(() => g1.encode(values[1] as never)).toThrow("G1 was zeroised");
    expect(() => g2.encode(values[2] as never)).toThrow("G2 was zeroised");
    expect(() => gt.encode(values[3] as never)).toThrow("GT was zeroised");
    expect(g1.isIdentity(g1.generator)).toBe(false);
  });

  test("printing and serialising shows nothing", async () => {
    const { scalars } = await createEngine({ random });
    expect(JSON.stringify(scalars.fromInteger(77))).toBe('{"kind":"Scalar"}');
  });

  test("a caller's bytes are read, never kept or changed", async () => {
    const { scalars, g1 } = await createEngine({ random });
    const bytes = g1.encode(g1.generator);
    const before = bytes.slice();
    const point = g1.decode(bytes);
    expect(bytes).toEqual(before);
    bytes.fill(0);
    expect(g1.encode(point)).toEqual(before);
    const scalar = unhex(`${"00".repeat(31)}05`);
    const five = scalars.decode(scalar);
    scalar.fill(0);
    expect(scalars.equals(five, scalars.fromInteger(5))).toBe(true);
  });
});
