import { randomBytes } from "node:crypto";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test } from "vitest";
import { chooseTier } from "../src/index.ts";
import { createNobleEngine } from "../src/noble.ts";
import { createEnginePool, type EnginePool, type WorkerPort } from "../src/pool.ts";

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const pools: EnginePool[] = [];
afterEach(() => {
  for (const pool of pools.splice(0)) pool.close();
});

function spawn(): WorkerPort {
  const worker = new Worker(new URL("./pool-tasks.ts", import.meta.url), {
    execArgv: ["--conditions=@milagro/source"],
  });
  return {
    post: (message) => worker.postMessage(message),
    listen(reply, fail) {
      worker.on("message", reply);
      worker.on("error", fail);
      worker.on("exit", fail);
    },
    terminate: () => void worker.terminate(),
  };
}

async function openPool(size: number, queueLimit: number): Promise<EnginePool> {
  const pool = createEnginePool({ spawn, size, queueLimit, compiled: await chooseTier(random) });
  pools.push(pool);
  return pool;
}

describe("engine pool", () => {
  test("workers compute what this thread computes, on the module they were handed", async () => {
    const pool = await openPool(2, 100);
    const { g1 } = createNobleEngine({ random });
    const messages = Array.from({ length: 6 }, (_, i) => Uint8Array.of(i));
    const answers = await Promise.all(messages.map((message) => pool.run("hash", message)));
    expect(answers).toEqual(messages.map((message) => g1.encode(g1.hash(message, "T"))));
    expect(await pool.run("name", undefined)).toMatch(/^wasm-/);
  });

  test("a full queue refuses at once, and what was accepted is still done", async () => {
    const pool = await openPool(1, 2);
    const accepted = [0, 1, 2].map((i) => pool.run("hash", Uint8Array.of(i)));
    expect(pool.waiting).toBe(2);
    await expect(pool.run("hash", Uint8Array.of(9))).rejects.toMatchObject({ code: "ERR_OVERLOADED" });
    expect(await Promise.all(accepted)).toHaveLength(3);
    expect(pool.waiting).toBe(0);
  });

  test("a task's error comes back with its code, and the worker goes on", async () => {
    const pool = await openPool(1, 2);
    await expect(pool.run("decode", new Uint8Array(48))).rejects.toMatchObject({ code: "ERR_POINT_INVALID" });
    await expect(pool.run("toString", undefined)).rejects.toThrow("no such task");
    expect(await pool.run("hash", Uint8Array.of(1))).toBeInstanceOf(Uint8Array);
  });

  test("a worker that dies loses its own job only, and is replaced", async () => {
    const pool = await openPool(1, 2);
    const lost = pool.run("die", undefined);
    const next = pool.run("hash", Uint8Array.of(1));
    await expect(lost).rejects.toMatchObject({ code: "ERR_WORKER_CRASHED" });
    expect(await next).toBeInstanceOf(Uint8Array);
  });

  test("a closed pool refuses new jobs and fails those that wait", async () => {
    const pool = await openPool(1, 2);
    const jobs = [pool.run("hash", Uint8Array.of(1)), pool.run("hash", Uint8Array.of(2))];
    pool.close();
    const outcomes = await Promise.allSettled([...jobs, pool.run("hash", Uint8Array.of(3))]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  });
});
