/**
 * The deny-list: patterns for which this D-TA issues nothing more, whatever policy and evidence say. One D-TA that refuses suffices: without its share
 * there is no key for the next epoch.
 * @module
 */
import { type IdentityPattern, parseIdentityPattern } from "@milagro/crypto/identity";
import type { StoreTransaction } from "./store.ts";

export interface Denial {
  readonly pattern: IdentityPattern;
  readonly reason: string | undefined;
  readonly createdMs: number;
}

export async function readDenials(tx: StoreTransaction, domainId: Uint8Array): Promise<Denial[]> {
  const rows = await tx
    .selectFrom("denial")
    .selectAll()
    .where("domain_id", "=", domainId)
    .orderBy("created_ms")
    .execute();
  return rows.map((row) => ({
    pattern: parseIdentityPattern(row.pattern),
    reason: row.reason ?? undefined,
    createdMs: row.created_ms,
  }));
}

/** Denying twice keeps the first entry and takes the newer reason. */
export async function addDenial(tx: StoreTransaction, domainId: Uint8Array, denial: Denial): Promise<void> {
  await tx
    .insertInto("denial")
    .values({
      domain_id: domainId,
      pattern: denial.pattern,
      reason: denial.reason ?? null,
      created_ms: denial.createdMs,
    })
    .onConflict((conflict) => conflict.columns(["domain_id", "pattern"]).doUpdateSet({ reason: denial.reason ?? null }))
    .execute();
}

/** Whether there was such an entry. */
export async function removeDenial(
  tx: StoreTransaction,
  domainId: Uint8Array,
  pattern: IdentityPattern,
): Promise<boolean> {
  const result = await tx
    .deleteFrom("denial")
    .where("domain_id", "=", domainId)
    .where("pattern", "=", pattern)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}
