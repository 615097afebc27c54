/** The Express application of examples/, as a process of its own: login, logout on both sides, and a session that was planted. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ALICE, Browser, type Harness, resultFor, startHarness } from "../../services/auth/test/openid/harness.ts";
import { freePorts } from "../support/ports.ts";

const PROGRAM = fileURLToPath(new URL("../../examples/login-express/server.js", import.meta.url));
let folder: string;
let harness: Harness;
let origin: string;
let stop: () => Promise<void>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "express-"));
  harness = await startHarness(`sqlite:${join(folder, "db")}`, folder);
  const [port = 0] = await freePorts(1);
  origin = `http://localhost:${port}`;
  const secret = await harness.openId.clients.add({
    id: "notes",
    name: "Notes",
    flow: "web",
    redirectUris: [`${origin}/callback`],
    postLogoutRedirectUris: [`${origin}/`],
    backchannelLogoutUri: `${origin}/logged-out`,
  });
  writeFileSync(join(folder, "secret"), `${secret}\n`, { mode: 0o600 });
  const args = ["--login-server", harness.origin, "--secret-file", join(folder, "secret"), "--port", String(port)];
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  stop = async () => {
    child.kill();
    await ended;
  };
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (text) => String(text).includes("ready") && resolve());
    child.once("close", () => reject(new Error("the example ended")));
  });
}, 60_000);
afterAll(async () => {
  await stop?.();
  await harness?.close();
  rmSync(folder, { recursive: true });
});

/** From the application through the PIN and back. */
async function logIn(inside: Browser, outside: Browser): Promise<string> {
  const { url: away } = await inside.follow("/login");
  const { url: page } = await outside.follow(away.href);
  const uid = /^\/interaction\/(.+)$/.exec(page.pathname)?.[1] ?? "";
  const { url: back } = await outside.follow(await harness.openId.finish(uid, resultFor(ALICE)));
  const { response } = await inside.follow(back.href);
  return response.text();
}

test("logs in with the right person, and out again", async () => {
  const [inside, outside] = [new Browser(origin), new Browser(harness.origin)];
  expect(await (await inside.request("/")).text()).toContain("Nobody is logged in");
  const home = await logIn(inside, outside);
  expect(home).toContain(ALICE.id);
  expect(home).toContain("pin + pop + mfa");
  const { url: away } = await inside.follow("/logout");
  const { response: ask } = await outside.follow(away.href);
  const { url: back } = await outside.submit(ask, { logout: "yes" });
  expect(back.href).toBe(`${origin}/`);
  // The login server told it: the session here is over, too.
  expect(await (await inside.request("/")).text()).toContain("Nobody is logged in");
});

test("a redirect that another browser began is refused", async () => {
  const [attacker, outside] = [new Browser(origin), new Browser(harness.origin)];
  const { url: away } = await attacker.follow("/login");
  const { url: page } = await outside.follow(away.href);
  const uid = /^\/interaction\/(.+)$/.exec(page.pathname)?.[1] ?? "";
  const { url: back } = await outside.follow(await harness.openId.finish(uid, resultFor(ALICE)));
  const { response } = await new Browser(origin).follow(back.href);
  expect([response.status, await response.text()]).toEqual([400, "This login did not begin here."]);
});

test("a logout token that the login server has not signed ends nothing", async () => {
  const [inside, outside] = [new Browser(origin), new Browser(harness.origin)];
  await logIn(inside, outside);
  const forged = await inside.request("/logged-out", {
    method: "POST",
    body: new URLSearchParams({ logout_token: "e30.e30.e30" }),
  });
  expect(forged.status).toBe(400);
  expect(await (await inside.request("/")).text()).toContain(ALICE.id);
});
