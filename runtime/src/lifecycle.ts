/**
 * The life of a process: it closes in order on SIGTERM or SIGINT, within a deadline, and dies loudly on what nobody caught.
 * @module
 */
import type { Log } from "./log.ts";
import { errorFields } from "./log.ts";

/** The exit status for a fault of our own (EX_SOFTWARE of sysexits.h). */
export const EXIT_INTERNAL = 70;

export interface LifecycleOptions {
  readonly log: Log;
  /** How long all closers together may take. Default 10 s. */
  readonly deadlineMs?: number;
  /** For tests in one process. Default `process`. */
  readonly target?: LifecycleTarget;
}

/** What of `process` a lifecycle touches. */
export type LifecycleTarget = Pick<NodeJS.EventEmitter, "on" | "off"> & { exit(code: number): void };

export interface Lifecycle {
  /** Closers run in reverse order of registration, one after the other; one that throws is logged and does not stop the rest. */
  onClose(name: string, close: () => Promise<void> | void): void;
  /** Closes everything once and exits with `code`; later calls share the first one's work. */
  shutdown(reason: string, code?: number): Promise<void>;
  /** Aborts as soon as a shutdown begins: stop accepting work. */
  readonly closing: AbortSignal;
  /** Takes the signal handlers off again, for tests and for embedding. */
  dispose(): void;
}

/**
 * Installs the handlers. Call once, first thing in `main`.
 * A second signal exits at once with 128 + its number; an uncaught error exits with 70 without running closers: the state is unknown, and what must
 * survive is already on disk.
 */
export function createLifecycle(options: LifecycleOptions): Lifecycle {
  const { log } = options;
  const target = options.target ?? process;
  const deadlineMs = options.deadlineMs ?? 10_000;
  const closers: { name: string; close: () => Promise<void> | void }[] = [];
  const controller = new AbortController();
  let closed: Promise<void> | undefined;

  const closeAll = async (): Promise<void> => {
    for (const { name, close } of closers.toReversed()) {
      try {
        await close();
      } catch (error) {
        log.error("closing a part failed", { part: name, ...errorFields(error) });
      }
    }
  };
  const shutdown = (reason: string, code = 0): Promise<void> => {
    closed ??= (async () => {
      log.info("shutting down", { reason });
      controller.abort(new Error("the process is shutting down"));
      let timer: NodeJS.Timeout | undefined;
      const deadline = new Promise<"late">((resolve) => {
        timer = setTimeout(resolve, deadlineMs, "late");
      });
      const outcome = await Promise.race([closeAll(), deadline]);
      clearTimeout(timer);
      if (outcome === "late") log.error("shutdown deadline passed", { limit: deadlineMs });
      log.flush();
      target.exit(outcome === "late" ? EXIT_INTERNAL : code);
    })();
    return closed;
  };
  const onSignal = (signal: "SIGTERM" | "SIGINT"): void => {
    if (closed) target.exit(128 + (signal === "SIGINT" ? 2 : 15));
    else void shutdown(signal);
  };
  const onTerminate = (): void => onSignal("SIGTERM");
  const onInterrupt = (): void => onSignal("SIGINT");
  const onFatal = (error: unknown): void => {
    log.fatal("uncaught error, exiting", { ...errorFields(error), fatal: true });
    log.flush();
    target.exit(EXIT_INTERNAL);
  };
  const listeners = [
    ["SIGTERM", onTerminate],
    ["SIGINT", onInterrupt],
    ["uncaughtException", onFatal],
    ["unhandledRejection", onFatal],
  ] as const;
  for (const [event, listener] of listeners) target.on(event, listener);

  return {
    onClose: (name, close) => {
      closers.push({ name, close });
    },
    shutdown,
    closing: controller.signal,
    dispose: () => {
      for (const [event, listener] of listeners) target.off(event, listener);
    },
  };
}
