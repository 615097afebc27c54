/**
 * The server under measurement, a process of its own: channels, mutual TLS and plain TCP, each at a port. It echoes; after `S` it sends as many MiB as
 * the digits after it say. Over IPC it tells its processor time (all threads) and its memory.
 * @module
 */
import { createServer as createPlainServer, type Server } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import { createEngine } from "@milagro/engine";
import { createServer } from "@milagro/runtime/channel/server";
import { systemRandom } from "@milagro/runtime/random";
import { type Certificates, openParty, type PartyText } from "./parties.ts";

export interface ServerOrder {
  readonly party: PartyText;
  readonly certificates: Certificates;
}
/** Of mutual TLS: the classical one, and the hybrid that Node chooses by itself and that a channel's agreement has too. */
export type KeyExchange = "X25519" | "X25519MLKEM768";

export interface ServerPorts {
  readonly channel: number;
  /** By key exchange. */
  readonly mtls: Readonly<Record<KeyExchange, number>>;
  readonly plain: number;
}
/** What the process can be asked: microseconds of processor time so far; resident bytes after a collection, which takes some. */
export type ServerQuestion = "processor time" | "memory";

const MEBIBYTE = Buffer.alloc(1_048_576, 7);

function serve(stream: Duplex): void {
  stream.on("error", () => {});
  stream.on("data", (chunk: Buffer) => {
    if (chunk[0] === 0x53) void send(stream, Number(chunk.subarray(1).toString()));
    else stream.write(chunk);
  });
}

async function send(stream: Duplex, mebibytes: number): Promise<void> {
  for (let i = 0; i < mebibytes && !stream.destroyed; i++)
    if (!stream.write(MEBIBYTE)) await new Promise((resolve) => stream.once("drain", resolve));
}

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) =>
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () =>
      resolve((server.address() as { port: number }).port),
    ),
  );

async function start({ party, certificates }: ServerOrder): Promise<ServerPorts> {
  const engine = await createEngine({ random: systemRandom });
  const limits = { maxPending: 20_000, maxPendingPerAddress: 20_000, perSecondPerAddress: 1e6 };
  const channel = createServer(
    { self: openParty(engine, party), allow: ["milagro:bench.example/service/*"], ...limits },
    serve,
  );
  const mutualTls = (ecdhCurve: KeyExchange): Promise<number> =>
    listen(
      createTlsServer(
        {
          ...certificates,
          requestCert: true,
          rejectUnauthorized: true,
          minVersion: "TLSv1.3",
          ecdhCurve,
          ciphers: "TLS_AES_128_GCM_SHA256",
          noDelay: true,
        },
        serve,
      ),
    );
  const plain = createPlainServer({ noDelay: true }, serve);
  return {
    channel: await listen(channel),
    mtls: { X25519: await mutualTls("X25519"), X25519MLKEM768: await mutualTls("X25519MLKEM768") },
    plain: await listen(plain),
  };
}

function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function memory(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  return process.memoryUsage.rss();
}

process.on("message", (message: ServerOrder | ServerQuestion) => {
  if (message === "processor time") process.send?.(processorTime());
  else if (message === "memory") process.send?.(memory());
  else void start(message).then((ports) => process.send?.(ports));
});
process.on("disconnect", () => process.exit());
