/**
 * Checking an audit log from outside: by an operator's `audit verify`, an auditor with a copy, or a service at start.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import { type AuditEntry, EMPTY_HEAD, hashEntry, type SignedAuditHead } from "./audit-log.ts";

export type AuditFault =
  /** The entry's content does not give its hash: it was edited. */
  | "edited"
  /** An entry is not where it belongs: dropped, inserted or reordered. */
  | "out of order"
  /** The entry does not follow from the one before it. */
  | "chain broken"
  /** The log ends before a signed head. */
  | "truncated"
  /** The chain is sound but not the one that was signed: all of it was rewritten. */
  | "contradicts signed head"
  /** A head's signature is wrong. */
  | "head forged";

export type AuditVerdict =
  | { readonly ok: true; readonly index: number; readonly hash: Uint8Array; readonly signedUpTo: number }
  /** `index` is the first entry that cannot be trusted. */
  | { readonly ok: false; readonly index: number; readonly fault: AuditFault };

export interface AuditVerification {
  /** All entries in order, as stored. */
  readonly entries: AsyncIterable<AuditEntry> | Iterable<AuditEntry>;
  /** Heads signed earlier, best from another place than the log's own database: receipts, a monitor, a backup. */
  readonly heads?: readonly SignedAuditHead[];
  /** Needed when there are heads. */
  readonly verifySignature?: (head: SignedAuditHead) => Promise<boolean> | boolean;
}

/** Walks the chain once and says where it first goes wrong. Never throws for a bad log: that is an answer. */
export async function verifyAuditLog(input: AuditVerification): Promise<AuditVerdict> {
  const heads = (input.heads ?? []).toSorted((a, b) => a.index - b.index);
  if (heads.length > 0 && !input.verifySignature) throw new TypeError("signed heads need verifySignature");
  for (const head of heads) {
    if (!(await input.verifySignature?.(head))) return { ok: false, index: head.index, fault: "head forged" };
  }
  let { index, hash } = EMPTY_HEAD;
  /** The last entry that a signed head vouches for. */
  let signedUpTo = 0;
  const contradicted = (): boolean => heads.some((head) => head.index === index && !equalBytes(head.hash, hash));
  if (contradicted()) return { ok: false, index: 0, fault: "contradicts signed head" };
  for await (const entry of input.entries) {
    const next = index + 1;
    if (entry.index !== next) return { ok: false, index: next, fault: "out of order" };
    if (!equalBytes(entry.previous, hash)) return { ok: false, index: next, fault: "chain broken" };
    if (!equalBytes(hashEntry(entry), entry.hash)) return { ok: false, index: next, fault: "edited" };
    index = next;
    hash = entry.hash;
    if (contradicted()) return { ok: false, index: signedUpTo + 1, fault: "contradicts signed head" };
    if (heads.some((head) => head.index === index)) signedUpTo = index;
  }
  const last = heads.at(-1);
  if (last && last.index > index) return { ok: false, index: index + 1, fault: "truncated" };
  return { ok: true, index, hash, signedUpTo };
}

/** Reads a whole log in pages, for `verifyAuditLog`. */
export async function* auditEntries(
  read: (after: number, limit: number) => Promise<AuditEntry[]>,
): AsyncGenerator<AuditEntry> {
  let after = 0;
  for (;;) {
    const page = await read(after, 500);
    yield* page;
    const last = page.at(-1);
    if (!last || last.index <= after) return;
    after = last.index;
  }
}
