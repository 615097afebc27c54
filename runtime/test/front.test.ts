import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { MilagroError } from "@milagro/engine/error";
import { describe, expect, onTestFinished, test } from "vitest";
import { createBroker } from "../src/broker.ts";
import { connectBus } from "../src/bus.ts";
import type { Connector } from "../src/connector.ts";
import { addFront, checkPlainListen, type FrontOptions } from "../src/front.ts";
import { createHttpPort } from "../src/http-port.ts";
import { createHttpServer } from "../src/http-server.ts";
import { silentLog } from "../src/log.ts";

async function front(options: FrontOptions, host = "127.0.0.1"): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = [];
  const collect = (kind: string) => async (socket: Socket) => {
    socket.on("error", () => {});
    seen.push(`${kind} ${Buffer.concat(await socket.toArray()).toString("latin1")}`);
    socket.end();
  };
  const server: Server = createServer({ allowHalfOpen: true }, collect("plain"));
  addFront(server, { ...options, ...(options.channel ? { channel: collect("channel") } : {}) });
  server.listen(0, host);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, seen };
}
async function say(port: number, text: string, host = "127.0.0.1"): Promise<void> {
  const socket = connect({ host, port, allowHalfOpen: true });
  socket.on("error", () => {});
  socket.end(Buffer.from(text, "latin1"));
  socket.resume();
  await once(socket, "close");
}
const channel = (): void => {};

describe("one port", () => {
  test.each([
    ["MLGC\x01", "channel MLGC\x01"],
    ["\x16\x03\x01", "channel \x16\x03\x01"],
    ["GET / HTTP/1.1\r\n", "plain GET / HTTP/1.1\r\n"],
    ["\x10\x0c", "plain \x10\x0c"],
  ])("%j is taken as what it is, and no byte is lost", async (text, expected) => {
    const { port, seen } = await front({ channel });
    await say(port, text);
    expect(seen).toEqual([expected]);
  });

  test("whoever says nothing is nobody's", async () => {
    const { port, seen } = await front({ channel, silentMs: 20 });
    const silent = connect({ host: "127.0.0.1", port });
    await once(silent, "close");
    await say(port, "");
    expect(seen).toEqual([]);
  });
});

test("a plain listener that others can reach does not start", async () => {
  const refused = expect.objectContaining({ code: "ERR_PLAIN_REFUSED" });
  for (const host of ["0.0.0.0", "::", "192.0.2.1", "example.org"])
    expect(() => checkPlainListen(host, {})).toThrow(refused);
  const http = await createHttpServer({ name: "t", version: "1", log: silentLog });
  onTestFinished(() => http.close());
  await expect(http.listen({ host: "0.0.0.0", port: 0 })).rejects.toThrow(refused);
  const broker = { port: 0, log: silentLog, authenticate: () => false, authorise: () => false };
  await expect(createBroker({ ...broker, host: "0.0.0.0" })).rejects.toThrow(refused);
});

test("told that TLS is in front, or with channels, it does", () => {
  checkPlainListen("0.0.0.0", { plain: "anywhere" });
  checkPlainListen("0.0.0.0", { channel });
  checkPlainListen("127.0.0.1", {});
});

describe("another way than TCP", () => {
  /** The two ends of a connection. */
  const socketPair = async (): Promise<readonly [Socket, Socket]> => {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const near = connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
    const [far] = (await once(server, "connection")) as [Socket];
    server.close();
    return [near, far];
  };
  /** The other end goes where a channel's would. */
  const through = (accept: (stream: Socket) => void, opened: string[] = []): Connector => {
    return (url) =>
      url.protocol === "milagro:"
        ? {
            key: url.host,
            open: async () => {
              const [near, far] = await socketPair();
              opened.push(url.host);
              accept(far);
              return near;
            },
          }
        : undefined;
  };

  test("carries HTTP, keeps connections, and names the host as the URL does", async () => {
    const server = await createHttpServer({ name: "t", version: "1", log: silentLog, rateLimit: false });
    server.app.get("/v1/x", async (request) => ({ host: request.headers.host, query: request.query }));
    await server.app.ready();
    const opened: string[] = [];
    const http = createHttpPort({ connector: through(server.accept, opened) });
    onTestFinished(async () => {
      http.close();
      await server.close();
    });
    const get = { method: "GET", headers: {}, timeoutMs: 5000, idempotent: true } as const;
    for (let i = 0; i < 3; i++) {
      const { status, body } = await http({ ...get, url: "milagro://kms.example:7400/v1/x?a=1" });
      expect(status).toBe(200);
      expect(JSON.parse(Buffer.from(body).toString())).toEqual({ host: "kms.example:7400", query: { a: "1" } });
    }
    expect(opened).toEqual(["kms.example:7400"]);
  });

  test("what the way fails with is what the request fails with", async () => {
    const connector: Connector = () => ({
      key: "x",
      open: () => Promise.reject(new MilagroError("ERR_POLICY_REFUSED", "not you")),
    });
    const http = createHttpPort({ connector });
    const request = http({ method: "GET", url: "milagro://a:1/", headers: {}, timeoutMs: 5000, idempotent: true });
    await expect(request).rejects.toThrow(expect.objectContaining({ code: "ERR_POLICY_REFUSED" }));
  });

  test("without one, an address that needs it is not reached, plainly least of all", async () => {
    const { port, seen } = await front({});
    const http = createHttpPort({ retries: 0 });
    const url = `milagro://127.0.0.1:${port}/`;
    const request = http({ method: "GET", url, headers: {}, timeoutMs: 5000, idempotent: true });
    await expect(request).rejects.toThrow(expect.objectContaining({ code: "ERR_UNREACHABLE" }));
    const bus = connectBus({ url, log: silentLog, maxDelayMs: 5 });
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(bus.state).toBe("connecting");
    await bus.close();
    expect(seen).toEqual([]);
  });

  test("carries the bus: the subject is whom the channel names, without a token, and nobody else", async () => {
    const broker = await createBroker({
      host: "127.0.0.1",
      port: 0,
      log: silentLog,
      authenticate: () => false,
      authorise: (subject, _action, topic) => topic === `${subject}/inbox`,
    });
    onTestFinished(() => broker.close());
    const connector = through((stream) => broker.accept(stream, { subject: "alice", address: "10.0.0.1" }));
    const open = (subject: string) => {
      const credentials = { subject, token: () => Promise.reject(new Error("asked for a token")) };
      const bus = connectBus({ url: "milagro://bus:1", log: silentLog, connector, credentials, maxDelayMs: 5 });
      onTestFinished(() => bus.close());
      return bus;
    };
    const alice = open("alice");
    const heard = new Promise<string>((resolve) => {
      void alice.subscribe("alice/inbox", (payload) => resolve(Buffer.from(payload).toString()));
    });
    await new Promise<void>((resolve) => {
      if (alice.state === "connected") return resolve();
      alice.onState((state) => state === "connected" && resolve());
    });
    await expect(alice.subscribe("bob/inbox", () => {})).rejects.toThrow(
      expect.objectContaining({ code: "ERR_BUS_REFUSED" }),
    );
    await broker.bus.publish("alice/inbox", Buffer.from("hello"));
    expect(await heard).toBe("hello");
    const impostor = open("bob");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(impostor.state).toBe("connecting");
    expect(broker.connections()).toBe(1);
  });
});
