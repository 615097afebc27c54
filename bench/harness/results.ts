/**
 * Keeps the rows of an area together with the machine and the commit they were measured on.
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import type { Row } from "./reporter.ts";

const FOLDER = new URL("../results/", import.meta.url);

export function saveResults(area: string, rows: readonly Row[]): URL {
  mkdirSync(FOLDER, { recursive: true });
  const file = new URL(`${area}.json`, FOLDER);
  writeFileSync(file, `${JSON.stringify({ area, ...provenance(), rows }, null, 2)}\n`);
  return file;
}

function provenance(): Record<string, unknown> {
  const git = (...args: string[]): string => execFileSync("git", args, { encoding: "utf8" }).trim();
  return {
    measured: new Date().toISOString().slice(0, 10),
    commit: git("rev-parse", "HEAD"),
    // Others' unfinished work does not count, only what the figures depend on.
    uncommittedChanges:
      git(
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        "core",
        "bench/*.ts",
        "runtime",
        "services",
        "clients",
        "apps",
      ) !== "",
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      node: process.version,
      v8: process.versions.v8,
      platform: `${process.platform}-${process.arch}`,
      /** Over the last five minutes, the benchmark's own included: above the number of cores, absolute times are too long. */
      load: Number((loadavg()[1] ?? 0).toFixed(1)),
    },
  };
}
