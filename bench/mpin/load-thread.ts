/**
 * A thread of clients: each order is a number of logins on the devices of this thread, each computed and sent as a browser does it.
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { login, type MpinClient, openMpinClient, parsePin } from "@milagro/client/mpin";
import { utf8 } from "@milagro/crypto/bytes";
import { createG1Engine } from "@milagro/engine/wasm-g1";
import { createHttpPort } from "@milagro/runtime/http-port";
import { systemRandom } from "@milagro/runtime/random";
import { type Device, type DevicePorts, PIN, portsOf } from "./device.ts";

export interface ThreadData {
  readonly origin: string;
  readonly devices: readonly Device[];
}

/** `closed`: so many devices at once, each beginning anew when it is done. `open`: logins arrive at random, whatever the answers take. */
export type LoadOrder =
  | { readonly kind: "closed"; readonly forMs: number; readonly atOnce: number }
  | { readonly kind: "open"; readonly forMs: number; readonly perSecond: number };

export interface LoadResult {
  /** Of each login: from its arrival until the client knew that it was accepted. */
  readonly totalMs: readonly number[];
  /** The part of it that the three calls took. */
  readonly callsMs: readonly number[];
}

interface Client {
  readonly client: MpinClient;
  readonly ports: DevicePorts;
  readonly identity: Device["identity"];
}

const { origin, devices } = workerData as ThreadData;
const http = createHttpPort({ retries: 0 });
const engine = await createG1Engine({ random: systemRandom });
const clients: readonly Client[] = devices.map(({ identity, values }) => {
  const ports = portsOf({ origin, values, engine, http });
  return { client: openMpinClient(ports), ports, identity };
});

async function logIn({ client, ports, identity }: Client, arrivedMs: number, result: LoadSamples): Promise<void> {
  ports.forgetCookie();
  const before = ports.waitedMs();
  const { outcome } = await login(client, { identity, pin: parsePin(utf8(PIN)) });
  if (outcome !== "accepted") throw new Error(`a right login was ${outcome}`);
  result.totalMs.push(performance.now() - arrivedMs);
  result.callsMs.push(ports.waitedMs() - before);
}

type LoadSamples = { readonly [K in keyof LoadResult]: number[] };

async function closed(order: LoadOrder & { kind: "closed" }, result: LoadSamples): Promise<void> {
  const end = performance.now() + order.forMs;
  const one = async (client: Client): Promise<void> => {
    while (performance.now() < end) await logIn(client, performance.now(), result);
  };
  await Promise.all(clients.slice(0, order.atOnce).map(one));
}

/** Who arrives while all devices are busy waits for one, and the wait counts. */
async function open(order: LoadOrder & { kind: "open" }, result: LoadSamples): Promise<void> {
  const free = [...clients];
  const waiting: number[] = [];
  const running: Promise<void>[] = [];
  const serve = async (client: Client, arrivedMs: number): Promise<void> => {
    for (let next: number | undefined = arrivedMs; next !== undefined; next = waiting.shift()) {
      await logIn(client, next, result);
    }
    free.push(client);
  };
  const startMs = performance.now();
  for (let arrivesMs = startMs; ; ) {
    arrivesMs += (-Math.log(1 - Math.random()) * 1000) / order.perSecond;
    if (arrivesMs >= startMs + order.forMs) break;
    const early = arrivesMs - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    const client = free.shift();
    if (client) running.push(serve(client, arrivesMs));
    else waiting.push(arrivesMs);
  }
  await Promise.all(running);
}

parentPort?.on("message", (order: LoadOrder) => {
  const result: LoadSamples = { totalMs: [], callsMs: [] };
  const work = order.kind === "closed" ? closed(order, result) : open(order, result);
  work.then(
    () => parentPort?.postMessage(result),
    (error: unknown) => {
      throw error; // ends the thread, and the benchmark with it
    },
  );
});
