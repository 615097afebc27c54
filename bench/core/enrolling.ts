/**
 * Enrolment from end to end: a fresh identity asks all D-TAs for two keys, opens the shares, checks the sum.
 * @module
 */
import { type EnrolmentRoute, enrolRing } from "@milagro/client/enrol";
import { epochAt } from "@milagro/crypto/epoch";
import { parseIdentity } from "@milagro/crypto/identity";
import type { Reporter } from "../harness/reporter.ts";
import { type BenchDomain, DOMAIN } from "./domain.ts";
import { quantile } from "./quantiles.ts";

/** @returns the milliseconds of each, after some that are not counted */
export async function enrolMany(
  bench: BenchDomain,
  route: EnrolmentRoute,
  budgetMs: number,
): Promise<readonly number[]> {
  const { client } = bench;
  const samples: number[] = [];
  const enough = (end: number): boolean => performance.now() >= end && samples.length >= 10;
  for (const phase of ["warm-up", "measured"] as const) {
    samples.length = 0;
    const end = performance.now() + (phase === "warm-up" ? budgetMs / 4 : budgetMs);
    while (!enough(end)) {
      const identity = parseIdentity(
        `milagro:${DOMAIN}/endpoint/enrol-${Buffer.from(client.random(8)).toString("hex")}`,
      );
      const epoch = epochAt(client.clock(), client.domain.epochSeconds);
      const keys = [
        { usage: "enc", epoch },
        { usage: "sig", epoch },
      ] as const;
      const evidence = bench.grantFor(identity);
      const startMs = performance.now();
      await enrolRing(client, { identity, keys, evidence, route });
      samples.push(performance.now() - startMs);
    }
  }
  return samples;
}

export async function measureEnrolment(report: Reporter, bench: BenchDomain, budgetMs: number): Promise<void> {
  for (const route of ["direct", "relay"] as const) {
    report.progress(`core: enrolment, ${route}`);
    const samples = await enrolMany(bench, route, budgetMs);
    const name = `enrolment with ${bench.dtas.length} D-TAs, ${route === "direct" ? "direct" : "through the D-KMS"}`;
    const minimum = Math.min(...samples);
    report.add({ name: `${name}: p50`, value: quantile(samples, 0.5), unit: "ms", minimum });
    report.add({ name: `${name}: p99`, value: quantile(samples, 0.99), unit: "ms", minimum });
  }
}
