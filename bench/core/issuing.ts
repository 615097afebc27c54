/**
 * How fast one D-TA issues: the real process over HTTP, with its audit log on disk. A share is one key's, by this D-TA. A
 * rate per core is shares per second of processor time, of all threads of the process; beside it stands what the same
 * processor does at that time when it only computes shares: the ratio is the part of the time that goes into them.
 * @module
 */
import { epochAt } from "@milagro/crypto/epoch";
import { hashTag } from "@milagro/crypto/hash-tag";
import { parseIdentity } from "@milagro/crypto/identity";
import type { Engine } from "@milagro/engine/engine";
import { beginEnrolment } from "@milagro/protocol/enrolment";
import { encodeSealedRequest, parseIssuanceAnswer } from "@milagro/protocol/issuance-messages";
import { createHttpClient } from "@milagro/runtime/http-client";
import type { Reporter } from "../harness/reporter.ts";
import { type BenchDomain, DOMAIN } from "./domain.ts";
import { startHealthProbe } from "./health-probe.ts";
import { cpuSecondsOf } from "./proc.ts";
import { quantile } from "./quantiles.ts";
import type { Service } from "./service.ts";

/** Requests under way at once: a D-TA at full rate always has the next one. */
const CLIENTS = 24;

/** What an endpoint asks for: encryption and signing, this epoch and the next. */
export const KEYS_PER_REQUEST = 4;
/** Beside that one key, and the most that a request may ask for: an endpoint that opens what was sealed before it enrolled. */
const KEYS_PER_REQUEST_MEASURED = [KEYS_PER_REQUEST, 1, 16] as const;

/** Sealed requests for one D-TA, each for another identity. */
export async function makeRequests(bench: BenchDomain, count: number, keysEach: number): Promise<readonly object[]> {
  const { random, clock, domain, x25519 } = bench.client;
  const epoch = epochAt(clock(), domain.epochSeconds);
  const wanted = [
    { usage: "enc", epoch },
    { usage: "sig", epoch },
    { usage: "enc", epoch: epoch + 1 },
    { usage: "sig", epoch: epoch + 1 },
    ...Array.from({ length: 12 }, (_, back) => ({ usage: "enc", epoch: epoch - 1 - back }) as const),
  ] as const;
  const requests: object[] = [];
  for (let i = 0; i < count; i++) {
    const identity = parseIdentity(`milagro:${DOMAIN}/endpoint/load-${Buffer.from(random(8)).toString("hex")}`);
    const keys = wanted.slice(0, keysEach) as Parameters<typeof beginEnrolment>[0]["keys"];
    const evidence = bench.grantFor(identity);
    const enrolment = await beginEnrolment({ random, domain, identity, keys, evidence, nowMs: clock(), x25519 });
    enrolment.privateKey.destroy();
    requests.push(encodeSealedRequest(enrolment.requests[0] as (typeof enrolment.requests)[number]));
  }
  return requests;
}

export interface IssuingRun {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** How long `/health` took, asked all the while. */
  readonly healthMs: readonly number[];
}

/** Sends all of them, as fast as they are answered. @throws when one is refused */
export async function issueAll(dta: Service, requests: readonly object[]): Promise<IssuingRun> {
  const url = dta.ready.url as string;
  const client = createHttpClient({ url, timeoutMs: 60_000 });
  const queue = [...requests];
  const worker = async (): Promise<void> => {
    for (let body = queue.pop(); body !== undefined; body = queue.pop()) {
      const answer = parseIssuanceAnswer((await client.request({ method: "POST", path: "/v1/issue", body })).body);
      if ("refusal" in answer) throw new Error(`the D-TA refused: ${answer.refusal.code}`);
    }
  };
  const probe = await startHealthProbe(url);
  const [startMs, startCpu] = [performance.now(), cpuSecondsOf(dta.pid)];
  await Promise.all(Array.from({ length: CLIENTS }, worker));
  const seconds = (performance.now() - startMs) / 1000;
  const cpuSeconds = cpuSecondsOf(dta.pid) - startCpu;
  const healthMs = await probe.stop();
  client.close();
  return { seconds, cpuSeconds, healthMs };
}

/** Shares per second of processor time, when nothing is done but hashing, multiplying and encoding. */
function bareSharesPerSecond(engine: Engine, count: number): number {
  const { g1, scalars } = engine;
  const tag = hashTag("ID", "G1");
  const secret = scalars.random();
  const start = process.cpuUsage();
  for (let i = 0; i < count; i++) g1.encode(g1.multiplySecret(g1.hash(scalars.encode(scalars.random()), tag), secret));
  const { user, system } = process.cpuUsage(start);
  return (count * 1e6) / (user + system);
}

export interface IssuingOptions {
  /** Name of the engine that the D-TA has. */
  readonly engine: string;
  /** The same engine in this process, to compare with; absent when this process has another. */
  readonly bare?: Engine;
  readonly requests: number;
  /** Requests before anything is measured: a service that runs for months is compiled. */
  readonly warmUp: number;
}

/** Rates of one D-TA on the engine that it has, and how `/health` answered meanwhile. */
export async function measureIssuing(report: Reporter, bench: BenchDomain, options: IssuingOptions): Promise<void> {
  const { engine, bare, requests, warmUp } = options;
  const dta = bench.dtas[0] as Service;
  report.progress(`core: D-TA on ${engine}, ${warmUp} requests to warm up`);
  await issueAll(dta, await makeRequests(bench, warmUp, KEYS_PER_REQUEST));
  for (const keysEach of KEYS_PER_REQUEST_MEASURED) {
    const keys = `${keysEach} ${keysEach === 1 ? "key" : "keys"} a request`;
    report.progress(`core: D-TA on ${engine}, ${keys}`);
    const bodies = await makeRequests(bench, requests, keysEach);
    const run = await issueAll(dta, bodies);
    const peer = bare && { peer: "shares alone", peerValue: bareSharesPerSecond(bare, requests) };
    const shares = requests * keysEach;
    const what = `D-TA over HTTP, ${engine}, ${keys}`;
    report.add({ name: `${what}: per core`, value: shares / run.cpuSeconds, unit: "shares/s", ...peer });
    report.add({ name: `${what}: here`, value: shares / run.seconds, unit: "shares/s" });
    report.add({ name: `${what}: /health p50`, value: quantile(run.healthMs, 0.5), unit: "ms" });
    report.add({ name: `${what}: /health p99`, value: quantile(run.healthMs, 0.99), unit: "ms" });
  }
}
