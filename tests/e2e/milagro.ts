/**
 * Running `milagro` as a process of its own, as a person would, and looking at what it leaves behind.
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../clients/cli/src/main.ts", import.meta.url));
const COMMAND = ["--conditions=@milagro/source", MAIN];

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Another Unix user; needs root. */
  readonly user?: number | undefined;
}

/** An environment without our own settings. */
function cleanEnv(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { PATH = "", TMPDIR = "/tmp" } = process.env;
  return { PATH, TMPDIR, HOME: "/nonexistent", NO_COLOR: "1", ...extra };
}

export function spawnMilagro(args: readonly string[], options: RunOptions): ChildProcess {
  const identity = options.user === undefined ? {} : { uid: options.user, gid: options.user };
  return spawn(process.execPath, [...COMMAND, ...args], {
    cwd: options.cwd,
    env: cleanEnv(options.env),
    stdio: ["pipe", "pipe", "pipe"],
    ...identity,
  });
}

/** Runs to the end. */
export async function milagro(args: readonly string[], options: RunOptions): Promise<Finished> {
  const child = spawnMilagro(args, options);
  // Who does not read what it is given may be gone before it is written.
  child.stdin?.on("error", () => {}).end(options.input ?? "");
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { status, stdout, stderr };
}

export interface Daemon {
  readonly ready: Readonly<Record<string, unknown>>;
  readonly output: () => string;
  stop(): Promise<number | null>;
}

/** Starts something that prints a ready line. */
export async function startDaemon(args: readonly string[], options: RunOptions): Promise<Daemon> {
  const child = spawnMilagro(args, options);
  let output = "";
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const ready = await new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
    child.stdout?.on("data", (chunk) => {
      output += chunk;
      const line = output.split("\n").find((text) => text.includes('"ready":true'));
      if (line !== undefined) resolve(JSON.parse(line));
    });
    child.stderr?.on("data", (chunk) => {
      output += chunk;
    });
    void ended.then((status) =>
      reject(new Error(`milagro ${args.slice(0, 2).join(" ")} ended with ${status}: ${output}`)),
    );
  });
  return {
    ready,
    output: () => output,
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

/** Every file below a folder, with its content. What goes away meanwhile (a database's log, a file that is renamed) is not left behind. */
export function allFiles(folder: string): { readonly path: string; readonly content: Buffer }[] {
  return (
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      // Compiled code of our own sources, thousands of small files.
      .filter((path) => !path.startsWith(join(folder, "cache")))
      .flatMap((path) => {
        const content = contentOf(path);
        return content === undefined ? [] : [{ path, content }];
      })
  );
}

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The forms in which a secret might have been written down. */
export function forms(secret: string | Uint8Array): readonly Buffer[] {
  const raw = typeof secret === "string" ? Buffer.from(secret, "utf8") : Buffer.from(secret);
  return [
    raw,
    Buffer.from(raw.toString("base64url")),
    Buffer.from(raw.toString("base64")),
    Buffer.from(raw.toString("hex")),
  ];
}

/** Whether another user can run this checkout: not when it lies below somebody's closed home. */
export function canRunAs(user: number): boolean {
  if (process.getuid?.() !== 0) return false;
  return (
    spawnSync(process.execPath, ["-e", `require("node:fs").readFileSync(${JSON.stringify(MAIN)})`], {
      uid: user,
      gid: user,
      cwd: "/",
    }).status === 0
  );
}
