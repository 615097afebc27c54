/**
 * Standard input and output joined to a stream, as netcat does: each direction ends by itself.
 * @module
 */
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Io } from "./io.ts";

/** Resolves when the other side has ended; what is left of standard input is nobody's then. */
export async function joinStdio(io: Io, stream: Duplex, signal: AbortSignal): Promise<void> {
  const stop = (): unknown => stream.destroy();
  signal.addEventListener("abort", stop, { once: true });
  const sending = pipeline(io.stdin, stream).catch(() => {});
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      if (!io.stdout.write(chunk)) await new Promise<void>((ready) => io.stdout.once("drain", () => ready()));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
    stream.destroy();
    io.stdin.unpipe?.();
    io.stdin.pause();
    await Promise.race([sending, new Promise<void>((resolve) => setImmediate(resolve))]);
  }
}
