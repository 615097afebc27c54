import { afterAll, beforeAll, expect, test } from "vitest";
import type { Auth } from "../src/auth.ts";
import { type EnrolledDevice, enrolDevice, type Founded, foundDomain } from "./domain.ts";
import { adminOf, Browser, cleanUp, start } from "./support.ts";

let founded: Founded;
let auth: Auth;
const clock = { nowMs: Date.now() };
beforeAll(async () => {
  founded = await foundDomain();
  auth = await start(
    founded,
    { limits: { loginsPerMinute: 1000, registrationsPerMinute: 1000 }, sessionSeconds: 600, loginSeconds: 60 },
    { clock: () => clock.nowMs },
  );
});
afterAll(cleanUp);

async function loggedIn(user: string): Promise<{ browser: Browser; device: EnrolledDevice; name: string }> {
  const device = enrolDevice(founded, { user, nowMs: clock.nowMs });
  const browser = new Browser(auth);
  expect((await browser.register(device)).status).toBe(200);
  expect((await browser.login(device, "2580")).json.outcome).toBe("accepted");
  return { browser, device, name: device.identity.split("/").at(-1) ?? "" };
}

test("a session ends by logging out, by time, and nothing else", async () => {
  const { browser, device } = await loggedIn("alice");
  clock.nowMs += 599_000;
  expect((await browser.call("GET", "/v1/me")).status).toBe(200);
  clock.nowMs += 1000;
  expect((await browser.call("GET", "/v1/me")).json.code).toBe("ERR_SESSION_MISSING");
  await browser.login(device, "2580");
  const cookie = browser.cookie;
  expect((await browser.call("POST", "/v1/logout", { v: 1 })).json).toEqual({ v: 1, done: true });
  expect(browser.cookie).toBeUndefined();
  expect((await new Browser(auth, cookie).call("GET", "/v1/me")).json.code).toBe("ERR_SESSION_MISSING");
  expect((await browser.call("POST", "/v1/logout", { v: 1 })).status).toBe(200);
});

test("a login that took too long is over", async () => {
  const { browser, device } = await loggedIn("bob");
  const begun = await browser.begin(device);
  const { json } = await browser.commit(device, begun);
  clock.nowMs += 60_000;
  expect((await browser.prove(begun, json.nonce, "2580")).json.code).toBe("ERR_LOGIN_UNKNOWN");
  const late = await browser.begin(device);
  clock.nowMs += 60_000;
  expect((await browser.commit(device, late)).json.code).toBe("ERR_LOGIN_UNKNOWN");
});

test("one renames and removes one's own devices, and nobody else's", async () => {
  const mine = await loggedIn("carol");
  const theirs = await loggedIn("dave");
  const rename = (browser: Browser, name: string) =>
    browser.call("PATCH", `/v1/devices/${name}`, { v: 1, label: "Tablet" });
  expect((await rename(mine.browser, mine.name)).status).toBe(200);
  expect((await mine.browser.call("GET", "/v1/me")).json.devices[0].label).toBe("Tablet");
  expect((await rename(mine.browser, theirs.name)).json.code).toBe("ERR_DEVICE_UNKNOWN");
  expect((await mine.browser.call("DELETE", `/v1/devices/${theirs.name}`)).json.code).toBe("ERR_DEVICE_UNKNOWN");
  expect((await new Browser(auth).call("DELETE", `/v1/devices/${mine.name}`)).json.code).toBe("ERR_SESSION_MISSING");
  expect((await theirs.browser.call("GET", "/v1/me")).json.devices[0].label).toBe("My phone");
});

test("a removed device has no session left and never logs in again", async () => {
  const { browser, device, name } = await loggedIn("erin");
  expect((await browser.call("DELETE", `/v1/devices/${name}`)).status).toBe(200);
  expect((await browser.call("GET", "/v1/me")).json.code).toBe("ERR_SESSION_MISSING");
  expect((await browser.login(device, "2580")).json.outcome).toBe("refused");
});

test("a device that is removed while its login is on the way is refused", async () => {
  const { browser, device, name } = await loggedIn("fred");
  const second = new Browser(auth);
  const begun = await second.begin(device);
  const { json } = await second.commit(device, begun);
  await browser.call("DELETE", `/v1/devices/${name}`);
  expect((await second.prove(begun, json.nonce, "2580")).json.outcome).toBe("refused");
});

test("the administrator sees users, shuts one out and lets them in again", async () => {
  const { browser, device } = await loggedIn("grace@example.org");
  const admin = adminOf(auth);
  const path = `/v1/users/${encodeURIComponent("grace@example.org")}`;
  const status = (await admin.request({ path: "/v1/status" })).body;
  expect(status).toMatchObject({ service: "login", ready: true, server: "milagro:example.org/mpin-server/login" });
  expect((await admin.request({ path })).body).toMatchObject({ user: { blocked: false, devices: 1 } });
  await admin.request({ method: "POST", path: `${path}/block`, body: { v: 1 } });
  expect((await browser.call("GET", "/v1/me")).json.code).toBe("ERR_SESSION_MISSING");
  expect((await browser.login(device, "2580")).json.outcome).toBe("refused");
  await admin.request({ method: "POST", path: `${path}/unblock`, body: { v: 1 } });
  expect((await browser.login(device, "2580")).json.outcome).toBe("accepted");
  const list = (await admin.request({ path: "/v1/users" })).body as { users: { user: string }[] };
  expect(list.users.map(({ user }) => user)).toContain("grace@example.org");
  await expect(admin.request({ path: "/v1/users/nobody" })).rejects.toMatchObject({ code: "ERR_USER_UNKNOWN" });
  const log = (await admin.request({ path: "/v1/log?limit=1000" })).body as { entries: { action: string }[] };
  const actions = new Set(log.entries.map(({ action }) => action));
  for (const action of ["login", "device.register", "device.revoke", "user.block"]) expect(actions).toContain(action);
});

test("the administration has its own OpenAPI document, and the public one does not show it", async () => {
  const own = (await adminOf(auth).request({ path: "/openapi.json" })).body as { paths: Record<string, unknown> };
  expect(Object.keys(own.paths)).toContain("/v1/users/{user}/block");
  const open = (await new Browser(auth).call("GET", "/openapi.json")).json;
  expect(Object.keys(open.paths)).not.toContain("/v1/users/{user}/block");
  expect(Object.keys(open.paths)).toContain("/v1/logins/{session}/proofs");
});
