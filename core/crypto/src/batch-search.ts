/**
 * Finding the false ones of a batch: check all together, and halve what does not hold until each false one stands alone. That
 * takes about 2·log₂ N further products for each. Whoever sends many false ones would make everybody else wait for that, so a
 * source that has had its share of refusals in this batch is put off: its other entries come back unchecked, to be checked
 * alone and later, or not at all.
 * @module
 */

/** `unchecked`: neither accepted nor refused, because its source has used up its refusals. */
export type BatchOutcome = "accepted" | "refused" | "unchecked";

/** The outcomes, in the order of the entries. */
export interface BatchResult {
  readonly outcomes: readonly BatchOutcome[];
  /** Products computed: the work. */
  readonly products: number;
}

/** A batch to search. */
export interface BatchSearch {
  /** Who made each entry's work: an address, an account. Entries of one source share its limit. */
  readonly sources: readonly string[];
  /** Entries that are refused before anything is computed. */
  isMalformed(index: number): boolean;
  /** Whether all of these hold; a single one must be checked exactly. */
  check(indices: readonly number[]): boolean;
  /** From this number on a source's other entries come back unchecked; 1 or more. */
  readonly refusalsPerSource: number;
}

/** @throws TypeError for a limit below 1 */
export function searchBatch({ sources, isMalformed, check, refusalsPerSource }: BatchSearch): BatchResult {
  if (!Number.isSafeInteger(refusalsPerSource) || refusalsPerSource < 1) throw new TypeError("allow 1 refusal or more");
  const outcomes: BatchOutcome[] = sources.map(() => "unchecked");
  const refusals = new Map<string, number>();
  let products = 0;

  const sourceOf = (i: number): string => sources[i] as string;
  const refuse = (i: number): void => {
    outcomes[i] = "refused";
    refusals.set(sourceOf(i), (refusals.get(sourceOf(i)) ?? 0) + 1);
  };
  const isOpen = (i: number): boolean => (refusals.get(sourceOf(i)) ?? 0) < refusalsPerSource;
  /** @param known - whether these are known to hold a false one, so that checking them all would tell nothing */
  const search = (candidates: readonly number[], known: boolean): boolean => {
    const indices = candidates.filter(isOpen);
    if (indices.length === 0) return false;
    const certain = known && indices.length === candidates.length;
    if (!certain || indices.length === 1) {
      products += 1;
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

  const wellFormed: number[] = [];
  sources.forEach((_, i) => {
    if (isMalformed(i)) refuse(i);
    else wellFormed.push(i);
  });
  search(wellFormed, false);
  return { outcomes, products };
}
