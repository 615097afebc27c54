/** The daemon as a whole, from enrolment to outage: long, because every case needs the same domain, D-KMS and folder around it. */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Epoch } from "@milagro/crypto/epoch";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { eventsTopic } from "@milagro/protocol/bus-messages";
import { encodeSignedDescriptor, type SignedDescriptor } from "@milagro/protocol/descriptor";
import { makeSecretRecord } from "@milagro/protocol/secret";
import { parseSecretPath, type SecretPath } from "@milagro/protocol/secret-path";
import { encodeSecretRecord, type SecretRecord } from "@milagro/protocol/secret-record";
import { type Broker, createBroker } from "@milagro/runtime/broker";
import { createHttpClient } from "@milagro/runtime/http-client";
import { silentLog } from "@milagro/runtime/log";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  ALICE,
  BOB,
  EPOCH,
  EPOCH_SECONDS,
  engine,
  type Founded,
  flip,
  foundDomain,
  issueKey,
  NOW_MS,
  random,
  signDescriptor,
} from "../../../core/protocol/test/fixture.ts";
import { freePorts } from "../../../tests/support/ports.ts";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { createNetwork, type Network } from "../../sdk/test/network.ts";
import { readEndpointConfig } from "../src/config.ts";
import { decideDelivery } from "../src/deliveries.ts";
import { type RunningEndpoint, startEndpoint } from "../src/endpoint.ts";
import type { EndpointStatus } from "../src/status.ts";

const WEB = parseIdentity("milagro:example.org/endpoint/web-1");
const PATH = parseSecretPath("app/key");
const TOKEN = `mjt1_1_abcdefgh_${"A".repeat(43)}`;

let founded: Founded;
let network: Network;
let folder: string;
let memory: string;
let kms: Server;
let kmsUrl: string;
let endpoint: RunningEndpoint | undefined;
/** What the D-KMS delivers, in order, and what it was told. */
let events: object[];
let acks: { sequence: number; outcome: string; code?: string }[];

beforeAll(async () => {
  founded = await foundDomain(1);
  // The same for as long as we run: a D-KMS that comes back is where it was.
  kmsUrl = `http://127.0.0.1:${(await freePorts(1))[0]}`;
});

/** The part of a D-KMS that an endpoint meets: relay, deliveries, acknowledgements. */
async function startKms(): Promise<void> {
  kms = createServer((request, response) => {
    // An endpoint that stops hangs up in the middle of its requests.
    answerKms(request, response).catch((error: unknown) => {
      if (!request.destroyed) throw error;
    });
  });
  const { port } = new URL(kmsUrl);
  await new Promise<void>((resolve) => kms.listen(Number(port), "127.0.0.1", resolve));
}
async function answerKms(request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Of this test, also when the request ends in the next one.
  const ownAcks = acks;
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const url = new URL(request.url ?? "/", "http://localhost");
  const send = (value: unknown): void => {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
  };
  if (request.method === "POST" && url.pathname === "/v1/enrolments") {
    relayed = body;
    return send({ v: 1, id: "e1" });
  }
  if (url.pathname === "/v1/enrolments/e1") {
    const [sealed] = (JSON.parse(relayed.toString()) as { requests: unknown[] }).requests;
    const answer = await network.deps
      .http({
        method: "POST",
        url: "https://dta1.example.org/v1/issue",
        headers: {},
        body: Buffer.from(JSON.stringify(sealed)),
        timeoutMs: 1,
        idempotent: true,
      })
      .catch(() => undefined);
    const answers = answer?.status === 200 ? [JSON.parse(Buffer.from(answer.body).toString())] : [];
    return send({ v: 1, id: "e1", answers, problems: [], pending: answers.length === 0 ? [1] : [] });
  }
  if (url.pathname === "/v1/descriptor") return send(encodeSignedDescriptor(offered));
  if (url.pathname === "/v1/events") {
    const after = Number(url.searchParams.get("after"));
    for (let waited = 0; events.length <= after && waited < 300 && url.searchParams.has("wait"); waited += 20)
      await new Promise((wake) => setTimeout(wake, 20));
    return send({ v: 1, events: events.slice(after), next: events.length });
  }
  const told = JSON.parse(body.toString() || '{"acks":[]}') as { acks: typeof acks };
  ownAcks.push(...told.acks);
  send({ v: 1, accepted: told.acks.length });
}
let relayed: Buffer;
/** The descriptor that the D-KMS gives out. */
let offered: SignedDescriptor;
const stopKms = () =>
  new Promise<void>((resolve) => {
    kms.close(() => resolve());
    kms.closeAllConnections();
  });

beforeEach(async () => {
  network = createNetwork(founded);
  offered = founded.signed;
  events = [];
  acks = [];
  folder = await makeTempFolder();
  memory = await mkdtemp("/dev/shm/milagro-test-");
  await startKms();
  await writeFile(join(folder, "domain.json"), JSON.stringify(encodeSignedDescriptor(founded.signed)));
  await writeFile(join(folder, "evidence"), TOKEN);
  await writeFile(join(folder, "app.tmpl"), 'key={{secret "app/key"}}\n');
});
afterEach(async () => {
  await endpoint?.close();
  endpoint = undefined;
  await stopKms();
  await rm(folder, { recursive: true, force: true });
  // A reload command that was told to write may still be at it.
  await rm(memory, { recursive: true, force: true, maxRetries: 5 });
});

async function start(bus = "none", more: object = {}): Promise<void> {
  const config = {
    identity: WEB,
    kms: kmsUrl,
    bus,
    authors: ["milagro:example.org/person/alice"],
    evidenceFile: "evidence",
    files: [
      {
        secret: "app/key",
        path: join(memory, "key"),
        mode: "0440",
        reload: { command: ["sh", "-c", `echo told >> ${join(memory, "told")}`] },
      },
    ],
    templates: [{ source: "app.tmpl", path: join(memory, "app.conf") }],
    ...more,
  };
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  const passphrase = passphraseFromText("a passphrase");
  endpoint = await startEndpoint(readEndpointConfig(folder, {}, {}), {
    log: silentLog,
    clock: () => network.nowMs,
    passphrase,
  });
  passphrase.destroy();
}
const socket = () => createHttpClient({ url: `unix:${join(folder, "endpoint.sock")}`, retries: 0, timeoutMs: 120_000 });
const get = async (path: string): Promise<unknown> =>
  (await socket().request({ path, headers: { accept: "application/json" } })).body;
const status = async (): Promise<EndpointStatus> => (await endpoint?.status()) as EndpointStatus;
const value = async (): Promise<string> =>
  Buffer.from(String(((await get("/v1/secrets/app/key")) as { value: string }).value), "base64url").toString();

/** A file that a program would read; undefined while it is not there. */
const textOf = (name: string): Promise<string | undefined> =>
  readFile(join(memory, name), "utf8").catch(() => undefined);

async function until(done: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error(`too late: ${JSON.stringify(await endpoint?.status())}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

function record(
  version: number,
  text: string,
  options: { author?: Identity; recipient?: Identity; epoch?: Epoch; path?: SecretPath } = {},
): SecretRecord {
  const { author = ALICE, recipient = WEB, epoch = EPOCH, path = PATH } = options;
  return makeSecretRecord({
    engine,
    random,
    domain: founded.domain,
    author: { party: { identity: author, epoch: EPOCH }, key: issueKey(founded, author, "sig") },
    path,
    version,
    recipients: [{ identity: recipient, epoch }],
    plaintext: Buffer.from(text),
    nowMs: NOW_MS,
  });
}
function deliver(secret: SecretRecord, version = secret.version): void {
  events.push({
    sequence: events.length + 1,
    time: 1,
    type: "version",
    path: PATH,
    version,
    record: encodeSecretRecord(secret),
  });
}

describe("the daemon", () => {
  test("enrols with its evidence, receives what was put before, and hands it out by socket, file and template", async () => {
    deliver(record(1, "first"));
    await start();
    await until(async () => (await status()).secrets.length === 1);
    expect(await value()).toBe("first");
    expect((await stat(join(folder, "endpoint.sock"))).mode & 0o777).toBe(0o600);
    await until(async () => (await status()).files.every(({ state }) => state === "written"));
    expect((await stat(join(memory, "key"))).mode & 0o777).toBe(0o440);
    expect(await readFile(join(memory, "app.conf"), "utf8")).toBe("key=first\n");
    await until(() => acks.some(({ sequence, outcome }) => sequence === 1 && outcome === "delivered"));
    expect(network.dtas[0]?.seen[0]?.evidence).toEqual([{ type: "join-token", token: TOKEN }]);
  });

  test("passes on a new version, tells the program, and removes what was deleted", async () => {
    deliver(record(1, "first"));
    await start();
    await until(async () => (await status()).secrets[0]?.version === 1);
    const waiting = get("/v1/wait/app/key?after=1&wait=55") as Promise<{ version: number }>;
    deliver(record(2, "second"));
    expect((await waiting).version).toBe(2);
    await until(async () => (await textOf("key")) === "second");
    await until(async () => (await textOf("told")) === "told\ntold\n");
    events.push({ sequence: 3, time: 1, type: "deleted", path: PATH });
    await until(async () => (await status()).secrets.length === 0);
    await until(async () => (await status()).files.every(({ state }) => state === "waiting"));
    await expect(stat(join(memory, "key"))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(get("/v1/secrets/app/key")).rejects.toMatchObject({ code: "ERR_SECRET_UNKNOWN" });
  });

  test("refuses roll-backs, other authors, altered and misdirected records, and goes on serving what it has", async () => {
    deliver(record(2, "good"));
    deliver(record(1, "older"));
    deliver(record(3, "mallory", { author: BOB }));
    const altered = record(4, "altered");
    deliver({ ...altered, envelope: flip(altered.envelope, -1) });
    deliver({ ...record(5, "renumbered"), version: 6 });
    deliver(record(7, "for bob", { recipient: BOB }));
    deliver(record(2, "other content, same version"));
    await start();
    await until(async () => (await status()).cursor === 7);
    await until(() => acks.length >= 7);
    expect(await value()).toBe("good");
    expect((await status()).refused.map(({ code }) => code).reverse()).toEqual([
      "ERR_VERSION_ROLLBACK",
      "ERR_AUTHOR_REFUSED",
      "ERR_VERSION_RECORD_INVALID",
      "ERR_VERSION_RECORD_INVALID",
      "ERR_NOT_RECIPIENT",
      "ERR_VERSION_CONFLICT",
    ]);
    expect(acks.filter(({ outcome }) => outcome === "failed").map(({ sequence }) => sequence)).toEqual([
      2, 3, 4, 5, 6, 7,
    ]);
  });

  test("serves after a restart while D-TAs and D-KMS are away, and catches up when they are back", async () => {
    deliver(record(1, "kept"));
    await start();
    await until(async () => (await status()).secrets.length === 1);
    await until(() => acks.length === 1);
    await endpoint?.close();
    await stopKms();
    if (network.dtas[0]) network.dtas[0].down = true;
    const asked = network.dtas[0]?.seen.length;
    await start();
    expect(await value()).toBe("kept");
    expect((await status()).state).toBe("serving");
    await until(async () => (await status()).problems.some(({ code }) => code === "ERR_UNREACHABLE"));
    deliver(record(2, "missed"));
    await startKms();
    await until(async () => (await value()) === "missed");
    await until(async () => (await status()).problems.length === 0);
    expect(network.dtas[0]?.seen.length).toBe(asked);
  });

  test("asks for the key of a past epoch when a secret needs it", async () => {
    const past = (EPOCH - 3) as Epoch;
    deliver(record(1, "from before it enrolled", { epoch: past }));
    await start();
    await until(async () => (await status()).secrets[0]?.state === "open");
    expect(network.dtas[0]?.seen.at(-1)).toMatchObject({
      keys: [{ usage: "enc", epoch: past }],
      evidence: [{ type: "renewal" }],
    });
    expect(await value()).toBe("from before it enrolled");
  });

  test("a secret of an epoch that is not issued any more stays closed, and costs no other key", async () => {
    const lost = (EPOCH - 9) as Epoch;
    const past = (EPOCH - 3) as Epoch;
    if (network.dtas[0])
      network.dtas[0].refuse = ({ keys }) =>
        keys.some(({ epoch }) => epoch === lost) ? "ERR_EPOCH_OUT_OF_WINDOW" : undefined;
    const other = parseSecretPath("app/other");
    deliver(record(1, "too old", { epoch: lost }));
    await start();
    await until(async () => (await status()).problems.some(({ part }) => part === "past keys"));
    const older = record(1, "old", { epoch: past, path: other });
    events.push({ sequence: 2, time: 1, type: "version", path: other, version: 1, record: encodeSecretRecord(older) });
    await until(async () => (await status()).secrets.some(({ path, state }) => path === other && state === "open"));
    const asked = () => network.dtas[0]?.seen.filter(({ keys }) => keys.some(({ epoch }) => epoch === lost)).length;
    expect(asked()).toBe(1);

    // The next day: this epoch's and the following one's keys must not be asked for together with the lost one.
    network.nowMs += EPOCH_SECONDS * 1000;
    await endpoint?.close();
    await start();
    await until(async () => (await status()).keys.some(({ usage, epoch }) => usage === "sig" && epoch === EPOCH + 1));
    expect((await status()).secrets.map(({ path, state }) => [path, state])).toEqual([
      [other, "open"],
      [PATH, "locked"],
    ]);
  });

  test("does not use a stored record that somebody has changed", async () => {
    deliver(record(1, "kept"));
    await start();
    await until(() => acks.length === 1);
    await endpoint?.close();
    endpoint = undefined;
    const database = new DatabaseSync(join(folder, "endpoint.sqlite"));
    const forged = { ...encodeSecretRecord(record(1, "forged")), created: 1 };
    database.prepare("update endpoint_secret set record = ?").run(JSON.stringify(forged));
    database.close();
    await start();
    expect((await status()).secrets).toEqual([]);
    await expect(get("/v1/secrets/app/key")).rejects.toMatchObject({ code: "ERR_SECRET_UNKNOWN" });
  });

  test("says why when it cannot enrol, and does so once it can", async () => {
    await rm(join(folder, "evidence"));
    await start();
    await until(async () =>
      (await status()).problems.some(({ part, code }) => part === "keys" && code === "ERR_FILE_MISSING"),
    );
    expect((await status()).state).toBe("enrolling");
    await writeFile(join(folder, "evidence"), TOKEN);
    await until(async () => (await status()).state === "serving");
  });

  test("moves on to a newer descriptor, remembers it, and goes on with it when an older or forged one is offered", async () => {
    const later = signDescriptor(founded.members, {
      ...founded.signed.descriptor,
      sequence: 1,
      domainId: founded.domain.domainId,
      previous: founded.domain.hash,
      kms: { url: "https://kms.example.org" },
    });
    const descriptor = async () => (await status()).descriptor;
    offered = later;
    await start();
    await until(async () => (await descriptor()) === 1);
    await endpoint?.close();
    for (const [bad, code] of [
      [founded.signed, "ERR_DESCRIPTOR_STALE"],
      [{ ...later, signatures: founded.signed.signatures }, undefined], // the very descriptor that is known
      [{ ...later, descriptor: { ...later.descriptor, sequence: 2 } }, "ERR_DESCRIPTOR_FORGED"],
    ] as const) {
      offered = bad;
      await start();
      if (code) await until(async () => (await status()).problems.some((problem) => problem.code === code));
      expect(await descriptor()).toBe(1);
      await until(async () => (await status()).state === "serving");
      await endpoint?.close();
    }
    endpoint = undefined;
  });

  test.skipIf(process.getuid?.() !== 0)("gives its socket the mode and group it is told", async () => {
    await start("none", { socket: { path: "endpoint.sock", mode: "0660", gid: 23_456 } });
    const { mode, gid } = await stat(join(folder, "endpoint.sock"));
    expect([mode & 0o777, gid]).toEqual([0o660, 23_456]);
  });

  test("started before its clock was set, it goes on once it is", async () => {
    deliver(record(1, "first"));
    network.nowMs = 5000;
    await start();
    await new Promise((wake) => setTimeout(wake, 100));
    network.nowMs = NOW_MS;
    await until(async () => (await status()).secrets.length === 1);
  });

  test("a wrong passphrase, another domain or another identity do not start it", async () => {
    await start();
    await until(async () => (await status()).state === "serving");
    await endpoint?.close();
    endpoint = undefined;
    const ports = (text: string) => ({
      log: silentLog,
      clock: () => network.nowMs,
      passphrase: passphraseFromText(text),
    });
    const config = readEndpointConfig(folder, {}, {});
    await expect(startEndpoint(config, ports("wrong"))).rejects.toMatchObject({ code: "ERR_KEYSTORE_PASSPHRASE" });
    await expect(startEndpoint({ ...config, pin: "A".repeat(43) }, ports("a passphrase"))).rejects.toMatchObject({
      code: "ERR_DESCRIPTOR_PIN",
    });
    await expect(startEndpoint({ ...config, identity: BOB }, ports("a passphrase"))).rejects.toMatchObject({
      code: "ERR_KEYSTORE_CORRUPT",
    });
  });
});

describe("a bus on which anybody may publish", () => {
  let broker: Broker;
  beforeEach(async () => {
    broker = await createBroker({
      host: "127.0.0.1",
      port: 0,
      log: silentLog,
      authenticate: () => true,
      authorise: () => true,
    });
  });
  afterEach(() => broker.close());
  const announce = (sequence: number, event: object) =>
    broker.bus.publish(
      eventsTopic(founded.domain.domainId, WEB),
      Buffer.from(JSON.stringify({ v: 1, sequence, event: { sequence, time: 1, path: PATH, ...event } })),
    );
  const version = (secret: SecretRecord) => ({
    type: "version",
    version: secret.version,
    record: encodeSecretRecord(secret),
  });

  test("can neither take a secret away nor make a delivery pass for taken; what its author signed is in use at once", async () => {
    deliver(record(1, "first"));
    await start(broker.url);
    await until(async () => (await status()).bus === "connected" && acks.length === 1);

    await announce(2, { type: "deleted" });
    await announce(2, version(record(2, "mallory", { author: BOB })));
    await announce(2, version({ ...record(3, "renumbered"), version: 2 }));
    await announce(2, version(record(1, "first")));
    const second = record(2, "second");
    await announce(2, version(second));
    await until(async () => (await value()) === "second");
    expect(acks.map(({ sequence }) => sequence)).toEqual([1]);
    expect((await status()).cursor).toBe(1);

    // Now the deliveries themselves: another one had the number that was announced.
    const other = parseSecretPath("app/other");
    const elsewhere = encodeSecretRecord(record(1, "other", { path: other }));
    events.push({ sequence: 2, time: 1, type: "version", path: other, version: 1, record: elsewhere });
    deliver(second);
    await announce(3, { type: "deleted" });
    await until(() => acks.length === 3);
    expect((await status()).secrets.map(({ path, version: at }) => `${path} ${at}`)).toEqual([
      `${PATH} 2`,
      `${other} 1`,
    ]);
    expect(acks.every(({ outcome }) => outcome === "delivered")).toBe(true);
    expect((await status()).refused).toEqual([]);
  });
});

describe("deciding on a delivery", () => {
  const stored = (version: number, kept?: SecretRecord) => ({
    path: PATH,
    version,
    record: kept && JSON.stringify(encodeSecretRecord(kept)),
    sequence: 1,
  });
  test("the table", () => {
    const two = record(2, "two");
    expect(decideDelivery(undefined, two)).toEqual({ kind: "take" });
    expect(decideDelivery(stored(1), two)).toEqual({ kind: "take" });
    expect(decideDelivery(stored(2, two), two)).toEqual({ kind: "skip" });
    expect(decideDelivery(stored(2, record(2, "other")), two)).toEqual({
      kind: "refuse",
      code: "ERR_VERSION_CONFLICT",
    });
    expect(decideDelivery(stored(3), two)).toEqual({ kind: "refuse", code: "ERR_VERSION_ROLLBACK" });
    expect(decideDelivery(stored(2), two)).toEqual({ kind: "refuse", code: "ERR_VERSION_ROLLBACK" });
  });
});

describe("configuration", () => {
  const base = { identity: WEB };
  const read = async (config: object) => {
    await writeFile(join(folder, "config.json"), JSON.stringify(config));
    return readEndpointConfig(folder, {}, {});
  };
  test("nobody's secrets are accepted unless authors are named", async () => {
    expect((await read(base)).authors).toEqual([]);
  });
  test.each([
    [
      "two outputs to one file",
      {
        files: [
          { secret: "a", path: "x" },
          { secret: "b", path: "x" },
        ],
      },
    ],
    ["a mode that is none", { files: [{ secret: "a", path: "x", mode: "777" }] }],
    [
      "a reload signal that kills",
      { files: [{ secret: "a", path: "x", reload: { pidFile: "p", signal: "SIGKILL" } }] },
    ],
    ["an unknown key", { autors: [] }],
  ])("%s is refused", async (_name, extra) => {
    await expect(read({ ...base, ...extra })).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
  });
  test.each([{ kms: "http://kms.example" }, { bus: "mqtt://192.0.2.1" }])(
    "%j would go to another machine without encryption, and is refused",
    async (extra) => {
      await expect(read({ ...base, ...extra })).rejects.toMatchObject({ code: "ERR_PLAIN_REFUSED" });
    },
  );
});
