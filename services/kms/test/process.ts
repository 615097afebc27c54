/**
 * The real program as a child process, to be killed.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { serveArguments } from "./support.ts";

const LAUNCHER = fileURLToPath(new URL("../bin/milagro-kms.js", import.meta.url));

export interface Running {
  readonly url: string;
  readonly busUrl: string;
  readonly pid: number;
  /** Everything it wrote to standard error so far: its log. */
  log(): string;
  /** Sends a signal and waits for the end. @returns exit status, or the signal's name */
  end(signal: NodeJS.Signals): Promise<number | string>;
  signal(signal: NodeJS.Signals): void;
}

/** A test that fails half-way must not leave a process behind. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class StartError extends Error {
  readonly status: number | null;
  constructor(status: number | null, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Starts `milagro-kms serve` and waits for its ready line.
 * @param options.fileBlocks - `ulimit -f`: no file grows past so many blocks of 512 or 1024 bytes, as on a full disk
 */
export async function startProcess(
  home: string,
  args: readonly string[] = [],
  options: { readonly fileBlocks?: number } = {},
): Promise<Running> {
  const command = [process.execPath, LAUNCHER, "serve", ...serveArguments(home, ...args)];
  const child: ChildProcess =
    options.fileBlocks === undefined
      ? spawn(command[0] as string, command.slice(1), { stdio: ["ignore", "pipe", "pipe"] })
      : spawn("bash", ["-c", `ulimit -f ${options.fileBlocks}; exec "$@"`, "bash", ...command], {
          stdio: ["ignore", "pipe", "pipe"],
        });
  running.add(child);
  child.once("exit", () => running.delete(child));
  let out = "";
  let err = "";
  child.stderr?.on("data", (chunk) => {
    err += chunk;
  });
  const ended = new Promise<number | string>((resolve) =>
    child.once("exit", (code, signal) => resolve(signal ?? code ?? -1)),
  );
  const ready = await new Promise<{ url: string; busUrl: string }>((resolve, reject) => {
    child.stdout?.on("data", (chunk) => {
      out += chunk;
      if (out.includes("\n")) resolve(JSON.parse(out.slice(0, out.indexOf("\n"))));
    });
    child.once("exit", (code) => reject(new StartError(code, err)));
  });
  return {
    ...ready,
    pid: child.pid ?? 0,
    log: () => err,
    signal: (signal) => void child.kill(signal),
    end(signal) {
      child.kill(signal);
      return ended;
    },
  };
}
