/**
 * Attribute keys from the requester's side: two rounds under one claim.
 *
 * `beginEnrolment` makes the claim and the requests of the first round. From its answers `collectApprovals` takes the approvals of all D-TAs, and
 * `requestShares` puts them into the requests of the second; `finishAttributeEnrolment` adds up. Each key is checked once, as a sum; only when that fails each share, to
 * name the D-TA that lied. An approval that is not right is seen in the first round already, and its D-TA named.
 * @module
 */
import { verifyCpKey, verifyCpKeyShare } from "@milagro/crypto/abe-cp-key";
import { type AbeEntitlement, approvalStatement, encodeEntitlement } from "@milagro/crypto/abe-entitlement";
import { type AbeKey, type AbeKeyShare, combineAbeKeyShares, parseAbeKeyShare } from "@milagro/crypto/abe-key";
import { verifyKpKey, verifyKpKeyShare } from "@milagro/crypto/abe-kp-key";
import type { AbeScheme } from "@milagro/crypto/abe-points";
import { type StatementClaim, verifyStatement, verifyStatements } from "@milagro/crypto/bls";
import { equalBytes } from "@milagro/crypto/bytes";
import type { X25519 } from "@milagro/crypto/hpke";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { entitlementsOf } from "./attribute-issuance.ts";
import type { Approvals } from "./attribute-messages.ts";
import type { Enrolment } from "./enrolment.ts";
import { allApproved, allIssued, checkAuthorship, onePerAuthority } from "./enrolment-answers.ts";
import { liar, openAnswer } from "./enrolment-shares.ts";
import { faultError, nameOf } from "./fault.ts";
import { sealIssuanceRequest } from "./issuance.ts";
import type { IssuanceAnswer, Receipt, SealedRequest, Share } from "./issuance-messages.ts";
import { authorityAt, type TrustDomain } from "./trust-domain.ts";

interface Round {
  readonly engine: Engine;
  readonly random: RandomBytes;
  readonly domain: TrustDomain;
  readonly enrolment: Enrolment;
  /** In any order; the same answer may be there twice. */
  readonly answers: readonly IssuanceAnswer[];
}

/** What the two rounds yield. */
export interface AttributeEnrolmentResult {
  /** In the order they were asked for. */
  readonly keys: readonly AbeKey<AbeScheme>[];
  /** In the order of the D-TAs. */
  readonly receipts: readonly Receipt[];
}

/**
 * The approvals of all D-TAs, checked.
 * @throws `ERR_ENROLMENT_REFUSED`, `ERR_ENROLMENT_INCOMPLETE`, `ERR_RECEIPT_INVALID`, `ERR_APPROVAL_MISSING` naming a D-TA that approved something
 * else, each with a report of which D-TAs
 */
export function collectApprovals({ engine, random, domain, enrolment, answers }: Round): Approvals {
  const single = onePerAuthority(domain, answers);
  checkAuthorship(engine, random, domain, enrolment, single);
  const approved = allApproved(domain, single);
  const statements = entitlementsOf(enrolment.claim).map((entitlement) =>
    approvalStatement(entitlement, enrolment.requestHash),
  );
  const claims = approved.flatMap(({ index, approvals }) =>
    statements.map((message, i) => ({
      index,
      publicKey: authorityAt(domain, index).publicShares.statement,
      message,
      signature: approvals[i] as Uint8Array,
    })),
  );
  if (!verifyStatements(engine, random, claims)) {
    const wrong = claims.find(({ publicKey, message, signature }: StatementClaim) => {
      return !verifyStatement(engine, publicKey, message, signature);
    });
    const { entry } = authorityAt(domain, wrong?.index ?? 1);
    throw faultError("ERR_APPROVAL_MISSING", `the approval of ${nameOf(entry)} is not of this entitlement`, {
      faults: [entry],
    });
  }
  return statements.map((_, i) => approved.map(({ approvals }) => approvals[i] as Uint8Array));
}

/** The requests of the second round, one for each D-TA. No evidence: who is allowed what is settled. */
export const requestShares = (options: {
  readonly random: RandomBytes;
  readonly domain: TrustDomain;
  readonly enrolment: Enrolment;
  readonly approvals: Approvals;
  readonly x25519?: X25519 | undefined;
}): Promise<readonly SealedRequest[]> => {
  const { random, domain, enrolment, approvals, x25519 } = options;
  const request = { ...enrolment.claim, evidence: [], approvals };
  return Promise.all(
    domain.authorities.map(({ entry, hpkeKey }) =>
      sealIssuanceRequest({ random, hpkeKey, index: entry.index, request, x25519 }),
    ),
  );
};

/**
 * Adds up the shares of the second round.
 * @throws as `finishEnrolment`
 */
export async function finishAttributeEnrolment(
  options: Round & { readonly x25519?: X25519 | undefined },
): Promise<AttributeEnrolmentResult> {
  const { engine, random, domain, enrolment, x25519 } = options;
  if (!equalBytes(enrolment.claim.domainId, domain.domainId))
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "the enrolment belongs to another domain");
  const entitlements = entitlementsOf(enrolment.claim);
  if (entitlements.length === 0) throw new TypeError("an enrolment of other keys than attribute keys");
  const answers = onePerAuthority(domain, options.answers);
  checkAuthorship(engine, random, domain, enrolment, answers);
  const issued = allIssued(domain, answers);
  const contributions = await Promise.all(
    issued.map(async (answer) => ({
      receipt: answer.receipt,
      shares: await openAnswer({ random, domain, opener: enrolment, answer, x25519 }, (shares) =>
        shares.map((share, i) => decodeShare(engine, entitlements[i] as AbeEntitlement, share)),
      ),
    })),
  );
  const keys: AbeKey<AbeScheme>[] = [];
  try {
    for (const i of entitlements.keys()) keys.push(combine(engine, random, domain, contributions, i));
  } catch (error) {
    for (const key of keys) key.destroy();
    throw error;
  } finally {
    for (const share of contributions.flatMap(({ shares }) => shares)) share.destroy();
  }
  return { keys, receipts: issued.map(({ receipt }) => receipt) };
}

function decodeShare(engine: Engine, entitlement: AbeEntitlement, share: Share): AbeKeyShare<AbeScheme> {
  if (!("share" in share)) throw new MilagroError("ERR_SHARE_INVALID", "no share of an attribute key");
  const parsed = parseAbeKeyShare(engine, entitlement.scope.scheme, share.share);
  if (equalBytes(encodeEntitlement(parsed.entitlement as AbeEntitlement), encodeEntitlement(entitlement)))
    return parsed;
  parsed.destroy();
  throw new MilagroError("ERR_SHARE_INVALID", "a share of another entitlement");
}

interface Contribution {
  readonly receipt: Receipt;
  readonly shares: readonly AbeKeyShare<AbeScheme>[];
}

function combine(
  engine: Engine,
  random: RandomBytes,
  domain: TrustDomain,
  contributions: readonly Contribution[],
  at: number,
): AbeKey<AbeScheme> {
  const parts = contributions.map(({ receipt, shares }) => ({ receipt, share: shares[at] as AbeKeyShare<AbeScheme> }));
  try {
    const key = combineAbeKeyShares(
      engine,
      parts.map(({ share }) => share),
    );
    const right =
      key.scheme === "cp"
        ? verifyCpKey(engine, random, domain.publicKeys.cp, key as AbeKey<"cp">)
        : verifyKpKey(engine, random, domain.publicKeys.kp, key as AbeKey<"kp">);
    if (right) return key;
    key.destroy();
  } catch (error) {
    if (!(error instanceof MilagroError)) throw error; // a sum of zero: somebody lied, find out who
  }
  for (const { receipt, share } of parts) {
    const { cp, kp } = authorityAt(domain, receipt.index).publicShares;
    const right =
      share.scheme === "cp"
        ? verifyCpKeyShare(engine, random, cp, share as AbeKeyShare<"cp">)
        : verifyKpKeyShare(engine, random, kp, share as AbeKeyShare<"kp">);
    if (!right) throw liar(domain, receipt, "issued a wrong share of an attribute key");
  }
  throw new MilagroError("ERR_SHARE_INVALID", "the shares do not add up to the key, though each one is right");
}
