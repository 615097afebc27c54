/**
 * WebKitGTK by its WebDriver, on a virtual screen. The driver speaks plain W3C WebDriver, of which this is what tests need; it gives
 * every session a browser and storage of its own.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import type { BrowserEngine, NamedKey } from "./browser.ts";

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

interface Driver {
  readonly url: string;
  stop(): void;
}
let running: Promise<Driver> | undefined;

async function start(): Promise<Driver> {
  const screen = spawn(SCREEN, ["-displayfd", "1", "-screen", "0", "1600x1400x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const display = await firstLine(screen);
  const port = 20_000 + (process.pid % 20_000);
  const driver = spawn(DRIVER, [`--port=${port}`, "--host=127.0.0.1"], {
    env: {
      ...process.env,
      DISPLAY: `:${display}`,
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
      LIBGL_ALWAYS_SOFTWARE: "1",
    },
    stdio: "ignore",
  });
  const url = `http://127.0.0.1:${port}`;
  const stop = () => {
    driver.kill();
    screen.kill();
  };
  for (let tries = 0; ; tries++) {
    if (driver.exitCode !== null) throw new Error("WebKitWebDriver ended");
    const ready = await fetch(`${url}/status`).then(
      () => true,
      () => false,
    );
    if (ready) return { url, stop };
    if (tries > 200) throw new Error("WebKitWebDriver does not answer");
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

async function call<T>(url: string, method: "GET" | "POST" | "DELETE", body?: object): Promise<T> {
  const response = await fetch(url, {
    method,
    ...(body ? { body: JSON.stringify(body), headers: { "content-type": "application/json" } } : {}),
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
    running ??= start();
    const { url } = await running;
    const options = { binary: browserPath(), args: ["--automation"] };
    const { sessionId } = await call<{ sessionId: string }>(`${url}/session`, "POST", {
      capabilities: { alwaysMatch: { browserName: "MiniBrowser", "webkitgtk:browserOptions": options } },
    });
    const session = `${url}/session/${sessionId}`;
    await call(`${session}/timeouts`, "POST", { script: 30_000, pageLoad: 30_000 });
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
      close: () => call(session, "DELETE"),
    };
  },
  async close() {
    const driver = await running?.catch(() => undefined);
    running = undefined;
    driver?.stop();
  },
};
