/** Chromium by playwright-core. @module */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";
import type { BrowserEngine, NamedKey } from "./browser.ts";

const BINARY = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
let running: Promise<Browser> | undefined;

export const launchChromium = (): Promise<Browser> => {
  running ??= chromium.launch({ executablePath: BINARY, args: ["--no-sandbox", "--disable-gpu"] });
  return running;
};

export const chromiumEngine: BrowserEngine = {
  name: "chromium",
  missing: () => (existsSync(BINARY) ? undefined : `no ${BINARY}`),
  async open() {
    const context = await (await launchChromium()).newContext();
    const page = await context.newPage();
    return {
      goto: async (url) => void (await page.goto(url)),
      reload: async () => void (await page.reload()),
      evaluate: (expression) => page.evaluate(expression),
      press: (key: NamedKey) => page.keyboard.press(key),
      type: (text) => page.keyboard.type(text),
      resize: (width, height) => page.setViewportSize({ width, height }),
      screenshot: () => page.screenshot(),
      close: () => context.close(),
    };
  },
  async close() {
    const browser = await running;
    running = undefined;
    await browser?.close();
  },
};
