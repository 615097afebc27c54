/**
 * Digests of streams, in threads of their own: blocks are handed over, not copied. A stream of one block is hashed on the spot.
 * @module
 */
import { Worker } from "node:worker_threads";
import { MilagroError } from "@milagro/engine/error";
import { workerUrl } from "@milagro/runtime/worker-pool";
import { createDigests, type DigestAlgorithm } from "./digest-algorithms.ts";
import type { DigestReply, DigestRequest } from "./digest-worker.ts";

export interface DigestStream {
  /** Takes the block and its buffer, which is empty afterwards. Resolves when there is room for more. */
  update(block: Uint8Array<ArrayBuffer>): Promise<void> | void;
  end(): Promise<Readonly<Record<string, Uint8Array>>>;
  /** Forgets an unfinished stream. */
  drop(): void;
}

export interface DigestThreads {
  begin(algorithms: readonly DigestAlgorithm[]): DigestStream;
  close(): Promise<void>;
}

/** Bytes of one stream that may wait for the thread. */
const MAX_WAITING = 2 * 1024 * 1024;

interface Waiting {
  pending: number;
  room?: { resolve(): void; reject(error: unknown): void } | undefined;
  done?: { resolve(digests: Readonly<Record<string, Uint8Array>>): void; reject(error: unknown): void } | undefined;
}

export function createDigestThreads(size = 1): DigestThreads {
  const threads = Array.from({ length: size }, () => startThread());
  let next = 0;
  return {
    begin(algorithms) {
      const thread = threads[next++ % threads.length] as ReturnType<typeof startThread>;
      let held: Uint8Array<ArrayBuffer> | undefined;
      let remote: DigestStream | undefined;
      return {
        update(block) {
          if (remote) return remote.update(block);
          if (held === undefined) {
            held = block;
            return undefined;
          }
          remote = thread.begin(algorithms);
          return Promise.resolve(remote.update(held)).then(() => remote?.update(block));
        },
        async end() {
          if (remote) return remote.end();
          const local = createDigests(algorithms);
          if (held) local.update(held);
          return local.end();
        },
        drop: () => remote?.drop(),
      };
    },
    close: async () => {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

function startThread() {
  const streams = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let nextId = 1;
  const start = (): Worker => {
    if (worker) return worker;
    const fresh = new Worker(workerUrl(import.meta.url, "./digest-worker"), { name: "milagro-digests" });
    fresh.unref();
    fresh.on("message", (reply: DigestReply) => {
      const stream = streams.get(reply.id);
      if (!stream) return;
      if (reply.kind === "taken") {
        stream.pending -= reply.bytes;
        if (stream.pending <= MAX_WAITING) stream.room?.resolve();
      } else {
        streams.delete(reply.id);
        stream.done?.resolve(reply.digests);
      }
    });
    const died = (): void => {
      if (worker === fresh) worker = undefined;
      const error = new MilagroError("ERR_WORKER_CRASHED", "the thread that hashes died");
      for (const { room, done } of streams.values()) {
        room?.reject(error);
        done?.reject(error);
      }
      streams.clear();
    };
    fresh.on("error", () => {});
    fresh.on("exit", died);
    worker = fresh;
    return fresh;
  };
  const post = (request: DigestRequest, transfer: readonly ArrayBuffer[] = []): void =>
    start().postMessage(request, [...transfer]);
  return {
    begin(algorithms: readonly DigestAlgorithm[]): DigestStream {
      const id = nextId++;
      const stream: Waiting = { pending: 0 };
      streams.set(id, stream);
      post({ kind: "begin", id, algorithms });
      const lost = (): MilagroError => new MilagroError("ERR_WORKER_CRASHED", "the thread that hashes died");
      return {
        update(block) {
          if (!streams.has(id)) throw lost();
          stream.pending += block.length;
          post({ kind: "update", id, bytes: block }, [block.buffer]);
          if (stream.pending <= MAX_WAITING) return undefined;
          return new Promise<void>((resolve, reject) => {
            stream.room = { resolve, reject };
          });
        },
        end: () =>
          new Promise((resolve, reject) => {
            if (!streams.has(id)) return reject(lost());
            stream.done = { resolve, reject };
            post({ kind: "end", id });
          }),
        drop() {
          if (streams.delete(id)) post({ kind: "drop", id });
        },
      };
    },
    close: async () => {
      await worker?.terminate();
    },
  };
}
