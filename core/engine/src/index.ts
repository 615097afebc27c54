/**
 * BLS12-381 behind one interface.
 * @module
 */
import type { Engine, RandomBytes } from "./engine.ts";
import { MilagroError } from "./error.ts";
import { createWasmEngine } from "./wasm.ts";
import { compileTier } from "./wasm-load.ts";
import { WASM_TIERS, type WasmTier } from "./wasm-machine.ts";
import type { WasmModule } from "./webassembly.ts";

export type * from "./engine.ts";
export { MilagroError } from "./error.ts";
export { createWasmEngine } from "./wasm.ts";
export { compileTier } from "./wasm-load.ts";
export { WASM_TIERS, type WasmTier } from "./wasm-machine.ts";
export type { WasmModule } from "./webassembly.ts";

/** The implementations, best first; `noble` runs everywhere. */
export const ENGINE_TIERS = [...WASM_TIERS, "noble"] as const;
export type EngineTier = (typeof ENGINE_TIERS)[number];

/**
 * The best engine this machine runs correctly; `capabilities.name` says which one it is. A WebAssembly tier is fetched
 * and compiled when its turn comes, and chosen if it gives the known answers of the self-test: a JavaScript engine may
 * lack an instruction, or have one that rounds otherwise. Noble is plain JavaScript and the last resort.
 * @param options.random - the process's secure source; every secret operation draws from it
 * @param options.tier - insist on one implementation instead
 * @throws `ERR_ENGINE_SELF_TEST` when the tier insisted on does not work here
 */
export async function createEngine(options: {
  readonly random: RandomBytes;
  readonly tier?: EngineTier;
}): Promise<Engine> {
  const { random, tier } = options;
  if (tier !== undefined && !ENGINE_TIERS.includes(tier)) throw new TypeError("no such engine tier");
  if (tier !== undefined && tier !== "noble") return requireTier(tier, random);
  if (tier === undefined) {
    const chosen = await chooseTier(random);
    if (chosen) return chosen.engine;
  }
  // Loaded only here: beside WebAssembly it would take up nine megabytes for nothing. By name: `@milagro/engine/noble`.
  const { createNobleEngine } = await import("./noble.ts");
  return createNobleEngine({ random });
}

/** A WebAssembly engine that has passed its self-test, and its module, which workers can be given. */
export interface ChosenTier {
  readonly tier: WasmTier;
  readonly module: WasmModule;
  readonly engine: Engine;
}

/** The best WebAssembly tier that works here, or undefined where none does. */
export async function chooseTier(random: RandomBytes): Promise<ChosenTier | undefined> {
  for (const tier of WASM_TIERS) {
    try {
      const module = await compileTier(tier);
      const engine = createWasmEngine({ random, module, tier });
      engine.selfTest();
      return { tier, module, engine };
    } catch {
      // not built, not supported or not right here: the next tier will do
    }
  }
  return undefined;
}

async function requireTier(tier: WasmTier, random: RandomBytes): Promise<Engine> {
  let module: WasmModule;
  try {
    module = await compileTier(tier);
  } catch (cause) {
    throw new MilagroError("ERR_ENGINE_SELF_TEST", `${tier}: not built, or not supported by this JavaScript engine`, {
      cause,
    });
  }
  const engine = createWasmEngine({ random, module, tier });
  engine.selfTest();
  return engine;
}
