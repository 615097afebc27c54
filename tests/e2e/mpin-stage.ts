/**
 * Three D-TAs and a login server as processes of their own, set up by hand, and browsers as the client library sees them: a storage,
 * a cookie jar, an origin.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type HttpPort,
  type MpinClient,
  type MpinStorage,
  openMpinClient,
  type Pin,
  parsePin,
} from "@milagro/client/mpin";
import { codeEvidence } from "@milagro/client/mpin-enrol";
import { tokenUpdater } from "@milagro/client/mpin-token-update";
import { utf8 } from "@milagro/crypto/bytes";
import { createEngine, type Engine } from "@milagro/engine";
import { MilagroError } from "@milagro/engine/error";
import { createG1Engine } from "@milagro/engine/wasm-g1";
import { systemRandom as random } from "@milagro/runtime/random";
import { epochSecondsAwayFromTheEnd } from "../support/epochs.ts";
import { freePorts } from "../support/ports.ts";
import { makeTempFolder } from "../support/temp-folder.ts";
import { type Daemon, milagro, startDaemon } from "./milagro.ts";

const AUTH = fileURLToPath(new URL("../../services/auth/src/main.ts", import.meta.url));
export const MEMBERS = [1, 2, 3] as const;
export const DOMAIN = "acme";
export const SERVICE = "login";

export const pinOf = (digits: string): Pin => parsePin(utf8(digits));
let whole: Promise<Engine> | undefined;
/** Once for all browsers of a test file. */
export const loadEngine = (): Promise<Engine> => {
  whole ??= createEngine({ random });
  return whole;
};

interface Mail {
  readonly to: string;
  readonly text: string;
}

export class Stage {
  readonly folder: string;
  origin = "";
  readonly #dtas: (Daemon | undefined)[] = [];
  readonly #urls: string[] = [];
  readonly #ports: readonly number[];
  readonly #outputs: (() => string)[] = [];
  #auth: Daemon | undefined;

  private constructor(folder: string, ports: readonly number[]) {
    this.folder = folder;
    this.#ports = ports;
  }

  /** Founds the domain, tells the D-TAs whom to issue to, and starts the login server. @param rogueKey - of another server that they trust */
  static async open(rogueKey: object): Promise<Stage> {
    const stage = new Stage(await makeTempFolder(), await freePorts(MEMBERS.length));
    await stage.#found();
    const { approvalKey } = await stage.#initAuth();
    await Promise.all(MEMBERS.map((member) => stage.#setPolicy(member, approvalKey, rogueKey)));
    await stage.#startAuth();
    return stage;
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** One line as one would type it after `milagro`. */
  async run(line: string, input?: string): Promise<string> {
    const env = { NODE_COMPILE_CACHE: this.path("cache") };
    const result = await milagro(line.split(" "), { cwd: this.folder, env, ...(input === undefined ? {} : { input }) });
    this.#outputs.push(() => result.stdout + result.stderr);
    if (result.status !== 0) throw new Error(`milagro ${line} ended with ${result.status}: ${result.stderr}`);
    return result.stdout;
  }

  /** Starts it again on the port that it has had. */
  async startDta(member: number): Promise<void> {
    const line = `dta serve --home dta-${member} --listen 127.0.0.1:${this.#ports[member - 1]} --passphrase-file pass`;
    const daemon = await startDaemon(line.split(" "), {
      cwd: this.folder,
      env: { NODE_COMPILE_CACHE: this.path("cache") },
    });
    this.#dtas[member - 1] = daemon;
    this.#urls[member - 1] = String(daemon.ready["url"]);
    this.#outputs.push(() => daemon.output());
  }

  urlOf(member: number): string {
    return this.#urls[member - 1] ?? "";
  }

  async stopDta(member: number): Promise<void> {
    await this.#dtas[member - 1]?.stop();
    this.#dtas[member - 1] = undefined;
  }

  /** Until the login server checks by this epoch of the `mpin` master. */
  async untilMaster(epoch: number): Promise<void> {
    for (;;) {
      const service = (await (await fetch(`${this.origin}/v1/service`)).json()) as { readonly master?: number };
      if ((service.master ?? 0) === epoch) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async close(): Promise<void> {
    await this.#auth?.stop();
    await Promise.all(MEMBERS.map((member) => this.stopDta(member)));
  }

  /** Everything that was printed so far. */
  printed(): string {
    return this.#outputs.map((output) => output()).join("\n");
  }

  /** The codes that the D-TAs have mailed to an address last, as evidence. Waits for mails that are on their way. */
  async codes(to: string, members: readonly number[] = MEMBERS) {
    return Promise.all(
      members.map(async (member) => {
        for (;;) {
          const code = this.#codeOf(to, member);
          if (code !== undefined) return codeEvidence(member, code);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }),
    );
  }

  #codeOf(to: string, member: number): string | undefined {
    const folder = this.path(`dta-${member}`, "mail");
    const mails = readdirSync(folder)
      .filter((name) => name.endsWith(".json"))
      .sort()
      .map((name): Mail => JSON.parse(readFileSync(join(folder, name), "utf8")))
      .filter((mail) => mail.to === to);
    return /\b[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}\b/.exec(mails.at(-1)?.text ?? "")?.[0];
  }

  async #found(): Promise<void> {
    await writeFile(this.path("pass"), "a passphrase of operators\n", { mode: 0o600 });
    await Promise.all(
      MEMBERS.map(async (member) => {
        const who = `--name dta-${member} --operator operator-${member} --jurisdiction CH`;
        await this.run(`dta init --home dta-${member} ${who} --passphrase-file pass`);
        const file = this.path(`dta-${member}`, "config.json");
        const config: object = JSON.parse(await readFile(file, "utf8"));
        await writeFile(file, JSON.stringify({ ...config, mail: "folder:mail" }));
        await this.startDta(member);
      }),
    );
    const dtas = this.#urls.map((url) => `--dta ${url}`).join(" ");
    await this.run(`domain propose ${DOMAIN} ${dtas} --epoch ${epochSecondsAwayFromTheEnd(3600, 900)}`);
    const proposal = await readFile(this.path("proposal.json"), "utf8");
    await Promise.all(MEMBERS.map((member) => this.run(`dta approve --home dta-${member} -`, proposal)));
    await this.run("domain found proposal.json --home founder --out acme.json");
  }

  async #setPolicy(member: number, approvalKey: object, rogueKey: object): Promise<void> {
    const devices = `milagro:${DOMAIN}/mpin/${SERVICE}/*/*`;
    const rule = { maxEpochsAhead: 1, maxEpochsBack: 0 };
    const policy = {
      v: 1,
      version: 1,
      rules: [
        { identities: [devices], usages: ["mpin", "sig"], evidence: ["email-code", "device"], ...rule },
        { identities: [devices], usages: ["permit"], evidence: [], ...rule },
        {
          identities: [`milagro:${DOMAIN}/mpin-server/${SERVICE}`],
          usages: ["mpin-server"],
          evidence: ["join-token", "grant"],
          ...rule,
        },
      ],
      registrars: [],
      oidc: [],
      loginServers: [
        { name: SERVICE, publicKey: approvalKey, services: [SERVICE] },
        { name: "rogue", publicKey: rogueKey, services: [SERVICE] },
      ],
      denied: [],
    };
    await this.run(`dta policy --home dta-${member} --set -`, JSON.stringify(policy));
  }

  async #initAuth(): Promise<{ readonly approvalKey: object }> {
    const line = `init --home auth --service ${SERVICE} --domain acme.json --passphrase-file pass`;
    const child = this.#spawnAuth(line.split(" "));
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr?.on("data", (chunk) => {
      stderr += chunk;
    });
    const status = await new Promise((resolve) => child.once("close", resolve));
    if (status !== 0) throw new Error(`milagro-auth init ended with ${status}: ${stderr}`);
    const file = this.path("auth", "config.json");
    const config: object = JSON.parse(await readFile(file, "utf8"));
    await writeFile(file, JSON.stringify({ ...config, descriptorSeconds: 1 }));
    return JSON.parse(stdout);
  }

  async #startAuth(): Promise<void> {
    const identity = `milagro:${DOMAIN}/mpin-server/${SERVICE}`;
    const tokens = await Promise.all(
      MEMBERS.map((member) => this.run(`dta token --home dta-${member} ${identity} --usages mpin-server`)),
    );
    await writeFile(this.path("tokens"), tokens.join(""), { mode: 0o600 });
    const line = "serve --home auth --passphrase-file pass --listen 127.0.0.1:0 --join-tokens tokens";
    this.#auth = await readyOf(this.#spawnAuth(line.split(" ")));
    const auth = this.#auth;
    this.#outputs.push(() => auth.output());
    this.origin = String(auth.ready["origin"]);
    await this.#untilReady();
  }

  #spawnAuth(args: readonly string[]): ChildProcess {
    const { PATH = "", TMPDIR = "/tmp" } = process.env;
    const env = { PATH, TMPDIR, HOME: "/nonexistent", NODE_COMPILE_CACHE: this.path("cache") };
    return spawn(process.execPath, ["--conditions=@milagro/source", AUTH, ...args], { cwd: this.folder, env });
  }

  /** Until it has collected the server secret. */
  async #untilReady(): Promise<void> {
    for (;;) {
      const { status } = await fetch(`${this.origin}/ready`);
      if (status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function readyOf(child: ChildProcess): Promise<Daemon> {
  let output = "";
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const daemon = (ready: Readonly<Record<string, unknown>>): Daemon => ({
    ready,
    output: () => output,
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
  });
  return new Promise((resolve, reject) => {
    child.stderr?.on("data", (chunk) => {
      output += chunk;
    });
    child.stdout?.on("data", (chunk) => {
      output += chunk;
      const line = output.split("\n").find((text) => text.includes('"ready":true'));
      if (line !== undefined) resolve(daemon(JSON.parse(line)));
    });
    void ended.then((status) => reject(new Error(`milagro-auth ended with ${status}: ${output}`)));
  });
}

/** A browser: what it stores, its cookie, and the client in it. */
export interface Browser {
  readonly client: MpinClient;
  readonly values: Map<string, Uint8Array>;
  /** Everything it has sent, as text. */
  readonly sent: string[];
}

/**
 * @param values - what it has stored before: the same browser, started again
 * @param http - its network, when pages are opened in it as well
 */
export async function openBrowser(
  origin: string,
  values = new Map<string, Uint8Array>(),
  http?: HttpPort,
): Promise<Browser> {
  const sent: string[] = [];
  const client = openMpinClient({
    engine: await createG1Engine({ random }),
    random,
    storage: storageOf(values),
    http: http ?? fetchPort(origin, sent),
    clock: Date.now,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    origin,
    loadUpdate: async () => tokenUpdater(loadEngine),
  });
  return { client, values, sent };
}

function storageOf(values: Map<string, Uint8Array>): MpinStorage {
  return {
    get: async (key) => values.get(key)?.slice(),
    put: async (key, value) => void values.set(key, value.slice()),
    delete: async (key) => void values.delete(key),
    keys: async (prefix) => [...values.keys()].filter((key) => key.startsWith(prefix)),
  };
}

/** As a browser sends it: an Origin, and to its own server the cookie. */
function fetchPort(origin: string, sent: string[]): HttpPort {
  let cookie = "";
  return async ({ method, url, headers, body, timeoutMs }) => {
    sent.push(`${method} ${url} ${new TextDecoder().decode(body)}`);
    const own = url.startsWith(`${origin}/`);
    try {
      const response = await fetch(url, {
        method,
        headers: { ...headers, origin, ...(own && cookie !== "" ? { cookie } : {}) },
        signal: AbortSignal.timeout(timeoutMs),
        ...(body ? { body: body.slice() } : {}),
      });
      if (own) cookie = response.headers.getSetCookie()[0]?.split(";")[0] ?? cookie;
      const answer = new Uint8Array(await response.arrayBuffer());
      return { status: response.status, headers: Object.fromEntries(response.headers), body: answer };
    } catch (cause) {
      throw new MilagroError("ERR_UNREACHABLE", "no answer", { cause });
    }
  };
}
