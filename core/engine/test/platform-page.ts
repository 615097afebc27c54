/**
 * What the platform test runs in a browser or a JavaScript shell: every tier by its self-test, the chosen one by name.
 * @module
 */
import { createEngine, createWasmEngine, ENGINE_TIERS } from "../src/index.ts";
import { createG1Engine } from "../src/wasm-g1.ts";
import type { WasmTier } from "../src/wasm-machine.ts";
import type { WasmModule } from "../src/webassembly.ts";

/** Deterministic: nothing here is a secret, and shells have no source of randomness. */
const random = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 41 + 7) & 255);

/** "ok", or why not. */
export type Outcomes = Record<string, string>;

async function outcome(work: () => unknown): Promise<string> {
  try {
    return String((await work()) ?? "ok");
  } catch (error) {
    return `refused: ${String((error as { code?: string }).code ?? error)}`;
  }
}

/** In browsers: modules are fetched as a bundler has laid them out. */
export async function runInBrowser(): Promise<Outcomes> {
  const outcomes: Outcomes = {};
  for (const tier of ENGINE_TIERS) {
    outcomes[tier] = await outcome(async () => (await createEngine({ random, tier })).selfTest());
  }
  outcomes["chosen"] = await outcome(async () => (await createEngine({ random })).capabilities.name);
  outcomes["g1"] = await outcome(async () => (await createG1Engine({ random })).capabilities.name);
  return outcomes;
}

/** In shells without streams: bytes come from files. */
export function runInShell(read: (tier: WasmTier) => Uint8Array): Outcomes {
  const outcomes: Outcomes = {};
  const { Module } = (globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => WasmModule } })
    .WebAssembly;
  for (const tier of ENGINE_TIERS) {
    if (tier === "noble") continue;
    try {
      createWasmEngine({ random, tier, module: new Module(read(tier)) }).selfTest();
      outcomes[tier] = "ok";
    } catch (error) {
      outcomes[tier] = `refused: ${String((error as { code?: string }).code ?? error)}`;
    }
  }
  return outcomes;
}
