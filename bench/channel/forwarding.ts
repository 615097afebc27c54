/**
 * A TCP connection carried by `milagro forward`'s two halves, by two stunnels, and by a WireGuard tunnel between two network namespaces. Everything that
 * carries runs in processes of its own; the program at the end and the one that asks are the same for all.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { connect as connectNet } from "node:net";
import { join } from "node:path";
import { connect, createServer, createTicketCache } from "@milagro/channel";
import { forwardFar, listenNear } from "@milagro/channel/forward";
import type { ChannelSelf } from "@milagro/runtime/channel/self";
import type { Reporter } from "../harness/reporter.ts";
import { throughput } from "./measures.ts";
import { SERVER } from "./parties.ts";
import { wireguardThroughput } from "./wireguard.ts";

export interface ForwardBench {
  readonly self: ChannelSelf;
  readonly responder: ChannelSelf;
  /** Port of the program at the end. */
  readonly target: number;
  readonly folder: string;
}

const HOST = "127.0.0.1";
const dial = (port: number) => async () => {
  const socket = connectNet(port, HOST);
  await once(socket, "connect");
  return socket;
};

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] as number;

/** Both halves in this process, which also asks: an upper bound for what they cost. */
async function withForward<T>(
  { self, responder, target }: ForwardBench,
  use: (port: number) => Promise<T>,
): Promise<T> {
  const far = createServer({ self: responder, allow: ["milagro:bench.example/service/*"] }, (channel) => {
    void forwardFar(channel, channel.peerName, { targetsOf: () => [], target: { host: HOST, port: target } });
  });
  await new Promise<void>((resolve) => far.listen(0, HOST, resolve));
  const { port } = far.address() as { port: number };
  const tickets = createTicketCache();
  const near = await listenNear(
    { host: HOST, port: 0 },
    { dial: () => connect({ self, to: SERVER, host: HOST, port, tickets, allowHalfOpen: true }), target: undefined },
  );
  try {
    return await use((near.address() as { port: number }).port);
  } finally {
    near.close();
    far.close();
    for (const channel of far.channels) channel.destroy();
  }
}

async function freePort(): Promise<number> {
  const { createServer: createPlain } = await import("node:net");
  const server = createPlain().listen(0, HOST);
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function withStunnel<T>({ target, folder }: ForwardBench, use: (port: number) => Promise<T>): Promise<T> {
  const [middle, port] = [await freePort(), await freePort()];
  const secrets = join(folder, "secrets");
  writeFileSync(secrets, `bench:${"5a".repeat(32)}\n`, { mode: 0o600 });
  const common = [
    "foreground = yes",
    "pid =",
    "debug = 3",
    "[service]",
    "ciphers = PSK",
    "sslVersion = TLSv1.3",
    "ciphersuites = TLS_AES_128_GCM_SHA256",
    `PSKsecrets = ${secrets}`,
  ];
  const start = (name: string, ...lines: string[]): ChildProcess => {
    const file = join(folder, name);
    writeFileSync(file, `${[...common, ...lines].join("\n")}\n`);
    return spawn("stunnel", [file], { stdio: "ignore" });
  };
  const programs = [
    start("far", `accept = ${HOST}:${middle}`, `connect = ${HOST}:${target}`),
    start("near", "client = yes", `accept = ${HOST}:${port}`, `connect = ${HOST}:${middle}`, "PSKidentity = bench"),
  ];
  try {
    for (const wanted of [middle, port]) await reachable(wanted);
    return await use(port);
  } finally {
    for (const program of programs) program.kill();
  }
}

async function reachable(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const socket = connectNet(port, HOST);
    const open = await new Promise((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("a program does not listen");
}

export async function measureForward(report: Reporter, bench: ForwardBench): Promise<void> {
  const mebibytes = Math.max(32, Math.round(report.budgetMs / 10));
  const series = async (port: number): Promise<number[]> => {
    const values: number[] = [];
    for (let turn = 0; turn < 5; turn++) values.push(await throughput(dial(port), mebibytes));
    return values;
  };
  report.progress("channel: forward");
  const ours = await withForward(bench, series);
  const row = { name: "forward", value: median(ours), minimum: Math.max(...ours), unit: "MiB/s" };
  const peers: [string, number][] = [];
  if (existsSync("/usr/bin/stunnel")) {
    report.progress("channel: forward by stunnel");
    peers.push(["stunnel", median(await withStunnel(bench, series))]);
  } else report.progress("channel: no stunnel here");
  report.progress("channel: forward by wireguard-go");
  const tunnel = await wireguardThroughput(bench.folder, mebibytes);
  if (tunnel) peers.push(["wireguard-go", median(tunnel)]);
  else report.progress("channel: no wireguard-go, or no right to make network namespaces");
  if (peers.length === 0) report.add(row);
  for (const [peer, peerValue] of peers) report.add({ ...row, peer, peerValue });
}
