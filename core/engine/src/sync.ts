/**
 * The engine without waiting, for whoever cannot: a module that must be ready when it has been evaluated, a callback
 * that has to answer. The caller imports the tier it wants, and it alone is downloaded, uncompressed within JavaScript:
 *
 *     import { wasm } from "@milagro/engine/wasm/simd-sync";
 *     const engine = createEngineSync({ random, tier: "simd", wasm });
 * @module
 */
import type { Engine, RandomBytes } from "./engine.ts";
import { MilagroError } from "./error.ts";
import { createWasmEngine } from "./wasm.ts";
import type { WasmTier } from "./wasm-machine.ts";
import { compileNow, fromBase64, type WasmModule } from "./webassembly.ts";

/**
 * An engine of this tier that has passed its self-test. There is no other to fall back to: whoever wants one catches.
 * @param options.wasm - from `@milagro/engine/wasm/<tier>-sync`
 * @throws `ERR_ENGINE_SELF_TEST` where the tier does not work
 */
export function createEngineSync(options: {
  readonly random: RandomBytes;
  readonly tier: WasmTier;
  readonly wasm: string;
}): Engine {
  const { random, tier, wasm } = options;
  let module: WasmModule;
  try {
    module = compileNow(fromBase64(wasm));
  } catch (cause) {
    throw new MilagroError("ERR_ENGINE_SELF_TEST", `${tier}: not supported by this JavaScript engine`, { cause });
  }
  const engine = createWasmEngine({ random, module, tier });
  engine.selfTest();
  return engine;
}
