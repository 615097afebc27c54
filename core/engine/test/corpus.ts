/**
 * The whole corpus of the differential tests, on every core.
 * @module
 */
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { type CorpusPart, FAMILIES } from "./differential.ts";

/** @param scale - of the number of cases in each family */
export async function makeCorpus(seed: string, scale: number): Promise<CorpusPart[]> {
  const parts: CorpusPart[] = [];
  const queue = FAMILIES.map((_, index) => index).reverse(); // pairings first: they take longest
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL("./corpus-worker.ts", import.meta.url), {
      execArgv: ["--conditions=@milagro/source"],
    });
    try {
      for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
        worker.postMessage({ index, seed, scale });
        [parts[index]] = (await once(worker, "message")) as [CorpusPart];
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return parts;
}
