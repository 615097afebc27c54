/** One contract for both databases: everything that the server stores, through its own routes. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  hasPostgres,
  needsPostgres,
  type PostgresServer,
  startPostgres,
} from "../../../tests/support/postgres-server.ts";
import { sweep } from "../src/housekeeping.ts";
import { enrolDevice, type Founded, foundDomain } from "./domain.ts";
import { adminOf, Browser, cleanUp, newFolder, start } from "./support.ts";

let founded: Founded;
let server: PostgresServer | undefined;
beforeAll(async () => {
  founded = await foundDomain();
  if (hasPostgres()) server = await startPostgres();
});
afterAll(async () => {
  await cleanUp();
  await server?.stop();
});

async function journey(database: string): Promise<void> {
  const clock = { nowMs: Date.now() };
  const auth = await start(founded, { database, limits: { loginsPerMinute: 1000 } }, { clock: () => clock.nowMs });
  const { db } = auth.context.store;
  const [phone, tablet] = [
    enrolDevice(founded, { user: "zoë" }),
    enrolDevice(founded, { user: "zoë", label: "Tablet" }),
  ];
  const browser = new Browser(auth);
  await browser.register(phone);
  await browser.register(tablet);
  expect((await browser.login(phone, "1111")).json).toMatchObject({ outcome: "refused", attemptsLeft: 4 });
  expect((await browser.login(phone, "2580")).json.outcome).toBe("accepted");
  expect((await browser.login(phone, "1111")).json).toMatchObject({ outcome: "refused", attemptsLeft: 4 });
  const me = (await browser.call("GET", "/v1/me")).json;
  expect(me.devices.map(({ label, state }: { label: string; state: string }) => [label, state]).sort()).toEqual([
    ["My phone", "active"],
    ["Tablet", "pending"],
  ]);
  expect((await browser.sign(phone, "2580", "a text", { nowMs: clock.nowMs })).json.outcome).toBe("accepted");
  expect((await browser.call("GET", "/v1/signatures")).json.signatures).toHaveLength(1);
  const code = (await browser.call("POST", "/v1/quick-codes", { v: 1 })).json;
  expect((await browser.call("GET", `/v1/quick-codes/${code.id}`)).json.state).toBe("open");
  const screen = new Browser(auth);
  const { id, number } = (await screen.call("POST", "/v1/handovers", { v: 1 })).json;
  await new Browser(auth).login(phone, "2580", { type: "handover", id, number });
  await screen.call("POST", `/v1/handovers/${id}/session`, { v: 1 });
  expect((await screen.call("GET", "/v1/me")).json.user).toBe("zoë");
  const admin = adminOf(auth);
  expect((await admin.request({ path: "/v1/status" })).body).toMatchObject({ users: 1, devices: 2 });
  expect((await admin.request({ path: "/v1/webhooks" })).body).toMatchObject({ webhooks: [] });
  await browser.call("DELETE", `/v1/devices/${phone.identity.split("/").at(-1)}`);
  expect((await screen.call("GET", "/v1/me")).json.code).toBe("ERR_SESSION_MISSING");

  // What is over is forgotten; what counts is not.
  await new Browser(auth).login(tablet, "1111");
  await new Browser(auth).login(enrolDevice(founded, { user: "stranger" }), "1111");
  clock.nowMs += 31 * 86_400_000;
  await sweep(auth.context);
  for (const table of ["auth_logins", "auth_sessions", "auth_handovers", "auth_quick_codes", "auth_replays"] as const)
    expect([table, await db.selectFrom(table).selectAll().execute()]).toEqual([table, []]);
  const attempts = await db.selectFrom("auth_attempts").select("subject").execute();
  expect(attempts.map(({ subject }) => subject)).toEqual([tablet.identity]);
  expect(await db.selectFrom("auth_signatures").selectAll().execute()).toHaveLength(1);
}

test("on SQLite", () => journey(`sqlite:${join(newFolder(), "auth.sqlite")}`));
needsPostgres("on PostgreSQL", async () => journey((await server?.freshUrl()) ?? ""));

needsPostgres(
  "when PostgreSQL goes away, every call ends closed; when it is back, what was counted is counted",
  async () => {
    const auth = await start(founded, { database: (await server?.freshUrl()) ?? "" });
    const device = enrolDevice(founded);
    const browser = new Browser(auth);
    await browser.register(device);
    await browser.login(device, "1111");
    const begun = await browser.begin(device);
    const { json } = await browser.commit(device, begun);
    await server?.crash();
    const down = await browser.prove(begun, json.nonce, "2580");
    expect(down.status).toBe(503);
    expect(down.json.code).toMatch(/^ERR_(STORAGE_UNAVAILABLE|DATABASE_BUSY)$/);
    expect(down.text).not.toContain("postgres");
    expect((await browser.call("GET", "/ready")).status).toBe(503);
    expect((await browser.call("GET", "/health")).status).toBe(200);
    await server?.start();
    // The server finds out by and by which of its connections have broken.
    while ((await browser.call("GET", "/ready")).status !== 200) await pause(100);
    const answer = await new Browser(auth).login(device, "1111");
    expect(answer.json).toMatchObject({ outcome: "refused" });
    expect(answer.json.attemptsLeft).toBeLessThanOrEqual(3);
  },
);

test("a check that breaks in its worker ends closed: no outcome, the attempt stays counted, and the next login works", async () => {
  const auth = await start(founded);
  const device = enrolDevice(founded);
  await new Browser(auth).register(device);
  const { pool } = auth.context.workers;
  const call = pool.call.bind(pool);
  let first = true;
  Object.assign(pool, {
    call: (method: "verifyLogins", argument: readonly unknown[]) => {
      if (method !== "verifyLogins" || !first) return call(method, argument as never);
      first = false;
      return call(method, [{ ...(argument[0] as object), input: 7 }] as never);
    },
  });
  const broken = await new Browser(auth).login(device, "2580");
  expect([broken.status, broken.json.code]).toEqual([500, "ERR_INTERNAL"]);
  expect(broken.headers["set-cookie"]).toBeUndefined();
  expect((await new Browser(auth).login(device, "1111")).json).toMatchObject({ outcome: "refused", attemptsLeft: 3 });
  expect((await new Browser(auth).login(device, "2580")).json.outcome).toBe("accepted");
});
