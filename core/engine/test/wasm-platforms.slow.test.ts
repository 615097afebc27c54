import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Outcomes } from "./platform-page.ts";

/** The first of these that is installed. In CI a missing one fails, unless CI says that it has none. */
const find = (...paths: string[]): string | undefined => paths.find((path) => existsSync(path));
const CHROMIUM = find("/usr/bin/chromium", "/usr/bin/google-chrome");
const FIREFOX = find("/usr/bin/firefox-esr", "/usr/bin/firefox");
const JSC = find("/usr/lib/x86_64-linux-gnu/webkit2gtk-4.0/jsc", "/usr/bin/jsc");
const here = fileURLToPath(new URL(".", import.meta.url));
const dist = fileURLToPath(new URL("../dist/wasm/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "milagro-platforms-"));
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript" };

async function bundle(name: string, source: string): Promise<void> {
  const entry = join(here, `.${name}.entry.ts`);
  writeFileSync(entry, source);
  try {
    await build({
      root: here,
      configFile: false,
      logLevel: "silent",
      resolve: { conditions: ["@milagro/source"] },
      build: {
        target: "es2022",
        outDir: folder,
        emptyOutDir: false,
        lib: { entry, formats: ["es"], fileName: () => `${name}.js` },
      },
    });
  } finally {
    rmSync(entry);
  }
}

/** Serves the bundle, starts a browser on it, and waits for the page's report. */
async function openBrowser(command: string, options: (url: string) => string[]): Promise<Outcomes> {
  let report: (outcomes: Outcomes) => void = () => {};
  const reported = new Promise<Outcomes>((resolve) => {
    report = resolve;
  });
  const server = createServer((request, response) => {
    if (request.method === "POST") {
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        response.end();
        report(JSON.parse(body) as Outcomes);
      });
      return;
    }
    const path = join(folder, new URL(request.url ?? "/", "http://x").pathname);
    if (!existsSync(path)) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "text/plain" }).end(readFileSync(path));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/index.html`;
  const browser = spawn(command, options(url), { stdio: "ignore", env: { ...process.env, HOME: folder } });
  try {
    return await reported;
  } finally {
    browser.kill("SIGKILL");
    server.closeAllConnections();
    server.close();
  }
}

describe("platforms", () => {
  beforeAll(async () => {
    await bundle(
      "browser",
      `import { runInBrowser } from "./platform-page.ts";
       runInBrowser().then((outcomes) => fetch("/report", { method: "POST", body: JSON.stringify(outcomes) }));`,
    );
    await bundle(
      "shell",
      `import { runInShell } from "./platform-page.ts";
       const read = (tier) => new Uint8Array(readFile(${JSON.stringify(dist)} + tier + ".wasm", "binary"));
       print(JSON.stringify(runInShell(read)));`,
    );
    writeFileSync(join(folder, "index.html"), '<!doctype html><script type="module" src="browser.js"></script>');
  }, 120_000);

  test.skipIf(!CHROMIUM && !process.env["CI"])(
    "Chromium runs every tier and chooses the best",
    async () => {
      const profile = `--user-data-dir=${join(folder, "chromium")}`;
      const outcomes = await openBrowser(CHROMIUM as string, (url) => ["--headless", "--no-sandbox", profile, url]);
      expect(outcomes).toEqual({
        ...{ fma: "ok", simd: "ok", scalar: "ok", noble: "ok" },
        ...{ chosen: "wasm-fma", g1: "wasm-fma-g1" },
      });
    },
    120_000,
  );

  test.skipIf(!FIREFOX && !process.env["CI"])(
    "Firefox runs the tiers that it has, and chooses one",
    async () => {
      const outcomes = await openBrowser(FIREFOX as string, (url) => [
        ...["--headless", "--no-remote", "--profile", mkdtempSync(join(folder, "firefox-"))],
        url,
      ]);
      expect(outcomes).toMatchObject({ simd: "ok", scalar: "ok", noble: "ok" });
      expect(outcomes["chosen"]).toMatch(/^wasm-(fma|simd)$/);
      expect(outcomes["fma"] === "ok").toBe(outcomes["chosen"] === "wasm-fma");
    },
    120_000,
  );

  test.skipIf(!JSC && !process.env["CI"])(
    "JavaScriptCore runs the tiers that it has, and refuses the others",
    () => {
      const { stdout, stderr } = spawnSync(JSC as string, ["-m", join(folder, "shell.js")], { encoding: "utf8" });
      const outcomes = JSON.parse(stdout || `{"failed": ${JSON.stringify(stderr)}}`) as Outcomes;
      expect(outcomes).toMatchObject({ simd: "ok", scalar: "ok" });
      expect(outcomes["fma"]).toMatch(/^(ok|refused: .*)$/);
    },
    120_000,
  );
});
