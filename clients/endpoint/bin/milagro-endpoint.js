#!/usr/bin/env node
import { fileURLToPath } from "node:url";

// Installed from a registry: run what was built. In a checkout: become Node with the condition that reads the sources.
if (import.meta.url.includes("/node_modules/")) await import("../dist/main.js");
else {
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  process.execve(process.execPath, [process.execPath, "--conditions=@milagro/source", main, ...process.argv.slice(2)]);
}
