/**
 * Opens a page in a real browser, headless and with a profile of its own, and waits for what it posts to `/report`.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";

export type BrowserKind = "chromium" | "firefox";

const PATHS: Readonly<Record<BrowserKind, readonly string[]>> = {
  chromium: ["/usr/bin/chromium", "/usr/bin/google-chrome"],
  firefox: ["/usr/bin/firefox-esr", "/usr/bin/firefox"],
};
const TYPES: Readonly<Record<string, string>> = { ".js": "text/javascript", ".json": "application/json" };

/** The browser where it is installed. */
export const browserPath = (kind: BrowserKind): string | undefined => PATHS[kind].find((path) => existsSync(path));

function options(kind: BrowserKind, profile: string, url: string): string[] {
  if (kind === "firefox") {
    const quiet = [
      "app.update.enabled",
      "datareporting.policy.dataSubmissionEnabled",
      "network.captive-portal-service.enabled",
    ];
    writeFileSync(join(profile, "user.js"), quiet.map((name) => `user_pref("${name}", false);\n`).join(""));
    return ["--headless", "--no-remote", "--profile", profile, url];
  }
  const quiet = ["--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-dev-shm-usage"];
  return ["--headless", "--no-sandbox", ...quiet, `--user-data-dir=${profile}`, url];
}

/**
 * @param folder - what is served, on loopback
 * @param script - the page's module
 * @throws when the browser ends, the page fails, or nothing was reported within `limitMs`
 */
export async function openPage(
  kind: BrowserKind,
  path: string,
  folder: string,
  script: string,
  limitMs: number,
): Promise<unknown> {
  const report = Promise.withResolvers<unknown>();
  const page =
    "<!doctype html><script>const fail = (reason) => fetch('/failed', { method: 'POST', body: String(reason) });" +
    "onerror = fail; onunhandledrejection = ({ reason }) => fail(reason);</script>" +
    `<script type="module" src="/${script}"></script>`;
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://x");
    if (request.method === "POST") {
      const body = (await request.toArray()).join("");
      response.end();
      if (pathname === "/report") report.resolve(JSON.parse(body));
      else report.reject(new Error(`${kind}: ${body}`));
      return;
    }
    const file = join(folder, pathname);
    if (pathname === "/") response.writeHead(200, { "content-type": "text/html" }).end(page);
    else if (!existsSync(file)) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "text/plain" }).end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const profile = mkdtempSync(join(folder, `${kind}-`));
  const browser = spawn(path, options(kind, profile, url), { stdio: "ignore", env: { ...process.env, HOME: profile } });
  const timer = setTimeout(() => report.reject(new Error(`${kind}: nothing was reported`)), limitMs);
  browser.on("error", report.reject);
  browser.on("exit", (status) => report.reject(new Error(`${kind} ended with ${status}`)));
  try {
    return await report.promise;
  } finally {
    clearTimeout(timer);
    const isRunning = browser.pid !== undefined && browser.exitCode === null && browser.signalCode === null;
    browser.kill("SIGKILL");
    // Until then it writes into its profile.
    if (isRunning) await once(browser, "exit");
    server.closeAllConnections();
    server.close();
  }
}
