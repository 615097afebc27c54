/**
 * The worker's half of the pool: the module that a pool starts calls `serveWorker` once.
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { MilagroError } from "@milagro/engine/error";
import { releaseStartupMemory } from "./thread-memory.ts";

/** One argument, structured-cloneable; an array or object for several. */
export type WorkerMethods = Readonly<Record<string, (argument: never) => unknown>>;

export interface WorkerRequest {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

export type WorkerReply =
  | { readonly kind: "started" }
  | { readonly kind: "result"; readonly id: number; readonly value: unknown }
  | {
      readonly kind: "error";
      readonly id: number;
      readonly code?: string;
      readonly message?: string;
      readonly name: string;
    };

const TRANSFERS = Symbol("transfers");

/** Marks a result whose buffers move to the main thread rather than being copied. */
export function transferring<T extends object>(value: T, buffers: readonly ArrayBuffer[]): T {
  return Object.defineProperty(value, TRANSFERS, { value: buffers, enumerable: false });
}

/** What the pool's `data` returned. */
export function workerInput(): unknown {
  return workerData;
}

/** Answers the pool's calls. Call it last: from then on the pool sends tasks. */
export function serveWorker(methods: WorkerMethods): void {
  const port = parentPort;
  if (!port) throw new TypeError("serveWorker runs in a worker thread only");
  port.on("message", (request: WorkerRequest) => {
    void answer(methods, request).then(({ reply, transfer }) => port.postMessage(reply, transfer));
  });
  releaseStartupMemory();
  port.postMessage({ kind: "started" } satisfies WorkerReply);
}

async function answer(
  methods: WorkerMethods,
  request: WorkerRequest,
): Promise<{ reply: WorkerReply; transfer: ArrayBuffer[] }> {
  const { id } = request;
  try {
    if (!Object.hasOwn(methods, request.method)) throw new TypeError("unknown worker method");
    const method = methods[request.method] as (argument: unknown) => unknown;
    const value = await method(request.argument);
    const transfer =
      typeof value === "object" && value !== null && TRANSFERS in value ? (value[TRANSFERS] as ArrayBuffer[]) : [];
    return { reply: { kind: "result", id, value }, transfer };
  } catch (error) {
    const name = error instanceof Error ? error.name : "Error";
    const known = error instanceof MilagroError ? { code: error.code, message: error.message } : {};
    return { reply: { kind: "error", id, name, ...known }, transfer: [] };
  }
}

/** A `MilagroError` as it was; of anything else the name only, since its message may hold input. */
export function errorFromWorker(reply: Extract<WorkerReply, { kind: "error" }>): Error {
  if (reply.code !== undefined) return new MilagroError(reply.code, reply.message ?? "");
  return Object.assign(new Error("a worker method failed unexpectedly"), { name: reply.name });
}
