/** The API over real HTTP: everything that must be refused, by its code, and that it had no effect. */
import { epochAt, parseEpoch } from "@milagro/crypto/epoch";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Kms } from "../src/kms.ts";
import {
  type Answer,
  allow,
  Client,
  EPOCH_SECONDS,
  type Founded,
  foundDomain,
  makeHome,
  send,
  startInProcess,
  who,
  writePolicy,
} from "./support.ts";

let founded: Founded;
let stranger: Founded;
let home: ReturnType<typeof makeHome>;
let kms: Kms;
let alice: Client;
let url: string;

const RULES = [allow("user/alice", ["put", "rotate", "read", "list", "generate"], ["team/**"])];
const outcome = ({ status, json }: Answer) => [status, json?.code];

beforeAll(async () => {
  founded = await foundDomain("example.org", 1);
  stranger = await foundDomain("example.org", 1); // same name, other masters
  home = makeHome(founded, RULES);
  kms = await startInProcess(home.home, {
    settings: { limits: { bodyBytes: 100_000, identityBurst: 100, identityPerSecond: 1 } },
  });
  alice = new Client(founded, who("user/alice"));
  url = `${kms.url}/v1/secrets/team/x`;
});
afterAll(async () => {
  await kms?.close();
  home?.remove();
});

describe("every signed route refuses a request without a signature", () => {
  test.each([
    ["POST", "/v1/secrets/team/x"],
    ["GET", "/v1/secrets/team/x"],
    ["DELETE", "/v1/secrets/team/x"],
    ["POST", "/v1/generate/team/x"],
    ["GET", "/v1/versions/team/x"],
    ["GET", "/v1/secrets"],
    ["GET", "/v1/events"],
    ["POST", "/v1/acks"],
    ["GET", "/v1/audit/head"],
  ])("%s %s", async (method, path) => {
    const body = method === "POST" ? "{}" : undefined;
    const answer = await send(`${kms.url}${path}`, method, body ? { "content-type": "application/json" } : {}, body);
    expect(outcome(answer)).toEqual([401, "ERR_SIGNATURE_MISSING"]);
    expect(answer.headers["content-type"]).toContain("application/problem+json");
  });
});

describe("a signature is refused when", () => {
  const replayed = async (change: (signed: ReturnType<Client["sign"]>) => Promise<Answer>) => {
    const body = alice.record("team/x", 1, [alice.identity], "x");
    return outcome(await change(alice.sign("POST", url, { body })));
  };

  test("the identity has no key of this domain", async () => {
    const forged = new Client(stranger, who("user/alice"));
    const body = forged.record("team/x", 1, [alice.identity], "x");
    expect(outcome(await forged.call("POST", url, { body }))).toEqual([401, "ERR_SIGNATURE_INVALID"]);
  });
  test("it names another identity than the one that signed", async () =>
    expect(
      await replayed(({ headers, body }) => {
        const input = headers["signature-input"]?.replace("user/alice", "user/mallory") ?? "";
        return send(url, "POST", { ...headers, "signature-input": input }, body);
      }),
    ).toEqual([401, "ERR_SIGNATURE_INVALID"]));
  test("the body was changed", async () =>
    expect(await replayed(({ headers, body }) => send(url, "POST", headers, `${Buffer.from(body ?? [])} `))).toEqual([
      400,
      "ERR_DIGEST_INVALID",
    ]));
  test("the body and its digest were changed", async () =>
    expect(
      await replayed(({ headers }) => {
        const other = alice.sign("POST", url, { body: { v: 1 } });
        return send(url, "POST", { ...headers, "content-digest": other.headers["content-digest"] ?? "" }, other.body);
      }),
    ).toEqual([401, "ERR_SIGNATURE_INVALID"]));
  test("the path was changed", async () =>
    expect(await replayed(({ headers, body }) => send(`${kms.url}/v1/secrets/team/y`, "POST", headers, body))).toEqual([
      401,
      "ERR_SIGNATURE_INVALID",
    ]));
  test("the query was changed", async () =>
    expect(await replayed(({ headers, body }) => send(`${url}?operation=rotate`, "POST", headers, body))).toEqual([
      401,
      "ERR_SIGNATURE_INVALID",
    ]));
  test("the method was changed", async () => {
    const { headers } = alice.sign("GET", url);
    expect(outcome(await send(url, "DELETE", headers))).toEqual([401, "ERR_SIGNATURE_INVALID"]);
  });
  test("an idempotency key was added", async () =>
    expect(
      await replayed(({ headers, body }) => send(url, "POST", { ...headers, "idempotency-key": "k" }, body)),
    ).toEqual([401, "ERR_SIGNATURE_INVALID"]));
  test("it was made for another service", async () => {
    const { headers } = alice.sign("GET", url, { signedFor: "https://other.example.org/v1/secrets/team/x" });
    expect(outcome(await send(url, "GET", headers))).toEqual([401, "ERR_SIGNATURE_INVALID"]);
    const elsewhere = { ...headers, host: "other.example.org" };
    expect(outcome(await send(url, "GET", elsewhere))).toEqual([401, "ERR_SIGNATURE_INVALID"]);
  });
  test.each([
    ["it has expired", -400_000, "ERR_SIGNATURE_EXPIRED"],
    ["it is from the future", 120_000, "ERR_SIGNATURE_EXPIRED"],
  ])("%s", async (_, shiftMs, code) => {
    const answer = await alice.call("GET", url, { nowMs: Date.now() + shiftMs });
    expect(outcome(answer)).toEqual([401, code]);
  });
  test("its key is of an epoch that is over", async () => {
    const epoch = parseEpoch(Math.floor(Date.now() / 1000 / EPOCH_SECONDS) - 2);
    expect(outcome(await alice.call("GET", url, { epoch }))).toEqual([401, "ERR_SIGNATURE_EXPIRED"]);
  });
  test("its key never expires: nothing could revoke it", async () => {
    expect(outcome(await alice.call("GET", url, { epoch: parseEpoch(0) }))).toEqual([401, "ERR_SIGNATURE_EXPIRED"]);
  });
  test("it belongs to another domain's identity, even one that these D-TAs issued to", async () => {
    const guest = new Client(founded, who("user/alice", "other.org"));
    expect(outcome(await guest.call("GET", url))).toEqual([409, "ERR_DOMAIN_MISMATCH"]);
  });
  test("it comes a second time", async () => {
    const target = `${kms.url}/v1/events`;
    const { headers } = alice.sign("GET", target);
    expect((await send(target, "GET", headers)).status).toBe(200);
    expect(outcome(await send(target, "GET", headers))).toEqual([401, "ERR_SIGNATURE_REPLAYED"]);
  });
});

describe("a put is refused when", () => {
  const put = async (body: unknown, path = "team/x", query = "") =>
    outcome(await alice.call("POST", `${kms.url}/v1/secrets/${path}${query}`, { body }));
  const record = (path = "team/x", version = 1) => alice.record(path, version, [alice.identity], "x");

  test("no rule allows the path", async () =>
    expect(await put(record("other/x"), "other/x")).toEqual([403, "ERR_ACCESS_DENIED"]));
  test("no rule allows the operation", async () =>
    expect(await put(record(), "team/x", "?operation=import")).toEqual([403, "ERR_ACCESS_DENIED"]));
  test("it rotates what is not there", async () =>
    expect(await put(record(), "team/x", "?operation=rotate")).toEqual([404, "ERR_SECRET_UNKNOWN"]));
  test("its version is not the next", async () =>
    expect(await put(record("team/x", 2))).toEqual([409, "ERR_VERSION_CONFLICT"]));
  test("its record is for another path", async () =>
    expect(await put(record("team/y"))).toEqual([400, "ERR_MESSAGE_INVALID"]));
  test("its author is somebody else", async () => {
    const bob = new Client(founded, who("user/bob"));
    expect(await put(bob.record("team/x", 1, [bob.identity], "x"))).toEqual([403, "ERR_ACCESS_DENIED"]);
  });
  test("its author's signature is wrong", async () =>
    expect(await put({ ...record(), created: 1 })).toEqual([422, "ERR_VERSION_RECORD_INVALID"]));
  test("its recipients are not those of the envelope", async () => {
    const bob = [{ identity: who("user/bob"), epoch: 1 }];
    expect(await put({ ...record(), recipients: bob })).toEqual([422, "ERR_VERSION_RECORD_INVALID"]);
  });
  test("a recipient is of another domain", async () => {
    const body = alice.record("team/x", 1, [who("user/eve", "other.org")], "x");
    expect(await put(body)).toEqual([409, "ERR_DOMAIN_MISMATCH"]);
  });
  test("its record is of another domain", async () => {
    const other = new Client(stranger, alice.identity);
    expect(await put(other.record("team/x", 1, [alice.identity], "x"))).toEqual([409, "ERR_DOMAIN_MISMATCH"]);
  });
  test("it was created in the future", async () => {
    // Signed with the key of today also in the last hour of the day, when the future lies in another epoch.
    const epoch = epochAt(Date.now(), alice.founded.domain.epochSeconds);
    const body = alice.record("team/x", 1, [alice.identity], "x", { nowMs: Date.now() + 3_600_000, epoch });
    expect(await put(body)).toEqual([400, "ERR_MESSAGE_INVALID"]);
  });
  test("it is not JSON", async () => expect(await put("{ not json")).toEqual([400, "ERR_MESSAGE_INVALID"]));
  test("it is JSON of another kind", async () => expect(await put([1, 2, 3])).toEqual([400, "ERR_MESSAGE_INVALID"]));
  test("it has a property that is not ours", async () =>
    expect(await put({ ...record(), extra: "hunter2" })).toEqual([400, "ERR_MESSAGE_INVALID"]));
  test("it is of a version to come", async () =>
    expect(await put({ ...record(), v: 2 })).toEqual([400, "ERR_VERSION_UNSUPPORTED"]));
  test("it is larger than allowed", async () => {
    const body = alice.record("team/x", 1, [alice.identity], "x".repeat(80_000));
    expect(await put(body)).toEqual([413, "ERR_BODY_TOO_LARGE"]);
  });
  test.each(["team/../x", "team//x", "team/x/", "team/%20", "team/%2e%2e/x", "team/ü", "x".repeat(201)])(
    "its path is %j",
    async (path) => {
      const target = `${kms.url}/v1/secrets/${path}`;
      const body = JSON.stringify(record());
      // Some clients would normalise such a path; an attacker's does not.
      const answer = await alice.call("POST", target.replace("ü", "%C3%BC"), { body });
      expect([400, 401]).toContain(answer.status);
      expect(["ERR_PATH_INVALID", "ERR_SIGNATURE_INVALID", "ERR_MESSAGE_INVALID"]).toContain(answer.json.code);
    },
  );
  test("its idempotency key cannot be one", async () => {
    const answer = await alice.call("POST", url, { body: record(), headers: { "idempotency-key": "k".repeat(129) } });
    expect(outcome(answer)).toEqual([400, "ERR_MESSAGE_INVALID"]);
  });

  test("… and after all this nothing is there", async () => {
    expect(outcome(await alice.call("GET", url))).toEqual([404, "ERR_SECRET_UNKNOWN"]);
    expect((await alice.call("GET", `${kms.url}/v1/events`)).json.events).toEqual([]);
    expect((await alice.call("GET", `${kms.url}/v1/secrets`)).json.secrets).toEqual([]);
  });
});

describe("who may not, may not", () => {
  test("read what is there and what is not, without telling which", async () => {
    await alice.put(kms.url, "team/hidden", 1, [alice.identity], "x");
    const mallory = new Client(founded, who("user/mallory"));
    const there = await mallory.call("GET", `${kms.url}/v1/secrets/team/hidden`);
    const not = await mallory.call("GET", `${kms.url}/v1/secrets/team/nothing`);
    const { instance: _, ...a } = there.json;
    const { instance: __, ...b } = not.json;
    expect(a).toEqual(b);
    expect(a.code).toBe("ERR_ACCESS_DENIED");
  });

  test("delete", async () => {
    expect(outcome(await alice.call("DELETE", `${kms.url}/v1/secrets/team/hidden`))).toEqual([
      403,
      "ERR_ACCESS_DENIED",
    ]);
    expect((await alice.call("GET", `${kms.url}/v1/secrets/team/hidden`)).status).toBe(200);
  });

  test("see another's deliveries: acknowledging them counts nothing", async () => {
    const bob = new Client(founded, who("user/bob"));
    const acks = [{ sequence: 1, outcome: "delivered" }];
    expect((await bob.call("POST", `${kms.url}/v1/acks`, { body: { v: 1, acks } })).json).toEqual({
      v: 1,
      accepted: 0,
    });
    expect((await bob.call("GET", `${kms.url}/v1/events`)).json.events).toEqual([]);
  });

  test("after the policy was reloaded, what the old one allowed", async () => {
    writePolicy(home.home, [], 2);
    expect(await kms.reloadPolicy()).toBe(true);
    const denied = await alice.put(kms.url, "team/late", 1, [alice.identity], "x");
    writePolicy(home.home, RULES, 3);
    await kms.reloadPolicy();
    expect(outcome(denied)).toEqual([403, "ERR_ACCESS_DENIED"]);
  });
});

describe("generating is refused", () => {
  const order = (more: object) => ({
    v: 1,
    recipients: [{ identity: alice.identity, epoch: 1 }],
    form: { type: "bytes", length: 32 },
    ...more,
  });
  const generate = async (body: unknown, path = "team/g") =>
    outcome(await alice.call("POST", `${kms.url}/v1/generate/${path}`, { body }));

  test("while the D-KMS has no identity to sign with", async () =>
    expect(await generate(order({}))).toEqual([503, "ERR_SERVICE_NOT_ENROLLED"]));
  test("where no rule allows it", async () =>
    expect(await generate(order({}), "other/g")).toEqual([403, "ERR_ACCESS_DENIED"]));
  test("to a recipient of another domain", async () =>
    expect(await generate(order({ recipients: [{ identity: who("user/x", "other.org"), epoch: 1 }] }))).toEqual([
      409,
      "ERR_DOMAIN_MISMATCH",
    ]));
  test("when it is too short to be a secret", async () =>
    expect(await generate(order({ form: { type: "bytes", length: 8 } }))).toEqual([400, "ERR_MESSAGE_INVALID"]));
});

describe("enrolment is refused", () => {
  const sealed = (index: number, domainId?: Uint8Array) => ({
    v: 1,
    domainId: Buffer.from(domainId ?? founded.domain.domainId).toString("base64url"),
    index,
    encapsulatedKey: "A".repeat(43),
    ciphertext: Buffer.alloc(64).toString("base64url"),
  });
  const post = async (body: unknown) =>
    outcome(
      await send(`${kms.url}/v1/enrolments`, "POST", { "content-type": "application/json" }, JSON.stringify(body)),
    );

  test("for another domain", async () =>
    expect(await post({ v: 1, requests: [sealed(1, new Uint8Array(32))] })).toEqual([409, "ERR_DOMAIN_MISMATCH"]));
  test("for a D-TA that is not there", async () =>
    expect(await post({ v: 1, requests: [sealed(2)] })).toEqual([400, "ERR_MESSAGE_INVALID"]));
  test("twice for one D-TA", async () =>
    expect(await post({ v: 1, requests: [sealed(1), sealed(1)] })).toEqual([400, "ERR_MESSAGE_INVALID"]));
  test("without requests", async () =>
    expect(await post({ v: 1, requests: [] })).toEqual([400, "ERR_MESSAGE_INVALID"]));
  test("when nobody knows it", async () =>
    expect(outcome(await send(`${kms.url}/v1/enrolments/${"A".repeat(43)}`, "GET"))).toEqual([
      404,
      "ERR_ENROLMENT_UNKNOWN",
    ]));
  test("under a name that cannot be one", async () =>
    expect(outcome(await send(`${kms.url}/v1/enrolments/short`, "GET"))).toEqual([400, "ERR_MESSAGE_INVALID"]));
});

test("one identity's flood is refused with the time to wait, and another's request passes", async () => {
  const flood = new Client(founded, who("endpoint/flood"));
  const answers = await Promise.all(Array.from({ length: 120 }, () => flood.call("GET", `${kms.url}/v1/events`)));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  expect(answers.length - refused.length).toBeGreaterThanOrEqual(100);
  for (const answer of refused) {
    expect(answer.json.code).toBe("ERR_RATE_LIMITED");
    expect(Number(answer.headers["retry-after"])).toBeGreaterThanOrEqual(1);
  }
  const quiet = new Client(founded, who("endpoint/quiet"));
  expect((await quiet.call("GET", `${kms.url}/v1/events`)).status).toBe(200);
});
