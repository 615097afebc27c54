import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import mqtt from "mqtt";
import { describe, expect, onTestFinished, test } from "vitest";
import { findProgram, needs } from "../../tests/support/needs.ts";
import { tempFolder } from "../../tests/support/temp-folder.ts";
import { type Broker, type BrokerOptions, createBroker } from "../src/broker.ts";
import { type Bus, type BusOptions, connectBus } from "../src/bus.ts";
import { createLogger, silentLog } from "../src/log.ts";
import { clientIdPrefix, topicMatches } from "../src/mqtt-topic.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => "ok",
    (error: { code?: string }) => error.code ?? String(error),
  );

async function broker(options: Partial<BrokerOptions> = {}): Promise<Broker> {
  const made = await createBroker({
    host: "127.0.0.1",
    port: 0,
    log: silentLog,
    authenticate: (_subject, token) => token === "good",
    authorise: (subject, _action, topic) => topic.startsWith(`${subject}/`) || topic.startsWith("all/"),
    ...options,
  });
  onTestFinished(() => made.close());
  return made;
}
function bus(url: string, subject = "alice", options: Partial<BusOptions> = {}): Bus {
  const made = connectBus({
    url,
    log: silentLog,
    credentials: { subject, token: () => "good" },
    maxDelayMs: 50,
    connectTimeoutMs: 2000,
    ...options,
  });
  onTestFinished(() => made.close());
  return made;
}
const connected = (one: Bus) =>
  new Promise<void>((resolve) => {
    if (one.state === "connected") resolve();
    const off = one.onState((state) => {
      if (state !== "connected") return;
      off();
      resolve();
    });
  });
function inbox() {
  const messages: string[] = [];
  const waiting: { count: number; resolve(): void }[] = [];
  return {
    messages,
    handler: (payload: Uint8Array, topic: string) => {
      messages.push(`${topic}=${new TextDecoder().decode(payload)}`);
      for (const { count, resolve } of waiting) if (messages.length >= count) resolve();
    },
    until: (count: number) =>
      new Promise<void>((resolve) => (messages.length >= count ? resolve() : waiting.push({ count, resolve }))),
  };
}

test("topics match as MQTT says", () => {
  for (const [filter, topic] of [
    ["a/b", "a/b"],
    ["a/+", "a/b"],
    ["a/#", "a"],
    ["a/#", "a/b/c"],
    ["#", "a/b"],
    ["+/+", "/b"],
    ["a//b", "a//b"],
  ] as const) {
    expect(topicMatches(filter, topic)).toBe(true);
  }
  for (const [filter, topic] of [
    ["a/b", "a"],
    ["a", "a/b"],
    ["a/+", "a"],
    ["a/+", "a/b/c"],
    ["#", "$SYS/x"],
    ["+/x", "$SYS/x"],
    ["A", "a"],
  ] as const) {
    expect(topicMatches(filter, topic)).toBe(false);
  }
});

describe("between buses", () => {
  test("messages arrive at all who subscribed, over the network and inside the process", async () => {
    const server = await broker();
    const [a, b] = [bus(server.url, "alice"), bus(server.url, "bob")];
    await Promise.all([connected(a), connected(b)]);
    const [atB, inside] = [inbox(), inbox()];
    await b.subscribe("all/+", atB.handler);
    await server.bus.subscribe("#", inside.handler);
    await a.publish("all/x", bytes("one"));
    await server.bus.publish("all/y", bytes("two"));
    await Promise.all([atB.until(2), inside.until(2)]);
    expect(atB.messages).toEqual(["all/x=one", "all/y=two"]);
    expect(inside.messages).toEqual(["all/x=one", "all/y=two"]);
    expect(server.connections()).toBe(2);
  });

  test("a subscription that was taken back gets no more; a handler that throws does not stop the others", async () => {
    const server = await broker();
    const one = bus(server.url);
    await connected(one);
    const [first, second] = [inbox(), inbox()];
    const off = await one.subscribe("all/#", first.handler);
    await one.subscribe("all/x", () => {
      throw new Error("broken handler");
    });
    await one.subscribe("all/x", second.handler);
    await server.bus.publish("all/x", bytes("1"));
    await Promise.all([first.until(1), second.until(1)]);
    await off();
    await server.bus.publish("all/x", bytes("2"));
    await second.until(2);
    expect(first.messages).toEqual(["all/x=1"]);
  });

  test("a handler may answer on the bus and wait for it, on both sides, many at once", async () => {
    const server = await broker();
    const one = bus(server.url, "alice", { publishTimeoutMs: 2000 });
    await connected(one);
    await one.subscribe("all/ask/+", async (payload, topic) => one.publish(topic.replace("ask", "answer"), payload));
    await server.bus.subscribe("all/answer/+", (payload, topic) =>
      server.bus.publish(topic.replace("answer", "done"), payload),
    );
    const box = inbox();
    await one.subscribe("all/done/+", box.handler);
    await Promise.all(Array.from({ length: 150 }, (_, n) => server.bus.publish(`all/ask/${n}`, bytes("x"))));
    await box.until(150);
    expect(new Set(box.messages).size).toBe(150);
  });

  test("what is too much for a handler is dropped, not piled up", async () => {
    const lines: string[] = [];
    const server = await broker({
      log: createLogger({ component: "t", stream: { write: (line) => lines.push(line) } }),
    });
    let calls = 0;
    await server.bus.subscribe("all/#", () => {
      calls++;
      return new Promise(() => {});
    });
    for (let n = 0; n < 1030; n++) await server.bus.publish("all/x", bytes("x"));
    expect(calls).toBe(1024);
    expect(lines.filter((line) => line.includes("dropped"))).toHaveLength(6);
  });

  test("after the broker was away: subscriptions are back before the state says so, with a fresh token", async () => {
    const first = await broker();
    const tokens: number[] = [];
    const one = bus(first.url, "alice", {
      credentials: {
        subject: "alice",
        token: async () => {
          tokens.push(1);
          return "good";
        },
      },
    });
    await connected(one);
    const box = inbox();
    await one.subscribe("all/#", box.handler);
    const states: string[] = [];
    one.onState((state) => states.push(state));
    await first.close();
    while (one.state === "connected") await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await failure(one.publish("all/x", bytes("lost")))).toBe("ERR_BUS_UNAVAILABLE");
    const late = inbox();
    await one.subscribe("alice/late", late.handler);
    const second = await broker({ port: first.port });
    await connected(one);
    await second.bus.publish("all/x", bytes("back"));
    await second.bus.publish("alice/late", bytes("too"));
    await Promise.all([box.until(1), late.until(1)]);
    expect([box.messages, late.messages]).toEqual([["all/x=back"], ["alice/late=too"]]);
    expect(states).toEqual(["connecting", "connected"]);
    expect(tokens.length).toBeGreaterThan(1);
  });

  test("closed means closed: no publishing, no reconnection, also in the middle of connecting", async () => {
    const server = await broker();
    const one = bus(server.url);
    await connected(one);
    await one.close();
    await one.close();
    expect([one.state, await failure(one.publish("all/x", bytes("x")))]).toEqual(["closed", "ERR_BUS_UNAVAILABLE"]);
    const nowhere = bus("mqtt://127.0.0.1:1");
    await nowhere.close();
    expect(nowhere.state).toBe("closed");
    const mute = createServer(() => {});
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const stuck = bus(`mqtt://127.0.0.1:${(mute.address() as { port: number }).port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await stuck.close();
    mute.close();
  });
});

describe("the broker refuses", () => {
  test("wrong tokens, hooks that throw, missing names", async () => {
    const server = await broker({
      authenticate: (subject, token) => {
        if (subject === "thrower") throw new Error("hook down");
        return token === "good";
      },
    });
    const attempts = [
      { username: "alice", password: "bad", clientId: `${clientIdPrefix("alice")}-1` },
      { username: "thrower", password: "good", clientId: `${clientIdPrefix("thrower")}-1` },
      { username: "alice", clientId: `${clientIdPrefix("alice")}-1` },
      { clientId: "anonymous-1" },
      { username: "bob", password: "good", clientId: `${clientIdPrefix("alice")}-1` },
      { username: "alice", password: "good", clientId: `${clientIdPrefix("alice")}-1`, clean: false },
      {
        username: "alice",
        password: "good",
        clientId: `${clientIdPrefix("alice")}-1`,
        will: { topic: "all/x", payload: Buffer.from("w"), qos: 0 as const, retain: false },
      },
      { username: "alice", password: "good", clientId: `${clientIdPrefix("alice")}-${"x".repeat(100)}` },
    ];
    // All are told; one that ran into the connection time-out would run this test into its own.
    for (const options of attempts) {
      const attempt = mqtt.connectAsync(
        server.url,
        { protocolVersion: 4, reconnectPeriod: 0, connectTimeout: 60_000, ...options },
        false,
      );
      const outcome = await attempt.then(
        (client) => {
          client.end(true);
          return "connected";
        },
        () => "refused",
      );
      expect([options, outcome]).toEqual([options, "refused"]);
    }
    expect(server.connections()).toBe(0);
  });

  test("topics of others, to publish and to subscribe; wildcards that reach beyond; broker topics", async () => {
    const server = await broker();
    const one = bus(server.url, "alice");
    await connected(one);
    for (const filter of ["bob/x", "#", "+/x", "$SYS/#"])
      expect([filter, await failure(one.subscribe(filter, () => {}))]).toEqual([filter, "ERR_BUS_REFUSED"]);
    expect(await failure(one.subscribe("alice/#", () => {}))).toBe("ok");
    const stolen = inbox();
    await server.bus.subscribe("#", stolen.handler);
    for (const topic of ["bob/x", "$SYS/x"]) {
      await connected(one);
      expect([topic, await failure(one.publish(topic, bytes("x")))]).toEqual([topic, "ERR_BUS_UNAVAILABLE"]);
    }
    expect(stolen.messages).toEqual([]);
  });

  test("retained messages and QoS 2", async () => {
    const server = await broker();
    const seen = inbox();
    await server.bus.subscribe("all/#", seen.handler);
    for (const options of [
      { qos: 1, retain: true },
      { qos: 2, retain: false },
    ] as const) {
      const client = await mqtt.connectAsync(server.url, {
        protocolVersion: 4,
        reconnectPeriod: 0,
        username: "alice",
        password: "good",
        clientId: `${clientIdPrefix("alice")}-1`,
      });
      const gone = new Promise<void>((resolve) => client.once("close", () => resolve()));
      client.publish("all/x", "x", options);
      await gone;
    }
    expect(seen.messages).toEqual([]);
  });

  test("packets over the limit before they are collected, and garbage", async () => {
    const server = await broker({ maxPacketBytes: 1000 });
    const one = bus(server.url);
    await connected(one);
    const seen = inbox();
    await server.bus.subscribe("all/#", seen.handler);
    await one.publish("all/x", new Uint8Array(900));
    expect(await failure(one.publish("all/x", new Uint8Array(1100)))).toBe("ERR_BUS_UNAVAILABLE");
    expect(seen.messages).toHaveLength(1);
    for (const raw of [
      [0x10, 0xff, 0xff, 0xff, 0x7f],
      [0x10, 0xff, 0xff, 0xff, 0xff, 0xff],
      [0x47, 0x45, 0x54, 0x20, 0x2f],
    ]) {
      const socket = createConnection(server.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.write(new Uint8Array(raw));
      socket.end();
      await once(socket, "close");
    }
    await connected(one);
    await one.publish("all/x", bytes("still here"));
    await seen.until(2);
  });

  test("more connections from one address than allowed, and revoked subjects", async () => {
    const server = await broker({ maxConnectionsPerAddress: 2 });
    const [a, b] = [bus(server.url, "alice"), bus(server.url, "bob")];
    await Promise.all([connected(a), connected(b)]);
    const third = await mqtt
      .connectAsync(
        server.url,
        {
          protocolVersion: 4,
          reconnectPeriod: 0,
          username: "carol",
          password: "good",
          clientId: `${clientIdPrefix("carol")}-1`,
        },
        false,
      )
      .then(
        () => "connected",
        () => "refused",
      );
    expect(third).toBe("refused");
    const gone = new Promise<void>((resolve) => a.onState((state) => state === "connecting" && resolve()));
    expect(server.disconnect("alice")).toBe(1);
    await gone;
    expect(b.state).toBe("connected");
    expect(server.disconnect("nobody")).toBe(0);
  });

  test("sessions that are too old: their subject proves itself again", async () => {
    let asked = 0;
    const server = await broker({ maxSessionMs: 100, authenticate: () => ++asked > 0 });
    const one = bus(server.url);
    await connected(one);
    await new Promise<void>((resolve) => one.onState((state) => state === "connected" && resolve()));
    expect(asked).toBeGreaterThan(1);
  });
});

test("an address that is taken is ERR_ADDRESS_IN_USE", async () => {
  const first = await broker();
  await expect(broker({ port: first.port })).rejects.toMatchObject({ code: "ERR_ADDRESS_IN_USE" });
});

needs("mosquitto")("works through an external broker, over its restart", async () => {
  const folder = await tempFolder();
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  const config = join(folder, "mosquitto.conf");
  writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n`, { mode: 0o644 });
  const start = () => spawn(findProgram("mosquitto") ?? "", ["-c", config], { stdio: "ignore" });
  let process = start();
  onTestFinished(() => void process.kill("SIGKILL"));
  const url = `mqtt://127.0.0.1:${port}`;
  const [a, b] = [bus(url, "alice"), bus(url, "bob")];
  await Promise.all([connected(a), connected(b)]);
  const box = inbox();
  await b.subscribe("milagro/+/events", box.handler);
  await a.publish("milagro/x/events", bytes("1"));
  await box.until(1);
  const exited = once(process, "exit");
  process.kill("SIGKILL");
  await exited;
  process = start();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await Promise.all([connected(a), connected(b)]);
  while ((await failure(a.publish("milagro/x/events", bytes("2")))) !== "ok")
    await new Promise((resolve) => setTimeout(resolve, 20));
  await box.until(2);
  expect(box.messages).toEqual(["milagro/x/events=1", "milagro/x/events=2"]);
});
