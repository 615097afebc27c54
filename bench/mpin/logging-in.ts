/**
 * Logins over HTTP: threads of clients against the login server's process, at full rate and at half of it.
 * @module
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { cpuSecondsOf } from "../core/proc.ts";
import { quantile } from "../core/quantiles.ts";
import type { Reporter, Run } from "../harness/reporter.ts";
import type { Device } from "./device.ts";
import type { LoadOrder, LoadResult, ThreadData } from "./load-thread.ts";
import type { LoginServer } from "./login-server.ts";

export const THREADS = Math.max(1, Math.min(4, availableParallelism()));
/** Logins under way at once, in each thread, at full rate. */
const AT_ONCE = 16;
/** At half load more may be under way by chance. */
export const DEVICES = THREADS * AT_ONCE * 2;
const WARM_UP_MS = 1500;
const PEER_RUNS = 8;

interface Measured extends LoadResult {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Logins that the server checked in one product, on average. */
  readonly batch: number;
}

/** @param peers - what another server would do instead, each one login */
export async function measureLogins(
  report: Reporter,
  server: LoginServer,
  devices: readonly Device[],
  peers: Readonly<Record<string, Run>>,
): Promise<void> {
  const forMs = report.budgetMs * 4;
  const threads = await Promise.all(
    Array.from({ length: THREADS }, (_, i) =>
      startThread({ origin: server.origin, devices: devices.filter((_device, at) => at % THREADS === i) }),
    ),
  );
  const load = (orders: readonly LoadOrder[]): Promise<Measured> =>
    measured(server, async () => {
      const results = await Promise.all(orders.map((order, i) => (threads[i] as Thread).run(order)));
      return {
        totalMs: results.flatMap(({ totalMs }) => totalMs),
        callsMs: results.flatMap(({ callsMs }) => callsMs),
      };
    });
  const everywhere = (order: LoadOrder): LoadOrder[] => threads.map(() => order);
  try {
    report.progress("mpin: logins over HTTP, warming up");
    await load(everywhere({ kind: "closed", forMs: WARM_UP_MS, atOnce: AT_ONCE }));
    report.progress("mpin: logins over HTTP, at full rate");
    const full = await load(everywhere({ kind: "closed", forMs, atOnce: AT_ONCE }));
    const perSecond = full.totalMs.length / full.seconds;
    report.progress(`mpin: logins over HTTP, at half of ${perSecond.toFixed(0)} logins/s`);
    const half = await load(everywhere({ kind: "open", forMs, perSecond: perSecond / 2 / THREADS }));
    report.progress("mpin: logins over HTTP, one by one");
    const single = await load([{ kind: "closed", forMs: forMs / 2, atOnce: 1 }]);
    addRates(report, full, single, peers);
    addLatencies(report, `full rate, ${THREADS * AT_ONCE} at once`, full);
    addLatencies(report, "half load", half);
    addLatencies(report, "one by one", single);
  } finally {
    for (const thread of threads) await thread.stop();
  }
}

function addRates(report: Reporter, full: Measured, single: Measured, peers: Readonly<Record<string, Run>>): void {
  const perCore = full.totalMs.length / full.cpuSeconds;
  for (const [peer, run] of Object.entries(peers)) {
    const note = "logins per second of the server's processor time; the peer only checks, without HTTP and database";
    report.add({
      name: "login over HTTP",
      value: perCore,
      unit: "logins/s",
      peer,
      peerValue: 1 / cpuSeconds(run),
      note,
    });
  }
  report.add({
    name: "login over HTTP, one by one",
    value: single.totalMs.length / single.cpuSeconds,
    unit: "logins/s",
  });
  const note = "per second of wall time; the clients compute on the same cores";
  report.add({ name: "login over HTTP, here", value: full.totalMs.length / full.seconds, unit: "logins/s", note });
  report.add({ name: "login over HTTP, checked in one product", value: full.batch, unit: "logins" });
}

function addLatencies(report: Reporter, when: string, { totalMs, callsMs }: Measured): void {
  const add = (what: string, samples: readonly number[], q: number): void =>
    report.add({
      name: `login over HTTP, ${when}${what}: p${q * 100}`,
      value: quantile(samples, q),
      unit: "ms",
      minimum: quantile(samples, 0),
    });
  for (const q of [0.5, 0.99]) add("", totalMs, q);
  for (const q of [0.5, 0.99]) add(", the three calls", callsMs, q);
}

/** @throws when the server counts other logins than the clients were told */
async function measured(server: LoginServer, work: () => Promise<LoadResult>): Promise<Measured> {
  const { metric, service } = server;
  const accepted = () => metric("milagro_auth_logins_total", 'outcome="accepted"');
  const checked = () => metric("milagro_auth_batch_size_sum");
  const products = () => metric("milagro_auth_batch_size_count");
  const before = [await accepted(), await checked(), await products()] as const;
  const [startMs, startCpu] = [performance.now(), cpuSecondsOf(service.pid)];
  const result = await work();
  const seconds = (performance.now() - startMs) / 1000;
  const cpuSecondsUsed = cpuSecondsOf(service.pid) - startCpu;
  const after = [await accepted(), await checked(), await products()] as const;
  if (result.totalMs.length === 0) throw new Error("no login in the whole time");
  if (after[0] - before[0] !== result.totalMs.length)
    throw new Error("the server has not accepted all of these logins");
  const batch = (after[1] - before[1]) / (after[2] - before[2]);
  return { ...result, seconds, cpuSeconds: cpuSecondsUsed, batch };
}

/** Of one call, the median. */
function cpuSeconds(run: Run): number {
  run();
  const samples = Array.from({ length: PEER_RUNS }, () => {
    const start = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e6;
  });
  return quantile(samples, 0.5);
}

interface Thread {
  run(order: LoadOrder): Promise<LoadResult>;
  stop(): Promise<unknown>;
}

async function startThread(data: ThreadData): Promise<Thread> {
  const worker = new Worker(new URL("./load-thread.ts", import.meta.url), { workerData: data });
  await new Promise<void>((resolve, reject) => {
    worker.once("online", resolve);
    worker.once("error", reject);
  });
  return {
    run: (order) =>
      new Promise((resolve, reject) => {
        worker.removeAllListeners("message").removeAllListeners("error");
        worker.once("message", resolve).once("error", reject);
        worker.postMessage(order);
      }),
    stop: () => worker.terminate(),
  };
}
