/// <reference path="./wasm-modules.d.ts" />
/**
 * G1 and its scalars alone, for clients that log in and never pair: less than half of the whole engine to download.
 * @module
 */
import type { G1, G1Engine, RandomBytes } from "./engine.ts";
import { MilagroError } from "./error.ts";
import { runG1SelfTest } from "./self-test.ts";
import { createWasmGroup, G1_PARAMETERS } from "./wasm-group.ts";
import { WasmHandle } from "./wasm-handle.ts";
import { createMachine, WASM_TIERS, type WasmExports, type WasmTier } from "./wasm-machine.ts";
import { createWasmScalars } from "./wasm-scalars.ts";
import { compile, instantiate, unpack } from "./webassembly.ts";

export type { G1Engine } from "./engine.ts";

const LOADERS: Readonly<Record<WasmTier, () => Promise<{ readonly wasm: string }>>> = {
  fma: () => import("@milagro/engine/wasm/fma-g1"),
  simd: () => import("@milagro/engine/wasm/simd-g1"),
  scalar: () => import("@milagro/engine/wasm/scalar-g1"),
};

/**
 * The best tier that works here. There is no fallback to big integers in this one: whoever wants that too catches the
 * error and makes a noble engine.
 * @param options.tier - insist on one
 * @throws `ERR_ENGINE_SELF_TEST` where none works
 */
export async function createG1Engine(options: {
  readonly random: RandomBytes;
  readonly tier?: WasmTier;
}): Promise<G1Engine> {
  for (const tier of options.tier === undefined ? WASM_TIERS : [options.tier]) {
    try {
      return await tryTier(tier, options.random);
    } catch {
      // not built, not supported or not right here: the next tier will do
    }
  }
  throw new MilagroError("ERR_ENGINE_SELF_TEST", "no WebAssembly tier works here");
}

async function tryTier(tier: WasmTier, random: RandomBytes): Promise<G1Engine> {
  const { wasm } = await LOADERS[tier]();
  const machine = createMachine(instantiate<WasmExports>(await compile(await unpack(wasm))));
  const engine: G1Engine = {
    capabilities: { name: `wasm-${tier}-g1`, constantTime: true, zeroises: true },
    scalars: createWasmScalars(machine, random),
    g1: createWasmGroup<G1>(machine, G1_PARAMETERS, (d, uniform) => machine.exports.hashG1(d, uniform)),
    zeroise: (...values) => values.forEach(WasmHandle.wipe),
    selfTest: () => runG1SelfTest(engine),
  };
  engine.selfTest();
  return engine;
}
