// Installs the dependencies when the lock file has changed since the last install, builds the engine's WebAssembly when its
// sources have, and JavaScript from TypeScript likewise. Runs under any Node from 18, before anything is installed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const stamp = join(root, "node_modules", ".milagro-installed");
const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");
const installed = existsSync(stamp) ? readFileSync(stamp, "utf8") : "";

if (installed !== wanted) {
  console.error("Installing dependencies (npm ci); this happens once …");
  const { status, error } = spawnSync("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  if (status !== 0) {
    console.error(`npm ci failed${error ? `: ${error.message}` : ""}. Check the network and try again.`);
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

const node = spawnSync(join(root, "node_modules", ".bin", "node"), ["-p", "process.versions.node"], {
  encoding: "utf8",
});
const running = node.status === 0 ? node.stdout.trim() : process.versions.node;
if (Number(running.split(".")[0]) < 24) {
  console.error(
    `Milagro needs Node 24 or newer, found ${running}. The project brings its own: run "npm ci" without --ignore-scripts.`,
  );
  process.exit(1);
}

const engine = spawnSync(
  join(root, "node_modules", ".bin", "node"),
  [join(root, "core", "engine", "wasm", "generate", "build.ts"), "--if-changed"],
  { stdio: ["ignore", "inherit", "inherit"] },
);
if (engine.status !== 0) {
  console.error("Building the engine's WebAssembly failed: see above. Everything would run on the slow engine only.");
  process.exit(1);
}

const build = spawnSync(join(root, "node_modules", ".bin", "node"), [join(root, "tools", "build.mjs")], {
  stdio: ["ignore", "inherit", "inherit"],
});
if (build.status !== 0) console.error("Not built, see above: everything runs from its sources, slower and larger.");
