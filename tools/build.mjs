// Bundles the programs and the login server's pages when anything that they are made of has changed since the last time, and notes when it began: the
// launchers take the bundles for current as long as nothing is younger. Runs under the project's own Node, after installing.
import { rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build as buildPages } from "vite";
import { isCurrent, programsOf, stampOf } from "../runtime/launch.js";
import { bundle } from "./bundle.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
if (!isCurrent(root)) {
  const began = new Date();
  rmSync(stampOf(root), { force: true });
  for (const folder of programsOf(root)) await bundle(folder, join(folder, "bundle"));
  await buildPages({ configFile: join(root, "clients", "web", "vite.config.ts"), logLevel: "warn" });
  writeFileSync(stampOf(root), "");
  utimesSync(stampOf(root), began, began);
}
