/**
 * Starts one program of the project as it is meant to be started, by its file in `bin`, and waits for its ready line.
 * @module
 */
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PROGRAMS = {
  dta: "services/dta/bin/milagro-dta.js",
  kms: "services/kms/bin/milagro-kms.js",
  endpoint: "clients/endpoint/bin/milagro-endpoint.js",
  auth: "services/auth/bin/milagro-auth.js",
} as const;
export type Program = keyof typeof PROGRAMS;

export interface Ready {
  readonly url?: string;
  readonly admin?: string;
  readonly busUrl?: string;
  /** Of a login server: how browsers reach it. */
  readonly origin?: string;
}

export interface Service {
  readonly pid: number;
  readonly ready: Ready;
  /** From starting the process to its ready line. */
  readonly startMs: number;
  stop(): Promise<void>;
}

export interface ServiceOptions {
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Options of Node, before the program's own. */
  readonly nodeOptions?: readonly string[];
}

const READY_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 10_000;

const programFile = (program: Program): string => fileURLToPath(new URL(`../../${PROGRAMS[program]}`, import.meta.url));

/** Runs to its end. @throws when it does not end with status 0, with what it said */
export function runProgram(program: Program, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [programFile(program), ...args], { stdio: ["ignore", "ignore", "pipe"] });
    const said: Buffer[] = [];
    child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
    child.once("error", reject);
    child.once("close", (status) =>
      status === 0 ? resolve() : reject(new Error(`${program} ended with ${status}: ${Buffer.concat(said)}`)),
    );
  });
}

export async function startService(
  program: Program,
  args: readonly string[],
  options: ServiceOptions,
): Promise<Service> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [programFile(program), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
  });
  child.stderr.on("data", (chunk: Buffer) => appendFileSync(options.logFile, chunk));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  // Whatever ends the benchmark ends what it started.
  const orphan = (): void => void child.kill("SIGKILL");
  process.once("exit", orphan);
  const ready = await new Promise<Ready>((resolve, reject) => {
    let text = "";
    const fail = (what: string): void => {
      child.kill("SIGKILL");
      reject(new Error(`${program} ${what}; its log is ${options.logFile}`));
    };
    const timer = setTimeout(() => fail("did not become ready"), READY_DEADLINE_MS);
    void ended.then(() => fail("ended while starting"));
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const line = text.split("\n").find((each) => each.includes('"ready":true'));
      if (line === undefined) return;
      clearTimeout(timer);
      resolve(JSON.parse(line) as Ready);
    });
    child.once("error", reject);
  });
  return {
    pid: child.pid as number,
    ready,
    startMs: performance.now() - startedMs,
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
      await ended;
      clearTimeout(timer);
      process.removeListener("exit", orphan);
    },
  };
}
