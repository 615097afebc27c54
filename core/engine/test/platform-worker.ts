/**
 * The worker of the browsers' page: it serves the pool on the module it is handed, and can load an engine by itself.
 * @module
 */
import { createEngine, type Engine } from "@milagro/engine";
import { serveTasks } from "@milagro/engine/pool-worker";
import { random } from "./platform-page.ts";

/** What of a worker is used here. */
declare const postMessage: (message: unknown) => void;
declare const addEventListener: (type: "message", listener: (event: { data: never }) => void) => void;

const hash = ({ g1 }: Engine, message: Uint8Array): Uint8Array => g1.encode(g1.hash(message, "PLATFORM"));
const handle = serveTasks({
  random,
  tasks: {
    hash,
    hashAlone: async (_: Engine, message: Uint8Array) => hash(await createEngine({ random }), message),
    name: ({ capabilities }: Engine) => capabilities.name,
    nameAlone: async () => (await createEngine({ random })).capabilities.name,
  },
  reply: (reply) => postMessage(reply),
});
addEventListener("message", ({ data }) => void handle(data));
