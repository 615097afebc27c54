/**
 * The three browsers, each started once for all files of a run and only when wanted. One that is not installed is skipped visibly;
 * in CI, where all are installed, that is an error.
 * @module
 */
import { afterAll, describe } from "vitest";
import type { BrowserEngine, Page } from "./browser.ts";
import { chromiumEngine } from "./chromium.ts";
import { firefoxEngine } from "./firefox.ts";
import { webkitEngine } from "./webkit.ts";

export const ENGINES: readonly BrowserEngine[] = [chromiumEngine, firefoxEngine, webkitEngine];

/** The same tests in each browser. @param open - opens another page with storage of its own, closed afterwards */
export function inEachBrowser(title: string, tests: (open: () => Promise<Page>, engine: BrowserEngine) => void): void {
  for (const engine of ENGINES) {
    const missing = engine.missing();
    if (missing && process.env["CI"] === "true") throw new Error(`${engine.name} cannot run: ${missing}`);
    // A hung browser says nothing about the page: once more, in a new one. Whatever else fails has failed.
    const options = { retry: { count: 1, condition: /^the browser does not answer/ } };
    const name = `${title} in ${engine.name}${missing ? ` (${missing})` : ""}`;
    describe.skipIf(missing !== undefined)(name, options, () => {
      const pages: Page[] = [];
      tests(async () => {
        const page = await engine.open();
        pages.push(page);
        return page;
      }, engine);
      afterAll(async () => {
        for (const page of pages) await page.close().catch(() => {});
        await engine.close();
      });
    });
  }
}
