/**
 * A folder for one test, gone after it.
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Call inside a test. Short, so that Unix sockets fit into it. */
export async function tempFolder(): Promise<string> {
  const folder = await makeTempFolder();
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** For hooks, which remove it themselves. */
export function makeTempFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "milagro-"));
}
