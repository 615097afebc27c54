/**
 * Asks `/health` again and again from a thread of its own, so that a busy load generator does not count as a slow answer.
 * As a worker it takes the URL and posts the latencies when it is told to stop.
 * @module
 */
import { Agent, get } from "node:http";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const PAUSE_MS = 20;

export interface HealthProbe {
  /** Ends the thread. @returns milliseconds of every answer */
  stop(): Promise<readonly number[]>;
}

export async function startHealthProbe(url: string): Promise<HealthProbe> {
  const worker = new Worker(new URL(import.meta.url), { workerData: url });
  await new Promise((resolve) => worker.once("message", resolve));
  return {
    async stop() {
      const answer = new Promise<readonly number[]>((resolve) => worker.once("message", resolve));
      worker.postMessage("stop");
      const samples = await answer;
      await worker.terminate();
      return samples;
    },
  };
}

const ask = (url: string, agent: Agent): Promise<void> =>
  new Promise((resolve, reject) => {
    get(`${url}/health`, { agent }, (response) => response.resume().once("end", resolve)).once("error", reject);
  });

async function probe(url: string): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  let running = true;
  parentPort?.once("message", () => {
    running = false;
  });
  await ask(url, agent);
  parentPort?.postMessage("started");
  const samples: number[] = [];
  while (running) {
    const startMs = performance.now();
    await ask(url, agent);
    samples.push(performance.now() - startMs);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  agent.destroy();
  parentPort?.postMessage(samples);
}

if (!isMainThread) await probe(workerData as string);
