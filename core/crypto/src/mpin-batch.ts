/**
 * Many logins checked together, since all share g2 and the server secret:
 *
 *   e(Σ rᵢVᵢ, g2)·e(Σ rᵢ(Uᵢ + yᵢA'ᵢ), s·g2) = 1 with random 128-bit rᵢ       two Miller loops, one more per DVS user
 *
 * If that fails, the batch is halved until the false ones are found: about 2·log₂ N further products for each. Whoever sends
 * many false ones would make everybody else wait for that, so a source that has had its share of refusals in this batch
 * is put off: its other logins come back unchecked, to be checked alone and later, or not at all.
 *
 * Source: Bellare, Garay, Rabin (EUROCRYPT 1998): small exponents test.
 * @module
 */
import type { Engine, G1, G2, PairingInput, RandomBytes, Scalar } from "@milagro/engine/engine";
import { holds, type LoginTerms, linesOf } from "./mpin-login.ts";
import type { MpinServerSecret } from "./mpin-server-key.ts";
import { randomWeight } from "./precomputed.ts";

/** One login of a batch, of any variant. */
export interface BatchEntry {
  /** Who made the work: an address, an account. Entries of one source share its limit. */
  readonly source: string;
  /** From `openLogin` or `openOnePass`; undefined is refused without a pairing. */
  readonly terms: LoginTerms | undefined;
}

/** `unchecked`: neither accepted nor refused, because its source has used up its refusals. */
export type BatchOutcome = "accepted" | "refused" | "unchecked";

/** The outcomes, in the order of the entries. */
export interface BatchResult {
  readonly outcomes: readonly BatchOutcome[];
  /** Pairing products computed: the work. */
  readonly products: number;
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
  if (!Number.isSafeInteger(refusalsPerSource) || refusalsPerSource < 1) throw new TypeError("allow 1 refusal or more");
  const outcomes: BatchOutcome[] = entries.map(() => "unchecked");
  const refusals = new Map<string, number>();
  let products = 0;

  const sourceOf = (i: number): string => (entries[i] as BatchEntry).source;
  const refuse = (i: number): void => {
    outcomes[i] = "refused";
    refusals.set(sourceOf(i), (refusals.get(sourceOf(i)) ?? 0) + 1);
  };
  const isOpen = (i: number): boolean => (refusals.get(sourceOf(i)) ?? 0) < refusalsPerSource;
  const check = (indices: readonly number[]): boolean => {
    products += 1;
    const all = indices.map((i) => (entries[i] as BatchEntry).terms as LoginTerms);
    const [only] = all;
    return all.length === 1 ? holds(engine, serverSecret, only) : holdTogether(engine, random, serverSecret, all);
  };
  /** @param known - whether these are known to hold a false one, so that checking them all would tell nothing */
  const search = (candidates: readonly number[], known: boolean): boolean => {
    const indices = candidates.filter(isOpen);
    if (indices.length === 0) return false;
    const certain = known && indices.length === candidates.length;
    if (!certain || indices.length === 1) {
      if (check(indices)) {
        for (const i of indices) outcomes[i] = "accepted";
        return true;
      }
      if (indices.length === 1) {
        refuse(indices[0] as number);
        return false;
      }
    }
    const middle = indices.length >> 1;
    const left = search(indices.slice(0, middle), false);
    search(indices.slice(middle), left);
    return false;
  };

  entries.forEach((entry, i) => {
    if (!entry.terms) refuse(i);
  });
  const wellFormed = entries.flatMap((entry, i) => (entry.terms ? [i] : []));
  search(wellFormed, false);
  return { outcomes, products };
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
