import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  hasPostgres,
  needsPostgres,
  type PostgresServer,
  startPostgres,
} from "../../../tests/support/postgres-server.ts";
import { blockAfter } from "../src/attempts.ts";
import type { Auth } from "../src/auth.ts";
import { type EnrolledDevice, enrolDevice, type Founded, foundDomain } from "./domain.ts";
import { adminOf, type Begun, Browser, cleanUp, start, stop } from "./support.ts";

const HIGH = { loginsPerMinute: 10_000, userPerMinute: 10_000, addressPerMinute: 100_000 };
const POLICY = { max: 5, blockSeconds: 60, blockCapSeconds: 200, total: 20 };

let founded: Founded;
beforeAll(async () => {
  founded = await foundDomain();
});
afterAll(cleanUp);

test.each([
  [0, undefined],
  [1, undefined],
  [4, undefined],
  [5, 60_000],
  [6, undefined],
  [10, 120_000],
  [15, 200_000],
  [20, Number.POSITIVE_INFINITY],
  [21, Number.POSITIVE_INFINITY],
])("after %i failures in a row the block lasts %s ms", (failures, ms) => {
  expect(blockAfter(POLICY, failures)).toBe(ms);
});

/** Begins and commits to so many logins, one after the other, and answers them all at once with a wrong PIN. */
async function guess(servers: readonly Auth[], device: EnrolledDevice, count: number): Promise<Record<string, number>> {
  const ready: { readonly browser: Browser; readonly begun: Begun; readonly nonce: string }[] = [];
  for (let i = 0; i < count; i++) {
    const browser = new Browser(servers[i % servers.length] as Auth);
    const begun = await browser.begin(device);
    const { json } = await browser.commit(device, begun);
    ready.push({ browser, begun, nonce: json.nonce });
  }
  const answers = await Promise.all(ready.map(({ browser, begun, nonce }) => browser.prove(begun, nonce, "1111")));
  return Object.fromEntries(
    [...Map.groupBy(answers, ({ json }) => json.outcome ?? json.code)].map(([outcome, { length }]) => [
      outcome,
      length,
    ]),
  );
}

async function registered(auth: Auth): Promise<EnrolledDevice> {
  const device = enrolDevice(founded);
  expect((await new Browser(auth).register(device)).status).toBe(200);
  return device;
}

describe("of 100 guesses at once exactly the allowed number is looked at", () => {
  const nowMs = Date.now();
  const clock = () => nowMs;

  test("on SQLite", async () => {
    const auth = await start(founded, { limits: HIGH }, { clock });
    const device = await registered(auth);
    expect(await guess([auth], device, 100)).toEqual({ refused: 5, blocked: 95 });
    // Even the right PIN is not looked at now.
    const late = await new Browser(auth).login(device, "2580");
    expect(late.json).toMatchObject({ outcome: "blocked", retryAfter: 3600 });
    await stop(auth);
  });

  let server: PostgresServer | undefined;
  beforeAll(async () => {
    if (hasPostgres()) server = await startPostgres();
  });
  afterAll(() => server?.stop());

  needsPostgres("on PostgreSQL, over two servers", async () => {
    const database = (await server?.freshUrl()) ?? "";
    const settings = { limits: HIGH, database, origin: "http://localhost:7999" };
    const servers = [await start(founded, settings, { clock }), await start(founded, settings, { clock })];
    const device = await registered(servers[0] as Auth);
    expect(await guess(servers, device, 100)).toEqual({ refused: 5, blocked: 95 });
    for (const auth of servers) await stop(auth);
  });
});

test("blocks end, double, and end for good until an administrator acts; success forgets the count", async () => {
  const clock = { nowMs: Date.now() };
  const auth = await start(founded, { limits: HIGH, attempts: POLICY }, { clock: () => clock.nowMs });
  const device = await registered(auth);
  const outcomes: unknown[] = [];
  const fail = async () => {
    const { json } = await new Browser(auth).login(device, "1111");
    outcomes.push([json.outcome, json.attemptsLeft, json.retryAfter]);
  };
  for (let i = 0; i < 6; i++) await fail();
  expect(outcomes.splice(0)).toEqual([
    ["refused", 4, undefined],
    ["refused", 3, undefined],
    ["refused", 2, undefined],
    ["refused", 1, undefined],
    ["refused", 0, 60],
    ["blocked", undefined, 60],
  ]);
  clock.nowMs += 60_000;
  expect((await new Browser(auth).login(device, "2580")).json.outcome).toBe("accepted");
  for (let i = 0; i < 5; i++) await fail();
  clock.nowMs += 60_000;
  for (let i = 0; i < 5; i++) await fail();
  expect(outcomes.at(-1)).toEqual(["refused", 0, 120]);
  clock.nowMs += 120_000;
  for (let i = 0; i < 5; i++) await fail();
  expect(outcomes.at(-1)).toEqual(["refused", 0, 200]);
  clock.nowMs += 200_000;
  for (let i = 0; i < 6; i++) await fail();
  expect(outcomes.slice(-2)).toEqual([
    ["refused", 0, undefined],
    ["blocked", undefined, undefined],
  ]);
  clock.nowMs += 365 * 86_400_000;
  await fail();
  expect(outcomes.at(-1)).toEqual(["blocked", undefined, undefined]);
  const admin = adminOf(auth);
  const { body } = await admin.request({ method: "GET", path: `/v1/users/${encodeURIComponent("alice@example.org")}` });
  expect(body).toMatchObject({ devices: [{ failures: 20, blocked: true }] });
  await admin.request({ method: "POST", path: "/v1/devices/unblock", body: { v: 1, identity: device.identity } });
  expect((await new Browser(auth).login(device, "2580")).json.outcome).toBe("accepted");
  await stop(auth);
});
