#!/usr/bin/env node
// Starts the program: from its sources in a checkout (a build there may be old), from the build when installed as a package.
// Same arguments, same exit status.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const source = new URL("../src/main.ts", import.meta.url);
const CONDITION = "--conditions=@milagro/source";

// Node does not strip types below node_modules, so an installed package runs its build.
if (import.meta.url.includes("/node_modules/") || !existsSync(source)) {
  await import(new URL("../dist/main.js", import.meta.url).href);
} else if (process.execArgv.includes(CONDITION)) {
  await import(source.href);
} else {
  const child = spawn(process.execPath, [CONDITION, fileURLToPath(source), ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + ({ SIGHUP: 1, SIGINT: 2, SIGKILL: 9 }[signal ?? ""] ?? 15);
  });
}
