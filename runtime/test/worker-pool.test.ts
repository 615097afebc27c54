import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { tempFolder } from "../../tests/support/temp-folder.ts";
import { createLogger, silentLog } from "../src/log.ts";
import { createWorkerPool, type WorkerPool, type WorkerPoolOptions, workerUrl } from "../src/worker-pool.ts";
import type { methods } from "./fixtures/test-worker.ts";

type Methods = typeof methods;

function pool(options: Partial<WorkerPoolOptions> = {}): WorkerPool<Methods> {
  const made = createWorkerPool<Methods>({
    url: workerUrl(import.meta.url, "./fixtures/test-worker"),
    log: silentLog,
    size: 1,
    data: () => ({ greeting: "hello" }),
    ...options,
  });
  onTestFinished(() => made.close(0));
  return made;
}
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => "ok",
    (error: { code?: string }) => error.code ?? String(error),
  );

test("calls are typed, get the pool's data, and come back in any number", async () => {
  const workers = pool({ size: 2 });
  const greetings: string[] = await Promise.all(["a", "b", "c", "d"].map((name) => workers.call("greet", name)));
  expect(greetings).toEqual(["hello, a", "hello, b", "hello, c", "hello, d"]);
  // @ts-expect-error a number is no name
  await workers.call("greet", 7);
  // @ts-expect-error there is no such method
  expect(await failure(workers.call("toString", undefined))).toMatch(/TypeError/);
});

test("buffers move both ways without a copy staying behind", async () => {
  const workers = pool();
  const bytes = new Uint8Array(1000);
  expect(await workers.call("length", bytes, { transfer: [bytes.buffer] })).toBe(1000);
  expect(bytes.length).toBe(0);
  const { made } = await workers.call("make", 5);
  expect([...made]).toEqual([7, 7, 7, 7, 7]);
});

test("the event loop goes on while every worker is busy", async () => {
  const workers = pool();
  const path = join(await tempFolder(), "flag");
  const seen = workers.call("spinUntil", path);
  // If the task ran on this thread, these turns would never come and the file would never be written.
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  writeFileSync(path, "");
  expect(await seen).toBe("seen");
});

describe("failures", () => {
  test("a MilagroError comes back as it was, anything else without its message", async () => {
    const workers = pool();
    expect(await failure(workers.call("refuse", undefined))).toBe("ERR_POLICY_REFUSED");
    const error = await workers.call("fail", "hunter2").catch((e: unknown) => e);
    expect(error).toMatchObject({ name: "RangeError" });
    expect(String(error) + (error as Error).stack).not.toContain("hunter2");
    expect(await workers.call("greet", "again")).toBe("hello, again");
  });

  test.each(["die", "dieBadly"] as const)(
    "a worker that dies (%s) takes its own task along and is replaced, with its data",
    async (method) => {
      let reportDeath = () => {};
      const died = new Promise<void>((resolve) => {
        reportDeath = resolve;
      });
      const log = createLogger({
        component: "t",
        stream: { write: (line) => (line.includes("a worker died") ? reportDeath() : undefined) },
      });
      const workers = pool({ log });
      const [dead, next] = [failure(workers.call(method, undefined)), failure(workers.call("spinUntil", "/"))];
      if (method === "die") expect(await dead).toBe("ERR_WORKER_CRASHED");
      // The other one dies just after its answer, and may take the next task along.
      expect(["ok", "ERR_WORKER_CRASHED"]).toContain(await next);
      await died;
      expect(await workers.call("greet", "new one")).toBe("hello, new one");
    },
  );

  test("a worker that dies at every start: tasks are refused, not kept waiting for ever", async () => {
    const lines: string[] = [];
    const log = createLogger({ component: "t", stream: { write: (line) => lines.push(line) } });
    const workers = pool({ data: () => ({ greeting: "", dieAtStart: true }), log });
    const task = failure(workers.call("greet", "x"));
    expect(await failure(workers.ready())).toBe("ERR_WORKER_CRASHED");
    expect(await task).toBe("ERR_WORKER_CRASHED");
    expect(lines.join("")).toContain('"exitCode":3');
  });

  test("a task that takes too long is given up, and its worker with it", async () => {
    const workers = pool();
    await workers.ready();
    expect(await failure(workers.call("forever", undefined, { timeoutMs: 50 }))).toBe("ERR_TIMEOUT");
    expect(await workers.call("greet", "after")).toBe("hello, after");
  });

  test("a full queue is ERR_OVERLOADED at once; what waits is done", async () => {
    const workers = pool({ maxQueue: 2 });
    await workers.ready();
    const path = join(await tempFolder(), "flag");
    const accepted = [workers.call("spinUntil", path), workers.call("greet", "1"), workers.call("greet", "2")];
    expect(workers.load).toEqual({ queued: 2, active: 1 });
    expect(await failure(workers.call("greet", "3"))).toBe("ERR_OVERLOADED");
    writeFileSync(path, "");
    expect(await Promise.all(accepted)).toEqual(["seen", "hello, 1", "hello, 2"]);
  });

  test("an argument that cannot be cloned fails its own call only", async () => {
    const workers = pool();
    await workers.ready();
    await expect(workers.call("greet", (() => {}) as unknown as string)).rejects.toThrow();
    expect(await workers.call("greet", "x")).toBe("hello, x");
  });
});

describe("closing", () => {
  test("finishes what was taken on, refuses what comes later, twice is once", async () => {
    const workers = pool();
    const accepted = Promise.all([workers.call("greet", "1"), workers.call("greet", "2")]);
    const closing = Promise.all([workers.close(), workers.close()]);
    expect(await failure(workers.call("greet", "3"))).toBe("ERR_OVERLOADED");
    expect(await accepted).toEqual(["hello, 1", "hello, 2"]);
    await closing;
  });

  test("does not wait longer than it was told", async () => {
    const workers = pool();
    await workers.ready();
    const outcomes = Promise.all([failure(workers.call("forever", undefined)), failure(workers.call("greet", "x"))]);
    await workers.close(20);
    expect(await outcomes).toEqual(["ERR_WORKER_CRASHED", "ERR_OVERLOADED"]);
  });
});

test("workers are found beside the caller, in source and in a build", () => {
  expect(workerUrl("file:///a/src/x.ts", "./w").href).toBe("file:///a/src/w.ts");
  expect(workerUrl("file:///a/dist/x.js", "./w").href).toBe("file:///a/dist/w.js");
});
