/**
 * The thread that hashes: MD5 above all, which at 0.7 GB/s would cost the main thread more than the encryption does.
 * @module
 */
import { parentPort } from "node:worker_threads";
import { releaseStartupMemory } from "@milagro/runtime/thread-memory";
import { createDigests, type DigestAlgorithm, type Digests } from "./digest-algorithms.ts";

export type DigestRequest =
  | { readonly kind: "begin"; readonly id: number; readonly algorithms: readonly DigestAlgorithm[] }
  /** The block is shared memory. */
  | { readonly kind: "update"; readonly id: number; readonly block: SharedArrayBuffer; readonly length: number }
  | { readonly kind: "end"; readonly id: number }
  | { readonly kind: "drop"; readonly id: number };
/** `taken`: the oldest block that was handed over is done with. */
export type DigestReply =
  | { readonly kind: "taken"; readonly id: number }
  | { readonly kind: "done"; readonly id: number; readonly digests: Readonly<Record<string, Uint8Array>> };

const streams = new Map<number, Digests>();
const port = parentPort;
if (!port) throw new TypeError("this module runs in a worker thread only");
port.on("message", (request: DigestRequest) => {
  if (request.kind === "begin") {
    streams.set(request.id, createDigests(request.algorithms));
    return;
  }
  const stream = streams.get(request.id);
  if (request.kind === "update") {
    stream?.update(new Uint8Array(request.block, 0, request.length));
    port.postMessage({ kind: "taken", id: request.id } satisfies DigestReply);
    return;
  }
  streams.delete(request.id);
  if (request.kind === "end" && stream)
    void stream.end().then((digests) => {
      port.postMessage({ kind: "done", id: request.id, digests } satisfies DigestReply);
    });
});
releaseStartupMemory();
