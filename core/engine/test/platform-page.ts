/**
 * What the platform tests run, in a browser, a JavaScript shell or another Node: every tier against the oracle's answers,
 * each forced by name. It tells what happened; what is right on which platform the test knows.
 * @module
 */
import type { Engine, EngineTier } from "@milagro/engine";
import { type CorpusPart, compare } from "./differential.ts";

/** Deterministic: nothing here is a secret, and shells have no source of randomness. */
export const random = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 41 + 7) & 255);

/** On big integers everything takes so long that only each n-th case can be run. */
const NOBLE_EVERY = 20;

export interface TierReport {
  /** "ok", or why the tier was refused. */
  readonly state: string;
  /** Operations that were compared. */
  readonly operations: readonly string[];
  /** Comparisons in all, and the fewest of one operation. */
  readonly comparisons: number;
  readonly fewest: number;
  readonly failures: readonly string[];
  readonly seconds: number;
}

export type TierReports = Record<string, TierReport>;

/** @param open - makes an engine that has passed its self-test */
export async function runTiers(
  tiers: readonly EngineTier[],
  open: (tier: EngineTier) => Engine | Promise<Engine>,
  corpus: readonly CorpusPart[],
): Promise<TierReports> {
  const reports: TierReports = {};
  for (const tier of tiers) {
    const start = Date.now();
    const empty = { operations: [], comparisons: 0, fewest: 0, failures: [], seconds: 0 };
    let engine: Engine;
    try {
      engine = await open(tier);
    } catch (error) {
      reports[tier] = { ...empty, state: `refused: ${(error as { code?: string }).code ?? error}` };
      continue;
    }
    const outcomes = compare(engine, corpus, tier === "noble" ? NOBLE_EVERY : 1);
    reports[tier] = {
      state: "ok",
      operations: outcomes.map(({ operation }) => operation),
      comparisons: outcomes.reduce((sum, { cases }) => sum + cases, 0),
      fewest: Math.min(...outcomes.map(({ cases }) => cases)),
      failures: outcomes.flatMap(({ operation, failed, failures }) =>
        failed > 0 ? [`${operation}, ${failed} times: ${failures.join("; ")}`] : [],
      ),
      seconds: (Date.now() - start) / 1000,
    };
  }
  return reports;
}

/** What `work` gives, or why it does not. */
export async function outcome(work: () => unknown): Promise<string> {
  try {
    return String((await work()) ?? "ok");
  } catch (error) {
    return `refused: ${(error as { code?: string }).code ?? error}`;
  }
}
