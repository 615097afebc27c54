// Bundles the programs and the login server's pages when anything that they are made of has changed since the last time, and notes when it began: the
// launchers take the bundles for current as long as nothing is younger. Runs under the project's own Node, after installing.
import { globSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { build as buildPages } from "vite";
import { isCurrent, programsOf, stampOf } from "../runtime/launch.js";

/** What is started by its file name: a program, its threads (which are called workers), the program that `milagro dev` runs. */
const ENTRIES = "src/{main,worker,*-worker,dev/sample-program}.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
if (!isCurrent(root)) {
  const began = new Date();
  rmSync(stampOf(root), { force: true });
  for (const folder of programsOf(root)) await bundle(folder);
  await buildPages({ configFile: join(root, "clients", "web", "vite.config.ts"), logLevel: "warn" });
  writeFileSync(stampOf(root), "");
  utimesSync(stampOf(root), began, began);
}

/** One program with all that it imports, into `bundle` beside its `src`. Names and lines stay, for the frames in a log. */
async function bundle(folder) {
  const entries = globSync(ENTRIES, { cwd: folder }).map((file) => [basename(file, ".ts"), join(folder, file)]);
  rmSync(join(folder, "bundle"), { recursive: true, force: true });
  const build = await rolldown({
    input: Object.fromEntries(entries),
    platform: "node",
    resolve: { conditionNames: ["@milagro/source", "node", "import", "default"] },
    external: ["pg-native"], // tried by `pg`, which does without
    // What a browser loads late a service may need at once; `depd`, of the login server, wraps functions by `eval`.
    checks: { ineffectiveDynamicImport: false, eval: false },
    logLevel: "warn",
  });
  await build.write({
    dir: join(folder, "bundle"),
    chunkFileNames: "[name]-[hash].js",
    comments: { legal: true, annotation: false, jsdoc: false },
  });
  await build.close();
}
