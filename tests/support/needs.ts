/**
 * Tests that need an outside program: they skip where it is missing, visibly, and fail where it must be there (`CI=true`).
 * @module
 */
import { accessSync, constants, globSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";

/** Where programs are that Debian keeps off the path. */
const EXTRA_FOLDERS = ["/usr/lib/postgresql/*/bin", "/usr/sbin", "/sbin"];

/** The program's path, or undefined. The newest version wins where there are several. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(":").filter(Boolean);
  const extra = EXTRA_FOLDERS.flatMap((pattern) => globSync(pattern).sort().reverse());
  return [...extra, ...folders].map((folder) => join(folder, name)).find(isExecutable);
}

/**
 * `test` where all programs are at hand; else a test of the same name that is skipped and says what is missing, or fails under `CI=true`.
 * Use as `needs("mosquitto")("delivers through an external broker", async () => { … })`.
 */
export function needs(
  ...programs: readonly string[]
): (name: string, body: () => Promise<void> | void, timeoutMs?: number) => void {
  const missing = programs.filter((program) => !findProgram(program));
  if (missing.length === 0) return (name, body, timeoutMs) => test(name, body, timeoutMs);
  const reason = `needs ${missing.join(", ")}`;
  if (process.env["CI"] === "true") {
    return (name) =>
      test(name, () => {
        throw new Error(`${reason}: install it, CI must not skip`);
      });
  }
  return (name) => test.skip(`${name} (${reason})`, () => {});
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
