#!/usr/bin/env node
// Starts the built program, or the sources where nothing was built. The process is replaced, not forked: its id, signals
// and exit status are those of the program itself.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const CONDITION = "--conditions=@milagro/source";
const built = new URL("../dist/main.js", import.meta.url);
const args = process.argv.slice(2);
if (existsSync(built) && !process.execArgv.includes(CONDITION)) {
  const { main } = await import(built.href);
  await main(args);
} else {
  const source = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  process.execve(process.execPath, [process.execPath, CONDITION, source, ...args], process.env);
}
