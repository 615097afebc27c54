/** Chromium by playwright-core. @module */
import { existsSync } from "node:fs";
import { type Browser, type Page as ChromiumPage, chromium } from "playwright-core";
import type { BrowserEngine, NamedKey, Page } from "./browser.ts";

const BINARY = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
let running: Promise<Browser> | undefined;

export const launchChromium = (): Promise<Browser> => {
  running ??= chromium.launch({ executablePath: BINARY, args: ["--no-sandbox", "--disable-gpu"] });
  return running;
};

const newPage = async (): Promise<ChromiumPage> => (await (await launchChromium()).newContext()).newPage();

const pageOf = (page: ChromiumPage): Page => ({
  goto: async (url) => void (await page.goto(url)),
  reload: async () => void (await page.reload()),
  evaluate: (expression) => page.evaluate(expression),
  press: (key: NamedKey) => page.keyboard.press(key),
  type: (text) => page.keyboard.type(text),
  resize: (width, height) => page.setViewportSize({ width, height }),
  screenshot: () => page.screenshot(),
  close: () => page.context().close(),
});

/** A page whose browser has an authenticator with a PRF, as a phone has. */
export async function openWithAuthenticator(): Promise<Page> {
  const page = await newPage();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      ctap2Version: "ctap2_1",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      hasPrf: true,
    },
  });
  return pageOf(page);
}

export const chromiumEngine: BrowserEngine = {
  name: "chromium",
  missing: () => (existsSync(BINARY) ? undefined : `no ${BINARY}`),
  open: async () => pageOf(await newPage()),
  async close() {
    const browser = await running;
    running = undefined;
    await browser?.close();
  },
};
