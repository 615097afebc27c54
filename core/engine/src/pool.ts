/**
 * A pool of workers that compute with the engine: a queue with a limit, one job at a time for each worker, and one
 * compiled module for all. This package is pure, so the caller brings the workers: `node:worker_threads` and browsers'
 * `Worker` differ by two lines, which `WorkerPort` hides.
 * @module
 */
import { MilagroError } from "./error.ts";
import type { PoolMessage, PoolReply } from "./pool-worker.ts";
import type { WasmTier } from "./wasm-machine.ts";
import type { WasmModule } from "./webassembly.ts";

/** One worker, seen from outside. */
export interface WorkerPort {
  post(message: PoolMessage): void;
  /** Called once, before anything is posted. `fail` is for a worker that died, whatever the reason. */
  listen(reply: (reply: PoolReply) => void, fail: (reason: unknown) => void): void;
  terminate(): void;
}

export interface EnginePool {
  /**
   * Has a worker run one of its tasks.
   * @param input - structured-cloneable; handles are not: pass encodings
   * @throws `ERR_OVERLOADED` at once when the queue is full; what the task throws, with its code; `ERR_WORKER_CRASHED`
   */
  run(task: string, input: unknown): Promise<unknown>;
  /** Jobs that wait for a worker. */
  readonly waiting: number;
  /** Refuses new jobs, fails those that wait, and ends the workers. */
  close(): void;
}

interface Job {
  readonly task: string;
  readonly input: unknown;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

interface Slot {
  readonly port: WorkerPort;
  job: Job | undefined;
}

/**
 * @param options.spawn - starts a worker that calls `serveTasks`
 * @param options.compiled - tier and module from `chooseTier`; workers make a noble engine where it is undefined
 * @param options.queueLimit - jobs that may wait before `run` refuses
 */
export function createEnginePool(options: {
  readonly spawn: () => WorkerPort;
  readonly size: number;
  readonly queueLimit: number;
  readonly compiled?: { readonly tier: WasmTier; readonly module: WasmModule } | undefined;
}): EnginePool {
  const { spawn, size, queueLimit, compiled } = options;
  if (!Number.isSafeInteger(size) || size < 1) throw new TypeError("a pool needs at least one worker");
  const queue: Job[] = [];
  const slots: Slot[] = [];
  let closed = false;

  function start(): void {
    const slot: Slot = { port: spawn(), job: undefined };
    slots.push(slot);
    slot.port.listen(
      (reply) => finish(slot, reply),
      () => lose(slot),
    );
    slot.port.post({ kind: "start", compiled: compiled && { tier: compiled.tier, module: compiled.module } });
  }

  function finish(slot: Slot, reply: PoolReply): void {
    const job = slot.job;
    slot.job = undefined;
    if (reply.kind === "done") job?.resolve(reply.output);
    else job?.reject(reply.code === undefined ? new Error(reply.message) : new MilagroError(reply.code, reply.message));
    dispatch();
  }

  /** A worker that died takes its job with it; another takes its place. */
  function lose(slot: Slot): void {
    const index = slots.indexOf(slot);
    if (index < 0) return;
    slots.splice(index, 1);
    slot.job?.reject(new MilagroError("ERR_WORKER_CRASHED", "the worker that ran this job is gone: run it again"));
    if (closed) return;
    start();
    dispatch();
  }

  function dispatch(): void {
    for (const slot of slots) {
      if (slot.job) continue;
      const job = queue.shift();
      if (!job) return;
      slot.job = job;
      slot.port.post({ kind: "run", task: job.task, input: job.input });
    }
  }

  for (let i = 0; i < size; i++) start();
  return {
    run(task, input) {
      if (closed) return Promise.reject(new TypeError("the pool was closed"));
      const idle = slots.some((slot) => !slot.job);
      if (!idle && queue.length >= queueLimit) {
        return Promise.reject(new MilagroError("ERR_OVERLOADED", "every worker is busy and the queue is full"));
      }
      return new Promise((resolve, reject) => {
        queue.push({ task, input, resolve, reject });
        dispatch();
      });
    },
    get waiting() {
      return queue.length;
    },
    close() {
      closed = true;
      for (const job of queue.splice(0)) job.reject(new TypeError("the pool was closed"));
      for (const { port, job } of slots.splice(0)) {
        job?.reject(new TypeError("the pool was closed"));
        port.terminate();
      }
    },
  };
}
