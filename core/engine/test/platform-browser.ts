/**
 * The page of the platform tests, as an application would use the published package: by name, bundled as it is.
 * @module
 */
/// <reference path="../src/wasm-modules.d.ts" />
import { chooseTier, createEngine, ENGINE_TIERS, type WasmTier } from "@milagro/engine";
import { createEnginePool, type WorkerPort } from "@milagro/engine/pool";
import { createEngineSync } from "@milagro/engine/sync";
import { wasm as scalarSync } from "@milagro/engine/wasm/scalar-sync";
import { wasm as simdSync } from "@milagro/engine/wasm/simd-sync";
import { createG1Engine } from "@milagro/engine/wasm-g1";
import type { CorpusPart } from "./differential.ts";
import { outcome, random, runTiers, type TierReports } from "./platform-page.ts";

/** What of a browser is used here. */
declare const Worker: new (
  url: URL,
  options: { type: "module" },
) => {
  postMessage(message: unknown): void;
  addEventListener(type: "message" | "error", listener: (event: { data: never }) => void): void;
  terminate(): void;
};

export interface BrowserReport {
  readonly tiers: TierReports;
  /** The engine that `createEngine` chose, the G1 build, and one made at once. */
  readonly chosen: string;
  readonly g1: string;
  readonly sync: string;
  /** Engines in workers: one that loads itself, one on the module that it was handed, and what both computed. */
  readonly workers: string;
}

const openSync = (tier: WasmTier, wasm: string): string => createEngineSync({ random, tier, wasm }).capabilities.name;
// Without waiting for anything: the module has been evaluated, and the engine is there.
const sync = await outcome(() => `${openSync("scalar", scalarSync)} ${openSync("simd", simdSync)}`);

function spawn(): WorkerPort {
  const worker = new Worker(new URL("./platform-worker.ts", import.meta.url), { type: "module" });
  return {
    post: (message) => worker.postMessage(message),
    listen(reply, fail) {
      worker.addEventListener("message", ({ data }) => reply(data));
      worker.addEventListener("error", fail);
    },
    terminate: () => worker.terminate(),
  };
}

async function useWorkers(): Promise<string> {
  const pool = createEnginePool({ spawn, size: 2, queueLimit: 10, compiled: await chooseTier(random) });
  try {
    const { g1 } = await createEngine({ random });
    const message = Uint8Array.of(1, 2, 3);
    const want = g1.encode(g1.hash(message, "PLATFORM")).join();
    const handed = (await pool.run("hash", message)) as Uint8Array;
    const loaded = (await pool.run("hashAlone", message)) as Uint8Array;
    const same = handed.join() === want && loaded.join() === want;
    return `${await pool.run("name", undefined)} ${await pool.run("nameAlone", undefined)} ${same}`;
  } finally {
    pool.close();
  }
}

const corpus = (await (await fetch("/corpus.json")).json()) as CorpusPart[];
const report: BrowserReport = {
  chosen: await outcome(async () => (await createEngine({ random })).capabilities.name),
  g1: await outcome(async () => (await createG1Engine({ random })).capabilities.name),
  sync,
  workers: await outcome(useWorkers),
  tiers: await runTiers(ENGINE_TIERS, (tier) => createEngine({ random, tier }), corpus),
};
await fetch("/report", { method: "POST", body: JSON.stringify(report) });
