/** Peers that mean no good, or none that makes sense. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectNet, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { encodeFrame } from "@milagro/protocol/channel-frame";
import { createAdmission, sourceOf } from "@milagro/runtime/channel/admission";
import { describe, expect, onTestFinished, test } from "vitest";
import { connect, createTicketCache, createTicketKeys } from "../src/index.ts";
import { ALICE, ask, BOB, codeOf, EPOCH_SECONDS, listen, makeWorld, party, random, until, world } from "./fixture.ts";

const self = party(ALICE);

async function dial(port: number): Promise<Socket> {
  const socket = connectNet(port, "127.0.0.1");
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  await Promise.race([once(socket, "connect"), closed(socket)]);
  return socket;
}
/** However it ends: whom a server has enough of may be reset. */
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });

describe("garbage", () => {
  test("a thousand connections of it cost no key, and leave the server as it was", async () => {
    let keys = 0;
    const bob = party(BOB);
    const counting = {
      ...bob,
      own: () =>
        ({
          ...bob.own(),
          sign: () => {
            keys += 1;
            return new Uint8Array(96);
          },
        }) as ReturnType<typeof bob.own>,
    };
    const limits = { maxPending: 2000, maxPendingPerAddress: 2000, perSecondPerAddress: 2000 };
    const { port, host, errors, server } = await listen({ self: counting, ...limits });
    const kinds = [
      () => randomBytes(200),
      () => Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
      () => Buffer.concat([Buffer.from("MLGC\x01\x01"), randomBytes(64)]),
      () => Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0]), randomBytes(512)]),
      () => Buffer.from(encodeFrame("proof", randomBytes(200))),
      () => Buffer.concat([Buffer.from("MLGC\x02\x01\x05\x02"), randomBytes(1282)]),
    ];
    for (let round = 0; round < 20; round++) {
      const sockets = await Promise.all(Array.from({ length: 50 }, () => dial(port)));
      await Promise.all(
        sockets.map((socket, i) => {
          socket.resume();
          socket.end((kinds[i % kinds.length] as () => Buffer)());
          return closed(socket);
        }),
      );
    }
    await until(() => errors.length === 1000 && server.pending === 0);
    expect(keys).toBe(0);
    const good = await listen({});
    expect(
      await codeOf(connect({ self, to: BOB, host: good.host, port: good.port }).then((channel) => channel.destroy())),
    ).toBe("ok");
    expect(host).toBe("127.0.0.1");
  });

  test("frames that say how long they are get no more than they may", async () => {
    const { port, errors } = await listen({});
    const socket = await dial(port);
    socket.write(Buffer.concat([Buffer.from("MLGC\x01\x01\xff\xff", "latin1")]));
    await until(() => errors.length === 1);
    expect(errors[0]).toMatchObject({ code: "ERR_CHANNEL_MESSAGE" });
  });

  test("a server that is none is left alone", async () => {
    const { createServer } = await import("node:http");
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    expect(await codeOf(connect({ self, to: BOB, host: "127.0.0.1", port }))).toMatch(
      /^ERR_(?:CHANNEL_MESSAGE|UNREACHABLE)$/,
    );
  });
});

describe("too much", () => {
  test("one address has only so many places; a place is free again when its holder goes", async () => {
    const { port, host, server } = await listen({ maxPendingPerAddress: 2 });
    const idle = [await dial(port), await dial(port)];
    await until(() => server.pending === 2);
    const third = await dial(port);
    await closed(third);
    expect(await codeOf(connect({ self, to: BOB, host, port }))).toBe("ERR_UNREACHABLE");
    idle[0]?.destroy();
    await until(() => server.pending === 1);
    const channel = await connect({ self, to: BOB, host, port });
    expect(await ask(channel, "in")).toBe("in");
    channel.destroy();
  });

  test("there are so many channels, and no more", async () => {
    const { port, host, server } = await listen({ maxChannels: 1 });
    const first = await connect({ self, to: BOB, host, port });
    await until(() => server.channels.size === 1);
    expect(await codeOf(connect({ self, to: BOB, host, port }))).toBe("ERR_UNREACHABLE");
    first.destroy();
  });

  test("connections a second from one address are counted, whatever becomes of them", () => {
    const admission = createAdmission({ perSecondPerAddress: 1 });
    const entered = Array.from({ length: 12 }, () => admission.enter("192.0.2.1", 0));
    for (const leave of entered) leave?.();
    expect(entered.filter(Boolean).length).toBe(10);
    expect(admission.pending).toBe(0);
    expect(admission.enter("192.0.2.2", 0)).toBeDefined();
    expect(admission.enter("192.0.2.1", 1000)).toBeDefined();
  });

  test.each([
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    ["192.0.2.1", "192.0.2.1"],
  ])("%s counts as %s", (address, source) => {
    expect(sourceOf(address)).toBe(source);
  });

  test("who drips bytes is cut off when the handshake's time is over", async () => {
    const { port, errors, server } = await listen({ handshakeTimeoutMs: 80 });
    const sockets = await Promise.all(Array.from({ length: 8 }, () => dial(port)));
    const drip = setInterval(() => sockets.map((socket) => socket.writable && socket.write("M")), 5);
    onTestFinished(() => clearInterval(drip));
    for (const socket of sockets) socket.write("MLGC\x01\x01\x05\x02");
    await until(() => errors.length === 8 && server.pending === 0);
    expect(new Set(errors.map((error) => "code" in error && error.code))).toEqual(new Set(["ERR_TIMEOUT"]));
  });

  test("a connection that says nothing at all, too", async () => {
    const { port, errors } = await listen({ handshakeTimeoutMs: 40 });
    await dial(port);
    await until(() => errors.length === 1);
    expect(errors[0]).toMatchObject({ code: "ERR_TIMEOUT" });
  });
});

describe("a ticket", () => {
  /** A TLS client that shows this name and this key, and what comes of it. */
  function show(port: number, identity: string, psk: Uint8Array): Promise<string> {
    return new Promise((resolve) => {
      const socket = connectTls({
        port,
        host: "127.0.0.1",
        ciphers: "TLS_AES_128_GCM_SHA256",
        pskCallback: () => ({ identity, psk }),
        checkServerIdentity: () => undefined,
      });
      socket.on("error", () => resolve("refused")).on("secureConnect", () => resolve("ok"));
      onTestFinished(() => void socket.destroy());
    });
  }

  /** A ticket for Alice at this server. */
  async function obtain(server: { readonly host: string; readonly port: number }, own = self) {
    const tickets = createTicketCache();
    const channel = await connect({ self: own, to: BOB, host: server.host, port: server.port, tickets });
    channel.destroy();
    const found = tickets.find(own.own().credential, BOB, own.clock());
    if (!found) throw new TypeError("no ticket");
    return { ...found.psk, tickets };
  }

  test("is good as it is, and not with another key, not changed, not cut, not at another server", async () => {
    const server = await listen({});
    const { identity, key } = await obtain(server);
    expect(identity.length).toBeLessThanOrEqual(255);
    expect(await show(server.port, identity, key)).toBe("ok");
    expect(await show(server.port, identity, new Uint8Array(32))).toBe("refused");
    for (let i = 0; i < identity.length; i += 9) {
      const changed = identity.slice(0, i) + (identity[i] === "A" ? "B" : "A") + identity.slice(i + 1);
      expect(await show(server.port, changed, key)).toBe("refused");
    }
    for (const other of [
      identity.slice(1),
      identity.slice(0, -1),
      `${identity}A`,
      "x",
      ALICE,
      "milagro\u00e9",
      "A".repeat(255),
    ])
      expect(await show(server.port, other, key)).toBe("refused");
    const elsewhere = await listen({});
    expect(await show(elsewhere.port, identity, key)).toBe("refused");
  });

  test("opens at every instance that has the keys, if it is the same responder", async () => {
    const tickets = createTicketKeys({ random, clock: world.clock });
    const one = await listen({ tickets });
    const two = await listen({ tickets });
    const another = await listen({ tickets, self: party("milagro:example.org/service/carol" as typeof BOB) });
    const { identity, key } = await obtain(one);
    expect(await show(two.port, identity, key)).toBe("ok");
    expect(await show(another.port, identity, key)).toBe("refused");
  });

  test("that is stale is not taken, and the client agrees anew", async () => {
    const own = await makeWorld();
    const bob = party(BOB, own);
    const alice = party(ALICE, own);
    const server = await listen({ self: bob, ticketSeconds: 60 });
    const slow = { ...alice, clock: () => own.nowMs - 50_000 }; // its clock is behind, so it still believes in the ticket
    const { identity, key, tickets } = await obtain(server, alice);
    own.nowMs += 61_000;
    expect(await show(server.port, identity, key)).toBe("refused");
    const channel = await connect({ self: slow, to: BOB, host: server.host, port: server.port, tickets });
    expect(channel.origin).toBe("agreement");
    channel.destroy();
  });

  test("never outlives the epoch of its holder's key", async () => {
    const own = await makeWorld();
    const server = await listen({ self: party(BOB, own, 0, 1), ticketSeconds: 86_400 });
    const { identity, key } = await obtain(server, party(ALICE, own));
    own.nowMs += (EPOCH_SECONDS / 2 + 290) * 1000;
    expect(await show(server.port, identity, key)).toBe("ok");
    own.nowMs += 20_000;
    expect(await show(server.port, identity, key)).toBe("refused");
  });

  test("goes with the key it was sealed under, not before it is over", async () => {
    const own = await makeWorld();
    const tickets = createTicketKeys({ random, clock: own.clock, rotateMs: 100_000, lifetimeSeconds: 600 });
    const first = tickets.current();
    own.nowMs += 100_001;
    const second = tickets.current();
    expect(second).not.toBe(first);
    expect(tickets.all()).toEqual([second, first]);
    own.nowMs += 600_000;
    expect(tickets.all()).not.toContain(first);
    expect(() => first.key.use(() => 0)).toThrow(TypeError);
  });

  test("is not given for a name that has no room in it; the channel comes about as always", async () => {
    const server = await listen({});
    const long = party(`milagro:example.org/service/${"a".repeat(150)}` as typeof ALICE);
    const tickets = createTicketCache();
    for (let i = 0; i < 2; i++) {
      const channel = await connect({ self: long, to: BOB, host: server.host, port: server.port, tickets });
      expect(channel.origin).toBe("agreement");
      channel.destroy();
    }
  });

  test("is for one identity of a program, not for its others", async () => {
    const server = await listen({});
    const { tickets } = await obtain(server);
    const carol = party("milagro:example.org/service/carol" as typeof ALICE);
    const channel = await connect({ self: carol, to: BOB, host: server.host, port: server.port, tickets });
    expect(channel.origin).toBe("agreement");
    channel.destroy();
  });
});

describe("who is revoked", () => {
  test("is refused also when that takes a while to find out, by agreement and by ticket", async () => {
    let revoked = false;
    const look = async (): Promise<boolean> => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return revoked;
    };
    const { port, host, server, errors } = await listen({ revoked: look });
    const tickets = createTicketCache();
    for (let i = 0; i < 2; i++) (await connect({ self, to: BOB, host, port, tickets })).destroy();
    revoked = true;
    const channel = await connect({ self, to: BOB, host, port, tickets }).catch(() => undefined);
    if (channel && !channel.destroyed) await once(channel.on("error", () => {}).resume(), "close");
    expect(await codeOf(connect({ self, to: BOB, host, port }))).toBe("ERR_CHANNEL_REFUSED");
    await until(() => errors.filter((error) => "code" in error && error.code === "ERR_CHANNEL_REFUSED").length === 2);
    await until(() => server.channels.size === 0);
  });

  test("a server without keys of this epoch says nothing wrong: it has no channel", async () => {
    const { port, host, errors } = await listen({ self: party(BOB, world, -5) });
    expect(await codeOf(connect({ self, to: BOB, host, port }))).toBe("ERR_UNREACHABLE");
    await until(() => errors.length === 1);
    expect(errors[0]).toMatchObject({ code: "ERR_KEY_MISSING" });
  });

  test("a server that says nobody is let in cannot be made by mistake", async () => {
    const { createServer } = await import("../src/index.ts");
    expect(() => createServer({ self: party(BOB) })).toThrow(TypeError);
    expect(() => createServer({ self: party(BOB), allow: ["*"] })).toThrow(
      expect.objectContaining({ code: "ERR_CHANNEL_POLICY_INVALID" }),
    );
  });
});
