/**
 * WebKitGTK by its WebDriver, on a virtual screen. The driver speaks plain W3C WebDriver, of which this is what tests need; it gives
 * every session a browser and storage of its own.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { freePorts } from "../../../../tests/support/ports.ts";
import { type BrowserEngine, BrowserHungError, type NamedKey } from "./browser.ts";

const DRIVER = "/usr/bin/WebKitWebDriver";
const SCREEN = "/usr/bin/Xvfb";
const browserPath = (): string | undefined =>
  process.env["WEBKIT"] ??
  globSync(["/usr/lib/*/webkit2gtk-4.1/MiniBrowser", "/usr/lib/*/webkit2gtk-4.0/MiniBrowser"])[0];

/** WebDriver's private-use characters for keys. */
const KEYS: Readonly<Record<string, string>> = {
  Tab: "\ue004",
  Shift: "\ue008",
  Enter: "\ue007",
  Backspace: "\ue003",
  Delete: "\ue017",
  Escape: "\ue00c",
  Space: " ",
  ArrowDown: "\ue015",
  ArrowUp: "\ue013",
};

/** The virtual screen, shared by all sessions. */
let screen: Promise<{ readonly child: ChildProcess; readonly display: string }> | undefined;
const drivers = new Set<ChildProcess>();

async function startScreen() {
  const child = spawn(SCREEN, ["-displayfd", "1", "-screen", "0", "1600x1400x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  return { child, display: await firstLine(child) };
}

/** A driver holds one session at a time, so each page gets one. */
async function startDriver(): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  screen ??= startScreen();
  const { display } = await screen;
  const [port = 0] = await freePorts(1);
  const child = spawn(DRIVER, [`--port=${port}`, "--host=127.0.0.1"], {
    env: {
      ...process.env,
      DISPLAY: `:${display}`,
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
      LIBGL_ALWAYS_SOFTWARE: "1",
    },
    stdio: "ignore",
  });
  drivers.add(child);
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    if (child.exitCode !== null) throw new Error("WebKitWebDriver ended");
    const ready = await fetch(`${url}/status`, { signal: AbortSignal.timeout(1000) }).then(
      () => true,
      () => false,
    );
    if (ready) return { child, url };
    if (tries > 400) throw new Error("WebKitWebDriver does not answer");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error("the virtual screen ended")));
    child.stdout?.once("data", (chunk: Buffer) => resolve(chunk.toString().trim()));
  });
}

/** More than the page may take for a script or a load; the driver of WebKitGTK now and then never answers a command. */
const ANSWER_MS = 25_000;
const PAGE_MS = 20_000;

async function call<T>(url: string, method: "GET" | "POST" | "DELETE", body?: object): Promise<T> {
  const response = await fetch(url, {
    method,
    signal: AbortSignal.timeout(ANSWER_MS),
    ...(body ? { body: JSON.stringify(body), headers: { "content-type": "application/json" } } : {}),
  }).catch((cause) => {
    const hung = cause instanceof DOMException && cause.name === "TimeoutError";
    throw hung ? new BrowserHungError(`${method} ${url.replace(/.*\/session/, "session")}`) : cause;
  });
  const { value } = (await response.json()) as { value: T & { error?: string; message?: string } };
  if (!response.ok) throw new Error(`WebDriver: ${value.error}: ${value.message}`);
  return value;
}

export const webkitEngine: BrowserEngine = {
  name: "webkit",
  missing() {
    const wanted = [DRIVER, SCREEN].find((file) => !existsSync(file));
    if (wanted) return `no ${wanted}`;
    return browserPath() ? undefined : "no MiniBrowser of WebKitGTK";
  },
  async open() {
    const { child, url } = await startDriver();
    const options = { binary: browserPath(), args: ["--automation"] };
    const { sessionId } = await call<{ sessionId: string }>(`${url}/session`, "POST", {
      capabilities: { alwaysMatch: { browserName: "MiniBrowser", "webkitgtk:browserOptions": options } },
    });
    const session = `${url}/session/${sessionId}`;
    await call(`${session}/timeouts`, "POST", { script: PAGE_MS, pageLoad: PAGE_MS });
    const keys = async (down: readonly string[]) => {
      const actions = down.flatMap((value) => [
        { type: "keyDown", value },
        { type: "keyUp", value },
      ]);
      await call(`${session}/actions`, "POST", { actions: [{ type: "key", id: "keyboard", actions }] });
    };
    return {
      goto: (to) => call(`${session}/url`, "POST", { url: to }),
      reload: () => call(`${session}/refresh`, "POST", {}),
      async evaluate<T>(expression: string) {
        const script = `const done = arguments[0];
          (async () => (${expression}))().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
        const result = await call<{ value: T; error?: string }>(`${session}/execute/async`, "POST", {
          script,
          args: [],
        });
        if (result.error !== undefined) throw new Error(result.error);
        return result.value;
      },
      async press(key: NamedKey) {
        const [name, modifier] = key.split("+").reverse() as [string, string | undefined];
        if (!modifier) return keys([KEYS[name] as string]);
        const [value, held] = [KEYS[name] as string, KEYS[modifier] as string];
        const actions = [
          { type: "keyDown", value: held },
          { type: "keyDown", value },
          { type: "keyUp", value },
          { type: "keyUp", value: held },
        ];
        await call(`${session}/actions`, "POST", { actions: [{ type: "key", id: "keyboard", actions }] });
      },
      type: (text) => keys([...text]),
      resize: (width, height) => call(`${session}/window/rect`, "POST", { x: 0, y: 0, width, height }),
      screenshot: async () => Buffer.from(await call<string>(`${session}/screenshot`, "GET"), "base64"),
      close: async () => {
        if (!drivers.delete(child)) return;
        await call(session, "DELETE").catch(() => {});
        child.kill();
      },
    };
  },
  async close() {
    for (const driver of drivers) driver.kill();
    drivers.clear();
    const shared = await screen?.catch(() => undefined);
    screen = undefined;
    shared?.child.kill();
  },
};
