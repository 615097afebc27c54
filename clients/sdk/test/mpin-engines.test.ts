/**
 * The headless client in other JavaScript engines: bundled once, run in V8 without Node and in JavaScriptCore. From the same seed each
 * sends the same bytes, down to V, as Node has.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createContext, Script } from "node:vm";
import { afterAll, beforeAll, test } from "vitest";
import { findProgram, needs } from "../../../tests/support/needs.ts";
import { expectSame, type Packed, packScenario } from "./mpin-packed.ts";

const run = promisify(execFile);
const LIMIT_MS = 120_000;
const folder = mkdtempSync(join(tmpdir(), "milagro-mpin-"));
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

let packed: Packed;
beforeAll(async () => {
  packed = await packScenario();
}, LIMIT_MS);

test("the first run, in Node, enrols and logs in", () => {
  expectSame(packed, packed.first);
});

test("V8 with nothing but the language: no Node, no DOM, no WebAssembly", { timeout: LIMIT_MS }, async () => {
  const context = createContext({});
  new Script("delete globalThis.WebAssembly; delete globalThis.console;").runInContext(context);
  new Script(packed.bundle).runInContext(context);
  expectSame(packed, JSON.parse(await new Script(packed.call).runInContext(context)));
});

needs("jsc")(
  "JavaScriptCore",
  async () => {
    const file = join(folder, "shell.js");
    writeFileSync(file, `${packed.bundle}\n${packed.call}.then(print, (error) => print(String(error)));`);
    const { stdout } = await run(findProgram("jsc") as string, [file], { timeout: LIMIT_MS, maxBuffer: 2 ** 24 });
    expectSame(packed, JSON.parse(stdout));
  },
  LIMIT_MS,
);
