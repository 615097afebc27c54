/**
 * A worker's side of the pool: it makes an engine on the module it is handed and runs tasks on it.
 * @module
 */
import type { Engine, RandomBytes } from "./engine.ts";
import { createNobleEngine } from "./noble.ts";
import { createWasmEngine } from "./wasm.ts";
import type { WasmTier } from "./wasm-machine.ts";
import type { WasmModule } from "./webassembly.ts";

export type PoolMessage =
  | { readonly kind: "start"; readonly compiled: { readonly tier: WasmTier; readonly module: WasmModule } | undefined }
  | { readonly kind: "run"; readonly task: string; readonly input: unknown };

export type PoolReply =
  | { readonly kind: "done"; readonly output: unknown }
  | { readonly kind: "failed"; readonly code: string | undefined; readonly message: string };

/** Takes what a pool posts. Input and output are structured-cloneable. */
export type Task = (engine: Engine, input: never) => unknown;

/**
 * Gives the handler of a worker's messages.
 * @param options.tasks - what the pool may ask for, by name
 * @param options.reply - posts to the pool
 */
export function serveTasks(options: {
  readonly random: RandomBytes;
  readonly tasks: Readonly<Record<string, Task>>;
  readonly reply: (reply: PoolReply) => void;
}): (message: PoolMessage) => Promise<void> {
  const { random, tasks, reply } = options;
  let engine: Engine | undefined;
  return async (message) => {
    if (message.kind === "start") {
      engine = message.compiled ? createWasmEngine({ random, ...message.compiled }) : createNobleEngine({ random });
      return;
    }
    try {
      const task = Object.hasOwn(tasks, message.task) ? tasks[message.task] : undefined;
      if (!task || !engine) throw new TypeError("the worker has no such task");
      reply({ kind: "done", output: await task(engine, message.input as never) });
    } catch (error) {
      const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
      reply({ kind: "failed", code, message: error instanceof Error ? error.message : "the task failed" });
    }
  };
}
