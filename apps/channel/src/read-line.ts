/**
 * One line from a stream, and what comes after it left there for whoever reads next.
 * @module
 */
import type { Duplex } from "node:stream";
import { MilagroError } from "@milagro/engine/error";

export interface ReadLineOptions {
  /** Without the line feed. */
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** @throws `ERR_PEER_INVALID` for a line that is too long, `ERR_UNREACHABLE` when the stream ended before it did, `ERR_TIMEOUT` */
export function readLine(stream: Duplex, options: ReadLineOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let total = 0;
    const finish = (): void => {
      clearTimeout(timer);
      stream.off("readable", onReadable).off("error", onError).off("end", onEnd).off("close", onEnd);
    };
    const fail = (error: MilagroError): void => {
      finish();
      reject(error);
    };
    const onError = (cause: unknown): void =>
      fail(new MilagroError("ERR_UNREACHABLE", "the channel broke in the middle of a line", { cause }));
    const onEnd = (): void =>
      fail(new MilagroError("ERR_UNREACHABLE", "the peer ended the channel instead of answering"));
    const timer = setTimeout(
      () => fail(new MilagroError("ERR_TIMEOUT", "the peer did not send its line in time")),
      options.timeoutMs,
    );
    const onReadable = (): void => {
      for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null) {
        const at = chunk.indexOf(10);
        chunks.push(at < 0 ? chunk : chunk.subarray(0, at));
        total += at < 0 ? chunk.length : at;
        if (total > options.maxBytes) {
          fail(new MilagroError("ERR_PEER_INVALID", "the peer sent a line that is too long"));
          return;
        }
        if (at < 0) continue;
        finish();
        if (at + 1 < chunk.length) stream.unshift(chunk.subarray(at + 1));
        resolve(Buffer.concat(chunks).toString("utf8"));
        return;
      }
    };
    if (stream.destroyed || stream.readableEnded) return onEnd();
    stream.on("readable", onReadable).on("error", onError).on("end", onEnd).on("close", onEnd);
    onReadable();
  });
}

/** A JSON object of a line. @throws `ERR_PEER_INVALID` */
export function parseLineObject(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {}
  throw new MilagroError("ERR_PEER_INVALID", "the peer sent a line that is not a JSON object");
}
