/** The real program: made by `init`, killed, and started again. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeSignedDescriptor } from "@milagro/protocol/descriptor";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Auth } from "../src/auth.ts";
import { openKeys } from "../src/keys.ts";
import { enrolDevice, type Founded, foundDomain, serverSecretOf } from "./domain.ts";
import { Browser, cleanUp, newFolder, PASSPHRASE } from "./support.ts";

const LAUNCHER = fileURLToPath(new URL("../bin/milagro-auth.js", import.meta.url));

let founded: Founded;
beforeAll(async () => {
  founded = await foundDomain();
});
const children = new Set<ChildProcess>();
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await cleanUp();
});

function run(...args: readonly string[]) {
  return spawnSync(process.execPath, [LAUNCHER, ...args], { encoding: "utf8" });
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  readonly auth: Pick<Auth, "url" | "origin">;
  err(): string;
}

async function serve(...args: readonly string[]): Promise<Started> {
  const child = spawn(process.execPath, [LAUNCHER, "serve", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
  let err = "";
  child.stderr?.on("data", (chunk) => {
    err += chunk;
  });
  const line = await new Promise<string>((resolve, reject) => {
    let out = "";
    child.stdout?.on("data", (chunk) => {
      out += chunk;
      if (out.includes("\n")) resolve(out);
    });
    child.once("exit", () => reject(new Error(err)));
  });
  return { child, ended, auth: JSON.parse(line), err: () => err };
}

/** One home for all tests here, since a passphrase at its real cost is what takes the time. */
let files: { readonly home: string; readonly args: readonly string[]; readonly domain: string };
beforeAll(() => {
  const folder = newFolder();
  const [pass, domain] = [join(folder, "pass"), join(folder, "domain.json")];
  writeFileSync(pass, `${PASSPHRASE}\n`, { mode: 0o600 });
  writeFileSync(domain, JSON.stringify(encodeSignedDescriptor(founded.signed)));
  const home = join(folder, "home");
  const args = ["--home", home, "--passphrase-file", pass];
  const more = ["--listen", "127.0.0.1:0", "--log-level", "debug"];
  const initialised = run("init", "--service", "login", "--domain", domain, ...args, ...more);
  expect(initialised.stderr).toBe("");
  expect(JSON.parse(initialised.stdout)).toMatchObject({
    initialised: true,
    server: "milagro:example.org/mpin-server/login",
    approvalKey: { kty: "OKP", crv: "Ed25519" },
  });
  for (const file of ["auth.keys", "config.json"]) expect(statSync(join(home, file)).mode & 0o077).toBe(0);
  files = { home, args, domain };
});

async function giveSecret(home: string): Promise<void> {
  const keys = await openKeys(join(home, "auth.keys"), passphraseFromText(PASSPHRASE));
  await keys.store.update({ set: { "server-secret": serverSecretOf(founded) } });
  await keys.close();
}

/** Peers that have said so much, and stay. */
async function hangOn(url: string): Promise<void> {
  for (const text of ["", "GET /he", "GET /health HTTP/1.1\r\nhost: x\r\n\r\n"]) {
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port) }).on("error", () => {});
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    socket.resume().write(text);
  }
}

test("without its server secret it answers, is not ready, and checks no login; it ends at once, whoever is still there", async () => {
  const { args } = files;
  const { auth, child, ended } = await serve(...args);
  const browser = new Browser(auth as Auth);
  expect((await browser.call("GET", "/health")).status).toBe(200);
  expect((await browser.call("GET", "/ready")).status).toBe(503);
  const device = enrolDevice(founded);
  expect((await browser.login(device, "2580")).json.code).toBe("ERR_SERVER_SECRET_MISSING");
  await hangOn(auth.url);
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
});

test("killed between counting and answering, the program has lost no count and no device", async () => {
  const { home, args } = files;
  await giveSecret(home);
  const first = await serve(...args);
  const device = enrolDevice(founded);
  const auth = { ...first.auth, context: { config: { permits: true } } } as Auth;
  const browser = new Browser(auth);
  expect((await browser.register(device)).status).toBe(200);
  const begun = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const own = new Browser(auth);
      const login = await own.begin(device);
      return { own, login, nonce: (await own.commit(device, login)).json.nonce };
    }),
  );
  const answers = begun.map(({ own, login, nonce }) => own.prove(login, nonce, "1111").catch(() => undefined));
  await answers[0]; // at least one was counted
  first.child.kill("SIGKILL");
  const answered = (await Promise.all(answers)).filter((answer) => answer?.status === 200).length;
  await first.ended;

  const second = await serve(...args);
  const again = new Browser({ ...second.auth, context: auth.context } as Auth);
  const { json } = await again.login(device, "1111");
  expect(json.outcome).toBe("refused");
  expect(json.attemptsLeft).toBeLessThanOrEqual(4 - answered);
  expect((await again.login(device, "2580")).json.outcome).toBe("accepted");
  second.child.kill("SIGTERM");
  expect(await second.ended).toBe(0);
  expect(existsSync(join(home, "admin.sock"))).toBe(false);
  const output = first.err() + second.err();
  for (const secret of [PASSPHRASE, '2580"', again.cookie ?? "-"]) expect(output).not.toContain(secret);
});

test("says what is wrong with a command, a home and a passphrase, each with an exit status", () => {
  const { home, args, domain } = files;
  expect(run("--help").stdout).toContain("milagro-auth serve");
  expect(run("--version").stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(run("dance").stderr).toContain("ERR_USAGE");
  expect(run("serve", "--home", join(home, "nowhere")).stderr).toContain("ERR_CONFIG_MISSING");
  expect(run("serve", ...args, "--origin", "http://login.example.org").stderr).toContain("origin");
  const wrong = join(home, "wrong");
  writeFileSync(wrong, "another passphrase\n", { mode: 0o600 });
  const refused = run("serve", "--home", home, "--passphrase-file", wrong);
  expect([refused.status, refused.stdout]).toEqual([1, ""]);
  expect(refused.stderr).toContain("ERR_KEYSTORE_PASSPHRASE");
  const again = run("init", "--home", home, "--service", "login", "--domain", domain, "--passphrase-file", wrong);
  expect(again.stderr).toContain("ERR_FILE_EXISTS");
});
