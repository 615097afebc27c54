// How a program becomes a bundle.
import { globSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { rolldown } from "rolldown";

/** What is started by its file name: a program, its threads (which are called workers), the program that `milagro dev` runs. */
const ENTRIES = "src/{main,worker,*-worker,dev/sample-program}.ts";

/** One program with all that it imports, into a folder of its own. Names and lines stay, for the frames in a log. */
export async function bundle(folder, into) {
  const entries = globSync(ENTRIES, { cwd: folder }).map((file) => [basename(file, ".ts"), join(folder, file)]);
  rmSync(into, { recursive: true, force: true });
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
    dir: into,
    chunkFileNames: "[name]-[hash].js",
    comments: { legal: true, annotation: false, jsdoc: false },
  });
  await build.close();
}
