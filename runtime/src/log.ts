/**
 * Logs: one JSON object a line, an event name and named fields from an allow-list. Objects, buffers and unknown names cannot get in,
 * by type and again at run time, so a key that lands in a call by mistake stays out of the file.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { type DestinationStream, destination, type Logger as Pino, pino, stdTimeFunctions } from "pino";

const STRING_FIELDS = [
  "address",
  "audience",
  "code",
  "database",
  "domain",
  "domainId",
  "errorName",
  "evidence",
  "file",
  "identity",
  "instance",
  "kind",
  "method",
  "name",
  "operation",
  "outcome",
  "part",
  "phase",
  "reason",
  "requestId",
  "route",
  "scheme",
  "signal",
  "stack",
  "state",
  "subject",
  "syscall",
  "topic",
  "url",
  "usage",
  "version",
  "worker",
] as const;
const NUMBER_FIELDS = [
  "active",
  "attempt",
  "bytes",
  "childPid",
  "count",
  "delayMs",
  "dta",
  "durationMs",
  "epoch",
  "exitCode",
  "index",
  "limit",
  "logIndex",
  "pending",
  "policyVersion",
  "port",
  "queued",
  "sequence",
  "status",
  "total",
] as const;
const BOOLEAN_FIELDS = ["fatal", "ready", "retry", "sealed"] as const;

/** Everything a log line may carry. Adding a name here is a review question: can it ever hold a secret? */
export type LogFields = {
  readonly [K in (typeof STRING_FIELDS)[number]]?: string | undefined;
} & {
  readonly [K in (typeof NUMBER_FIELDS)[number]]?: number | undefined;
} & {
  readonly [K in (typeof BOOLEAN_FIELDS)[number]]?: boolean | undefined;
};

export type LogLevel = "debug" | "info" | "warn" | "error" | "fatal";

export interface Log {
  /** @param event - a short fixed text, in the past tense, without values: values go into fields */
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  fatal(event: string, fields?: LogFields): void;
  /** A log whose lines all carry these fields. */
  with(fields: LogFields): Log;
  /** Waits until the lines are written. */
  flush(): void;
}

export interface LogOptions {
  readonly component: string;
  /** Default "info". */
  readonly level?: LogLevel | "silent";
  /** A file to append to (mode 0600). Default: standard error. */
  readonly file?: string | undefined;
  /** Takes the lines instead, for tests. */
  readonly stream?: DestinationStream;
}

const TYPES: ReadonlyMap<string, "string" | "number" | "boolean"> = new Map([
  ...STRING_FIELDS.map((name) => [name, "string"] as const),
  ...NUMBER_FIELDS.map((name) => [name, "number"] as const),
  ...BOOLEAN_FIELDS.map((name) => [name, "boolean"] as const),
]);
const MAX_STRING = 512;
const MAX_STACK = 4096;

export function createLogger(options: LogOptions): Log {
  const output = options.stream ?? inGroups(options.file);
  const logger = pino(
    {
      level: options.level ?? "info",
      base: { component: options.component, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      messageKey: "event",
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  );
  return wrap(logger);
}

/** Lines wait this long for others: nobody reads a log faster. */
const HOLD_MS = 20;
const MAX_HELD = 16_384;

/**
 * Lines that come close after each other are one write: a service that answers hundreds of requests a second would write as
 * often, and a write costs more than a line. Nothing is held beyond the end of the process; one that is killed loses what it logged in its last moment.
 */
function inGroups(file: string | undefined): DestinationStream & { flush(done?: () => void): void } {
  const output = destination({ dest: file ?? 2, sync: true, mkdir: true, mode: 0o600 });
  let held = "";
  let timer: NodeJS.Timeout | undefined;
  const writeHeld = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const lines = held;
    held = "";
    if (lines !== "") output.write(lines);
  };
  process.once("exit", writeHeld);
  return {
    write(line) {
      held += line;
      if (held.length > MAX_HELD) writeHeld();
      else timer ??= setTimeout(writeHeld, HOLD_MS);
    },
    flush(done) {
      writeHeld();
      done?.();
    },
  };
}

/** A log that goes nowhere. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  fatal() {},
  with: () => silentLog,
  flush() {},
};

/**
 * What may be said about any thrown value: its code and name, and for errors that are not ours the frames of its stack.
 * Never the message of a foreign error: `JSON.parse` and friends quote their input.
 */
export function errorFields(error: unknown): LogFields {
  if (error instanceof MilagroError) return { code: error.code, reason: error.message };
  if (!(error instanceof Error)) return { errorName: typeof error };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const syscall = "syscall" in error && typeof error.syscall === "string" ? error.syscall : undefined;
  return { errorName: error.name, code, syscall, stack: framesOf(error) };
}

/** The run-time half of the allow-list; `dropped` counts what was refused, so that the mistake is visible while the value is not. */
export function allowedFields(fields: object): Record<string, string | number | boolean> {
  const allowed: Record<string, string | number | boolean> = {};
  let dropped = 0;
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const type = TYPES.get(name);
    if (type === undefined || typeof value !== type) dropped++;
    else
      allowed[name] = typeof value === "string" ? shortened(value, name === "stack" ? MAX_STACK : MAX_STRING) : value;
  }
  if (dropped > 0) allowed["dropped"] = dropped;
  return allowed;
}

/** The stack repeats the message, and a message may look like a frame: it is cut out first. */
function framesOf(error: Error): string {
  const stack = error.stack ?? "";
  const at = error.message === "" ? -1 : stack.indexOf(error.message);
  const frames = (at < 0 ? stack : stack.slice(at + error.message.length)).split("\n");
  return frames
    .filter((line) => /^\s+at .*(?::\d+:\d+\)?|\(<anonymous>\))$/.test(line))
    .map((line) => line.trim())
    .join(" | ");
}

function shortened(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}…`;
}

function wrap(logger: Pino): Log {
  const write =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}): void => {
      if (logger.isLevelEnabled(level)) logger[level](allowedFields(fields), String(event).slice(0, MAX_STRING));
    };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    fatal: write("fatal"),
    with: (fields) => wrap(logger.child(allowedFields(fields))),
    flush: () => logger.flush(),
  };
}
