/** A channel behaves as a socket of node:tls does. */
import { once } from "node:events";
import { type AddressInfo, connect as connectNet, createServer as createNetServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePorts } from "../../../tests/support/ports.ts";
import { tempFolder } from "../../../tests/support/temp-folder.ts";
import { type Channel, connect, createTicketCache, requestKey } from "../src/index.ts";
import { ALICE, ask, BOB, codeOf, echo, listen, party, until } from "./fixture.ts";

const self = party(ALICE);

test("ALPN picks the server's first choice that the client offers, in band and by ticket", async () => {
  const { port, host } = await listen({ ALPNProtocols: ["h2", "http/1.1"] });
  const tickets = createTicketCache();
  for (const origin of ["agreement", "ticket"]) {
    const channel = await connect({ self, to: BOB, host, port, tickets, ALPNProtocols: ["http/1.1", "h2"] });
    expect([channel.origin, channel.alpnProtocol]).toEqual([origin, "h2"]);
    channel.destroy();
  }
});

test("no protocol in common: no channel", async () => {
  const { port, host } = await listen({ ALPNProtocols: ["h2"] });
  expect(await codeOf(connect({ self, to: BOB, host, port, ALPNProtocols: ["mqtt"] }))).toBe("ERR_CHANNEL_REFUSED");
});

test("a reader that does not read stops the writer, and loses nothing", async () => {
  const megabytes = 16;
  let sent = 0;
  const { port, host } = await listen({}, (channel) => {
    channel.on("error", () => {});
    const chunk = Buffer.alloc(65_536, 1);
    const write = (): void => {
      while (sent < megabytes * 16) {
        sent += 1;
        if (!channel.write(chunk)) return void channel.once("drain", write);
      }
      channel.end();
    };
    write();
  });
  const channel = await connect({ self, to: BOB, host, port });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(sent).toBeLessThan(megabytes * 16);
  let got = 0;
  for await (const chunk of channel) got += (chunk as Buffer).length;
  expect(got).toBe(megabytes * 1_048_576);
});

test("one direction ends while the other goes on, where both sides want that", async () => {
  const { port, host } = await listen({ allowHalfOpen: true }, (channel) => {
    let text = "";
    channel
      .on("error", () => {})
      .on("data", (chunk) => {
        text += chunk;
      });
    channel.on("end", () => channel.end(`got ${text}`));
  });
  const channel = await connect({ self, to: BOB, host, port, allowHalfOpen: true });
  channel.end("question");
  let answer = "";
  for await (const chunk of channel) answer += chunk;
  expect(answer).toBe("got question");
});

test("without that, ending is ending", async () => {
  const { port, host, server } = await listen({});
  const channel = await connect({ self, to: BOB, host, port });
  channel.resume();
  channel.end();
  await once(channel, "close");
  await until(() => server.channels.size === 0);
});

test("setTimeout tells of an idle channel", async () => {
  const { port, host } = await listen({});
  const channel = await connect({ self, to: BOB, host, port });
  channel.setTimeout(20);
  await once(channel, "timeout");
  channel.destroy();
});

test("an abort signal ends the dialling at any point, with its reason", async () => {
  const silent = createNetServer((socket) => void socket.on("error", () => {}).resume());
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as AddressInfo;
  const reason = new Error("enough");
  const before = connect({ self, to: BOB, host: "127.0.0.1", port, signal: AbortSignal.abort(reason) });
  await expect(before).rejects.toBe(reason);
  const controller = new AbortController();
  const during = connect({ self, to: BOB, host: "127.0.0.1", port, signal: controller.signal });
  setTimeout(() => controller.abort(reason), 20);
  await expect(during).rejects.toBe(reason);
});

test("a server that says nothing is given up", async () => {
  const silent = createNetServer((socket) => void socket.on("error", () => {}).resume());
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as AddressInfo;
  expect(await codeOf(connect({ self, to: BOB, host: "127.0.0.1", port, timeoutMs: 50 }))).toBe("ERR_TIMEOUT");
});

test("where nobody listens, nobody is reached", async () => {
  const [port = 0] = await freePorts(1);
  expect(await codeOf(connect({ self, to: BOB, host: "127.0.0.1", port }))).toBe("ERR_UNREACHABLE");
});

test("a Unix socket and a socket that is there already serve as well", async () => {
  const { port, host, server } = await listen({});
  const path = join(await tempFolder(), "s");
  const forward = createNetServer((near) => {
    const far = connectNet(port, host);
    near
      .on("error", () => {})
      .pipe(far)
      .on("error", () => {})
      .pipe(near);
  }).listen(path);
  await once(forward, "listening");
  onTestFinished(() => void forward.close());
  const byPath = await connect({ self, to: BOB, path });
  expect(await ask(byPath, "one")).toBe("one");
  const socket = connectNet(port, host);
  const bySocket = await connect({ self, to: BOB, socket });
  expect(await ask(bySocket, "two")).toBe("two");
  expect(server.channels.size).toBe(2);
  byPath.destroy();
  bySocket.destroy();
});

test("what comes with the last message of the agreement is not lost", async () => {
  const { port, host } = await listen({}, (channel) => void channel.on("error", () => {}).end("at once"));
  const channel = await connect({ self, to: BOB, host, port });
  let text = "";
  for await (const chunk of channel) text += chunk;
  expect(text).toBe("at once");
});

test("a channel outlives the server's closing, and can be ended by who is at the other end", async () => {
  const { port, host, server } = await listen({});
  const channels: Channel[] = [];
  for (let i = 0; i < 2; i++) channels.push(await connect({ self, to: BOB, host, port }));
  await until(() => server.channels.size === 2);
  server.close();
  expect(await ask(channels[0] as Channel, "still here")).toBe("still here");
  const ended = channels.map((channel) =>
    once(
      channel.on("error", () => {}),
      "close",
    ),
  );
  expect(server.closePeers((peer) => "identity" in peer && peer.identity === BOB)).toBe(0);
  expect(server.closePeers((peer) => "identity" in peer && peer.identity === ALICE)).toBe(2);
  await Promise.all(ended);
});

test("a key for another program: the server names it, both have it", async () => {
  const granted: string[] = [];
  const { port, host, server } = await listen({
    grant: (_, psk) => {
      granted.push(psk.use((bytes) => Buffer.from(bytes).toString("hex")));
      psk.destroy();
      return { identity: "service-alice", lifetimeSeconds: 300 };
    },
  });
  const { identity, psk, lifetimeSeconds, peer } = await requestKey({ self, to: BOB, host, port });
  expect([identity, lifetimeSeconds, peer.kind]).toEqual(["service-alice", 300, "identity"]);
  expect(psk.use((bytes) => Buffer.from(bytes).toString("hex"))).toBe(granted[0]);
  expect(server.channels.size).toBe(0);
});

test("a server that gives out no keys says so", async () => {
  const { port, host } = await listen({ tickets: false });
  expect(await codeOf(requestKey({ self, to: BOB, host, port }))).toBe("ERR_CHANNEL_REFUSED");
});

test("many channels at once, each with its own peer", async () => {
  const { port, host, server } = await listen({}, echo);
  const names = Array.from({ length: 12 }, (_, i) => `milagro:example.org/service/n${i}` as typeof ALICE);
  const channels = await Promise.all(names.map((name) => connect({ self: party(name), to: BOB, host, port })));
  await until(() => server.channels.size === names.length);
  expect([...server.channels].map(({ peerName }) => peerName).sort()).toEqual([...names].sort());
  expect(await Promise.all(channels.map((channel, i) => ask(channel, `text ${i}`)))).toEqual(
    names.map((_, i) => `text ${i}`),
  );
  for (const channel of channels) channel.destroy();
});
