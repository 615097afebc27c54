/**
 * One-time join tokens: the operator of this D-TA makes one for whoever may join, says for which identities and usages, and hands it over by a way
 * of its own. The store keeps a digest only, compared in constant time and computed also where there is no such token.
 *
 * A token is bound to the first request it carries: that request may come again and gets the same answer, another one is refused.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import { type Identity, matchesIdentity, parseIdentityPattern } from "@milagro/crypto/identity";
import { type JoinTokenParts, joinTokenDigest, parseJoinToken } from "@milagro/protocol/join-token";
import type { KeyUsage } from "@milagro/protocol/key-usage";
import type { EvidenceVerdict } from "./decide-issuance.ts";
import type { JoinTokenRow, StoreTransaction } from "./store.ts";

/** What is compared for an unknown token, so that it costs the same. */
const NO_DIGEST = new Uint8Array(32);

export interface JoinTokenFacts {
  /** The text that was shown. */
  readonly token: string;
  readonly ownIndex: number;
  /** The stored token with the shown id, if any. */
  readonly row: JoinTokenRow | undefined;
  readonly identity: Identity;
  readonly requestHash: Uint8Array;
  readonly nowMs: number;
}

/**
 * What a shown token is worth. Unknown, another D-TA's, a wrong secret, expired and "not for this identity" give one code: whoever does not hold the
 * token learns nothing about it. Only its holder is told that it was spent on another request, because that may mean theft.
 */
export function judgeJoinToken(facts: JoinTokenFacts): EvidenceVerdict {
  const { row } = facts;
  const right = equalBytes(joinTokenDigest(facts.token), row?.digest ?? NO_DIGEST);
  const invalid = { type: "join-token", ok: false, code: "ERR_JOIN_TOKEN_INVALID" } as const;
  if (row === undefined || !right || partsOf(facts.token)?.index !== facts.ownIndex) return invalid;
  if (row.request_hash !== null && !equalBytes(row.request_hash, facts.requestHash)) {
    return { type: "join-token", ok: false, code: "ERR_JOIN_TOKEN_SPENT" };
  }
  if (facts.nowMs >= row.expires_ms || !matchesIdentity(parseIdentityPattern(row.pattern), facts.identity))
    return invalid;
  return { type: "join-token", ok: true, usages: JSON.parse(row.usages) as KeyUsage[] };
}

/** Looks also for text that is no token, so that the answer takes the same time. */
export async function findJoinToken(
  tx: StoreTransaction,
  domainId: Uint8Array,
  token: string,
): Promise<JoinTokenRow | undefined> {
  const id = partsOf(token)?.id ?? "";
  return tx
    .selectFrom("join_token")
    .selectAll()
    .where("domain_id", "=", domainId)
    .where("id", "=", id)
    .executeTakeFirst();
}

/** Binds the token to the request. Spending it again on the same request changes nothing. */
export async function spendJoinToken(
  tx: StoreTransaction,
  domainId: Uint8Array,
  token: string,
  use: { readonly requestHash: Uint8Array; readonly identity: Identity; readonly nowMs: number },
): Promise<void> {
  await tx
    .updateTable("join_token")
    .set({ request_hash: use.requestHash, identity: use.identity, used_ms: use.nowMs })
    .where("domain_id", "=", domainId)
    .where("id", "=", partsOf(token)?.id ?? "")
    .where("request_hash", "is", null)
    .execute();
}

function partsOf(token: string): JoinTokenParts | undefined {
  try {
    return parseJoinToken(token);
  } catch {
    return undefined;
  }
}
