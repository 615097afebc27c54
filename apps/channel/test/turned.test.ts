/** Channels with their roles turned: a D-TA connects and proves itself to somebody who proves nothing. */
import { once } from "node:events";
import { type AddressInfo, connect as connectNet, createServer, type Socket } from "node:net";
import { encodeFrame } from "@milagro/protocol/channel-frame";
import { acceptInvitation, invite } from "@milagro/runtime/channel/turned";
import { expect, onTestFinished, test } from "vitest";
import { type Channel, connect } from "../src/index.ts";
import { ALICE, ask, authority, BOB, codeOf, echo, listen, makeWorld, nobody, party } from "./fixture.ts";

/** Gives every connection to `use`. */
async function listener<T>(
  use: (socket: Socket) => Promise<T>,
): Promise<{ readonly port: number; readonly used: Promise<T>[] }> {
  const used: Promise<T>[] = [];
  const server = createServer((socket) => {
    const one = use(socket.on("error", () => {}));
    one.catch(() => {});
    used.push(one);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, used };
}
const accepting = (self = nobody(), count = 1) => listener((socket) => acceptInvitation(socket, { self, count }));
const inviteAt = (port: number, self = authority(), index = 1): Promise<Channel> =>
  invite({ self, index, host: "127.0.0.1", port, timeoutMs: 20_000 });

test("the one that listens knows which D-TA it is, and the D-TA knows nobody; both can speak", async () => {
  const { port, used } = await accepting();
  const near = await inviteAt(port);
  const far = (await used[0]) as Channel;
  expect(far.peerName).toBe("dta:1");
  expect(near.peerName).toBe("anonymous");
  echo(near);
  expect(await ask(far, "a request")).toBe("a request");
  expect(near.exportKey("test")).toEqual(far.exportKey("test"));
  far.destroy();
});

test("somebody else than the D-TA of that number is refused", async () => {
  for (const self of [party(ALICE), authority(await makeWorld())]) {
    const { port, used } = await accepting();
    expect(await codeOf(inviteAt(port, self))).not.toBe("ok");
    expect(await codeOf(used[0] as Promise<Channel>)).toMatch(/ERR_CHANNEL_PEER|ERR_DOMAIN_MISMATCH|ERR_UNREACHABLE/);
  }
});

test("the D-TA wants nobody, and nobody with a name", async () => {
  const { port } = await accepting(party(ALICE));
  expect(await codeOf(inviteAt(port))).toBe("ERR_CHANNEL_REFUSED");
});

test.each([0, 2, 255])("an invitation of number %i, which is none of the domain's, is refused", async (index) => {
  const { port, used } = await accepting();
  expect(await codeOf(inviteAt(port, authority(), index))).toBe("ERR_UNREACHABLE");
  expect(await codeOf(used[0] as Promise<Channel>)).toBe("ERR_CHANNEL_MESSAGE");
});

test("what is no invitation is refused", async () => {
  const { port, used } = await accepting();
  const offers = connect({ self: party(ALICE), to: BOB, host: "127.0.0.1", port });
  expect(await codeOf(offers)).toBe("ERR_UNREACHABLE");
  expect(await codeOf(used[0] as Promise<Channel>)).toBe("ERR_CHANNEL_MESSAGE");
});

test("a server that can prove itself takes no invitation", async () => {
  const { port, errors } = await listen({});
  expect(await codeOf(inviteAt(port))).toBe("ERR_CHANNEL_MESSAGE");
  expect(errors).toMatchObject([{ code: "ERR_CHANNEL_MESSAGE" }]);
});

test("a client of the D-TA's that was led here has no channel with it: it speaks another protocol", async () => {
  // Whoever listens takes the invitation away and gives the connection to a client that dials the D-TA.
  const { port, used } = await listener(async (socket) => {
    const frame = encodeFrame("invitation", Uint8Array.of(1));
    await once(socket, "readable");
    while (socket.read(frame.length) === null) await once(socket, "readable");
    return connect({ self: nobody(), to: "dta:1", socket, ALPNProtocols: ["http/1.1"] });
  });
  expect(await codeOf(inviteAt(port))).toBe("ERR_CHANNEL_REFUSED");
  expect(await codeOf(used[0] as Promise<Channel>)).toBe("ERR_CHANNEL_REFUSED");
});

test("one that names no protocol has none either", async () => {
  const { port } = await listener(async (socket) => {
    const frame = encodeFrame("invitation", Uint8Array.of(1));
    await once(socket, "readable");
    while (socket.read(frame.length) === null) await once(socket, "readable");
    return connect({ self: nobody(), to: "dta:1", socket });
  });
  expect(await codeOf(inviteAt(port))).toBe("ERR_CHANNEL_REFUSED");
});

test("an invitation that leads to a D-TA's own port gives no channel: that port names no protocol", async () => {
  const { port: dtaPort } = await listen({ self: authority(), allow: ["anonymous"] });
  const inviting = connectNet(dtaPort, "127.0.0.1");
  onTestFinished(() => void inviting.destroy());
  const { port, used } = await listener(async (socket) => {
    const taken = acceptInvitation(socket, { self: nobody(), count: 1 });
    return taken;
  });
  // The man in the middle invites, and lets the D-TA's port answer.
  const middle = connectNet(port, "127.0.0.1").on("error", () => {});
  middle.write(encodeFrame("invitation", Uint8Array.of(1)));
  middle
    .pipe(inviting)
    .on("error", () => {})
    .pipe(middle);
  await once(middle, "close");
  expect(await codeOf(used[0] as Promise<Channel>)).toBe("ERR_CHANNEL_REFUSED");
});

test("an end that stays silent is given up, on either side", async () => {
  const { port } = await listener(async () => undefined);
  expect(await codeOf(invite({ self: authority(), index: 1, host: "127.0.0.1", port, timeoutMs: 100 }))).toBe(
    "ERR_TIMEOUT",
  );
});
