import { expect, test } from "vitest";
import type { Engine } from "../src/engine.ts";
import { createWasmEngine } from "../src/wasm.ts";
import { compileTier } from "../src/wasm-load.ts";
import { createMachine, type FullWasmExports, WASM_TIERS } from "../src/wasm-machine.ts";
import { instantiate, type WasmModule } from "../src/webassembly.ts";
import { random } from "./fixtures.ts";

/** An engine whose linear memory the test can look into. */
async function open(tier: (typeof WASM_TIERS)[number]): Promise<{ engine: Engine; memory: () => Uint8Array }> {
  const module = await compileTier(tier);
  let exports: FullWasmExports | undefined;
  const platform = globalThis as unknown as { WebAssembly: { Instance: new (m: WasmModule, i: object) => object } };
  const { Instance } = platform.WebAssembly;
  platform.WebAssembly.Instance = class extends Instance {
    constructor(m: WasmModule, imports: object) {
      super(m, imports);
      exports = (this as unknown as { exports: FullWasmExports }).exports;
    }
  };
  try {
    const engine = createWasmEngine({ random, tier, module });
    return { engine, memory: () => new Uint8Array((exports as FullWasmExports).memory.buffer) };
  } finally {
    platform.WebAssembly.Instance = Instance;
  }
}

test.each(WASM_TIERS)("no secret operation leaves anything in linear memory (%s)", async (tier) => {
  const { engine, memory } = await open(tier);
  const { scalars, g1, g2, gt } = engine;
  const point = g1.hash(Uint8Array.of(1), "T");
  const target = engine.pair(point, g2.generator);
  const tables = [g1.fixedBase(point), g2.fixedBase(g2.generator)] as const;
  const before = memory().slice();
  const k = scalars.random();
  scalars.invert(scalars.multiply(k, scalars.add(k, scalars.negate(k))) && k);
  scalars.decode(scalars.encode(k));
  g1.multiplySecret(point, k);
  g1.multiplySmallSecret(point, 1234);
  g2.multiplySecret(g2.generator, k);
  tables[0].multiplySecret(k);
  tables[1].multiplySecret(k);
  gt.powerSecret(target, k);
  engine.pair(g1.multiplySecret(point, k), g2.generator);
  g1.encode(g1.decode(g1.encode(point)));
  // its scalars are public, its points may be the components of a key
  g1.multiScalar([g1.multiplySecret(point, k), point], [scalars.one, scalars.one]);
  const after = memory();
  // the state after a secret operation is the state before any: constants, and zeros, also in memory that is new
  expect(after.length).toBeGreaterThanOrEqual(before.length);
  expect(after.every((byte, i) => byte === (before[i] ?? 0))).toBe(true);
});

test("memory does not grow with the number of operations", async () => {
  const { engine, memory } = await open("fma");
  const { scalars, g1, g2 } = engine;
  const factors = [[g1.generator, g2.generator] as const];
  engine.pairingCheck(factors);
  const size = memory().length;
  for (let i = 0; i < 20_000; i++) g1.add(g1.generator, g1.generator);
  for (let i = 0; i < 20_000; i++) scalars.multiply(scalars.one, scalars.one);
  for (let i = 0; i < 50; i++) engine.pairingCheck(factors);
  expect(memory().length).toBe(size);
});

test("a refused input leaves nothing behind either, and the engine goes on", async () => {
  const { engine, memory } = await open("fma");
  engine.g1.encode(engine.g1.generator);
  const before = memory().slice();
  const bytes = engine.g2.encode(engine.g2.generator);
  bytes[50] = 0xff;
  expect(() => engine.g2.decode(bytes)).toThrow();
  expect(memory().every((byte, i) => byte === before[i])).toBe(true);
  expect(() => engine.selfTest()).not.toThrow();
});

test("a machine grows when an operation needs it", async () => {
  const exports = instantiate<FullWasmExports>(await compileTier("scalar"));
  const machine = createMachine(exports);
  machine.run((layout) => {
    const large = layout.reserve(5_000_000);
    layout.memory().fill(7, large, large + 5_000_000);
    const item = layout.put(Uint8Array.of(1, 2, 3));
    expect(layout.take(item, 3)).toEqual(Uint8Array.of(1, 2, 3));
  });
});
