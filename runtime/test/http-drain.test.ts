/** What a server that stops waits for: running requests, for a while, and nothing else. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { createBroker } from "../src/broker.ts";
import { addDrain } from "../src/http-drain.ts";
import { createHttpServer } from "../src/http-server.ts";
import { silentLog } from "../src/log.ts";

async function dial(port: number, text = ""): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port }).on("error", () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  if (text !== "") socket.write(text);
  return socket.resume();
}
const closed = (socket: Socket): Promise<unknown> => (socket.closed ? Promise.resolve() : once(socket, "close"));
const GET = "GET /v1/x HTTP/1.1\r\nhost: x\r\n\r\n";

describe("a server that stops does not wait for", () => {
  for (const channels of [false, true])
    test.each([
      ["a connection that has said nothing", ""],
      ["half a request line", "GET /v1"],
      ["half a request's headers", "GET /v1/x HTTP/1.1\r\nhost: "],
      ["one that is kept alive", GET],
      ["half of a second request", `${GET}GET /v1`],
    ])(
      `%s (with channels: ${channels})`,
      async (_, text) => {
        const front = channels ? { channel: (socket: Socket) => void socket.destroy() } : {};
        const server = await createHttpServer({ name: "t", version: "1", log: silentLog, front });
        server.app.get("/v1/x", async () => ({}));
        const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
        const socket = await dial(port, text);
        await new Promise((resolve) => setTimeout(resolve, 20));
        await server.close();
        await closed(socket);
      },
      5000,
    );

  test("a client of the bus that has not said who it is", async () => {
    const broker = await createBroker({
      ...{ host: "127.0.0.1", port: 0, log: silentLog },
      authenticate: () => false,
      authorise: () => false,
    });
    const socket = await dial(broker.port);
    await broker.close();
    await closed(socket);
  }, 5000);
});

/** A server whose requests end when the test says so. */
async function slow(graceMs?: number) {
  const responses: ServerResponse[] = [];
  const server = createServer((_: IncomingMessage, response: ServerResponse) => void responses.push(response));
  const drain = addDrain(server, "connection", graceMs === undefined ? {} : { graceMs });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = async (): Promise<void> => {
    const stopped = once(server, "close");
    server.close();
    const drained = drain.begin();
    await stopped;
    await drained();
  };
  return { port: (server.address() as AddressInfo).port, responses, stop };
}

test("a request that runs is answered in full, and its connection ends with it", async () => {
  const { port, responses, stop } = await slow();
  const socket = await dial(port, GET);
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  while (responses.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const stopped = stop();
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect(socket.closed).toBe(false);
  responses[0]?.end("x".repeat(1_000_000));
  await stopped;
  await closed(socket);
  expect(text.length).toBeGreaterThan(1_000_000);
}, 5000);

test("one that never ends is cut off when the time for that is over", async () => {
  const { port, responses, stop } = await slow(30);
  const sockets = [
    await dial(port, GET),
    await dial(port, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n12"),
  ];
  while (responses.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  await stop();
  await Promise.all(sockets.map(closed));
}, 5000);
