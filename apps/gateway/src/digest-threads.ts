/**
 * Digests of streams, in threads of their own. Blocks are shared memory and go round: the request fills one, the thread hashes it, the next request fills it. Nothing
 * is copied or allocated for them, which at hundreds of megabytes a second would keep the garbage collector busier than everything else. A stream of one block is hashed on the spot.
 * @module
 */
import { Worker } from "node:worker_threads";
import { MilagroError } from "@milagro/engine/error";
import { workerUrl } from "@milagro/runtime/worker-pool";
import { createDigests, type DigestAlgorithm } from "./digest-algorithms.ts";
import type { DigestReply, DigestRequest } from "./digest-worker.ts";
import { BLOCK_LENGTH } from "./format/segments.ts";

export interface DigestStream {
  /** A block to fill. Waits for one to come back when the stream has enough under way. */
  block(): Promise<Uint8Array> | Uint8Array;
  /** Takes the first `length` bytes of a block that `block` gave. */
  update(block: Uint8Array, length: number): Promise<void> | void;
  end(): Promise<Readonly<Record<string, Uint8Array>>>;
  /** Forgets an unfinished stream. Who waits for a block or the end gets `ERR_CANCELLED`. */
  drop(): void;
}

export interface DigestThreads {
  begin(algorithms: readonly DigestAlgorithm[]): DigestStream;
  close(): Promise<void>;
}

/** Blocks of one stream that may be under way. */
const MAX_BLOCKS = 4;
/** Blocks of one thread that may be under way before each stream has to do with one. The thread is busy with these; more would only wait. */
const MAX_BUSY = 8;
/** Blocks that are kept for later. */
const MAX_FREE = 16;

interface Waiting {
  readonly handed: SharedArrayBuffer[];
  room?: { resolve(): void; reject(error: unknown): void } | undefined;
  done?: { resolve(digests: Readonly<Record<string, Uint8Array>>): void; reject(error: unknown): void } | undefined;
}

export function createDigestThreads(size = 1): DigestThreads {
  const free: SharedArrayBuffer[] = [];
  const give = (block: SharedArrayBuffer): void => {
    if (free.length < MAX_FREE) free.push(block);
  };
  const threads = Array.from({ length: size }, () => startThread(give));
  let next = 0;
  return {
    begin(algorithms) {
      const thread = threads[next++ % threads.length] as ReturnType<typeof startThread>;
      let held: { readonly block: Uint8Array; readonly length: number } | undefined;
      let remote: ReturnType<typeof thread.begin> | undefined;
      return {
        async block() {
          await remote?.room();
          return new Uint8Array(free.pop() ?? new SharedArrayBuffer(BLOCK_LENGTH));
        },
        update(block, length) {
          if (!remote && held === undefined) {
            held = { block, length };
            return;
          }
          if (!remote) {
            remote = thread.begin(algorithms);
            if (held) remote.update(held.block, held.length);
          }
          remote.update(block, length);
        },
        async end() {
          if (remote) return remote.end();
          const local = createDigests(algorithms);
          if (held) {
            local.update(held.block.subarray(0, held.length));
            give(held.block.buffer as SharedArrayBuffer);
          }
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

function startThread(give: (block: SharedArrayBuffer) => void) {
  const streams = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let nextId = 1;
  /** Blocks of all streams that the thread has not done with, also of those that were given up. */
  let underWay = 0;
  const lost = (): MilagroError => new MilagroError("ERR_WORKER_CRASHED", "the thread that hashes died");
  const start = (): Worker => {
    if (worker) return worker;
    const fresh = new Worker(workerUrl(import.meta.url, "./digest-worker"), { name: "milagro-digests" });
    fresh.unref();
    fresh.on("message", (reply: DigestReply) => {
      if (reply.kind === "taken") underWay -= 1;
      const stream = streams.get(reply.id);
      if (!stream) return;
      if (reply.kind === "taken") {
        const block = stream.handed.shift();
        if (block) give(block);
        stream.room?.resolve();
        stream.room = undefined;
      } else {
        streams.delete(reply.id);
        stream.done?.resolve(reply.digests);
      }
    });
    fresh.on("error", () => {});
    fresh.on("exit", () => {
      if (worker === fresh) worker = undefined;
      for (const { room, done } of streams.values()) {
        room?.reject(lost());
        done?.reject(lost());
      }
      streams.clear();
      underWay = 0;
    });
    worker = fresh;
    return fresh;
  };
  const post = (request: DigestRequest): void => start().postMessage(request);
  return {
    begin(algorithms: readonly DigestAlgorithm[]) {
      const id = nextId++;
      const stream: Waiting = { handed: [] };
      streams.set(id, stream);
      post({ kind: "begin", id, algorithms });
      return {
        room(): Promise<void> | undefined {
          if (!streams.has(id)) throw lost();
          const { length } = stream.handed;
          if (length === 0 || (length < MAX_BLOCKS && underWay < MAX_BUSY)) return undefined;
          return new Promise((resolve, reject) => {
            stream.room = { resolve, reject };
          });
        },
        update(block: Uint8Array, length: number): void {
          if (!streams.has(id)) throw lost();
          const shared = block.buffer as SharedArrayBuffer;
          stream.handed.push(shared);
          underWay += 1;
          post({ kind: "update", id, block: shared, length });
        },
        end: () =>
          new Promise<Readonly<Record<string, Uint8Array>>>((resolve, reject) => {
            if (!streams.has(id)) return reject(lost());
            stream.done = { resolve, reject };
            post({ kind: "end", id });
          }),
        drop() {
          if (!streams.delete(id)) return;
          // Whoever waits would wait for ever, and hold the request that the bytes come from.
          const gone = new MilagroError("ERR_CANCELLED", "the stream was given up");
          stream.room?.reject(gone);
          stream.done?.reject(gone);
          post({ kind: "drop", id });
        },
      };
    },
    close: async () => {
      await worker?.terminate();
    },
  };
}
