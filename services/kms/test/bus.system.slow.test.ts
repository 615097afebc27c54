/** The bus: who gets in and what they may do; enrolment relayed to D-TAs that come and go; the D-KMS's own identity.
 * One file, since all three need the same broker and D-TAs running. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { utf8 } from "@milagro/crypto/bytes";
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import { MilagroError } from "@milagro/engine/error";
import { answersTopic, eventsTopic, parseBusEvent, requestsTopic } from "@milagro/protocol/bus-messages";
import { encodeBusToken, makeDtaBusToken, makeIdentityBusToken, parseBusToken } from "@milagro/protocol/bus-token";
import { beginEnrolment, finishEnrolment } from "@milagro/protocol/enrolment";
import { encodeSealedRequest } from "@milagro/protocol/issuance-messages";
import { generateJoinToken } from "@milagro/protocol/join-token";
import { parseEnrolmentStatus } from "@milagro/protocol/kms-messages";
import { problemOf } from "@milagro/protocol/problem";
import { verifySecretRecord } from "@milagro/protocol/secret";
import { parseSecretRecord } from "@milagro/protocol/secret-record";
import { parseJson } from "@milagro/protocol/wire";
import { createBroker } from "@milagro/runtime/broker";
import { type Bus, connectBus } from "@milagro/runtime/bus";
import { silentLog } from "@milagro/runtime/log";
import { clientIdPrefix } from "@milagro/runtime/mqtt-topic";
import { createNotifier } from "@milagro/runtime/notifier";
import mqtt from "mqtt";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { freePorts } from "../../../tests/support/ports.ts";
import type { Kms } from "../src/kms.ts";
import { authenticAnswer, createRelay, relayTopic } from "../src/relay-enrolment.ts";
import { openStore } from "../src/sql-store.ts";
import { createTasks } from "../src/tasks.ts";
import { type BusMember, connected, eventually, joinBus } from "./bus-member.ts";
import {
  allow,
  Client,
  engine,
  type Founded,
  foundDomain,
  makeHome,
  random,
  send,
  startInProcess,
  who,
} from "./support.ts";

let founded: Founded;
let home: ReturnType<typeof makeHome>;
let kms: Kms;
let ports: { api: number; bus: number };
const epochNow = (): Epoch => epochAt(Date.now(), founded.domain.epochSeconds);

const start = () =>
  startInProcess(home.home, {
    args: [
      "--listen",
      `127.0.0.1:${ports.api}`,
      "--bus-listen",
      `127.0.0.1:${ports.bus}`,
      "--passphrase-file",
      join(home.home, "pass"),
      "--join-tokens",
      join(home.home, "tokens"),
    ],
  });

beforeAll(async () => {
  founded = await foundDomain();
  home = makeHome(founded, [allow("user/alice", ["put", "generate", "rotate", "list", "read"])]);
  writeFileSync(join(home.home, "pass"), "a passphrase for tests\n", { mode: 0o600 });
  const [api = 0, bus = 0] = await freePorts(2);
  ports = { api, bus };
  kms = await start();
});
afterAll(async () => {
  await kms?.close();
  home?.remove();
});

const identityToken = (client: Client, nowMs = Date.now()): string =>
  makeIdentityBusToken(engine, random, {
    domain: founded.domain,
    identity: client.identity,
    epoch: epochNow(),
    key: client.key("sig", epochNow()),
    nowMs,
  });
const dtaToken = (index: number, nowMs = Date.now()): string => {
  const member = founded.members[index - 1];
  if (!member) throw new Error("no such member");
  return makeDtaBusToken(engine, random, {
    domainId: founded.domain.domainId,
    index,
    statement: member.masters.statement,
    nowMs,
  });
};

/** Connects once with exactly this; the broker's word. */
async function knock(username: string, password: string): Promise<mqtt.MqttClient | undefined> {
  const client = mqtt.connect(kms.busUrl, {
    username,
    password,
    clientId: `${clientIdPrefix(username)}-${Math.random().toString(36).slice(2)}`,
    reconnectPeriod: 0,
    protocolVersion: 4,
  });
  client.on("error", () => {});
  onTestFinished(() => void client.end(true));
  return new Promise((resolve) => {
    client.once("connect", () => resolve(client));
    client.once("close", () => resolve(undefined));
  });
}

describe("connecting", () => {
  let web: Client;
  beforeAll(() => {
    web = new Client(founded, who("endpoint/web"));
  });

  test("works with a fresh token, once", async () => {
    const token = identityToken(web);
    expect(await knock(web.identity, token)).toBeDefined();
    expect(await knock(web.identity, token)).toBeUndefined();
  });

  test.each<[string, () => [string, string]]>([
    ["no token", () => [web.identity, ""]],
    ["something that is no token", () => [web.identity, "hunter2"]],
    ["an old token", () => [web.identity, identityToken(web, Date.now() - 120_000)]],
    ["a token from the future", () => [web.identity, identityToken(web, Date.now() + 120_000)]],
    ["another's token", () => [who("endpoint/other"), identityToken(web)]],
    ["a D-TA's name with an identity's token", () => ["dta:1", identityToken(web)]],
    ["another D-TA's token", () => ["dta:2", dtaToken(1)]],
    [
      "a token with another subject than was signed",
      () => {
        const identity = who("endpoint/other");
        return [identity, encodeBusToken({ ...parseBusToken(identityToken(web)), subject: identity })];
      },
    ],
    [
      "a token with a changed nonce",
      () => [web.identity, encodeBusToken({ ...parseBusToken(identityToken(web)), nonce: random(16) })],
    ],
    [
      "a token by keys of another domain",
      () => {
        const members = [founded.members[1], founded.members[0], founded.members[2]] as Founded["members"];
        const forged = new Client({ ...founded, members: members.slice(0, 2) }, web.identity);
        return [web.identity, identityToken(forged)];
      },
    ],
  ])("is refused with %s", async (_, make) => {
    expect(await knock(...make())).toBeUndefined();
  });
});

describe("once connected", () => {
  const refusedSubscription = async (client: mqtt.MqttClient, topic: string): Promise<boolean> =>
    client.subscribeAsync(topic, { qos: 1 }).then(
      (granted) => granted.some(({ qos }) => Number(qos) === 128),
      () => true,
    );

  test("an endpoint hears its own events and nothing else, and says nothing", async () => {
    const web = new Client(founded, who("endpoint/web"));
    const { domainId } = founded.domain;
    const client = (await knock(web.identity, identityToken(web))) as mqtt.MqttClient;
    expect(await refusedSubscription(client, eventsTopic(domainId, web.identity))).toBe(false);
    for (const topic of [
      eventsTopic(domainId, who("endpoint/other")),
      requestsTopic(domainId, 1),
      answersTopic(domainId, 1),
      "#",
      "+/+/+/+/+/+",
      "milagro/v1/#",
      "$SYS/#",
    ])
      expect(await refusedSubscription(client, topic), topic).toBe(true);
    // Publishing where one may not ends the connection.
    const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
    client.publish(answersTopic(domainId, 1), "{}", { qos: 1 });
    await closed;
  });

  test("a D-TA hears its requests and says its answers, not another's", async () => {
    const { domainId } = founded.domain;
    const client = (await knock("dta:1", dtaToken(1))) as mqtt.MqttClient;
    expect(await refusedSubscription(client, requestsTopic(domainId, 1))).toBe(false);
    expect(await refusedSubscription(client, requestsTopic(domainId, 2))).toBe(true);
    expect(await refusedSubscription(client, eventsTopic(domainId, who("endpoint/web")))).toBe(true);
    const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
    client.publish(answersTopic(domainId, 2), "{}", { qos: 1 });
    await closed;
  });
});

describe("relayed enrolment", () => {
  const members: BusMember[] = [];
  afterEach(async () => {
    for (const member of members.splice(0)) await member.close();
  });
  const join_ = async (index: number): Promise<BusMember> => {
    const member = await joinBus(founded, index, kms.busUrl);
    members.push(member);
    await connected(member.bus);
    return member;
  };

  async function begin(name: string) {
    const enrolment = await beginEnrolment({
      random,
      domain: founded.domain,
      identity: who(name),
      keys: [{ usage: "enc", epoch: epochNow() }],
      evidence: [[], [], []],
      nowMs: Date.now(),
    });
    const body = JSON.stringify({ v: 1, requests: enrolment.requests.map(encodeSealedRequest) });
    const post = () => send(`${kms.url}/v1/enrolments`, "POST", { "content-type": "application/json" }, body);
    return { enrolment, post };
  }
  const status = async (id: string, wait = 0) => {
    const answer = await send(`${kms.url}/v1/enrolments/${id}?wait=${wait}`, "GET");
    return parseEnrolmentStatus(answer.json);
  };

  test("D-TAs answer, a D-TA that is down is asked again when it is back, and the sum is a key", async () => {
    await join_(1);
    await join_(3);
    const { enrolment, post } = await begin("endpoint/one");
    const posted = await post();
    expect(posted.status).toBe(202);
    expect((await post()).json).toEqual(posted.json); // the same again is the same enrolment
    await eventually(async () => (await status(posted.json.id)).pending.join() === "2");
    const second = await join_(2);
    const done = await eventually(async () => {
      const now = await status(posted.json.id, 10);
      return now.pending.length === 0 && now;
    });
    expect(second.seen.every((id) => id === posted.json.id)).toBe(true);
    const { keys } = await finishEnrolment({
      engine,
      random,
      domain: founded.domain,
      enrolment,
      answers: done.answers,
    });
    expect(keys.map((key) => key.usage)).toEqual(["enc"]);
  });

  test("a sealed D-TA stays pending and answers when it is unsealed; a refusal is an answer", async () => {
    const first = await join_(1);
    const second = await join_(2);
    await join_(3);
    first.mode = "sealed";
    second.mode = "refuse";
    const { post } = await begin("endpoint/two");
    const { id } = (await post()).json;
    await eventually(async () => (await status(id)).pending.join() === "1");
    first.mode = "issue";
    const done = await eventually(async () => {
      const now = await status(id, 10);
      return now.pending.length === 0 && now;
    });
    expect(done.answers.find((answer) => answer.index === 2)).toMatchObject({
      refusal: { code: "ERR_EVIDENCE_MISSING" },
    });
    expect(done.problems).toEqual([]);
  });

  test("goes on after the D-KMS was stopped in the middle and started again", async () => {
    const { post } = await begin("endpoint/three");
    const { id } = (await post()).json;
    await kms.close();
    kms = await start();
    for (const index of [1, 2, 3]) await join_(index);
    const done = await eventually(async () => {
      const now = await status(id, 10);
      return now.pending.length === 0 && now;
    });
    expect(done.answers.map(({ index }) => index)).toEqual([1, 2, 3]);
  });

  test("what a D-TA says of an enrolment that is not, or of nothing, harms nobody", async () => {
    const first = await join_(1);
    const topic = answersTopic(founded.domain.domainId, 1);
    for (const junk of ["", "{", "null", '{"v":1}', "\u0000", JSON.stringify({ v: 1, id: "x", index: 2, problem: {} })])
      await first.bus.publish(topic, utf8(junk));
    expect((await send(`${kms.url}/health`, "GET")).status).toBe(200);
  });

  test("is limited by address: storage is bounded whatever strangers send", async () => {
    const store = await openStore("sqlite::memory:", Date.now);
    const relay = createRelay({
      store,
      bus: { publish: async () => {} },
      domain: founded.domain,
      clock: Date.now,
      log: silentLog,
      notifier: createNotifier(),
      limits: { perSource: 2, total: 3, ttlSeconds: 60 },
      sourceKey: random(32),
    });
    const request = () => [
      {
        v: 1,
        domainId: founded.domain.domainId,
        index: 1,
        encapsulatedKey: random(32),
        ciphertext: random(64),
      } as const,
    ];
    await relay.enrol(request(), "192.0.2.1");
    await relay.enrol(request(), "192.0.2.1");
    await expect(relay.enrol(request(), "192.0.2.1")).rejects.toMatchObject({ code: "ERR_RATE_LIMITED" });
    await relay.enrol(request(), "192.0.2.2");
    await expect(relay.enrol(request(), "192.0.2.3")).rejects.toMatchObject({ code: "ERR_OVERLOADED" });
    await relay.stop();
    await store.close();
  });
});

describe("the D-KMS's own identity", () => {
  test("enrols by its own relay with join tokens, signs what it generates, and renews by its key", async () => {
    const alice = new Client(founded, who("user/alice"));
    const web = new Client(founded, who("endpoint/web"));
    const order = {
      v: 1,
      recipients: [{ identity: web.identity, epoch: epochNow() }],
      form: { type: "text", length: 24, alphabet: "abcdefghijklmnopqrstuvwxyz234567" },
    };
    const generate = (key: string) =>
      alice.call("POST", `${kms.url}/v1/generate/made/here`, { body: order, headers: { "idempotency-key": key } });
    expect((await generate("g0")).json.code).toBe("ERR_SERVICE_NOT_ENROLLED");

    const members = await Promise.all([1, 2, 3].map((index) => joinBus(founded, index, kms.busUrl)));
    onTestFinished(async () => {
      for (const member of members) await member.close();
    });
    const tokens = [3, 1, 2].map((index) => generateJoinToken(random, index).token);
    writeFileSync(join(home.home, "tokens"), `${tokens.join("\n")}\n`, { mode: 0o600 });
    const made = await eventually(async () => {
      const answer = await generate("g1");
      return answer.status === 201 && answer;
    });
    expect(made.json).toMatchObject({ path: "made/here", version: 1 });
    expect((await generate("g1")).text).toBe(made.text);

    const { json } = await web.call("GET", `${kms.url}/v1/secrets/made/here`);
    const record = parseSecretRecord(json);
    expect(record.author.identity).toBe("milagro:example.org/service/kms");
    verifySecretRecord(engine, founded.domain, record);
    expect(web.open(json)).toMatch(/^[a-z2-7]{24}$/);
    expect(members.flatMap((m) => m.evidence)).toEqual(["join-token", "join-token", "join-token"]);

    // The next day: no token is left, the key renews itself.
    await kms.close();
    writeFileSync(join(home.home, "tokens"), "");
    const tomorrow = () => Date.now() + 86_400_000;
    kms = await startInProcess(home.home, {
      clock: tomorrow,
      args: ["--bus-listen", `127.0.0.1:${ports.bus}`, "--passphrase-file", join(home.home, "pass")],
    });
    for (const member of members.splice(0)) await member.close();
    members.push(...(await Promise.all([1, 2, 3].map((index) => joinBus(founded, index, kms.busUrl, tomorrow)))));
    await eventually(() => members.every((m) => m.evidence.includes("renewal")));
    const sealed = readFileSync(join(home.home, "service.keys"));
    expect(sealed.includes(Buffer.from("sig/"))).toBe(false);
  });
});

describe("events on the bus", () => {
  test("tell a recipient of a delivery, with the record; after the bus was away it catches up, and nothing comes twice", async () => {
    const day = () => Date.now() + 86_400_000; // the D-KMS of the last test is a day ahead
    const alice = new Client(founded, who("user/alice"));
    const web = new Client(founded, who("endpoint/bus-web"));
    const epoch = epochAt(day(), founded.domain.epochSeconds);
    const seen: number[] = [];
    let after = 0;
    const catchUp = async (): Promise<void> => {
      const { json } = await web.call("GET", `${kms.url}/v1/events?after=${after}`, { nowMs: day() });
      for (const event of json.events) {
        seen.push(event.sequence);
        after = event.sequence;
      }
    };
    const bus: Bus = connectBus({
      url: kms.busUrl,
      log: silentLog,
      maxDelayMs: 200,
      credentials: {
        subject: web.identity,
        token: () =>
          makeIdentityBusToken(engine, random, {
            domain: founded.domain,
            identity: web.identity,
            epoch,
            key: web.key("sig", epoch),
            nowMs: day(),
          }),
      },
    });
    onTestFinished(() => bus.close());
    const told: unknown[] = [];
    await bus.subscribe(eventsTopic(founded.domain.domainId, web.identity), (payload) => {
      told.push(parseBusEvent(parseJson(new TextDecoder().decode(payload))));
    });
    await connected(bus);
    const put = async (version: number) => {
      const body = alice.record("bus/x", version, [web.identity], `v${version}`, { nowMs: day() });
      expect((await alice.call("POST", `${kms.url}/v1/secrets/bus/x`, { body, nowMs: day() })).status).toBe(201);
    };
    await put(1);
    await eventually(() => told.length > 0);
    expect(told[0]).toMatchObject({
      sequence: 1,
      event: { type: "version", path: "bus/x", version: 1, record: { version: 1 } },
    });
    await catchUp();

    await kms.close(); // bus and API go down
    kms = await startInProcess(home.home, { clock: day, args: ["--bus-listen", `127.0.0.1:${ports.bus}`] });
    await put(2); // probably before the endpoint is back
    await eventually(() => bus.state === "connected");
    await put(3);
    await eventually(async () => {
      await catchUp();
      return seen.length === 3;
    });
    expect(seen).toEqual([1, 2, 3]);
  });
});

describe("an outside broker that lets everybody say anything", () => {
  test("cannot slip in an answer that the D-TA did not sign, and does not stop the real one", async () => {
    const tasks = createTasks({ engine, random, domain: founded.domain });
    const broker = await createBroker({
      host: "127.0.0.1",
      port: 0,
      log: silentLog,
      authenticate: () => true,
      authorise: () => true,
    });
    const store = await openStore("sqlite::memory:", Date.now);
    const bus = connectBus({
      url: broker.url,
      log: silentLog,
      credentials: { subject: "kms", token: () => "password" },
    });
    await connected(bus);
    const relay = createRelay({
      store,
      bus,
      domain: founded.domain,
      clock: Date.now,
      log: silentLog,
      notifier: createNotifier(),
      limits: { perSource: 2, total: 3, ttlSeconds: 60 },
      sourceKey: random(32),
      isAuthentic: authenticAnswer(async (order) => tasks.isAuthenticAnswer(order)),
    });
    await bus.subscribe(relayTopic(founded.domain), (payload, topic) => relay.receive(topic, payload));
    const { requests } = await beginEnrolment({
      random,
      domain: founded.domain,
      identity: who("endpoint/outside"),
      keys: [{ usage: "enc", epoch: epochNow() }],
      evidence: [[], [], []],
      nowMs: Date.now(),
    });
    const id = await relay.enrol(requests.slice(0, 1), "192.0.2.1");
    const topic = answersTopic(founded.domain.domainId, 1);
    const forged = {
      v: 1,
      id,
      index: 1,
      answer: {
        v: 1,
        index: 1,
        requestHash: "A".repeat(43),
        refusal: { code: "ERR_IDENTITY_REVOKED", detail: "go away" },
        time: Math.floor(Date.now() / 1000),
        signature: Buffer.from(engine.g1.encode(engine.g1.generator)).toString("base64url"),
      },
    };
    await relay.receive(topic, utf8(JSON.stringify(forged)));
    const { answer: _, ...rest } = forged;
    const problem = problemOf(new MilagroError("ERR_IDENTITY_REVOKED", "unsigned"));
    await relay.receive(topic, utf8(JSON.stringify({ ...rest, problem })));
    expect((await relay.status(id, 0)).pending).toEqual([1]);
    const real = await joinBus(founded, 1, broker.url);
    const state = await eventually(async () => {
      const now = await relay.status(id, 500);
      return now.pending.length === 0 && now;
    });
    expect(state.answers[0]?.answer).toContain("receipt");
    for (const part of [real, relay, bus, store, broker]) await ("stop" in part ? part.stop() : part.close());
  });
});
