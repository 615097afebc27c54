/**
 * The headless client in SpiderMonkey: the page of `mpin-engines.test.ts` in a real Firefox.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { openPage } from "../../../core/engine/test/open-page.ts";
import { findProgram, needs } from "../../../tests/support/needs.ts";
import { expectSame, packScenario } from "./mpin-packed.ts";
import type { Report } from "./mpin-scenario.ts";

/** For the browser alone. */
const LIMIT_MS = 300_000;
const folder = mkdtempSync(join(tmpdir(), "milagro-mpin-"));
// A browser's processes end one after the other, and write until then.
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20 }));

needs("firefox-esr")("SpiderMonkey, in Firefox", async () => {
  const packed = await packScenario();
  const post = 'then((report) => fetch("/report", { method: "POST", body: report }))';
  writeFileSync(join(folder, "page.js"), `${packed.bundle}\n${packed.call}.${post};`);
  const path = findProgram("firefox-esr") as string;
  expectSame(packed, (await openPage("firefox", path, folder, "page.js", LIMIT_MS)) as Report);
});
