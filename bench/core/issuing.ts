/**
 * How fast one D-TA issues: the real process over HTTP, with its audit log on disk, and its issuer's work alone. A rate per
 * core is shares per second of processor time, which a busy machine hardly changes.
 * @module
 */
import { epochAt } from "@milagro/crypto/epoch";
import { parseIdentity } from "@milagro/crypto/identity";
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

/** Sealed requests for one D-TA, each for another identity. */
export async function makeRequests(bench: BenchDomain, count: number, keysEach: number): Promise<readonly object[]> {
  const { random, clock, domain, x25519 } = bench.client;
  const epoch = epochAt(clock(), domain.epochSeconds);
  const wanted = [
    { usage: "enc", epoch },
    { usage: "sig", epoch },
    { usage: "enc", epoch: epoch + 1 },
    { usage: "sig", epoch: epoch + 1 },
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

/** Rates of one D-TA on the engine that it has, and how `/health` answered meanwhile. */
export async function measureIssuing(
  report: Reporter,
  bench: BenchDomain,
  options: { readonly engine: string; readonly requests: number },
): Promise<void> {
  const dta = bench.dtas[0] as Service;
  await issueAll(dta, await makeRequests(bench, 32, KEYS_PER_REQUEST)); // compiled, files open
  for (const keysEach of [KEYS_PER_REQUEST, 1]) {
    report.progress(`core: D-TA on ${options.engine}, ${keysEach} shares a request`);
    const run = await issueAll(dta, await makeRequests(bench, options.requests, keysEach));
    const shares = options.requests * keysEach;
    const what = `D-TA over HTTP, ${options.engine}, ${keysEach} share${keysEach === 1 ? "" : "s"} a request`;
    report.add({ name: `${what}: per core`, value: shares / run.cpuSeconds, unit: "shares/s" });
    report.add({ name: `${what}: here`, value: shares / run.seconds, unit: "shares/s" });
    report.add({ name: `${what}: /health p50`, value: quantile(run.healthMs, 0.5), unit: "ms" });
    report.add({ name: `${what}: /health p99`, value: quantile(run.healthMs, 0.99), unit: "ms" });
  }
}
