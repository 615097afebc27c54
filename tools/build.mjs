// Builds JavaScript from TypeScript where sources have changed since the last time, and notes when it began: the launchers
// take the build for current as long as no source is younger. Runs under the project's own Node, after installing.
import { spawnSync } from "node:child_process";
import { rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isCurrent, stampOf } from "../runtime/launch.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
if (!isCurrent(root)) {
  const began = new Date();
  rmSync(stampOf(root), { force: true });
  const { status } = spawnSync(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-b"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(stampOf(root), "");
  utimesSync(stampOf(root), began, began);
}
