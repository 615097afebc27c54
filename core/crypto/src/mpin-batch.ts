/**
 * Many logins checked together, since all share g2 and the server secret:
 *
 *   e(Σ rᵢVᵢ, g2)·e(Σ rᵢ(Uᵢ + yᵢA'ᵢ), s·g2) = 1 with random 128-bit rᵢ       two Miller loops, one more per DVS user
 *
 * If that fails, the batch is halved until the false ones are found (`batch-search.ts`).
 *
 * Source: Bellare, Garay, Rabin (EUROCRYPT 1998): small exponents test.
 * @module
 */
import type { Engine, G1, G2, PairingInput, RandomBytes, Scalar } from "@milagro/engine/engine";
import { type BatchResult, searchBatch } from "./batch-search.ts";
import { holds, type LoginTerms, linesOf } from "./mpin-login.ts";
import type { MpinServerSecret } from "./mpin-server-key.ts";
import { randomWeight } from "./precomputed.ts";

export type { BatchOutcome, BatchResult } from "./batch-search.ts";

/** One login of a batch, of any variant. */
export interface BatchEntry {
  /** Who made the work: an address, an account. Entries of one source share its limit. */
  readonly source: string;
  /** From `openLogin` or `openOnePass`; undefined is refused without a pairing. */
  readonly terms: LoginTerms | undefined;
}

/**
 * Checks a batch. An accepted login holds but for a chance of 2⁻¹²⁸; a refused one was checked alone.
 * @param refusalsPerSource - from this number on a source's other entries come back unchecked; 1 or more
 */
export function verifyLoginBatch(
  engine: Engine,
  random: RandomBytes,
  serverSecret: MpinServerSecret,
  entries: readonly BatchEntry[],
  refusalsPerSource: number,
): BatchResult {
  const terms = (i: number): LoginTerms => (entries[i] as BatchEntry).terms as LoginTerms;
  return searchBatch({
    sources: entries.map(({ source }) => source),
    isMalformed: (i) => entries[i]?.terms === undefined,
    check: (indices) => {
      const all = indices.map(terms);
      const [only] = all;
      return all.length === 1 ? holds(engine, serverSecret, only) : holdTogether(engine, random, serverSecret, all);
    },
    refusalsPerSource,
  });
}

function holdTogether(
  engine: Engine,
  random: RandomBytes,
  serverSecret: MpinServerSecret,
  all: readonly LoginTerms[],
): boolean {
  const weights = all.map(() => randomWeight(engine, random));
  const answers = new Map<G2 | undefined, { points: G1[]; weights: Scalar[] }>();
  const points: G1[] = [];
  const scalars: Scalar[] = [];
  const identities = new Map<G1, Scalar>(); // a hashed point is one object per identity
  all.forEach(({ u, v, y, a, dvsKey }, i) => {
    const weight = weights[i] as Scalar;
    const group = answers.get(dvsKey) ?? { points: [], weights: [] };
    group.points.push(v);
    group.weights.push(weight);
    answers.set(dvsKey, group);
    points.push(u);
    scalars.push(weight);
    const sum = identities.get(a) ?? engine.scalars.zero;
    identities.set(a, engine.scalars.add(sum, engine.scalars.multiply(weight, y)));
  });
  points.push(...identities.keys());
  scalars.push(...identities.values());
  const factors = [...answers].map(
    ([dvsKey, group]): PairingInput => [engine.g1.multiScalar(group.points, group.weights), linesOf(engine, dvsKey)],
  );
  return serverSecret.use(({ lines }) =>
    engine.pairingCheck([...factors, [engine.g1.multiScalar(points, scalars), lines]]),
  );
}
