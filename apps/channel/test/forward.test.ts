import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { duplexPair } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "../../../tests/support/ports.ts";
import { type ForwardEvent, forwardFar, listenNear, type NearOptions } from "../src/forward.ts";
import { parseForwardAnswer, parseForwardRequest } from "../src/forward-messages.ts";
import { parseTarget, parseTargetPattern } from "../src/forward-target.ts";

let echo: Server;
let echoPort: number;
beforeAll(async () => {
  // Answers only when the other side has ended: half-close must get through.
  echo = createServer({ allowHalfOpen: true }, async (socket) => {
    const all = await socket.toArray();
    socket.end(`echo ${Buffer.concat(all).length}`);
  });
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  echoPort = (echo.address() as AddressInfo).port;
});
afterAll(() => void echo.close());

const events: ForwardEvent[] = [];
/** A near and a far side with nothing in between. */
async function world(
  target: NearOptions["target"],
  rules: readonly string[],
  far?: string,
): Promise<{ port: number; stop(): void }> {
  events.length = 0;
  const event = (happened: ForwardEvent): unknown => events.push(happened);
  const near = await listenNear(
    { host: "127.0.0.1", port: 0 },
    {
      target,
      dial: async () => {
        const [left, right] = duplexPair();
        void forwardFar(right, "milagro:acme/person/alice", {
          targetsOf: () => rules.map(parseTargetPattern),
          target: far === undefined ? undefined : parseTarget(far),
          event,
        });
        return left;
      },
    },
  );
  return { port: (near.address() as AddressInfo).port, stop: () => void near.close() };
}

async function ask(port: number, first: Uint8Array, text: string): Promise<Buffer> {
  const socket: Socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {});
  socket.write(first);
  socket.end(text);
  return Buffer.concat(await socket.toArray().catch(() => []));
}
const socksTo = (port: number) => Uint8Array.of(5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255);
const nothing = new Uint8Array(0);

describe("a forwarder", () => {
  test("carries a megabyte to a fixed target, and each direction ends by itself", async () => {
    const { port, stop } = await world(parseTarget(`127.0.0.1:${echoPort}`), [`127.0.0.1:${echoPort}`]);
    expect((await ask(port, nothing, "x".repeat(1_048_576))).toString()).toBe("echo 1048576");
    expect(events.map(({ kind }) => kind)).toEqual(["opened", "closed"]);
    stop();
  });

  test("asks for no target where the far side has its own", async () => {
    const { port, stop } = await world(undefined, [], `127.0.0.1:${echoPort}`);
    expect((await ask(port, nothing, "abc")).toString()).toBe("echo 3");
    stop();
  });

  test("speaks SOCKS 5", async () => {
    const { port, stop } = await world("socks", ["127.0.0.0/8:*"]);
    const answer = await ask(port, socksTo(echoPort), "abcd");
    expect([...answer.subarray(0, 4)]).toEqual([5, 0, 5, 0]);
    expect(answer.subarray(12).toString()).toBe("echo 4");
    stop();
  });

  test.each([
    ["no rule", [], "ERR_TARGET_REFUSED", 2],
    ["another port", ["127.0.0.1:1"], "ERR_TARGET_REFUSED", 2],
    ["another host", ["127.0.0.2:*"], "ERR_TARGET_REFUSED", 2],
  ])("refuses with %s, and says so in SOCKS", async (_, rules, code, reply) => {
    const { port, stop } = await world("socks", rules);
    const answer = await ask(port, socksTo(echoPort), "abcd");
    expect([...answer.subarray(0, 4)]).toEqual([5, 0, 5, reply]);
    expect(answer.length).toBe(12);
    expect(events.at(-1)).toMatchObject({ kind: "failed", code });
    stop();
  });

  test("a target that refuses connections is named as such", async () => {
    const [free = 0] = await freePorts(1);
    const { port, stop } = await world("socks", ["127.0.0.1:*"]);
    expect([...(await ask(port, socksTo(free), "")).subarray(2, 4)]).toEqual([5, 4]);
    expect(events.at(-1)).toMatchObject({ kind: "failed", code: "ERR_TARGET_UNREACHABLE" });
    stop();
  });

  test("a request without a target is refused where there is none by default", async () => {
    const { port, stop } = await world(undefined, ["*:*"]);
    expect((await ask(port, nothing, "abc")).length).toBe(0);
    expect(events.at(-1)).toMatchObject({ kind: "failed", code: "ERR_TARGET_INVALID" });
    stop();
  });
});

test.each([
  "",
  "x",
  "[]",
  "null",
  '{"v":2}',
  '{"v":1,"target":5}',
  '{"v":1,"target":"a"}',
  '{"v":1,"more":1}',
  '{"v":1,"target":"a:1","x":0}',
])("refused as a request: %j", (line) => {
  expect(() => parseForwardRequest(line)).toThrow();
});
test.each([
  "",
  "{}",
  '{"v":1}',
  '{"v":1,"ok":true,"code":"ERR_TARGET_REFUSED"}',
  '{"v":1,"ok":false}',
  '{"v":1,"ok":false,"code":"ERR_X"}',
  '{"v":1,"ok":1}',
])("refused as an answer: %j", (line) => {
  expect(() => parseForwardAnswer(line)).toThrow();
});
