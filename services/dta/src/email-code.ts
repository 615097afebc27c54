/**
 * Codes by e-mail as evidence: what was mailed comes back with the request whose key it was asked for. Every try is counted before it is
 * compared, in the transaction that also records the refusal, so no number of requests at once gets more tries than there are.
 *
 * A code has 40 bits and lives a quarter of an hour; whoever reads this database within that time could find it, and would still need
 * the request key and the codes of all other D-TAs.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import type { DomainId } from "@milagro/crypto/domain-id";
import type { Identity } from "@milagro/crypto/identity";
import { EMAIL_CODE_GUESSES, EMAIL_CODE_SECONDS, emailCodeDigest } from "@milagro/protocol/email-code";
import type { EvidenceVerdict } from "./decide-issuance.ts";
import type { StoreTransaction } from "./store.ts";
import type { EmailCodeRow } from "./store-mpin.ts";

/** What is compared where there is no code, so that it costs the same. */
const NO_DIGEST = new Uint8Array(32);

/** Whose code it is. */
export interface CodeOwner {
  readonly domainId: DomainId;
  readonly identity: Identity;
  readonly requestKey: Uint8Array;
}

/** The code that was mailed last for this identity and request key. */
export async function newestCode(tx: StoreTransaction, owner: CodeOwner): Promise<EmailCodeRow | undefined> {
  return tx
    .selectFrom("email_code")
    .selectAll()
    .where("domain_id", "=", owner.domainId)
    .where("identity", "=", owner.identity)
    .where("request_key", "=", owner.requestKey)
    .orderBy("created_ms", "desc")
    .limit(1)
    .executeTakeFirst();
}

/** What a shown code is worth. One code for every way to be wrong. Counts the try, unless this very request has spent the code before. */
export async function judgeEmailCode(
  tx: StoreTransaction,
  owner: CodeOwner,
  code: string,
  requestHash: Uint8Array,
  nowMs: number,
): Promise<EvidenceVerdict> {
  const invalid = { type: "email-code", ok: false, code: "ERR_EMAIL_CODE_INVALID" } as const;
  const row = await newestCode(tx, owner);
  const usable =
    row !== undefined && nowMs - row.created_ms < EMAIL_CODE_SECONDS * 1000 && (await countGuess(tx, row, requestHash));
  const digest = emailCodeDigest(owner.domainId, owner.identity, owner.requestKey, code);
  const right = equalBytes(digest, row?.digest ?? NO_DIGEST);
  return usable && right ? { type: "email-code", ok: true } : invalid;
}

/** Whether there was a try left; now there is one less. A code that another request has spent has none. */
async function countGuess(tx: StoreTransaction, row: EmailCodeRow, requestHash: Uint8Array): Promise<boolean> {
  if (row.request_hash !== null) return equalBytes(row.request_hash, requestHash);
  const counted = await tx
    .updateTable("email_code")
    .set((expression) => ({ guesses: expression("guesses", "+", 1) }))
    .where("domain_id", "=", row.domain_id)
    .where("identity", "=", row.identity)
    .where("request_key", "=", row.request_key)
    .where("created_ms", "=", row.created_ms)
    .where("guesses", "<", EMAIL_CODE_GUESSES)
    .executeTakeFirst();
  return counted.numUpdatedRows === 1n;
}

/** Binds the code to the request. */
export async function spendEmailCode(tx: StoreTransaction, owner: CodeOwner, requestHash: Uint8Array): Promise<void> {
  const row = await newestCode(tx, owner);
  if (row === undefined) return;
  await tx
    .updateTable("email_code")
    .set({ request_hash: requestHash })
    .where("domain_id", "=", row.domain_id)
    .where("identity", "=", row.identity)
    .where("request_key", "=", row.request_key)
    .where("created_ms", "=", row.created_ms)
    .where("request_hash", "is", null)
    .execute();
}
