/** Frames off a real socket: whatever pieces they come in, a frame is taken whole and nothing after it is. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { encodeFrame, frameHeader } from "@milagro/protocol/channel-frame";
import { readFrame, readSome } from "@milagro/runtime/channel/frame-stream";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { codeOf } from "./fixture.ts";

const OFFER = Buffer.from(encodeFrame("offer", randomBytes(1282)));
const PROOF = Buffer.from(encodeFrame("proof", randomBytes(300)));
const HELLO = Buffer.concat([Buffer.from([0x16, 3, 1, 1, 0]), randomBytes(256)]);

/** Both ends of a connection. */
async function pair(): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const far = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", allowHalfOpen: true });
  const [near] = (await once(server, "connection")) as [Socket];
  server.close();
  for (const end of [near, far]) {
    end.on("error", () => {}).setNoDelay(true);
    onTestFinished(() => void end.destroy());
  }
  return { near, far };
}

/** What comes until there are so many bytes. */
async function take(socket: Socket, length: number): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  while (bytes.length < length) bytes = Buffer.concat([bytes, await readSome(socket)]);
  return bytes;
}

/** Each piece by itself, as far as a network can be told to. */
async function send(socket: Socket, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("in pieces of one byte", async () => {
  const { near, far } = await pair();
  void send(
    far,
    [...PROOF].map((byte) => Buffer.of(byte)),
  );
  expect(Buffer.from((await readFrame(near)).bytes).equals(PROOF)).toBe(true);
});

test("frames and TLS in pieces of any size: each frame is read as it was sent, and TLS is there from its first byte", async () => {
  const stream = Buffer.concat([OFFER, PROOF, HELLO]);
  const cuts = fc.array(fc.integer({ min: 1, max: stream.length - 1 }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(cuts, fc.boolean(), async (places, begun) => {
      const { near, far } = await pair();
      const sorted = [0, ...places.toSorted((a, b) => a - b), stream.length];
      void send(
        far,
        sorted.slice(1).map((end, i) => stream.subarray(sorted[i], end)),
      );
      const first = begun ? await readFrame(near, await readSome(near)) : await readFrame(near);
      expect([first.type, Buffer.from(first.bytes).equals(OFFER)]).toEqual(["offer", true]);
      const second = await readFrame(near);
      expect([second.type, Buffer.from(second.bytes).equals(PROOF)]).toEqual(["proof", true]);
      expect((await take(near, HELLO.length)).equals(HELLO)).toBe(true);
      for (const end of [near, far]) end.destroy();
    }),
  );
});

test("64 kB after an offer are all still there, in order", async () => {
  const { near, far } = await pair();
  const rest = randomBytes(65_536);
  far.write(Buffer.concat([OFFER, rest]));
  expect((await readFrame(near)).type).toBe("offer");
  expect((await take(near, rest.length)).equals(rest)).toBe(true);
});

test("garbage after a frame is nobody's until it is read, and then it is garbage", async () => {
  const { near, far } = await pair();
  far.write(Buffer.concat([OFFER, randomBytes(32).fill(0xff)]));
  expect((await readFrame(near)).type).toBe("offer");
  expect(await codeOf(readFrame(near))).toBe("ERR_CHANNEL_MESSAGE");
});

test.each([
  ["a body longer than it may be", frameHeader("offer", 1283)],
  ["the longest there is", frameHeader("proof", 65_535)],
  ["a body shorter than it may be", frameHeader("proof", 16)],
  ["none", frameHeader("offer", 0)],
  ["a type that there is not", Buffer.from("MLGC\x01\x63\x00\x20", "latin1")],
  ["something else", Buffer.from("MLGX\x01\x01\x05\x02", "latin1")],
])("a header that announces %s is refused as it is, without waiting for more", async (_, header) => {
  const { near, far } = await pair();
  far.write(header);
  expect(await codeOf(readFrame(near))).toBe("ERR_CHANNEL_MESSAGE");
});

test("another version is refused by its header", async () => {
  const { near, far } = await pair();
  far.write(Buffer.from("MLGC\x02\x01\x05\x02", "latin1"));
  expect(await codeOf(readFrame(near))).toBe("ERR_VERSION_UNSUPPORTED");
});

test("an alert in a frame's place is a refusal from its first byte on", async () => {
  const { near, far } = await pair();
  far.write(Buffer.of(0x15));
  expect(await codeOf(readFrame(near))).toBe("ERR_CHANNEL_REFUSED");
});

test.each(["ends", "resets", "is closed here"])(
  "a connection that %s within a frame, and one before it",
  async (how) => {
    for (const sent of [Buffer.alloc(0), OFFER.subarray(0, 1), OFFER.subarray(0, 8), OFFER.subarray(0, 700)]) {
      for (const waiting of [false, true]) {
        const { near, far } = await pair();
        const early = waiting ? codeOf(readFrame(near)) : undefined;
        if (sent.length > 0) far.write(sent);
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (how === "ends") far.end();
        else if (how === "resets") far.resetAndDestroy();
        else near.destroy();
        await new Promise((resolve) => setTimeout(resolve, 5));
        expect(await (early ?? codeOf(readFrame(near)))).toBe("ERR_UNREACHABLE");
      }
    }
  },
);

test("a frame whose sender ended with it is read; what would follow is not there", async () => {
  for (const rest of [Buffer.alloc(0), HELLO]) {
    const { near, far } = await pair();
    far.end(Buffer.concat([PROOF, rest]));
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect((await readFrame(near)).type).toBe("proof");
    expect(await codeOf(readFrame(near))).not.toBe("ok");
  }
});
