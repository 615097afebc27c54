/**
 * Telling a program that its secrets have changed: a signal to the process in a pid file, or a command. No shell, and no
 * secret in arguments or environment: the program reads its file again.
 * @module
 */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { MilagroError } from "@milagro/engine/error";

export type Reload =
  | { readonly kind: "signal"; readonly pidFile: string; readonly signal: ReloadSignal }
  | { readonly kind: "command"; readonly command: readonly string[]; readonly timeoutMs: number };

export const RELOAD_SIGNALS = ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGTERM"] as const;
export type ReloadSignal = (typeof RELOAD_SIGNALS)[number];

/** The environment of a reload command: what finding programs needs, nothing of the daemon's own. */
const PASSED_ON = ["PATH", "HOME", "LANG", "TZ"] as const;

/** @throws `ERR_RELOAD_FAILED`: the secret is in place all the same, and the reload is tried again with the next version */
export async function reload(target: Reload): Promise<void> {
  if (target.kind === "signal") await sendSignal(target.pidFile, target.signal);
  else await runCommand(target.command, target.timeoutMs);
}

async function sendSignal(pidFile: string, signal: ReloadSignal): Promise<void> {
  const text = await readFile(pidFile, "utf8").catch((cause: unknown) => {
    throw new MilagroError("ERR_RELOAD_FAILED", `the pid file ${pidFile} cannot be read`, { cause });
  });
  // 1 is init, and 0 and negative numbers are groups of processes: never what a pid file means.
  const pid = /^\s*(\d{1,10})\s*$/.test(text) ? Number(text) : 0;
  if (pid < 2) throw new MilagroError("ERR_RELOAD_FAILED", `the pid file ${pidFile} holds no process id`);
  try {
    process.kill(pid, signal);
  } catch (cause) {
    throw new MilagroError("ERR_RELOAD_FAILED", `process ${pid} of ${pidFile} cannot be signalled`, { cause });
  }
}

async function runCommand(command: readonly string[], timeoutMs: number): Promise<void> {
  const [program, ...args] = command;
  if (program === undefined) throw new TypeError("a reload command has at least one word");
  const env = Object.fromEntries(
    PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  const child = spawn(program, args, { stdio: "ignore", env, timeout: timeoutMs, killSignal: "SIGKILL" });
  const status = await new Promise<string>((resolve) => {
    child.once("error", () => resolve("it cannot be started"));
    child.once("close", (code, signal) =>
      resolve(code === 0 ? "" : signal ? `it was ended by ${signal}` : `it ended with status ${code}`),
    );
  });
  if (status !== "") throw new MilagroError("ERR_RELOAD_FAILED", `the reload command ${program} failed: ${status}`);
}
