#!/usr/bin/env node
// Starts the program: its build when installed as a package, its sources in a checkout, where a build may be old. There
// the process is replaced, not forked: its id, signals and exit status are those of the program itself.
import { fileURLToPath } from "node:url";

if (import.meta.url.includes("/node_modules/")) await import("../dist/main.js");
else {
  const source = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  process.execve(process.execPath, [
    process.execPath,
    "--conditions=@milagro/source",
    source,
    ...process.argv.slice(2),
  ]);
}
