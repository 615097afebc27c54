/**
 * A service as a program: it says when it is ready, on standard output, and why it cannot go on, on standard error.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { definitionOf } from "@milagro/protocol/error-codes";
import { createLifecycle } from "./lifecycle.ts";
import { errorFields, type Log } from "./log.ts";
import { releaseStartupMemory } from "./thread-memory.ts";

/**
 * Runs `main` with the program's arguments. An error of ours ends the program with its code's exit status, and says what happened and what to do. Of what nobody expected only the log has more: the error may quote input. */
export async function runProgram(name: string, main: (args: readonly string[]) => Promise<void>): Promise<void> {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    if (error instanceof MilagroError) {
      const { exit, remedy } = definitionOf(error.code);
      process.stderr.write(`${name}: ${error.message} (${error.code})\n${remedy}\n`);
      process.exit(exit);
    }
    process.stderr.write(`${name}: it failed; the log has the rest (ERR_INTERNAL)\n`);
    process.exit(1);
  }
}

/** A service that runs. */
export interface Running {
  /** What whoever started the program has to know: the addresses it listens on. Never a secret. */
  readonly ready: Readonly<Record<string, unknown>>;
  close(): Promise<void> | void;
}

/**
 * Starts a service, prints `{"ready":true,…}` as one line once it is there, and closes it at a signal.
 * @param name - as a person would say it: "the D-TA"
 */
export async function serveUntilStopped(name: string, log: Log, start: () => Promise<Running>): Promise<void> {
  const lifecycle = createLifecycle({ log });
  try {
    const running = await start();
    lifecycle.onClose(name, () => running.close());
    releaseStartupMemory();
    process.stdout.write(`${JSON.stringify({ ready: true, ...running.ready })}\n`);
  } catch (error) {
    log.fatal(`${name} did not start`, errorFields(error));
    log.flush();
    throw error;
  }
}
