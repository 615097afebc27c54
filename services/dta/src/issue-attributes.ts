/**
 * The second round for attribute keys: all D-TAs have approved the request, and each issues its shares. Whether this identity may have these
 * attributes was decided in the first round (issue.ts), on evidence; here it is settled that *everybody* has decided so, that the identity has not been denied since, and that the
 * record is on disk before a share leaves.
 * @module
 */
import { type IdentityPattern, matchesIdentity } from "@milagro/crypto/identity";
import type { ErrorCode } from "@milagro/protocol/error-codes";
import type { OpenedRequest } from "@milagro/protocol/issuance";
import type { DtaContext, FoundedDomain } from "./context.ts";
import { ANSWER_AGAIN_MS } from "./decide-issuance.ts";
import type { StoreTransaction } from "./store.ts";
import type { AttributeIssuanceRow } from "./store-attributes.ts";

/** What the decision depends on. */
export interface ShareFacts {
  readonly identity: OpenedRequest["request"]["identity"];
  /** Deny-list and policy together. */
  readonly denied: readonly IdentityPattern[];
  /** Whether the approvals of all D-TAs, for just this request, are there. */
  readonly approvedByAll: boolean;
  /** When this D-TA approved the request itself, by its own records. */
  readonly approvedMs: number | undefined;
  readonly nowMs: number;
}

/** The code of the refusal, or undefined to issue. Pure. */
export function decideShares(facts: ShareFacts): ErrorCode | undefined {
  if (facts.denied.some((pattern) => matchesIdentity(pattern, facts.identity))) return "ERR_IDENTITY_REVOKED";
  if (!facts.approvedByAll) return "ERR_APPROVAL_MISSING";
  // Its own signature alone does not count: a D-TA that was set back to an older state does not remember why it signed.
  if (facts.approvedMs === undefined) return "ERR_APPROVAL_MISSING";
  return facts.nowMs - facts.approvedMs > ANSWER_AGAIN_MS ? "ERR_REQUEST_EXPIRED" : undefined;
}

export type SettledShares =
  | { readonly kind: "issue"; readonly row: AttributeIssuanceRow; readonly again: boolean }
  | { readonly kind: "refuse"; readonly code: ErrorCode; readonly nowMs: number };

/** Decides and records, in one transaction. Touches nothing else: it may run twice. */
export async function settleShares(
  context: DtaContext,
  tx: StoreTransaction,
  domain: FoundedDomain,
  { request, requestHash }: OpenedRequest,
  approvedByAll: boolean,
): Promise<SettledShares> {
  const nowMs = context.clock();
  const policy = context.policy.current;
  const approved = await tx
    .selectFrom("issuance")
    .select("time_ms")
    .where("domain_id", "=", domain.domainId)
    .where("request_hash", "=", requestHash)
    .executeTakeFirst();
  const code = decideShares({
    identity: request.identity,
    denied: [...context.now.denied, ...policy.denied],
    approvedByAll,
    approvedMs: approved?.time_ms,
    nowMs,
  });
  const before = await tx
    .selectFrom("attribute_issuance")
    .selectAll()
    .where("domain_id", "=", domain.domainId)
    .where("request_hash", "=", requestHash)
    .executeTakeFirst();
  if (code === undefined && before !== undefined) return { kind: "issue", row: before, again: true };
  const entry = await context.audit.append(tx, {
    action: "issue",
    outcome: code ?? "ok",
    subject: request.identity,
    details: {
      requestHash: Buffer.from(requestHash).toString("base64url"),
      keys: request.keys.map(({ usage, epoch }) => `${usage}@${epoch}`).join(" "),
      policyVersion: policy.version,
      evidence: "approvals",
    },
  });
  if (code !== undefined) return { kind: "refuse", code, nowMs };
  const row: AttributeIssuanceRow = {
    domain_id: domain.domainId,
    request_hash: requestHash,
    policy_version: policy.version,
    time_ms: nowMs,
    log_index: entry.index,
    log_head: entry.hash,
  };
  await tx.insertInto("attribute_issuance").values(row).execute();
  return { kind: "issue", row, again: false };
}
