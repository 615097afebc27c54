/** Peers that go in the middle of setting up a channel. The handshake may take ten minutes here, so a place that waits for it fails its test. */
import { once } from "node:events";
import { type AddressInfo, connect as connectNet, createServer as createNetServer, type Socket } from "node:net";
import { initiate } from "@milagro/runtime/channel/agree";
import { createServiceFront } from "@milagro/runtime/channel/service-front";
import { silentLog } from "@milagro/runtime/log";
import { expect, onTestFinished, test } from "vitest";
import { type Channel, connect, createTicketCache, type ServerOptions } from "../src/index.ts";
import { type Cut, cutShort } from "./cutter.ts";
import { ALICE, ask, BOB, echo, type Listening, listen, nobody, party, until } from "./fixture.ts";

const self = party(ALICE);
const HOWS = ["ends", "closes", "resets"] as const;
/** Whoever is set up says goodbye when the other side has. */
const polite = (channel: Channel): void => {
  channel
    .on("error", () => {})
    .on("end", () => channel.end())
    .resume();
};

/** A server that waits ten minutes, and does not outlive its test when somebody is still in it. */
async function patient(options: Partial<ServerOptions>): Promise<Listening> {
  const sockets = new Set<Socket>();
  const listening = await listen({ handshakeTimeoutMs: 600_000, perSecondPerAddress: 1000, ...options }, polite);
  listening.server.on("connection", (socket: Socket) => sockets.add(socket));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  return listening;
}

/** A client that goes as `cut` says; resolves when nothing of it is left. */
async function goOne(server: Listening, cut: Cut, origin: "agreement" | "ticket"): Promise<void> {
  const tickets = origin === "ticket" ? createTicketCache() : undefined;
  if (tickets) (await connect({ self, to: BOB, ...server, tickets })).destroy();
  const cutter = await cutShort(server, cut);
  void connect({ self, to: BOB, ...cutter, tickets, timeoutMs: 600_000 }).then(polite, () => {});
  await cutter.gone;
  await until(() => server.server.pending === 0 && server.server.channels.size === 0);
}

/** What has arrived: frames and records, bytes of the next one, and whether that gets an answer. */
const MOMENTS: readonly ["agreement" | "ticket", string, number, number, boolean][] = [
  ["agreement", "nothing", 0, 0, false],
  ["agreement", "half of an offer", 0, 600, false],
  ["agreement", "an offer", 1, 0, true],
  ["agreement", "a byte of a proof", 1, 1, false],
  ["agreement", "a proof", 2, 0, false],
  ["agreement", "half of a ClientHello", 2, 100, false],
  ["agreement", "a ClientHello", 3, 0, true],
  ["agreement", "a change of cipher", 4, 0, false],
  ["agreement", "half of a Finished", 4, 30, false],
  ["agreement", "a Finished", 5, 0, true],
  ["ticket", "a byte of a ClientHello", 0, 1, false],
  ["ticket", "half of a ClientHello", 0, 100, false],
  ["ticket", "a ClientHello", 1, 0, true],
  ["ticket", "a change of cipher", 2, 0, false],
  ["ticket", "half of a Finished", 2, 30, false],
  ["ticket", "a Finished", 3, 0, true],
];

test.each(MOMENTS)(
  "by %s, after %s: the place is free at once",
  async (origin, _, messages, bytes, answered) => {
    const whens = ["at once", "later", ...(answered ? (["when answered"] as const) : [])] as const;
    const through = async (allowHalfOpen: boolean): Promise<void> => {
      const server = await patient({ allowHalfOpen });
      for (const how of HOWS) for (const when of whens) await goOne(server, { messages, bytes, when, how }, origin);
    };
    await Promise.all([through(false), through(true)]);
  },
  60_000,
);

/** Something that takes as long as the test wants. */
function gate() {
  let open = (): void => {};
  let reach = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const pass = async (): Promise<void> => {
    reach();
    await opened;
  };
  return { open, reached, pass };
}

for (const how of HOWS)
  for (const allowHalfOpen of [false, true])
    test(`while a signature is checked (${how}, half open: ${allowHalfOpen}): the place is kept as long as the work takes, and no longer`, async () => {
      const { open, reached, pass } = gate();
      const bob = party(BOB);
      const verify: typeof bob.verify = async (claim) => {
        await pass();
        return bob.verify(claim);
      };
      const server = await patient({ allowHalfOpen, self: { ...bob, verify } });
      const gone = goOne(server, { messages: 2, bytes: 100, when: "later", how }, "agreement");
      await reached;
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(server.server.pending).toBe(1);
      open();
      await gone;
      expect(server.errors).toMatchObject([{ code: "ERR_UNREACHABLE" }]);
    }, 60_000);

for (const how of ["ends", "resets"] as const)
  test(`while it is looked up whether a ticket's holder is revoked (${how}): nothing breaks, and nothing stays`, async () => {
    const { open, reached, pass } = gate();
    let looks = 0;
    const revoked = async (): Promise<boolean> => {
      looks += 1;
      if (looks > 1) await pass();
      return false;
    };
    const server = await patient({ allowHalfOpen: true, revoked });
    const gone = goOne(server, { messages: 3, when: "later", how }, "ticket");
    await reached;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.server.pending).toBe(1);
    open();
    await gone;
  }, 60_000);

test("who was given a key and keeps the connection does not keep the server's end of it", async () => {
  const server = await patient({ allowHalfOpen: true, grant: () => ({ identity: "x", lifetimeSeconds: 60 }) });
  const ended = new Promise((resolve) =>
    server.server.once("connection", (socket: Socket) => socket.once("close", resolve)),
  );
  const socket = connectNet({ port: server.port, host: server.host, allowHalfOpen: true }).on("error", () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  const { grant } = await initiate(socket, self, { stream: false, grant: true }, () => undefined);
  expect(grant?.identity).toBe("x");
  await ended;
}, 60_000);

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });

/** The first bytes of an agreement, and a peer that says no more. */
async function begin(port: number): Promise<Socket> {
  const socket = connectNet(port, "127.0.0.1").on("error", () => {});
  onTestFinished(() => void socket.destroy());
  await Promise.race([once(socket, "connect"), closed(socket)]);
  socket.write("MLGC");
  return socket.resume();
}

test("a server that closes ends what is being set up, and leaves channels alone", async () => {
  const { server, port, host } = await listen({ handshakeTimeoutMs: 600_000 });
  const channel = await connect({ self, to: BOB, host, port });
  await until(() => server.channels.size === 1);
  const half = await begin(port);
  await until(() => server.pending === 1);
  const over = once(server, "close");
  server.close();
  await closed(half);
  await until(() => server.pending === 0);
  expect(await ask(channel, "still here")).toBe("still here");
  channel.destroy();
  await over;
}, 60_000);

test.each([
  ["a service that can prove itself", true],
  ["one that cannot, and waits for invitations", false],
])(
  "the front of %s stops at once and lets nobody in any more; its channels end when it closes",
  async (_, proves) => {
    let own = proves ? party(BOB) : undefined;
    const front = createServiceFront({
      self: () => own,
      anonymous: true,
      invited: { self: nobody(), count: 1, onChannel: () => {} },
      log: silentLog,
      onChannel: echo,
    });
    const net = createNetServer({ allowHalfOpen: true }, front.accept).listen(0, "127.0.0.1");
    await once(net, "listening");
    const { port } = net.address() as AddressInfo;
    const channel = proves ? await connect({ self, to: BOB, host: "127.0.0.1", port }) : undefined;
    const half = await begin(port);
    await new Promise((resolve) => setTimeout(resolve, 30));
    if (proves) own = party(BOB); // with a new descriptor
    const later = proves ? await connect({ self, to: BOB, host: "127.0.0.1", port }) : undefined;
    await until(() => front.count === (proves ? 2 : 0));
    front.stop();
    await closed(half);
    await closed(await begin(port));
    for (const one of [channel, later]) if (one) expect(await ask(one, "still here")).toBe("still here");
    front.close();
    await new Promise((resolve) => net.close(resolve));
  },
  60_000,
);
