/** What TLS-PSK in Node lets happen unless somebody sees to it, each tried against the library and, where it shows something, against plain node:tls. */
import { constants } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { connect as connectNet, createServer as createNetServer } from "node:net";
import { connect as connectTls, createSecureContext, createServer as createTlsServer, TLSSocket } from "node:tls";
import { type TlsOptions, tlsClient, tlsServer } from "@milagro/runtime/channel/tls";
import { describe, expect, onTestFinished, test } from "vitest";
import { needs } from "../../../tests/support/needs.ts";
import { connect, createTicketCache, requestKey } from "../src/index.ts";
import { makeCertificate } from "./certificate.ts";
import { ALICE, ask, BOB, codeOf, listen, party, until } from "./fixture.ts";

const KEY = new Uint8Array(32).fill(7);

/** A server on loopback that ends with the test. */
async function serve(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createNetServer((socket) => {
    socket.on("error", () => {});
    sockets.add(socket);
    onSocket(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

async function dial(port: number): Promise<Socket> {
  const socket = connectNet(port, "127.0.0.1");
  await once(socket, "connect");
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

describe("a certificate in the place of the key", () => {
  needs("openssl")("a client takes none, not even one that a known authority has signed", async () => {
    const { key, cert } = makeCertificate();
    const server = createTlsServer({ key, cert, minVersion: "TLSv1.3" });
    server.on("tlsClientError", () => {});
    const port = await serve((socket) => server.emit("connection", socket));
    const outcome = tlsClient(await dial(port), { identity: "x", key: KEY }, {});
    await expect(outcome).rejects.toThrow();
  });

  needs("openssl")(
    "plain node:tls with a check that returns nothing would have taken it: so the test can fail",
    async () => {
      const { key, cert } = makeCertificate();
      const server = createTlsServer({ key, cert, minVersion: "TLSv1.3" });
      server.on("tlsClientError", () => {});
      const port = await serve((socket) => server.emit("connection", socket));
      const socket = connectTls({
        port,
        host: "127.0.0.1",
        ca: [cert],
        pskCallback: () => ({ identity: "x", psk: KEY }),
        checkServerIdentity: () => undefined,
      });
      onTestFinished(() => void socket.destroy());
      await once(socket, "secureConnect");
      expect(socket.isSessionReused()).toBe(false);
    },
  );

  needs("openssl")("a server asks for none, and names nobody by one", async () => {
    const { key, cert } = makeCertificate();
    const { port, errors, server } = await listen({});
    const socket = connectTls({ port, host: "127.0.0.1", key, cert, rejectUnauthorized: false });
    onTestFinished(() => void socket.destroy());
    await once(socket, "error");
    await until(() => errors.length === 1);
    expect(server.channels.size).toBe(0);
  });
});

describe("an unknown key", () => {
  test("is refused: there is no certificate to fall back to", async () => {
    const servers: Promise<unknown>[] = [];
    const port = await serve((socket) => servers.push(tlsServer(socket, () => undefined, {}).catch((error) => error)));
    const outcome = tlsClient(await dial(port), { identity: "unknown", key: KEY }, {});
    expect(await codeOf(outcome)).toBe("ERR_CHANNEL_TICKET");
    expect(await servers[0]).toBeInstanceOf(Error);
  });

  test("under a known name is refused by both", async () => {
    const servers: Promise<unknown>[] = [];
    const port = await serve((socket) => servers.push(tlsServer(socket, () => KEY, {}).catch((error) => error)));
    const outcome = tlsClient(await dial(port), { identity: "x", key: new Uint8Array(32) }, {});
    await expect(outcome).rejects.toThrow();
    expect(await servers[0]).toBeInstanceOf(Error);
  });

  needs("openssl")("a server with a certificate as well would let it in: so ours has none", async () => {
    const { key, cert } = makeCertificate();
    const server = createTlsServer({ key, cert, pskCallback: () => null });
    server.on("secureConnection", (socket) => socket.on("error", () => {}));
    server.on("tlsClientError", () => {});
    const port = await serve((socket) => server.emit("connection", socket));
    const socket = connectTls({
      port,
      host: "127.0.0.1",
      rejectUnauthorized: false,
      pskCallback: () => ({ identity: "unknown", psk: KEY }),
      checkServerIdentity: () => undefined,
    });
    onTestFinished(() => void socket.destroy());
    await once(socket, "secureConnect");
    expect(socket.getPeerCertificate().subject).toBeDefined();
  });
});

describe("TLS's own key exchange", () => {
  /** Its group as the client sees it; undefined where there was none. */
  async function groupOfTls(client: TlsOptions, server: TlsOptions): Promise<unknown> {
    const accepted: Promise<TLSSocket>[] = [];
    const port = await serve((socket) => accepted.push(tlsServer(socket, () => KEY, server)));
    const dialled = await tlsClient(await dial(port), { identity: "x", key: KEY }, client);
    const answered = await accepted[0];
    const exported = [dialled, answered].map((socket) =>
      socket?.exportKeyingMaterial(32, "test", Buffer.alloc(0)).toString("hex"),
    );
    expect(exported[0]).toBe(exported[1]);
    return groupOf(dialled);
  }
  const groupOf = (socket: TLSSocket): unknown => (socket.getEphemeralKeyInfo() as { name?: string }).name;

  test("is made with every key but one that was agreed on for this connection, and with that too where one side wants it", async () => {
    expect(await groupOfTls({}, {})).toBe("X25519");
    expect(await groupOfTls({ agreedJustNow: true }, {})).toBe("X25519");
    expect(await groupOfTls({}, { agreedJustNow: true })).toBe("X25519");
    expect(await groupOfTls({ agreedJustNow: true }, { agreedJustNow: true })).toBeUndefined();
  });

  test("is left out in band, where the key is ephemeral itself, and never by ticket", async () => {
    const { port, host } = await listen({});
    const options = { self: party(ALICE), to: BOB, host, port, tickets: createTicketCache() };
    const [first, second] = [await connect(options), await connect(options)];
    expect([first, second].map((channel) => [channel.origin, groupOf(channel)])).toEqual([
      ["agreement", undefined],
      ["ticket", "X25519"],
    ]);
    expect(await ask(first, "hello")).toBe("hello");
    first.destroy();
    second.destroy();
  });

  test("cannot be talked out of a server by whoever holds a ticket", async () => {
    const { port, host } = await listen({});
    const { identity, psk } = await requestKey({ self: party(ALICE), to: BOB, host, port });
    const key = psk.use((bytes) => bytes.slice());
    const secureOptions = constants.SSL_OP_ALLOW_NO_DHE_KEX;
    const socket = connectTls({
      ...{ port, host, minVersion: "TLSv1.3", ciphers: "TLS_AES_128_GCM_SHA256", secureOptions },
      pskCallback: () => ({ identity, psk: key }),
      checkServerIdentity: () => undefined,
    });
    onTestFinished(() => void socket.destroy());
    await once(socket, "secureConnect");
    expect(groupOf(socket)).toBe("X25519");
  });
});

describe("sessions that would skip the look for revocation", () => {
  const resume = (port: number, session: Buffer): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false, session });
      onTestFinished(() => void socket.destroy());
      socket.on("error", () => {}).on("close", () => resolve(false));
      socket.on("secureConnect", () => resolve(socket.isSessionReused()));
    });

  test("what OpenSSL hands out as a session is none: it cannot be resumed", async () => {
    const { port, host, server } = await listen({});
    const channel = await connect({ self: party(ALICE), to: BOB, host, port });
    const session = once(channel, "session") as Promise<[Buffer]>;
    await ask(channel, "hello");
    channel.destroy();
    expect(await resume(port, (await session)[0])).toBe(false);
    await until(() => server.channels.size === 0);
  });

  test("plain node:tls without SSL_OP_NO_TICKET resumes it and never asks for the key again: so the test can fail", async () => {
    const secureContext = createSecureContext({ minVersion: "TLSv1.3", ciphers: "TLS_AES_128_GCM_SHA256" });
    let asked = 0;
    const pskCallback = (): Uint8Array => {
      asked += 1;
      return KEY;
    };
    const port = await serve((socket) => {
      const tls = new TLSSocket(socket, { isServer: true, secureContext, pskCallback } as object);
      tls.on("error", () => {}).on("secure", () => tls.write("hello"));
    });
    // Now and then OpenSSL does not take a session back. Once is enough to show that it does, and that nobody is asked then.
    let resumed = false;
    for (let tries = 1; tries <= 5 && !resumed; tries++) {
      const client = connectTls({
        port,
        host: "127.0.0.1",
        ciphers: "TLS_AES_128_GCM_SHA256",
        pskCallback: () => ({ identity: "x", psk: KEY }),
        checkServerIdentity: () => undefined,
      });
      client.resume();
      const [session] = (await once(client, "session")) as [Buffer];
      client.destroy();
      const before = asked;
      resumed = await resume(port, session);
      if (resumed) expect(asked).toBe(before);
    }
    expect(resumed).toBe(true);
  });

  needs("openssl")("one that was handed out by another server is not taken, whatever is in it", async () => {
    const { key, cert } = makeCertificate();
    const other = createTlsServer(
      { key, cert, minVersion: "TLSv1.3" },
      (socket) => void socket.on("error", () => {}).end("x"),
    );
    const otherPort = await serve((socket) => other.emit("connection", socket));
    const first = connectTls({ port: otherPort, host: "127.0.0.1", rejectUnauthorized: false });
    first.resume();
    const [session] = (await once(first, "session")) as [Buffer];
    first.destroy();
    const { port, server } = await listen({});
    const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false, session });
    onTestFinished(() => void socket.destroy());
    await once(socket, "error");
    expect(server.channels.size).toBe(0);
  });

  test("who is revoked between two uses of a ticket is not let in by it", async () => {
    const revoked = new Set<string>();
    const { port, host, errors } = await listen({
      revoked: (peer) => "identity" in peer && revoked.has(peer.identity),
    });
    const tickets = createTicketCache();
    const self = party(ALICE);
    for (const origin of ["agreement", "ticket"]) {
      const channel = await connect({ self, to: BOB, host, port, tickets });
      expect(channel.origin).toBe(origin);
      channel.destroy();
    }
    revoked.add(ALICE);
    expect(await codeOf(connect({ self, to: BOB, host, port, tickets }))).toBe("ERR_CHANNEL_REFUSED");
    expect(errors.filter((error) => "code" in error && error.code === "ERR_CHANNEL_REFUSED").length).toBe(2);
  });

  test("renegotiation, which TLS 1.3 does not have, fails", async () => {
    const { port, host } = await listen({});
    const channel = await connect({ self: party(ALICE), to: BOB, host, port });
    const outcome = await new Promise<Error | null>((resolve) => {
      channel.on("error", () => {});
      if (!channel.renegotiate({}, resolve)) resolve(new Error("refused"));
    });
    expect(outcome).toBeInstanceOf(Error);
    channel.destroy();
  });
});

test("`authorized` says nothing: it is false on the server, whoever is there, and the name is what counts", async () => {
  const { port, host, server } = await listen({});
  const accepted = once(server, "channel") as Promise<[TLSSocket & { peerIdentity: string }]>;
  const channel = await connect({ self: party(ALICE), to: BOB, host, port });
  const [other] = await accepted;
  expect(other.authorized).toBe(false);
  expect(other.peerIdentity).toBe(ALICE);
  channel.destroy();
});
