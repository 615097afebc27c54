/**
 * A pool of threads for work that would block the event loop: pairings, mostly. One task at a time per worker; a queue with an end; a worker that dies
 * takes its task with it, and only that.
 * @module
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { MilagroError } from "@milagro/engine/error";
import { sleep } from "./clock.ts";
import { errorFields, type Log } from "./log.ts";
import { jitteredBackoffMs } from "./random.ts";
import { errorFromWorker, type WorkerMethods, type WorkerReply, type WorkerRequest } from "./worker-side.ts";

export type { WorkerMethods } from "./worker-side.ts";

export interface WorkerPoolOptions {
  /** The module that calls `serveWorker`; see `workerUrl`. */
  readonly url: URL;
  readonly log: Log;
  /** Default: one per core, at least one. */
  readonly size?: number;
  /** Tasks waiting, beyond those being worked on. Default 256. */
  readonly maxQueue?: number;
  /** Given to each worker when it starts, also to one that replaces a dead one. Structured clone: what is secret in it exists once more per worker. */
  readonly data?: () => unknown;
}

export interface WorkerCallOptions {
  /** Buffers that move to the worker and are empty here afterwards. */
  readonly transfer?: readonly ArrayBuffer[];
  /** A task that takes longer is given up and its worker replaced. Default: never. */
  readonly timeoutMs?: number;
}

export interface WorkerPool<M extends WorkerMethods> {
  /**
   * @throws what the method throws (a `MilagroError` as it was, anything else without its message); `ERR_OVERLOADED` when the queue is full;
   *   `ERR_WORKER_CRASHED` when the worker died; `ERR_TIMEOUT`
   */
  call<K extends keyof M & string>(
    method: K,
    argument: Parameters<M[K]>[0],
    options?: WorkerCallOptions,
  ): Promise<Awaited<ReturnType<M[K]>>>;
  /** Waiting and running tasks. */
  readonly load: { readonly queued: number; readonly active: number };
  /** Resolves when at least one worker has started. @throws `ERR_WORKER_CRASHED` when they keep dying at start */
  ready(): Promise<void>;
  /** Takes no more tasks, finishes those it has (for `drainMs` at most, default 5 s), ends the workers. Idempotent. */
  close(drainMs?: number): Promise<void>;
}

interface Task {
  readonly request: WorkerRequest;
  readonly options: WorkerCallOptions;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

interface Slot {
  worker: Worker | undefined;
  started: boolean;
  task: Task | undefined;
  timer: NodeJS.Timeout | undefined;
  failures: number;
}

/** After this many deaths at start in a row the waiting tasks are refused; the pool goes on trying for later ones. */
const START_FAILURES = 3;

/** A worker module beside the caller's, `.ts` or `.js` as the caller itself is. */
export function workerUrl(importMetaUrl: string, name: string): URL {
  return new URL(`${name}${importMetaUrl.endsWith(".ts") ? ".ts" : ".js"}`, importMetaUrl);
}

export function createWorkerPool<M extends WorkerMethods>(options: WorkerPoolOptions): WorkerPool<M> {
  const { log } = options;
  const queue: Task[] = [];
  const slots: Slot[] = Array.from({ length: Math.max(1, options.size ?? availableParallelism()) }, () => ({
    worker: undefined,
    started: false,
    task: undefined,
    timer: undefined,
    failures: 0,
  }));
  const maxQueue = options.maxQueue ?? 256;
  const closing = new AbortController();
  const waitingForStart: { resolve(): void; reject(error: unknown): void }[] = [];
  let onIdle: (() => void) | undefined;
  let nextId = 1;

  const start = (slot: Slot): void => {
    slot.started = false;
    const worker = new Worker(options.url, {
      workerData: options.data?.(),
      name: "milagro-worker",
    });
    slot.worker = worker;
    let cause: unknown;
    worker.on("message", (message: WorkerReply) => onMessage(slot, message));
    worker.on("error", (error) => {
      cause = error;
    });
    worker.on("exit", (exitCode) => {
      if (slot.worker === worker) onDeath(slot, exitCode, cause);
    });
  };
  const onMessage = (slot: Slot, message: WorkerReply): void => {
    if (message.kind === "started") {
      slot.started = true;
      slot.failures = 0;
      for (const { resolve } of waitingForStart.splice(0)) resolve();
    } else {
      const task = takeTask(slot);
      if (!task || task.request.id !== message.id) return;
      if (message.kind === "result") task.resolve(message.value);
      else task.reject(errorFromWorker(message));
    }
    dispatch();
  };
  const onDeath = (slot: Slot, exitCode: number, cause: unknown): void => {
    const task = takeTask(slot);
    const started = slot.started;
    slot.worker = undefined;
    slot.started = false;
    if (closing.signal.aborted) {
      task?.reject(crashed());
      return;
    }
    log.error("a worker died", { worker: options.url.pathname.split("/").at(-1), exitCode, ...errorFields(cause) });
    task?.reject(crashed());
    slot.failures = started ? 0 : slot.failures + 1;
    if (slots.every((other) => !other.started && other.failures >= START_FAILURES)) {
      for (const waiting of queue.splice(0)) waiting.reject(crashed());
      for (const { reject } of waitingForStart.splice(0)) reject(crashed());
    }
    sleep(started ? 0 : 50 + jitteredBackoffMs(slot.failures, 50, 5000), closing.signal).then(
      () => start(slot),
      () => {},
    );
  };
  const takeTask = (slot: Slot): Task | undefined => {
    const { task } = slot;
    clearTimeout(slot.timer);
    slot.task = undefined;
    if (queue.length === 0 && slots.every((other) => !other.task)) onIdle?.();
    return task;
  };
  const dispatch = (): void => {
    for (const slot of slots) {
      if (!slot.started || slot.task || !slot.worker) continue;
      const task = queue.shift();
      if (!task) return;
      slot.task = task;
      try {
        slot.worker.postMessage(task.request, [...(task.options.transfer ?? [])]);
      } catch (error) {
        takeTask(slot);
        task.reject(error); // not cloneable: the caller's bug
        continue;
      }
      if (task.options.timeoutMs !== undefined)
        slot.timer = setTimeout(() => expire(slot, task), task.options.timeoutMs);
    }
  };
  const expire = (slot: Slot, task: Task): void => {
    if (slot.task !== task) return;
    takeTask(slot);
    task.reject(new MilagroError("ERR_TIMEOUT", "a worker task took too long"));
    // Replaced at once: a worker that is being ended must not be given another task.
    const stuck = slot.worker;
    start(slot);
    void stuck?.terminate();
  };
  for (const slot of slots) start(slot);

  let closed: Promise<void> | undefined;
  return {
    call: (method, argument, callOptions = {}) => {
      if (closed) return Promise.reject(new MilagroError("ERR_OVERLOADED", "the worker pool is closing"));
      const idle = slots.filter((slot) => slot.started && !slot.task).length;
      if (queue.length >= maxQueue + idle)
        return Promise.reject(new MilagroError("ERR_OVERLOADED", "too many tasks are waiting"));
      return new Promise((resolve, reject) => {
        queue.push({
          request: { id: nextId++, method, argument },
          options: callOptions,
          resolve: resolve as (value: unknown) => void,
          reject,
        });
        dispatch();
      });
    },
    get load() {
      return { queued: queue.length, active: slots.filter((slot) => slot.task).length };
    },
    ready: () =>
      new Promise((resolve, reject) => {
        if (slots.some((slot) => slot.started)) resolve();
        else waitingForStart.push({ resolve, reject });
      }),
    close(drainMs = 5000) {
      closed ??= (async () => {
        const drained = new Promise<void>((resolve) => {
          onIdle = resolve;
          if (queue.length === 0 && slots.every((slot) => !slot.task)) resolve();
        });
        const timer = new AbortController();
        await Promise.race([drained, sleep(drainMs, timer.signal).catch(() => {})]);
        timer.abort();
        closing.abort();
        for (const task of queue.splice(0))
          task.reject(new MilagroError("ERR_OVERLOADED", "the worker pool was closed"));
        for (const { reject } of waitingForStart.splice(0)) reject(crashed());
        await Promise.all(slots.map((slot) => slot.worker?.terminate()));
      })();
      return closed;
    },
  };
}

function crashed(): MilagroError {
  return new MilagroError("ERR_WORKER_CRASHED", "the worker died while it had this task, or before it could start");
}
