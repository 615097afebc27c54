/**
 * The real program at a real terminal (`script` makes one): passphrases are typed, handed to the service, and are in no
 * argument, no environment and nothing that is printed.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createHttpClient } from "@milagro/runtime/http-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";

const LAUNCHER = fileURLToPath(new URL("../bin/milagro.js", import.meta.url));
const PASSPHRASE = "typed-by-an-operator";
const NEXT = "typed-a-year-later";
const hasTerminal = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0;
if (!hasTerminal && process.env["CI"] === "true") throw new Error("script (util-linux) is needed");

let folder: string;
const terminals: Terminal[] = [];
beforeAll(async () => {
  folder = await makeTempFolder();
});
afterAll(async () => {
  for (const terminal of terminals) terminal.kill();
  await rm(folder, { recursive: true, force: true });
});

class Terminal {
  readonly #child: ChildProcess;
  #text = "";
  readonly ended: Promise<number | null>;

  constructor(args: readonly string[]) {
    // `exec`: a shell that waited instead would get the Ctrl-C too, and end with its own status.
    const line = `exec ${[process.execPath, LAUNCHER, ...args].map((word) => `'${word}'`).join(" ")}`;
    this.#child = spawn("script", ["--quiet", "--return", "--echo", "never", "--command", line, "/dev/null"], {
      cwd: folder,
      env: { ...process.env, NO_COLOR: "1", TERM: "xterm" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child.stdout?.on("data", (chunk) => (this.#text += String(chunk)));
    this.ended = new Promise((resolve) => this.#child.once("close", resolve));
    terminals.push(this);
  }
  get text(): string {
    return this.#text;
  }
  async until(expected: string): Promise<void> {
    const deadline = performance.now() + 40_000;
    while (!this.#text.includes(expected)) {
      if (performance.now() > deadline || this.#child.exitCode !== null)
        throw new Error(`"${expected}" did not come: ${this.#text}`);
      await new Promise((wake) => setTimeout(wake, 20));
    }
  }
  async answer(prompt: string, text: string): Promise<void> {
    await this.until(prompt);
    this.#child.stdin?.write(`${text}\r`);
  }
  press(key: string): void {
    this.#child.stdin?.write(key);
  }
  kill(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGHUP");
  }
}

const INIT = ["dta", "init", "--name", "one", "--operator", "operator-one", "--jurisdiction", "CH"];

/** A proposal in which this D-TA is a member, in a file. */
function founding(): string {
  const member = (index: number, name: string) => {
    const url = `http://127.0.0.1:${index}`;
    return { index, name, operator: `operator-${name}`, jurisdiction: "CH", url };
  };
  const proposal = { v: 1, name: "acme", epochSeconds: 3600, members: [member(1, "one"), member(2, "two")] };
  writeFileSync(join(folder, "founding.json"), JSON.stringify({ ...proposal, nonce: "AAAAAAAAAAAAAAAAAAAAAA" }));
  return "founding.json";
}

/** Arguments and environment of every process that one can look at. */
function visible(): string {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => ["cmdline", "environ"].map((file) => join("/proc", pid, file)))
    .map((file) => {
      try {
        return readFileSync(file, "latin1");
      } catch {
        return "";
      }
    })
    .join("\n");
}

describe.skipIf(!hasTerminal)("at a terminal", () => {
  test("init asks twice; two different answers make no D-TA", async () => {
    const terminal = new Terminal([...INIT, "--home", "never"]);
    await terminal.answer("New passphrase for the D-TA's masters:", PASSPHRASE);
    await terminal.answer("The same again:", "something else");
    expect(await terminal.ended).toBe(1);
    expect(terminal.text).toContain("ERR_PASSPHRASE_INVALID");
    expect(existsSync(join(folder, "never", "config.json"))).toBe(false);
  }, 60_000);

  test("what was typed at init opens the masters at serve until another is typed; what was approved is given up after a yes; Ctrl-C ends the service with the command", async () => {
    const init = new Terminal([...INIT, "--home", "dta"]);
    await init.answer("New passphrase for the D-TA's masters:", PASSPHRASE);
    await init.answer("The same again:", PASSPHRASE);
    expect([await init.ended, init.text]).toEqual([0, expect.stringContaining("initialised")]);

    const wrong = new Terminal(["dta", "serve", "--home", "dta"]);
    await wrong.answer("Passphrase for the D-TA's masters", "not this one");
    expect(await wrong.ended).toBe(1);
    expect(wrong.text).toContain("ERR_KEYSTORE_PASSPHRASE");

    const serve = new Terminal(["dta", "serve", "--home", "dta"]);
    await serve.answer("Passphrase for the D-TA's masters", PASSPHRASE);
    await serve.until('"ready":true');
    const { url } = JSON.parse(/\{"ready".*\}/.exec(serve.text)?.[0] ?? "{}") as { url: string };
    expect(await (await fetch(`${url}/v1/dta`)).json()).toMatchObject({ sealed: false });
    expect(visible()).not.toContain(PASSPHRASE);

    const change = new Terminal(["dta", "passphrase", "--home", "dta"]);
    await change.answer("Passphrase for the D-TA's masters:", PASSPHRASE);
    await change.answer("New passphrase for the D-TA's masters:", NEXT);
    await change.answer("The same again:", NEXT);
    expect([await change.ended, change.text]).toEqual([0, expect.stringContaining("changed")]);
    const unseal = new Terminal(["dta", "unseal", "--home", "dta"]);
    await unseal.answer("Passphrase for the D-TA's masters:", NEXT);
    expect(await unseal.ended).toBe(0);
    for (const { text } of [change, unseal]) expect(text).not.toMatch(new RegExp(`${PASSPHRASE}|${NEXT}`));

    const approve = new Terminal(["dta", "approve", "--home", "dta", founding()]);
    await approve.answer("Approve?", "y");
    expect(await approve.ended).toBe(0);
    const socket = createHttpClient({ url: `unix:${join(folder, "dta", "admin.sock")}` });
    for (const [answer, status, left] of [
      ["n", 1, 1],
      ["y", 0, 0],
    ] as const) {
      const giveUp = new Terminal(["dta", "give-up", "--home", "dta", "founding.json"]);
      await giveUp.until("nobody founds it by this proposal without this D-TA");
      await giveUp.answer("Give it up?", answer);
      expect(await giveUp.ended).toBe(status);
      const { body } = await socket.request({ path: "/v1/ceremonies" });
      expect(body).toHaveProperty("ceremonies.length", left);
    }
    socket.close();

    serve.press("\u0003");
    expect(await serve.ended).toBe(0);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
    for (const { text } of [init, wrong, serve]) expect(text).not.toContain(PASSPHRASE);
  }, 120_000);
});
