/**
 * What is measured at the server process: processor time for each connection, throughput, latency, memory.
 * @module
 */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import type { Reporter } from "../harness/reporter.ts";
import { type BenchServer, touch, type Ways } from "./server.ts";

type Open = () => Promise<Duplex>;

const AT_ONCE = 8;
/** Functions of a server that has run for a while are compiled; before that many connections threads are still at it, whose time counts as well. */
const WARM_UP = 3000;
/** Short ones, so that all contenders have their share of what a machine does beside. */
const TURNS = 20;
/** What connections leave behind is collected when others have their turn: in four turns each contender comes once after each other one (Williams 1949). */
const ORDERS = [
  [0, 1, 3, 2],
  [1, 2, 0, 3],
  [2, 3, 1, 0],
  [3, 0, 2, 1],
] as const;
/** Who comes first changes from turn to turn. */
const BULK_TURNS = 16;
const IDLE = 10_000;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] as number;
const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] as number;

async function connections(open: Open, count: number): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const stream = await open();
      await touch(stream);
      const closed = once(stream, "close");
      stream.destroy();
      await closed;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

/** Milliseconds of the server's processor for each connection. */
async function cost(
  server: BenchServer,
  open: Open,
  count: number,
): Promise<{ readonly cpuMs: number; readonly perSecond: number }> {
  const before = await server.ask("processor time");
  const start = performance.now();
  await connections(open, count);
  const seconds = (performance.now() - start) / 1000;
  const after = await server.ask("processor time");
  return { cpuMs: (after - before) / 1000 / count, perSecond: count / seconds };
}

/** Rows, and the peers of each; a first contact has the key exchange of the second as well. */
const CLASSICAL = "mtls-p256";
const HYBRID = "mtls-p256 X25519MLKEM768";
const HANDSHAKES = [
  ["handshake by ticket", "ticket", [CLASSICAL]],
  ["first contact", "contact", [CLASSICAL, HYBRID]],
] as const;

/** By ticket and at first contact beside mutual TLS, in turns. */
export async function measureHandshakes(report: Reporter, server: BenchServer, ways: Ways): Promise<void> {
  const count = Math.max(48, Math.round(report.budgetMs / 20));
  const contenders = {
    ticket: ways.byTicket,
    [CLASSICAL]: () => ways.mutualTls("X25519"),
    contact: ways.firstContact,
    [HYBRID]: () => ways.mutualTls("X25519MLKEM768"),
  };
  type Contender = keyof typeof contenders;
  const names = Object.keys(contenders) as Contender[];
  for (const name of names) {
    report.progress(`channel: handshakes, warming up: ${name}`);
    await connections(contenders[name], WARM_UP);
  }
  const measured = new Map<Contender, Awaited<ReturnType<typeof cost>>[]>(names.map((name) => [name, []]));
  for (let turn = 0; turn < TURNS; turn++) {
    report.progress(`channel: handshakes, turn ${turn + 1} of ${TURNS}`);
    for (const i of ORDERS[turn % ORDERS.length] ?? []) {
      const name = names[i] as Contender;
      measured.get(name)?.push(await cost(server, contenders[name], count));
    }
  }
  const of = (name: Contender, key: "cpuMs" | "perSecond") => (measured.get(name) ?? []).map((each) => each[key]);
  for (const [row, name, peers] of HANDSHAKES) {
    for (const peer of peers) {
      const [own, other] = [of(name, "cpuMs"), median(of(peer, "cpuMs"))];
      const minimum = Math.min(...own);
      report.add({ name: `${row}, server CPU`, value: median(own), minimum, unit: "ms", peer, peerValue: other });
    }
    const [own, other] = [of(name, "perSecond"), median(of(CLASSICAL, "perSecond"))];
    const minimum = Math.max(...own);
    const figure = { value: median(own), minimum, unit: "1/s", peer: CLASSICAL, peerValue: other };
    report.add({ name: `${row}, connections here`, ...figure });
  }
}

/** MiB a second from the server to here, both on this machine's cores. */
export async function throughput(open: Open, mebibytes: number): Promise<number> {
  const stream = await open();
  let left = mebibytes * 1_048_576;
  const done = new Promise<void>((resolve, reject) => {
    stream.on("error", reject).on("data", (chunk: Buffer) => {
      left -= chunk.length;
      if (left <= 0) resolve();
    });
  });
  const start = performance.now();
  stream.write(`S${mebibytes}`);
  await done;
  const seconds = (performance.now() - start) / 1000;
  stream.destroy();
  return mebibytes / seconds;
}

export async function measureBulk(report: Reporter, ways: Ways): Promise<void> {
  report.progress("channel: bulk throughput");
  const mebibytes = Math.max(32, Math.round(report.budgetMs / 5));
  const [ours, peer]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < BULK_TURNS; turn++) {
    const once = [
      async () => ours.push(await throughput(ways.byTicket, mebibytes)),
      async () => peer.push(await throughput(() => ways.mutualTls("X25519"), mebibytes)),
    ];
    for (const measure of turn % 2 === 0 ? once : once.toReversed()) await measure();
  }
  report.add({
    name: "bulk throughput",
    value: median(ours),
    minimum: Math.max(...ours),
    unit: "MiB/s",
    peer: "node:tls",
    peerValue: median(peer),
  });
}

async function requests(stream: Duplex, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await touch(stream);
    times.push(performance.now() - start);
  }
  return times;
}

/** What a request and its answer take longer than over plain TCP, at the 99th percentile; ratio 1 would be nothing. */
export async function measureLatency(report: Reporter, ways: Ways): Promise<void> {
  report.progress("channel: latency");
  const [ours, plain] = [await ways.byTicket(), await ways.plain()];
  const times: { ours: number[]; plain: number[] } = { ours: [], plain: [] };
  await requests(ours, 200);
  await requests(plain, 200);
  for (let turn = 0; turn < 20; turn++) {
    times.ours.push(...(await requests(ours, Math.round(report.budgetMs / 5))));
    times.plain.push(...(await requests(plain, Math.round(report.budgetMs / 5))));
  }
  ours.destroy();
  plain.destroy();
  const [own, other] = [quantile(times.ours, 0.99), quantile(times.plain, 0.99)];
  report.add({ name: "request, p99", value: own, unit: "ms", peer: "plain TCP", peerValue: other });
  report.add({
    name: "added per request, p99",
    value: Math.max(0, own - other),
    unit: "ms",
    peer: "goal",
    peerValue: 1,
  });
}

/** Resident memory of the server for each of ten thousand channels that say nothing. */
export async function measureIdle(report: Reporter, server: BenchServer, ways: Ways): Promise<void> {
  const bytesEach = async (open: Open): Promise<number> => {
    const before = await server.ask("memory");
    const streams: Duplex[] = [];
    while (streams.length < IDLE) {
      const more = await Promise.all(Array.from({ length: Math.min(50, IDLE - streams.length) }, () => open()));
      await Promise.all(more.map(touch));
      streams.push(...more);
      if (streams.length % 1000 === 0) report.progress(`channel: ${streams.length} idle`);
    }
    const after = await server.ask("memory");
    const closed = streams.map((stream) => once(stream, "close"));
    for (const stream of streams) stream.destroy();
    await Promise.all(closed);
    return (after - before) / IDLE;
  };
  const ours = await bytesEach(ways.byTicket);
  const peer = await bytesEach(() => ways.mutualTls("X25519"));
  report.add({
    name: `memory per idle channel, of ${IDLE}`,
    value: ours / 1024,
    unit: "KiB",
    peer: "node:tls",
    peerValue: peer / 1024,
    note: "The peer's connections come second, into memory that the first have warmed up; part of theirs is not counted",
  });
}
