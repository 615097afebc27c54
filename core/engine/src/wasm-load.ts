/// <reference path="./wasm-modules.d.ts" />
/**
 * Fetching and compiling a tier. Each is embedded in a JavaScript module of its own that is loaded only when it is
 * wanted, which Node, browsers, workers and bundlers all do without configuration.
 * @module
 */

import type { WasmTier } from "./wasm-machine.ts";
import { compile, unpack, type WasmModule } from "./webassembly.ts";

const LOADERS: Readonly<Record<WasmTier, () => Promise<{ readonly wasm: string }>>> = {
  fma: () => import("@milagro/engine/wasm/fma"),
  simd: () => import("@milagro/engine/wasm/simd"),
  scalar: () => import("@milagro/engine/wasm/scalar"),
};

/** @throws anything, where the tier was not built, or the JavaScript engine cannot run it */
export async function compileTier(tier: WasmTier): Promise<WasmModule> {
  const { wasm } = await LOADERS[tier]();
  return compile(await unpack(wasm));
}
