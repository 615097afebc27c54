#!/usr/bin/env node
// Starts the program: its build when installed as a package, its sources in a checkout, where a build may be old. There the process becomes
// the other one instead of starting it, so that a signal, SIGKILL too, meets the D-TA itself and none is left behind.
import { fileURLToPath } from "node:url";

if (import.meta.url.includes("/node_modules/")) await import("../dist/main.js");
else {
  const source = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  process.removeAllListeners("warning"); // execve is experimental, and says so on standard error
  process.execve(process.execPath, [
    process.execPath,
    "--conditions=@milagro/source",
    source,
    ...process.argv.slice(2),
  ]);
}
