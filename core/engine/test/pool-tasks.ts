/**
 * The worker of the pool's tests.
 * @module
 */
import { randomBytes } from "node:crypto";
import { parentPort } from "node:worker_threads";
import type { Engine } from "../src/engine.ts";
import { serveTasks } from "../src/pool-worker.ts";

const handle = serveTasks({
  random: (length) => new Uint8Array(randomBytes(length)),
  tasks: {
    hash: ({ g1 }: Engine, message: Uint8Array) => g1.encode(g1.hash(message, "T")),
    decode: ({ g1 }: Engine, bytes: Uint8Array) => g1.encode(g1.decode(bytes)),
    name: ({ capabilities }: Engine) => capabilities.name,
    die: () => process.exit(1),
  },
  reply: (reply) => parentPort?.postMessage(reply),
});
parentPort?.on("message", handle);
