import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Auth } from "../src/auth.ts";
import { isPublicAddress, networkList, parseWebhookUrl, resolveTarget } from "../src/ssrf-guard.ts";
import { drawDevice, type EnrolledDevice, enrolDevice, type Founded, foundDomain } from "./domain.ts";
import { adminOf, Browser, cleanUp, logged, start } from "./support.ts";

const ALLOW = { webhookAllow: ["127.0.0.1"] };
let founded: Founded;
let auth: Auth;
const clock = { nowMs: Date.now() };
beforeAll(async () => {
  founded = await foundDomain();
  auth = await start(founded, ALLOW, { clock: () => clock.nowMs });
});
afterEach(async () => {
  for (const table of ["auth_deliveries", "auth_webhooks"] as const)
    await auth.context.store.db.deleteFrom(table).execute();
});
const receivers: Server[] = [];
afterEach(() => {
  for (const receiver of receivers.splice(0)) {
    receiver.closeAllConnections();
    receiver.close();
  }
});
afterAll(cleanUp);

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** An application that answers with these statuses, one after the other, and then 204. */
async function receive(
  statuses: number[] = [],
): Promise<{ url: string; got: Received[]; until(count: number): Promise<void> }> {
  const got: Received[] = [];
  let wake = (): void => {};
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => {
      text += chunk;
    });
    request.on("end", () => {
      got.push({ headers: request.headers, text });
      response.writeHead(statuses.shift() ?? 204, { location: "http://127.0.0.1:1/elsewhere" }).end();
      wake();
    });
  });
  receivers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const until = async (count: number): Promise<void> => {
    while (got.length < count)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, got, until };
}

async function registered(): Promise<EnrolledDevice> {
  const device = enrolDevice(founded, { user: drawDevice(), nowMs: clock.nowMs });
  await new Browser(auth).register(device);
  return device;
}

test("an event is a CloudEvent, signed with the webhook's secret, and reported once it happened", async () => {
  const { url, got, until } = await receive();
  const body = { v: 1, url, types: ["login.accepted", "login.refused"] };
  const { id, secret } = (await adminOf(auth).request({ method: "POST", path: "/v1/webhooks", body })).body as {
    id: string;
    secret: string;
  };
  const device = await registered(); // not asked for
  await new Browser(auth).login(device, "1111");
  await new Browser(auth).login(device, "2580");
  await until(2);
  const events = got.map(({ text }) => JSON.parse(text));
  expect(events.map(({ type }) => type).sort()).toEqual(["dev.milagro.login.accepted", "dev.milagro.login.refused"]);
  for (const event of events)
    expect(event).toMatchObject({ specversion: "1.0", source: auth.origin, subject: device.identity });
  expect(new Set(events.map((event) => event.id)).size).toBe(2);
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  for (const { headers, text } of got) {
    const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${text}`;
    expect(headers["webhook-signature"]).toBe(`v1,${createHmac("sha256", key).update(signed).digest("base64")}`);
    expect(Math.abs(Number(headers["webhook-timestamp"]) - clock.nowMs / 1000)).toBeLessThan(60);
  }
  const rows = await auth.context.store.db.selectFrom("auth_webhooks").selectAll().execute();
  expect(JSON.stringify(rows)).not.toContain(secret.slice(6, 30));
  expect(logged.join("\n")).not.toContain(secret.slice(6, 30));
  await adminOf(auth).request({ method: "DELETE", path: `/v1/webhooks/${id}` });
  await expect(
    adminOf(auth).request({ method: "POST", path: `/v1/webhooks/${id}/test`, body: { v: 1 } }),
  ).rejects.toMatchObject({ code: "ERR_WEBHOOK_UNKNOWN" });
});

test("a receiver that fails, or sends elsewhere, gets the same event again later; nothing is followed", async () => {
  const { url, got, until } = await receive([503, 302]);
  const body = { v: 1, url, types: ["device.registered"] };
  const admin = adminOf(auth);
  const { id } = (await admin.request({ method: "POST", path: "/v1/webhooks", body })).body as { id: string };
  await registered();
  await until(1);
  const due = async () =>
    auth.context.store.db.selectFrom("auth_deliveries").select(["attempts", "due_ms"]).executeTakeFirst();
  const rescheduled = async (attempts: number): Promise<number> => {
    for (;;) {
      const row = await due();
      // While it is out, it is due again in a minute; afterwards, after the back-off.
      if (row?.attempts === attempts && row.due_ms - clock.nowMs !== 60_000) return row.due_ms - clock.nowMs;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const first = await rescheduled(1);
  expect(first).toBeGreaterThanOrEqual(5000);
  expect(first).toBeLessThan(6100);
  clock.nowMs += first;
  auth.context.kickWebhooks();
  await until(2);
  const second = await rescheduled(2);
  expect(second).toBeGreaterThanOrEqual(10_000);
  clock.nowMs += second;
  auth.context.kickWebhooks();
  await until(3);
  while (await due()) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(new Set(got.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  const list = (await admin.request({ path: "/v1/webhooks" })).body as { webhooks: { id: string; waiting: number }[] };
  expect(list.webhooks).toMatchObject([{ id, waiting: 0 }]);
});

describe("a webhook cannot be turned against the inside", () => {
  test.each([
    "http://127.0.0.1/",
    "https://127.0.0.1/",
    "https://localhost/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://10.1.2.3/",
    "https://169.254.169.254/latest/meta-data",
    "https://192.168.0.1/",
    "https://[fd00::1]/",
    "https://[fe80::1]/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0/",
  ])("%s is refused", async (url) => {
    await expect(resolveTarget(url, networkList([]))).rejects.toMatchObject({ code: "ERR_WEBHOOK_REFUSED" });
  });

  test.each([
    "ftp://example.org/",
    "https://user:pass@example.org/",
    "https://example.org/#x",
    "javascript:alert(1)",
    "",
  ])("%j is no address of a webhook", (url) => {
    expect(() => parseWebhookUrl(url)).toThrow(expect.objectContaining({ code: "ERR_WEBHOOK_REFUSED" }));
  });

  test("public addresses are public, in both families, and private ones are not", () => {
    for (const address of ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "2a00:1450::1"])
      expect([address, isPublicAddress(address)]).toEqual([address, true]);
    for (const address of [
      "100.64.0.1",
      "172.31.255.255",
      "198.18.0.1",
      "224.0.0.1",
      "255.255.255.255",
      "2002:7f00:1::",
      "64:ff9b::7f00:1",
      "::",
      "2001:db8::1",
      "::ffff:10.0.0.1",
      "nonsense",
    ])
      expect([address, isPublicAddress(address)]).toEqual([address, false]);
  });

  test("plain http needs the network to be named; a name is judged by every address it has", async () => {
    const loopback = networkList(["127.0.0.0/8"]);
    expect((await resolveTarget("http://127.0.0.1:9/", loopback)).address).toBe("127.0.0.1");
    await expect(resolveTarget("http://1.1.1.1/", loopback)).rejects.toMatchObject({ code: "ERR_WEBHOOK_REFUSED" });
  });

  test("what became private after it was added is looked at again at each delivery", async () => {
    const { url, got } = await receive();
    const admin = adminOf(auth);
    await admin.request({ method: "POST", path: "/v1/webhooks", body: { v: 1, url, types: ["device.registered"] } });
    await auth.context.store.db
      .updateTable("auth_webhooks")
      .set({ url: url.replace("127.0.0.1", "[::1]") })
      .execute();
    const lines = logged.length;
    await registered();
    while (!logged.slice(lines).some((line) => line.includes("ERR_WEBHOOK_REFUSED")))
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(got).toEqual([]);
  });

  test("types that do not exist are refused", async () => {
    const body = { v: 1, url: "http://127.0.0.1/", types: ["login.anything"] };
    await expect(adminOf(auth).request({ method: "POST", path: "/v1/webhooks", body })).rejects.toMatchObject({
      code: "ERR_MESSAGE_INVALID",
    });
  });
});
