/** The real program, killed, starved of disk, cut off from its database: closed or retried, never half, nothing lost. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { needsPostgres, startPostgres } from "../../../tests/support/postgres-server.ts";
import { eventually } from "./bus-member.ts";
import { inventoryOf, putUntilKilled } from "./kill.ts";
import { type Running, type StartError, startProcess } from "./process.ts";
import {
  type Answer,
  allow,
  Client,
  type Founded,
  foundDomain,
  makeHome,
  send,
  startInProcess,
  who,
  writePolicy,
} from "./support.ts";

let founded: Founded;
let alice: Client;
let web: Client;
beforeAll(async () => {
  founded = await foundDomain("example.org", 1);
  alice = new Client(founded, who("user/alice"));
  web = new Client(founded, who("endpoint/web"));
});

function newHome(): string {
  const home = makeHome(founded, [allow("user/alice", ["put", "read", "list"])]);
  onTestFinished(() => home.remove());
  return home.home;
}

const inventory = (url: string, path: string) => inventoryOf(alice, web, url, path);

describe("as a program", () => {
  let home: ReturnType<typeof makeHome>;
  let kms: Running;
  beforeAll(async () => {
    home = makeHome(founded, [allow("user/alice", ["put", "list"])]);
    kms = await startProcess(home.home);
  });
  afterAll(async () => {
    await kms?.end("SIGKILL");
    home?.remove();
  });

  test("answers /health while requests that came before it still wait for their signatures to be checked", async () => {
    const target = `${kms.url}/v1/events`;
    const count = 60;
    /** How many of them were answered when /health was. */
    const overtaken = async (): Promise<number> => {
      const signed = Array.from({ length: count }, () => web.sign("GET", target).headers);
      let answered = 0;
      const load = signed.map(async (headers) => {
        // The limit by identity comes after the signature check, so what it refuses has cost the same.
        expect([200, 429]).toContain((await send(target, "GET", headers)).status);
        answered++;
      });
      await Promise.race(load); // it is at them
      expect((await send(`${kms.url}/health`, "GET")).status).toBe(200);
      const then = answered;
      await Promise.all(load);
      return then;
    };
    // A busy machine may let this process sleep until all are answered, but not each time.
    let fewest = count;
    for (let round = 0; round < 20 && fewest > count / 2; round++) fewest = Math.min(fewest, await overtaken());
    expect(fewest).toBeLessThanOrEqual(count / 2);
  });

  test("tells nobody: no plaintext, path, signature, nonce or body in log, metrics or answers to strangers", async () => {
    const secret = "correct-horse-battery-staple";
    const body = alice.record("very/private/path", 1, [web.identity], secret);
    const target = `${kms.url}/v1/secrets/very/private/path`;
    const { headers, body: bytes } = alice.sign("POST", target, { body, headers: { "idempotency-key": "idem-key-1" } });
    expect((await send(target, "POST", headers, bytes)).status).toBe(201);
    await send(target, "POST", { ...headers, signature: "sig1=:AAAA:" }, bytes);
    await send(
      `${kms.url}/v1/secrets/${secret}`,
      "POST",
      { "content-type": "application/json" },
      `{"${secret}":"${secret}"}`,
    );
    await send(`${kms.url}/${secret}?x=${secret}`, "GET");
    const metrics = (await send(`${kms.url}/metrics`, "GET")).text;
    const signature = /:([^:]+):/.exec(headers["signature"] ?? "")?.[1] ?? "none";
    const nonce = /nonce="([^"]+)"/.exec(headers["signature-input"] ?? "")?.[1] ?? "none";
    const database = readdirSync(home.home).filter((f) => f.startsWith("kms.sqlite"));
    const stored = database.map((f) => readFileSync(join(home.home, f), "latin1")).join("");
    for (const needle of [secret, Buffer.from(secret).toString("base64url").slice(0, -1)])
      expect(stored).not.toContain(needle);
    for (const place of [kms.log(), metrics])
      for (const needle of [secret, "very/private", signature, nonce, "idem-key-1", body.envelope.slice(0, 40)])
        expect(place).not.toContain(needle);
  });

  test("killed while a client puts: every acknowledged version is there, none is half there, each is delivered once", async () => {
    const acknowledged = await putUntilKilled(alice, kms, [web.identity], "kill/me", 1, "only round");
    kms = await startProcess(home.home);
    const there = await inventory(kms.url, "kill/me");
    expect(there.slice(0, acknowledged.length)).toEqual(acknowledged);
    expect(there.length).toBeLessThanOrEqual(acknowledged.length + 1);
  });

  test("reads its policy again on SIGHUP", async () => {
    writePolicy(home.home, [], 2);
    kms.signal("SIGHUP");
    await eventually(() => kms.log().includes('"policyVersion":2'));
    const denied = await alice.put(kms.url, "a/b", 1, [web.identity], "x");
    expect(denied.json.code).toBe("ERR_ACCESS_DENIED");
  });

  test("ends with status 0 on SIGTERM, also while requests wait", async () => {
    const waiting = web.call("GET", `${kms.url}/v1/events?after=1000&wait=30`);
    await eventually(async () => /^milagro_kms_waiting\{.*\} 1$/m.test((await send(`${kms.url}/metrics`, "GET")).text));
    expect(await kms.end("SIGTERM")).toBe(0);
    // Answered: had the end not woken it, the connection would have been cut.
    expect((await waiting).status).toBe(200);
  });
});

describe("the disk is full", () => {
  test("a put is refused as such and leaves nothing; with room again the same put succeeds", async () => {
    const home = newHome();
    // Tables fit, a large record does not: no file may grow past 320 KiB.
    const cramped = await startProcess(home, [], { fileBlocks: 320 });
    const body = alice.record("full/x", 1, [web.identity], "x".repeat(300_000));
    const put = (url: string) =>
      alice.call("POST", `${url}/v1/secrets/full/x`, { body, headers: { "idempotency-key": "full" } });
    const refused = await put(cramped.url);
    expect([refused.status, refused.json.code].join()).toMatch(/^503,ERR_STORAGE_(FULL|UNAVAILABLE)$/);
    expect(refused.text).not.toContain("xxxx");
    expect((await send(`${cramped.url}/health`, "GET")).status).toBe(200);
    expect(["SIGTERM", 0, 70]).toContain(await cramped.end("SIGTERM"));

    const roomy = await startInProcess(home);
    expect(await inventory(roomy.url, "full/x")).toEqual([]);
    expect((await put(roomy.url)).status).toBe(201);
    expect((await inventory(roomy.url, "full/x"))[0]).toHaveLength(300_000);
    await roomy.close();
  });
});

describe("PostgreSQL", () => {
  needsPostgres(
    "goes away and comes back: requests fail while it is away, and nothing is lost or doubled",
    async () => {
      const postgres = await startPostgres();
      onTestFinished(() => postgres.stop());
      const home = newHome();
      const kms = await startInProcess(home, { args: ["--database", await postgres.freshUrl()] });
      onTestFinished(() => kms.close());
      const put = (version: number): Promise<Answer> =>
        alice.put(kms.url, "pg/x", version, [web.identity], `v${version}`, { "idempotency-key": `pg-${version}` });
      expect((await put(1)).status).toBe(201);
      await postgres.crash();
      const away = await put(2);
      expect(away.status).toBe(503);
      expect(away.json.code).toBe("ERR_STORAGE_UNAVAILABLE");
      expect((await send(`${kms.url}/health`, "GET")).status).toBe(200);
      expect((await send(`${kms.url}/ready`, "GET")).json.checks.database).not.toBe("ok");
      await postgres.start();
      for (const version of [2, 3, 4]) await eventually(async () => (await put(version)).status === 201);
      expect(await inventory(kms.url, "pg/x")).toEqual(["v1", "v2", "v3", "v4"]);
    },
  );
});

describe("does not start", () => {
  test.each<[string, (home: string) => readonly string[] | undefined, string]>([
    ["without a descriptor", () => ["--domain", "/nowhere/domain.json"], "ERR_CONFIG_INVALID"],
    ["with an option that is none", () => ["--colour", "blue"], "ERR_CONFIG_INVALID"],
    ["with a port that is none", () => ["--listen", "127.0.0.1:99999"], "ERR_CONFIG_INVALID"],
    ["with a policy that is none", (home) => void writeFileSync(join(home, "policy.json"), "{"), "ERR_CONFIG_INVALID"],
    ["for another domain than pinned", () => ["--pin", "A".repeat(43)], "ERR_DESCRIPTOR_PIN"],
    [
      "with a database that is damaged",
      (home) => void writeFileSync(join(home, "kms.sqlite"), "not a database".repeat(1000)),
      "ERR_DATABASE_CORRUPT",
    ],
    [
      "with a forged descriptor",
      (home) => {
        const file = join(home, "domain.json");
        writeFileSync(file, readFileSync(file, "utf8").replace("Operator 1", "Operator X"));
        return undefined;
      },
      "ERR_DESCRIPTOR_FORGED",
    ],
  ])("%s", async (_, spoil, code) => {
    const home = newHome();
    const args = spoil(home) ?? [];
    await expect((async () => startInProcess(home, { args }))()).rejects.toMatchObject({ code });
  });

  test("and says so with status 1, what to do, and no stack trace", async () => {
    const failed = await startProcess(newHome(), ["--pin", "nonsense"]).catch((error: StartError) => error);
    expect(failed).toMatchObject({ status: 1 });
    expect((failed as StartError).message).toMatch(/^milagro-kms: setting "pin".*\(ERR_CONFIG_INVALID\)\n.+\n$/);
  });
});
