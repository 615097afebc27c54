/**
 * Starts the service processes. The command line never imports a service (it could then reach server-side secrets): it
 * finds the program by package name and runs it with this very Node.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { MilagroError } from "@milagro/engine/error";
import type { Passphrase } from "@milagro/runtime/passphrase";
import type { Context } from "./command.ts";
import type { ExitStatus } from "./failure.ts";

export const SERVICES = {
  dta: "@milagro/dta",
  kms: "@milagro/kms",
  auth: "@milagro/auth",
  endpoint: "@milagro/endpoint",
  gateway: "@milagro/gateway",
} as const;
export type ServiceName = keyof typeof SERVICES;

/** The one line a service prints on stdout when it serves. */
export interface Ready {
  readonly url?: string;
  readonly admin?: string;
  readonly [key: string]: unknown;
}

export interface RunningService {
  readonly name: string;
  readonly pid: number;
  readonly ready: Ready;
  /** Resolves when the process has ended, however. */
  readonly ended: Promise<ExitStatus>;
  /** Asks it to end and waits; kills it after the deadline. */
  stop(): Promise<ExitStatus>;
}

const READY_DEADLINE_MS = 60_000;
/** A service ends within ten seconds by itself (runtime, lifecycle). */
const STOP_DEADLINE_MS = 11_000;
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 };

/** The launcher of a service, which runs its build or, where that is not of today's sources, those. @throws `ERR_SERVICE_MISSING` */
export function serviceProgram(service: ServiceName): string {
  try {
    return fileURLToPath(new URL(`../bin/milagro-${service}.js`, import.meta.resolve(`${SERVICES[service]}/main`)));
  } catch (cause) {
    throw new MilagroError("ERR_SERVICE_MISSING", `the package ${SERVICES[service]} is not installed here`, { cause });
  }
}

/**
 * Runs a service in the foreground until it ends. Where the system can, this process becomes the service: same id, same signals, and
 * nothing left behind when it is killed. With a passphrase it is a child instead: somebody must hold the other end of its standard input.
 * @param passphrase - written to standard input of the service, and destroyed
 */
export async function runService(
  service: ServiceName,
  args: readonly string[],
  { io, signal }: Pick<Context, "io" | "signal">,
  passphrase?: Passphrase,
): Promise<ExitStatus> {
  const command = [...process.execArgv, serviceProgram(service), ...args];
  const own = io.stdout === process.stdout;
  if (passphrase) command.push("--passphrase-stdin");
  else if (own && process.platform !== "win32" && process.execve) {
    process.execve(process.execPath, [process.execPath, ...command], process.env);
  }
  const output = own ? "inherit" : "pipe";
  const child = spawn(process.execPath, command, {
    stdio: [passphrase ? "pipe" : "ignore", output, output],
    env: { ...io.env },
    // Its own process group: Ctrl-C reaches only us, and the service gets one signal instead of two.
    detached: own,
  });
  child.stdout?.pipe(io.stdout, { end: false });
  child.stderr?.pipe(io.stderr, { end: false });
  if (passphrase && child.stdin) handOver(child.stdin, passphrase);
  const stop = () => child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await endOf(child);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function handOver(pipe: Writable, passphrase: Passphrase): void {
  // A service that ended before it read says itself why.
  pipe.on("error", () => {});
  const bytes = passphrase.use((held) => held.slice());
  passphrase.destroy();
  pipe.end(bytes, () => bytes.fill(0));
}

/**
 * Starts a service in the background and waits for its ready line.
 * @param options.logFile - where its stderr goes, mode 0600, appended
 * @throws `ERR_SERVICE_ENDED` when it ends or stays silent instead, with the last lines it logged
 */
export async function startService(
  service: ServiceName,
  args: readonly string[],
  options: {
    readonly name: string;
    readonly logFile: string;
    readonly signal?: AbortSignal;
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<RunningService> {
  const log = openSync(options.logFile, "a", 0o600);
  // Its own process group: Ctrl-C on our terminal reaches only us, and we end the children in order.
  const child = spawn(process.execPath, [...process.execArgv, serviceProgram(service), ...args], {
    stdio: ["ignore", "pipe", log],
    env: { ...process.env, ...options.env },
    detached: true,
  });
  closeSync(log);
  const ended = endOf(child);
  // A parent that is killed outright must not leave children behind.
  const orphan = () => void child.kill("SIGTERM");
  process.once("exit", orphan);
  void ended.then(() => process.removeListener("exit", orphan));
  try {
    const ready = await readyLine(child, ended, options);
    return { name: options.name, pid: child.pid ?? 0, ready, ended, stop: () => stopChild(child, ended) };
  } catch (error) {
    await stopChild(child, ended);
    throw error;
  }
}

async function readyLine(
  child: ChildProcess,
  ended: Promise<ExitStatus>,
  options: { readonly name: string; readonly logFile: string; readonly signal?: AbortSignal },
): Promise<Ready> {
  const { stdout } = child;
  if (!stdout) throw new TypeError("stdout must be a pipe");
  const deadline = AbortSignal.timeout(READY_DEADLINE_MS);
  const stop = options.signal ? AbortSignal.any([deadline, options.signal]) : deadline;
  const lines = createInterface({ input: stdout, crlfDelay: Number.POSITIVE_INFINITY });
  return new Promise<Ready>((resolve, reject) => {
    const fail = (what: string) => {
      reject(new MilagroError("ERR_SERVICE_ENDED", `${options.name} ${what}; its log is ${options.logFile}`));
    };
    lines.on("line", (line) => {
      const ready = parseReady(line);
      if (ready) resolve(ready);
    });
    stop.addEventListener("abort", () =>
      fail(deadline.aborted ? "did not become ready in time" : "was stopped while starting"),
    );
    void ended.then((status) => fail(`ended with status ${status} while starting`));
  });
}

function parseReady(line: string): Ready | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "ready" in value && value.ready === true
      ? (value as Ready)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The exit status as a shell gives it: 128 + number for a signal. */
export function endOf(child: ChildProcess): Promise<ExitStatus> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause: NodeJS.ErrnoException) => {
      const what = cause.code === "ENOENT" ? "there is no such program" : "the program cannot be started";
      reject(new MilagroError("ERR_COMMAND_FAILED", `${child.spawnfile}: ${what}`, { cause }));
    });
    child.once("close", (code, name) => resolve(code ?? 128 + (SIGNAL_NUMBERS[name ?? ""] ?? 0)));
  });
}

async function stopChild(child: ChildProcess, ended: Promise<ExitStatus>): Promise<ExitStatus> {
  if (child.exitCode !== null || child.signalCode !== null) return ended;
  child.kill("SIGTERM");
  const kill = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
  try {
    return await ended;
  } finally {
    clearTimeout(kill);
  }
}
