/**
 * The server process from the outside, and the ways to reach it.
 * @module
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { connect as connectNet } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { type Channel, connect, createTicketCache } from "@milagro/channel";
import type { ChannelSelf } from "@milagro/runtime/channel/self";
import { serviceStartup } from "../harness/startup.ts";
import { type Certificates, SERVER } from "./parties.ts";
import type { KeyExchange, ServerOrder, ServerPorts, ServerQuestion } from "./server-process.ts";

const PROGRAM = fileURLToPath(new URL("server-process.ts", import.meta.url));
const HOST = "127.0.0.1";

export interface BenchServer {
  readonly ports: ServerPorts;
  ask(question: ServerQuestion): Promise<number>;
  stop(): Promise<void>;
}

export async function startServer(order: ServerOrder): Promise<BenchServer> {
  // As services are launched.
  const { flags, environment } = serviceStartup;
  const child: ChildProcess = fork(PROGRAM, {
    execArgv: ["--conditions=@milagro/source", "--expose-gc", ...flags],
    env: { ...environment, ...process.env },
  });
  const answer = async <T>(message: ServerOrder | ServerQuestion): Promise<T> => {
    const reply = once(child, "message");
    child.send(message);
    return (await reply)[0] as T;
  };
  const ports = await answer<ServerPorts>(order);
  return {
    ports,
    ask: (question) => answer<number>(question),
    async stop() {
      const ended = once(child, "exit");
      child.disconnect();
      await ended;
    },
  };
}

/** Ways to a server; each resolves when application data may flow. */
export interface Ways {
  firstContact(): Promise<Channel>;
  byTicket(): Promise<Channel>;
  mutualTls(keyExchange: KeyExchange): Promise<Duplex>;
  plain(): Promise<Duplex>;
}

export function waysTo({ ports }: BenchServer, self: ChannelSelf, certificates: Certificates): Ways {
  const tickets = createTicketCache();
  const to = { self, to: SERVER, host: HOST, port: ports.channel };
  return {
    firstContact: () => connect(to),
    byTicket: () => connect({ ...to, tickets }),
    async mutualTls(ecdhCurve) {
      const socket = connectTls({
        host: HOST,
        port: ports.mtls[ecdhCurve],
        ...certificates,
        servername: "localhost",
        ecdhCurve,
        minVersion: "TLSv1.3",
        ciphers: "TLS_AES_128_GCM_SHA256",
      });
      await once(socket, "secureConnect");
      return socket.setNoDelay(true);
    },
    async plain() {
      const socket = connectNet(ports.plain, HOST);
      await once(socket, "connect");
      return socket.setNoDelay(true);
    },
  };
}

/** Sends a byte and waits for it to come back: then the server has the whole handshake. */
export async function touch(stream: Duplex): Promise<void> {
  const back = once(stream, "data");
  stream.write("x");
  await back;
}
