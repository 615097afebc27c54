/** What may be said without encryption: what stays on this machine. */
import diagnostics from "node:diagnostics_channel";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { connectBus } from "../src/bus.ts";
import { openDatabase } from "../src/database.ts";
import { createHttpClient, createHttpPort } from "../src/http-client.ts";
import type { Log } from "../src/log.ts";
import { checkPlainSetting, checkPlainTarget, isThisMachine } from "../src/plain.ts";

const refused = expect.objectContaining({ code: "ERR_PLAIN_REFUSED" });

/** Counts the sockets that this process opens during a test. */
function socketsOpened(): () => number {
  let count = 0;
  const onSocket = (): void => void count++;
  diagnostics.subscribe("net.client.socket", onSocket);
  onTestFinished(() => void diagnostics.unsubscribe("net.client.socket", onSocket));
  return () => count;
}

test.each([
  ["127.0.0.1", true],
  ["127.8.9.10", true],
  ["::1", true],
  ["localhost", true],
  ["::ffff:127.0.0.1", true],
  ["0.0.0.0", false],
  ["::", false],
  ["10.0.0.1", false],
  ["127.0.0.1.example", false],
  ["x127.0.0.1", false],
  ["localhost.example", false],
  ["::ffff:10.0.0.1", false],
  ["", false],
])("%s is this machine: %s", (host, expected) => {
  expect(isThisMachine(host)).toBe(expected);
});

describe("an address", () => {
  test.each([
    "http://127.0.0.1:7101/v1/x",
    "http://[::1]:7101",
    "http://localhost",
    "http://2130706433/", // 127.0.0.1 as a number: URL writes it out
    "mqtt://127.0.0.1:1883",
    "https://kms.example",
    "mqtts://bus.example",
    "wss://bus.example",
  ])("%s is fine", (url) => {
    checkPlainTarget("it", new URL(url));
  });

  test.each([
    "http://kms.example",
    "http://10.0.0.1:7101",
    "http://[2001:db8::1]/",
    "http://0.0.0.0:7101",
    "http://127.0.0.1.example",
    "http://127.0.0.1@kms.example/",
    "mqtt://bus.example",
    "ws://bus.example",
    "nats://bus.example", // some library might upgrade: we do not know that it does
    "tcp://10.0.0.1",
    "ftp://kms.example",
  ])("%s is refused", (url) => {
    expect(() => checkPlainTarget("it", new URL(url))).toThrow(refused);
  });

  test("in a setting may also be a channel's, or none", () => {
    for (const fine of [undefined, "none", "milagro://kms.example:7400", "https://kms.example", "mqtt://localhost"])
      checkPlainSetting("kms", fine);
    expect(() => checkPlainSetting("kms", "http://kms.example")).toThrow(refused);
    expect(() => checkPlainSetting("busUrl", "ws://10.0.0.1/")).toThrow(refused);
  });
});

describe("a client does not even connect", () => {
  test("for plain HTTP, repeated or not", async () => {
    const opened = socketsOpened();
    const port = createHttpPort();
    onTestFinished(() => port.close());
    const get = { method: "GET", headers: {}, timeoutMs: 1000, idempotent: true } as const;
    for (const url of ["http://192.0.2.1:7101/v1/x", "http://dta.example/v1/x", "http://[2001:db8::1]/"])
      await expect(port({ ...get, url })).rejects.toThrow(refused);
    const client = createHttpClient({ url: "http://kms.example" });
    await expect(client.request({ path: "/v1/x", body: { evidence: "a token" } })).rejects.toThrow(refused);
    // A connector that knows no way there changes nothing.
    const channels = createHttpPort({ connector: () => undefined });
    await expect(channels({ ...get, url: "http://192.0.2.1/" })).rejects.toThrow(refused);
    expect(opened()).toBe(0);

    const server = createServer((_, response) => response.end()).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    expect((await port({ ...get, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` })).status).toBe(
      200,
    );
    expect(opened()).toBe(1);
  });

  test.each(["mqtt://192.0.2.1", "ws://bus.example/mqtt"])("for the bus at %s, and the log says why", async (url) => {
    const opened = socketsOpened();
    const codes: unknown[] = [];
    const warned = Promise.withResolvers<void>();
    const none = (): void => {};
    const log = {
      debug: none,
      info: none,
      error: none,
      warn: (_: string, fields: { readonly code?: string }) => {
        codes.push(fields.code);
        warned.resolve();
      },
    } as unknown as Log;
    const bus = connectBus({ url, log, maxDelayMs: 5 });
    await warned.promise;
    expect(bus.state).toBe("connecting");
    await bus.close();
    expect(codes[0]).toBe("ERR_PLAIN_REFUSED");
    expect(opened()).toBe(0);
  });

  test.each([
    "postgres://kms@db.example/kms",
    "postgres://kms@127.0.0.1/kms?host=db.example",
    "postgres://kms@db.example/kms?sslmode=no-verify",
    "postgres://kms@db.example/kms?sslmode=disable",
  ])("for the database at %s", async (url) => {
    const opened = socketsOpened();
    await expect(openDatabase(url, { migrations: [] })).rejects.toThrow(refused);
    expect(opened()).toBe(0);
  });

  test.each([
    "postgres://x@127.0.0.1:1/none",
    "postgres:///none?host=/nonexistent",
    "postgres://x@localhost.invalid:1/none?sslmode=verify-full",
  ])("but does for %s", async (url) => {
    const opened = socketsOpened();
    const options = { migrations: [], postgres: { connectTimeoutMs: 1000 } };
    await expect(openDatabase(url, options)).rejects.toThrow(
      expect.objectContaining({ code: "ERR_STORAGE_UNAVAILABLE" }),
    );
    expect(opened()).toBeGreaterThan(0);
  });
});
