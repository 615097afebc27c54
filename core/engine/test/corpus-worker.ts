/**
 * Computes parts of the corpus: the oracle is slow, and a machine has more than one core.
 * @module
 */
import { parentPort } from "node:worker_threads";
import { FAMILIES, makeCorpusPart } from "./differential.ts";

parentPort?.on("message", ({ index, seed, scale }: { index: number; seed: string; scale: number }) => {
  const family = FAMILIES[index];
  if (!family) throw new Error("no such family");
  parentPort?.postMessage(makeCorpusPart({ ...family, count: Math.ceil(scale * family.count) }, seed));
});
