/** Programs that speak TLS-PSK themselves, with keys that were agreed on by identities: real ones, both ways. */
import { type EventEmitter, once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect as connectNet, type Socket } from "node:net";
import { join } from "node:path";
import { MqttClient } from "mqtt";
import { expect, onTestFinished } from "vitest";
import { needs } from "../../../tests/support/needs.ts";
import { tempFolder } from "../../../tests/support/temp-folder.ts";
import { connect, createTicketCache, requestKey, tlsClient } from "../src/index.ts";
import { writeCapture } from "./capture.ts";
import { ALICE, BOB, listen, party } from "./fixture.ts";
import { freePort, listening, start } from "./programs.ts";
import { record } from "./recorder.ts";

const self = party(ALICE);

/** A server of Bob's that answers each line with who sent it, and a ticket of Alice's for it. */
async function serverAndTicket() {
  const server = await listen({}, (channel) => {
    channel.on("error", () => {}).on("data", (text) => channel.write(`${channel.peerName} said ${text}`));
  });
  const { identity, psk } = await requestKey({ self, to: BOB, host: server.host, port: server.port });
  return { server, identity, key: psk.use((bytes) => Buffer.from(bytes).toString("hex")) };
}
const ANSWER = `${ALICE} said hello`;

/** A key that Bob's program knows under a name: agreed on with Bob, who writes it where the program looks. */
async function provisioned(name: string) {
  const keys: string[] = [];
  const server = await listen({
    grant: (_, psk) => {
      keys.push(psk.use((bytes) => Buffer.from(bytes).toString("hex")));
      psk.destroy();
      return { identity: name, lifetimeSeconds: 600 };
    },
  });
  const { identity, psk } = await requestKey({ self, to: BOB, host: server.host, port: server.port });
  const bytes = psk.use((key) => key.slice());
  return { identity, bytes, key: keys[0] as string };
}

async function dial(port: number, psk: { readonly identity: string; readonly key: Uint8Array }) {
  const socket: Socket = connectNet(port, "127.0.0.1");
  await once(socket, "connect");
  const tls = await tlsClient(socket, psk, {});
  onTestFinished(() => void tls.destroy());
  return tls;
}

needs("openssl")("openssl s_client reaches a channel server by ticket", async () => {
  const { server, identity, key } = await serverAndTicket();
  const to = `${server.host}:${server.port}`;
  const client = start(
    "openssl",
    "s_client",
    "-connect",
    to,
    "-psk_identity",
    identity,
    "-psk",
    key,
    "-tls1_3",
    "-ciphersuites",
    "TLS_AES_128_GCM_SHA256",
    "-quiet",
  );
  client.write("hello\n");
  await client.says(ANSWER);
});

needs("openssl")("openssl s_client with a wrong key does not", async () => {
  const { server, identity } = await serverAndTicket();
  const to = `${server.host}:${server.port}`;
  const client = start(
    "openssl",
    "s_client",
    "-connect",
    to,
    "-psk_identity",
    identity,
    "-psk",
    "00".repeat(32),
    "-tls1_3",
    "-ciphersuites",
    "TLS_AES_128_GCM_SHA256",
  );
  await client.ended;
  expect(client.output()).toContain("alert");
  expect(server.server.channels.size).toBe(0);
});

needs("openssl")("the library reaches openssl s_server with an agreed key", async () => {
  const { identity, bytes, key } = await provisioned("service-alice");
  const port = await freePort();
  start(
    "openssl",
    "s_server",
    "-accept",
    `127.0.0.1:${port}`,
    "-nocert",
    "-psk_identity",
    identity,
    "-psk",
    key,
    "-tls1_3",
    "-ciphersuites",
    "TLS_AES_128_GCM_SHA256",
    "-quiet",
    "-rev",
  );
  await listening(port);
  const tls = await dial(port, { identity, key: bytes });
  tls.write("hello\n");
  const [chunk] = await once(tls, "data");
  expect(String(chunk)).toContain("olleh");
});

/** @param exchange - of GnuTLS: "DHE-PSK" makes one, "PSK" makes none */
async function gnutlsClient(exchange: "DHE-PSK" | "PSK") {
  const { server, identity, key } = await serverAndTicket();
  const priority = `NONE:+VERS-TLS1.3:+AES-128-GCM:+AEAD:+SHA256:+${exchange}:+GROUP-X25519:+SIGN-ALL:+COMP-NULL:+CTYPE-ALL`;
  const whom = ["-p", String(server.port), server.host];
  const client = start("gnutls-cli", "--pskusername", identity, "--pskkey", key, "--priority", priority, ...whom);
  return { server, client };
}

needs("gnutls-cli")("gnutls-cli reaches a channel server by ticket", async () => {
  const { client } = await gnutlsClient("DHE-PSK");
  await client.says("Simple Client Mode");
  client.write("hello\n");
  await client.says(ANSWER);
});

needs("gnutls-cli")(
  "gnutls-cli with a ticket and without a key exchange of TLS's own is refused: nothing would be forward secret",
  async () => {
    const { server, client } = await gnutlsClient("PSK");
    await client.ended;
    expect(client.output()).toMatch(/alert|error/i);
    expect(client.output()).not.toContain("Simple Client Mode");
    expect(server.server.channels.size).toBe(0);
  },
);

needs("gnutls-serv")("the library reaches gnutls-serv with an agreed key", async () => {
  const { identity, bytes, key } = await provisioned("service-alice");
  const file = join(await tempFolder(), "psk");
  await writeFile(file, `${identity}:${key}\n`);
  const port = await freePort();
  const priority =
    "NONE:+VERS-TLS1.3:+AES-128-GCM:+AEAD:+SHA256:+DHE-PSK:+GROUP-X25519:+SIGN-ALL:+COMP-NULL:+CTYPE-ALL";
  start("gnutls-serv", "--echo", "--pskpasswd", file, "--priority", priority, "-p", String(port));
  await listening(port);
  const tls = await dial(port, { identity, key: bytes });
  tls.write("hello\n");
  const [chunk] = await once(tls, "data");
  expect(String(chunk)).toContain("hello");
});

/** @param service - lines of one service */
async function stunnel(service: readonly string[], secrets: string): Promise<void> {
  const folder = await tempFolder();
  const file = join(folder, "secrets");
  await writeFile(file, `${secrets}\n`, { mode: 0o600 });
  const lines = [
    "foreground = yes",
    "pid =",
    "debug = 4",
    "[service]",
    "ciphers = PSK",
    "sslVersion = TLSv1.3",
    "ciphersuites = TLS_AES_128_GCM_SHA256",
    `PSKsecrets = ${file}`,
    ...service,
  ];
  await writeFile(join(folder, "conf"), `${lines.join("\n")}\n`);
  start("stunnel", join(folder, "conf"));
}

needs("stunnel")("stunnel as client brings a program to a channel server by ticket", async () => {
  const { server, identity, key } = await serverAndTicket();
  const port = await freePort();
  await stunnel(
    [
      "client = yes",
      `accept = 127.0.0.1:${port}`,
      `connect = ${server.host}:${server.port}`,
      `PSKidentity = ${identity}`,
    ],
    `${identity}:${key}`,
  );
  await listening(port);
  const socket = connectNet(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.write("hello\n");
  const [chunk] = await once(socket, "data");
  expect(String(chunk)).toContain(ANSWER);
});

needs("stunnel")("the library reaches a program behind stunnel with an agreed key", async () => {
  const { identity, bytes, key } = await provisioned("service-alice");
  const port = await freePort();
  const behind = await listenPlain((socket) => socket.on("data", (text) => socket.write(`got ${text}`)));
  await stunnel([`accept = 127.0.0.1:${port}`, `connect = 127.0.0.1:${behind}`], `${identity}:${key}`);
  await listening(port);
  const tls = await dial(port, { identity, key: bytes });
  tls.write("hello\n");
  const [chunk] = await once(tls, "data");
  expect(String(chunk)).toContain("got hello");
});

async function listenPlain(onSocket: (socket: Socket) => void): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer((socket) => onSocket(socket.on("error", () => {}))).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}

needs("mosquitto")(
  "Mosquitto's PSK listener takes a client of mqtt, and knows its name; a wrong key it does not take",
  async () => {
    const { identity, bytes, key } = await provisioned("service-alice");
    const folder = await tempFolder();
    await writeFile(join(folder, "psk"), `${identity}:${key}\n`, { mode: 0o644 });
    await writeFile(join(folder, "acl"), `user ${identity}\ntopic readwrite from/${identity}/#\n`, { mode: 0o644 });
    const port = await freePort();
    const lines = [
      `listener ${port} 127.0.0.1`,
      "psk_hint milagro",
      `psk_file ${join(folder, "psk")}`,
      "use_identity_as_username true",
      `acl_file ${join(folder, "acl")}`,
      "user root",
    ];
    await writeFile(join(folder, "conf"), `${lines.join("\n")}\n`);
    start("mosquitto", "-c", join(folder, "conf"));
    await listening(port);
    const { createLazyStream } = await import("../src/lazy-stream.ts");
    const open = (psk: Uint8Array): MqttClient =>
      new MqttClient(() => createLazyStream(dial(port, { identity, key: psk })), {
        reconnectPeriod: 0,
        protocolVersion: 4,
      });
    const client = open(bytes);
    onTestFinished(() => void client.end(true));
    await once(client as unknown as EventEmitter, "connect");
    const arrived = once(client as unknown as EventEmitter, "message");
    await client.subscribeAsync(`from/${identity}/#`);
    await client.publishAsync(`from/${identity}/greeting`, "hello");
    expect(String((await arrived)[1])).toBe("hello");
    const liar = open(new Uint8Array(32));
    await expect(once(liar as unknown as EventEmitter, "connect")).rejects.toThrow();
  },
);

needs("tshark")("tshark sees no certificate, no server name and no identity, in band and by ticket", async () => {
  const recorder = await record(await listen({}));
  const tickets = createTicketCache();
  for (const origin of ["agreement", "ticket"]) {
    const channel = await connect({ self, to: BOB, host: recorder.host, port: recorder.port, tickets });
    expect(channel.origin).toBe(origin);
    channel.write("hello");
    await once(channel, "data");
    channel.destroy();
  }
  const file = join(await tempFolder(), "capture.pcap");
  await writeFile(file, writeCapture(recorder.conversations(), 4433));
  const fields = ["tls.handshake.type", "tls.handshake.extension.type"].flatMap((field) => ["-e", field]);
  const tshark = start(
    "tshark",
    "-r",
    file,
    "-d",
    "tcp.port==4433,tls",
    "-T",
    "fields",
    ...fields,
    "-Y",
    "tls.handshake",
  );
  await tshark.ended;
  const rows = tshark
    .output()
    .split("\n")
    .filter((line) => /^\d/.test(line))
    .map((line) => line.split("\t"));
  expect(rows.length).toBe(4); // two of each hello; all that follows is encrypted
  for (const [types = "", extensions = ""] of rows) {
    expect(["1", "2"]).toContain(types);
    expect(extensions.split(",")).toContain("41"); // pre_shared_key: then there is no certificate (RFC 8446 §4.4.2)
    expect(extensions.split(",")).not.toContain("0"); // server_name
  }
  const text = start("tshark", "-r", file, "-x");
  await text.ended;
  expect(text.output()).not.toMatch(/alice|example\.org/);
  expect(text.output()).toContain("MLGC");
});
