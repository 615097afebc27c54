/**
 * Standard input and output joined to a stream, as netcat does: each direction ends by itself.
 * @module
 */
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Io } from "./io.ts";

/** Resolves when both directions have ended; at a terminal when the other side has, for a person is not asked to end a conversation that is over. */
export async function joinStdio(io: Io, stream: Duplex, signal: AbortSignal): Promise<void> {
  const stop = (): unknown => stream.destroy();
  signal.addEventListener("abort", stop, { once: true });
  const sending = pipeline(io.stdin, stream).catch(() => {}); // what broke there breaks the reading below too
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      if (!io.stdout.write(chunk)) await new Promise<void>((ready) => io.stdout.once("drain", () => ready()));
    }
    if (!io.isTty.stdin) await sending;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
    stream.destroy();
    io.stdin.destroy();
  }
}
