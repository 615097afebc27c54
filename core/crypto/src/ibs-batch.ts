/**
 * Many identity signatures checked together, as `verifySignatures`, with the false ones found by halving (`batch-search.ts`).
 * @module
 */
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { type BatchResult, searchBatch } from "./batch-search.ts";
import { SIGNATURE_LENGTH, type SignatureClaim, verifySignature, verifySignatures } from "./ibs.ts";
import { isInputFor } from "./identity-key.ts";
import type { DomainPublicKey } from "./master-public.ts";

export type { BatchOutcome, BatchResult } from "./batch-search.ts";

/** One signature of a batch. */
export interface SignatureEntry {
  /** Who made the work: an address, an account. Entries of one source share its limit. */
  readonly source: string;
  readonly claim: SignatureClaim;
}

/**
 * Checks a batch. An accepted signature holds but for a chance of 2⁻¹²⁸; a refused one was checked alone, or was no signature.
 * @param refusalsPerSource - from this number on a source's other entries come back unchecked; 1 or more
 */
export function verifySignatureBatch(
  engine: Engine,
  random: RandomBytes,
  publicKey: DomainPublicKey<"id">,
  entries: readonly SignatureEntry[],
  refusalsPerSource: number,
): BatchResult {
  const claimOf = (i: number): SignatureClaim => (entries[i] as SignatureEntry).claim;
  return searchBatch({
    sources: entries.map(({ source }) => source),
    isMalformed: (i) => claimOf(i).signature.length !== SIGNATURE_LENGTH || !isInputFor(claimOf(i).input, "sig"),
    check: (indices) => {
      const [first, ...others] = indices.map(claimOf) as [SignatureClaim, ...SignatureClaim[]];
      if (others.length > 0) return verifySignatures(engine, random, publicKey, [first, ...others]);
      return verifySignature(engine, publicKey, first.input, first.message, first.signature);
    },
    refusalsPerSource,
  });
}
