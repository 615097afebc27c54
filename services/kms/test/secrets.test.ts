/** The API over real HTTP: what works. What is refused is in `refusals.test.ts`. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Kms } from "../src/kms.ts";
import { allow, Client, type Founded, foundDomain, makeHome, send, startInProcess, who } from "./support.ts";

let founded: Founded;
let home: ReturnType<typeof makeHome>;
let kms: Kms;
let alice: Client;
let web: Client;

beforeAll(async () => {
  founded = await foundDomain("example.org", 1);
  home = makeHome(founded, [
    allow("user/alice", ["put", "import", "rotate", "read", "list", "delete"], ["team/**", "list/**"]),
    allow("user/auditor", ["list"], ["team/**"]),
    allow("user/writer", ["put"], ["team/**"]),
    allow("endpoint/lister", ["list"], ["list/a/**"]),
  ]);
  kms = await startInProcess(home.home);
  alice = new Client(founded, who("user/alice"));
  web = new Client(founded, who("endpoint/web"));
});
afterAll(async () => {
  await kms?.close();
  home?.remove();
});

describe("a secret", () => {
  test("is put, delivered, read, opened by its recipient only, and acknowledged", async () => {
    const stored = await alice.put(kms.url, "team/db/password", 1, [web.identity], "correct horse");
    expect([stored.status, stored.json]).toEqual([201, { v: 1, path: "team/db/password", version: 1, sequence: 1 }]);

    const page = await web.call("GET", `${kms.url}/v1/events?after=0`);
    expect(page.json).toMatchObject({
      v: 1,
      next: 1,
      events: [{ sequence: 1, type: "version", path: "team/db/password", version: 1 }],
    });
    expect(web.open(page.json.events[0].record)).toBe("correct horse");

    const read = await web.call("GET", `${kms.url}/v1/secrets/team/db/password?version=1`);
    expect(read.json).toEqual(page.json.events[0].record);
    expect(() => alice.open(read.json)).toThrow("not a recipient");

    const ack = { v: 1, acks: [{ sequence: 1, outcome: "delivered" }] };
    expect((await web.call("POST", `${kms.url}/v1/acks`, { body: ack })).json).toEqual({ v: 1, accepted: 1 });
    expect((await web.call("POST", `${kms.url}/v1/acks`, { body: ack })).json).toEqual({ v: 1, accepted: 0 });
  });

  test("gets versions, each its own record; without a number the newest is read", async () => {
    for (const version of [1, 2, 3]) {
      expect((await alice.put(kms.url, "team/versions", version, [web.identity], `value ${version}`)).status).toBe(201);
    }
    expect(web.open((await web.call("GET", `${kms.url}/v1/secrets/team/versions`)).json)).toBe("value 3");
    expect(web.open((await web.call("GET", `${kms.url}/v1/secrets/team/versions?version=2`)).json)).toBe("value 2");
    const { json } = await alice.call("GET", `${kms.url}/v1/versions/team/versions`);
    expect(json.versions.map((v: { version: number }) => v.version)).toEqual([3, 2, 1]);
    expect(json.versions[0]).toMatchObject({
      path: "team/versions",
      author: { identity: alice.identity },
      recipients: [web.identity],
    });
    expect(JSON.stringify(json)).not.toContain("envelope");
  });

  test("that is deleted is gone, its recipients are told, and numbering goes on", async () => {
    await alice.put(kms.url, "team/gone", 1, [web.identity], "x");
    const removed = await alice.call("DELETE", `${kms.url}/v1/secrets/team/gone`);
    expect(removed.json).toEqual({ v: 1, path: "team/gone", versions: 1 });
    expect((await alice.call("GET", `${kms.url}/v1/secrets/team/gone`)).json.code).toBe("ERR_SECRET_UNKNOWN");
    expect((await alice.call("DELETE", `${kms.url}/v1/secrets/team/gone`)).json.code).toBe("ERR_SECRET_UNKNOWN");
    const { json } = await web.call("GET", `${kms.url}/v1/events?after=0&limit=100`);
    const mine = json.events.filter((e: { path: string }) => e.path === "team/gone");
    expect(mine.map((e: { type: string }) => e.type)).toEqual(["version", "deleted"]);
    expect(mine[0].record).toBeUndefined();
    expect((await alice.call("GET", `${kms.url}/v1/versions/team/gone`)).json).toEqual({
      v: 1,
      path: "team/gone",
      versions: [],
      newest: 1,
      deleted: true,
    });
    expect((await web.call("GET", `${kms.url}/v1/versions/team/gone`)).json.code).toBe("ERR_ACCESS_DENIED");
    const auditor = new Client(founded, who("user/auditor"));
    expect((await auditor.call("GET", `${kms.url}/v1/versions/team/gone`)).json.code).toBe("ERR_SECRET_UNKNOWN");
    expect((await alice.put(kms.url, "team/gone", 1, [web.identity], "x")).json.code).toBe("ERR_VERSION_CONFLICT");
    expect((await alice.put(kms.url, "team/gone", 2, [web.identity], "y")).status).toBe(201);
  });

  test("tells who may only write the number to follow, and nothing else", async () => {
    const writer = new Client(founded, who("user/writer"));
    await alice.put(kms.url, "team/written", 1, [web.identity], "x");
    expect((await writer.call("GET", `${kms.url}/v1/versions/team/written`)).json).toMatchObject({
      versions: [],
      newest: 1,
      deleted: false,
    });
    expect((await writer.call("GET", `${kms.url}/v1/versions/team/never`)).json.code).toBe("ERR_SECRET_UNKNOWN");
    expect((await writer.call("GET", `${kms.url}/v1/versions/list/x`)).json.code).toBe("ERR_ACCESS_DENIED");
  });

  test("waiting for deliveries ends when one comes", async () => {
    const [late, never] = [new Client(founded, who("endpoint/late")), new Client(founded, who("endpoint/never"))];
    const wait = (client: Client) => client.call("GET", `${kms.url}/v1/events?after=0&wait=20`);
    const untilWaiting = async (count: number) => {
      const said = new RegExp(`^milagro_kms_waiting\\{.*\\} ${count}$`, "m");
      while (!said.test((await send(`${kms.url}/metrics`, "GET")).text))
        await new Promise((resolve) => setTimeout(resolve, 20));
    };
    let isOver = false;
    const longer = wait(never).finally(() => {
      isOver = true;
    });
    longer.catch(() => {}); // it ends with the server
    await untilWaiting(1);
    const waiting = wait(late);
    await untilWaiting(2);
    await alice.put(kms.url, "team/late", 1, [late.identity], "now");
    expect((await waiting).json.events).toHaveLength(1);
    // Who began to wait before, and as long, waits still.
    expect(isOver).toBe(false);
  });
});

describe("listing", () => {
  const list = async (client: Client, query: string) =>
    (await client.call("GET", `${kms.url}/v1/secrets?${query}`)).json;
  const paths = (page: { secrets: { path: string }[] }) => page.secrets.map((s) => s.path);

  test("pages by cursor, by prefix, and shows only what the caller may list", async () => {
    for (const path of ["list/a/1", "list/a/2", "list/a/3", "list/b/1"])
      await alice.put(kms.url, path, 1, [web.identity], "x");
    const first = await list(alice, "prefix=list/&limit=3");
    expect(paths(first)).toEqual(["list/a/1", "list/a/2", "list/a/3"]);
    const second = await list(alice, `prefix=list/&limit=3&cursor=${first.cursor}`);
    expect(paths(second)).toEqual(["list/b/1"]);
    expect(second.cursor).toBeUndefined();
    const lister = new Client(founded, who("endpoint/lister"));
    expect(paths(await list(lister, "prefix=list/"))).toEqual(["list/a/1", "list/a/2", "list/a/3"]);
    expect((await list(lister, `prefix=list/&cursor=${first.cursor}`)).code).toBe("ERR_CURSOR_INVALID");
    expect((await list(alice, `prefix=list&cursor=${first.cursor}`)).code).toBe("ERR_CURSOR_INVALID");
    expect((await list(web, "prefix=list/")).code).toBe("ERR_ACCESS_DENIED");
  });
});

describe("an idempotency key", () => {
  const key = (name: string) => ({ "idempotency-key": name });

  test("gives the same answer and one effect, however often; another request under it is refused", async () => {
    const body = alice.record("team/idem", 1, [web.identity], "once");
    const answers = [];
    for (let i = 0; i < 3; i++)
      answers.push(await alice.call("POST", `${kms.url}/v1/secrets/team/idem`, { body, headers: key("k1") }));
    expect(new Set(answers.map((a) => `${a.status} ${a.text}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(201);
    const other = alice.record("team/idem", 2, [web.identity], "another");
    const conflict = await alice.call("POST", `${kms.url}/v1/secrets/team/idem`, { body: other, headers: key("k1") });
    expect([conflict.status, conflict.json.code]).toEqual([409, "ERR_IDEMPOTENCY_CONFLICT"]);
    const { json } = await alice.call("GET", `${kms.url}/v1/versions/team/idem`);
    expect(json.versions).toHaveLength(1);
  });

  test("used ten times at once has one effect", async () => {
    const body = alice.record("team/race", 1, [web.identity], "once");
    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        alice.call("POST", `${kms.url}/v1/secrets/team/race`, { body, headers: key("k2") }),
      ),
    );
    expect(new Set(answers.map((a) => `${a.status} ${a.text}`)).size).toBe(1);
  });

  test("covers deleting", async () => {
    await alice.put(kms.url, "team/del", 1, [web.identity], "x");
    const remove = () => alice.call("DELETE", `${kms.url}/v1/secrets/team/del`, { headers: key("k3") });
    const [first, second] = [await remove(), await remove()];
    expect([first.status, first.text]).toEqual([second.status, second.text]);
    expect(first.status).toBe(200);
  });

  test("without one, the very same record again is answered as before; another record of that number conflicts", async () => {
    const body = alice.record("team/natural", 1, [web.identity], "same");
    const put = () => alice.call("POST", `${kms.url}/v1/secrets/team/natural`, { body });
    expect([(await put()).status, (await put()).status]).toEqual([201, 201]);
    const other = await alice.put(kms.url, "team/natural", 1, [web.identity], "other");
    expect([other.status, other.json.code]).toEqual([409, "ERR_VERSION_CONFLICT"]);
  });
});

test("health, readiness, metrics, descriptor", async () => {
  expect((await send(`${kms.url}/health`, "GET")).json).toEqual({ status: "ok" });
  expect((await send(`${kms.url}/ready`, "GET")).json).toMatchObject({
    ready: true,
    checks: { database: "ok", bus: "ok" },
  });
  expect((await send(`${kms.url}/metrics`, "GET")).text).toContain("milagro_kms_waiting");
  expect((await send(`${kms.url}/v1/descriptor`, "GET")).json.descriptor.name).toBe("example.org");
});
