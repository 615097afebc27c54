/** Firefox by puppeteer-core, over WebDriver BiDi. @module */
import { existsSync } from "node:fs";
import puppeteer, { type Browser, type KeyInput } from "puppeteer-core";
import type { BrowserEngine, NamedKey } from "./browser.ts";

const BINARY = process.env["FIREFOX"] ?? "/usr/bin/firefox-esr";
let running: Promise<Browser> | undefined;

export const firefoxEngine: BrowserEngine = {
  name: "firefox",
  missing: () => (existsSync(BINARY) ? undefined : `no ${BINARY}`),
  async open() {
    running ??= puppeteer.launch({ browser: "firefox", executablePath: BINARY, headless: true });
    const context = await (await running).createBrowserContext();
    const page = await context.newPage();
    return {
      goto: async (url) => void (await page.goto(url)),
      reload: async () => void (await page.reload()),
      evaluate: <T>(expression: string) => page.evaluate(expression) as Promise<T>,
      async press(key: NamedKey) {
        const [name, modifier] = key.replace("Space", " ").split("+").reverse() as [KeyInput, KeyInput | undefined];
        if (modifier) await page.keyboard.down(modifier);
        await page.keyboard.press(name);
        if (modifier) await page.keyboard.up(modifier);
      },
      type: (text) => page.keyboard.type(text),
      resize: (width, height) => page.setViewport({ width, height }),
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
