/**
 * Running somebody's program with secrets in its environment or in files: the terminal is the program's, signals reach it, and its
 * exit status is ours.
 * @module
 */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeOutputFile } from "@milagro/endpoint/output-file";
import { MilagroError } from "@milagro/engine/error";
import type { Context } from "./command.ts";
import type { ExitStatus } from "./failure.ts";
import { endOf } from "./service-process.ts";

/** A secret and where the program finds it. */
export interface Provision {
  readonly kind: "environment" | "file";
  /** The variable; for a file, the variable that holds its path. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Our own settings are none of the program's business, and would make its own calls of `milagro` act as us. */
const WITHHELD = /^MILAGRO_(?!RUN_)/;
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const;

/** @throws `ERR_COMMAND_FAILED`, `ERR_VALUE_INVALID` for a secret that an environment cannot hold */
export async function runWithSecrets(
  context: Context,
  command: readonly string[],
  provisions: readonly Provision[],
): Promise<ExitStatus> {
  const { io } = context;
  const [program, ...args] = command;
  if (program === undefined) throw new MilagroError("ERR_USAGE", "a program is needed after --");
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(io.env))
    if (value !== undefined && !WITHHELD.test(name)) env[name] = value;
  for (const { kind, name, bytes } of provisions) if (kind === "environment") env[name] = environmentText(name, bytes);
  const files = provisions.filter(({ kind }) => kind === "file");
  const folder = files.length > 0 ? await memoryFolder() : undefined;
  const cleanUp = (): void => {
    if (folder !== undefined) rmSync(folder.path, { recursive: true, force: true });
  };
  process.once("exit", cleanUp);
  try {
    if (folder) {
      for (const [i, { name, bytes }] of files.entries()) {
        const path = join(folder.path, `${i}`);
        await writeOutputFile(path, bytes, { mode: 0o400, allowDisk: !folder.inMemory });
        env[name] = path;
      }
      if (!folder.inMemory)
        context.note("Note: this machine has no /dev/shm; the secret files are on disk while the program runs.");
    }
    return await spawnAndWait(context, program, args, env);
  } finally {
    cleanUp();
    process.removeListener("exit", cleanUp);
  }
}

async function spawnAndWait(
  context: Context,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ExitStatus> {
  const { io, signal } = context;
  const own = io.stdout === process.stdout;
  const child = spawn(program, args, { cwd: io.cwd, env, stdio: own ? "inherit" : ["ignore", "pipe", "pipe"] });
  if (!own) {
    child.stdout?.pipe(io.stdout, { end: false });
    child.stderr?.pipe(io.stderr, { end: false });
  }
  const forward = (name: NodeJS.Signals): void => void child.kill(name);
  const onAbort = (): void =>
    void child.kill(typeof signal.reason === "string" ? (signal.reason as NodeJS.Signals) : "SIGTERM");
  // SIGINT, SIGTERM and SIGHUP reach us through the signal of the context.
  const others = FORWARDED.filter((name) => !["SIGINT", "SIGTERM", "SIGHUP"].includes(name));
  if (own) for (const name of others) process.on(name, forward);
  signal.addEventListener("abort", onAbort);
  try {
    return await endOf(child);
  } finally {
    signal.removeEventListener("abort", onAbort);
    for (const name of others) process.removeListener(name, forward);
  }
}

function environmentText(name: string, bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new MilagroError("ERR_VALUE_INVALID", `the secret for ${name} is not text: give it as a file with --file`);
  }
  if (text.includes("\0"))
    throw new MilagroError(
      "ERR_VALUE_INVALID",
      `the secret for ${name} holds a zero byte: give it as a file with --file`,
    );
  return text;
}

async function memoryFolder(): Promise<{ readonly path: string; readonly inMemory: boolean }> {
  try {
    return { path: await mkdtemp("/dev/shm/milagro-"), inMemory: true };
  } catch {
    return { path: await mkdtemp(join(tmpdir(), "milagro-")), inMemory: false };
  }
}
