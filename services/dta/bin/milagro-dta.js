#!/usr/bin/env node
// Starts the program: its build when installed as a package, its sources in a checkout, where a build may be old. There the process becomes
// the other one instead of starting it, so that a signal, SIGKILL too, meets the D-TA itself and none is left behind.
import { fileURLToPath } from "node:url";

if (import.meta.url.includes("/node_modules/")) await import("../dist/main.js");
else if (process.execve === undefined) {
  process.stderr.write(`milagro-dta needs Node 24 or newer; this is ${process.version}\n`);
  process.exitCode = 1;
} else {
  const source = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  process.removeAllListeners("warning"); // execve is experimental, and says so on standard error
  process.execve(process.execPath, [
    process.execPath,
    "--conditions=@milagro/source",
    source,
    ...process.argv.slice(2),
  ]);
}
