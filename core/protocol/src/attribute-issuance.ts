/**
 * Issuing attribute keys: what both sides do with the messages of `attribute-messages.ts`.
 *
 *   round 1   claim + evidence   → each D-TA decides, records, and signs approvalStatement(entitlement, requestHash) for each key
 *   round 2   claim + approvals  → each D-TA checks the approvals of all n, records, and issues its shares
 *
 * The claim and so the request hash is the same in both, and it is in what is approved: approvals serve one request, and the shares are
 * sealed to its request key.
 * @module
 */

import { issueCpKeyShare } from "@milagro/crypto/abe-cp-key";
import {
  type AbeEntitlement,
  type ApprovedEntitlement,
  approvalStatement,
  approveEntitlement,
  type CpEntitlement,
  encodeEntitlement,
  type KpEntitlement,
  parseEntitlement,
} from "@milagro/crypto/abe-entitlement";
import { type AbeKeyShare, encodeAbeKey, keyPointCounts } from "@milagro/crypto/abe-key";
import { issueKpKeyShare } from "@milagro/crypto/abe-kp-key";
import type { AbeScheme } from "@milagro/crypto/abe-points";
import { signStatement } from "@milagro/crypto/bls";
import { equalBytes } from "@milagro/crypto/bytes";
import type { PublicShare } from "@milagro/crypto/master-public";
import type { MasterSecretShare } from "@milagro/crypto/master-secret";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import {
  type Approvals,
  type AttributeKeyRequest,
  MAX_ATTRIBUTE_KEYS,
  MAX_ATTRIBUTE_POINTS,
} from "./attribute-messages.ts";
import type { IssuanceClaim, KeyRequest, Share } from "./issuance-messages.ts";

/** The masters that attribute keys come from. */
export interface AttributeMasters {
  readonly cp: MasterSecretShare<"cp">;
  readonly kp: MasterSecretShare<"kp">;
}

/** Whether a key of a request is an attribute key. */
export const isAttributeKey = (key: KeyRequest): key is AttributeKeyRequest => key.usage === "cp" || key.usage === "kp";

/** A key request for an entitlement. */
export const attributeKeyRequest = (entitlement: AbeEntitlement): AttributeKeyRequest => ({
  usage: entitlement.scope.scheme,
  epoch: entitlement.epoch,
  entitlement: encodeEntitlement(entitlement),
});

/**
 * The entitlements that a claim names; none for a claim of other keys.
 * @throws `ERR_MESSAGE_INVALID` when attribute keys are mixed with others, too many, too large or named twice; `ERR_ENTITLEMENT_INVALID` for one
 * that is malformed or of another domain, identity or epoch than its claim
 */
export function entitlementsOf(
  claim: Pick<IssuanceClaim, "domainId" | "identity" | "keys" | "proofs">,
): readonly AbeEntitlement[] {
  const wanted = claim.keys.filter(isAttributeKey);
  if (wanted.length === 0) return [];
  if (wanted.length !== claim.keys.length || claim.proofs) malformed("attribute keys are asked for by themselves");
  if (wanted.length > MAX_ATTRIBUTE_KEYS) malformed(`a request is for ${MAX_ATTRIBUTE_KEYS} attribute keys at most`);
  const entitlements = wanted.map(({ usage, epoch, entitlement: bytes }) => {
    const entitlement = parseEntitlement(usage, bytes) as AbeEntitlement;
    const { scope, identity } = entitlement;
    if (!equalBytes(scope.domainId, claim.domainId) || identity !== claim.identity || entitlement.epoch !== epoch)
      throw new MilagroError("ERR_ENTITLEMENT_INVALID", "the entitlement is of another domain, identity or epoch");
    return entitlement;
  });
  if (wanted.some((one, i) => wanted.slice(0, i).some((other) => equalBytes(one.entitlement, other.entitlement))))
    malformed("an attribute key is asked for twice");
  const points = entitlements.map(keyPointCounts).reduce((sum, { g1, g2 }) => sum + g1 + 2 * g2, 0);
  if (points > MAX_ATTRIBUTE_POINTS) malformed(`a request is for ${MAX_ATTRIBUTE_POINTS} points at most`);
  return entitlements;
}

function malformed(reason: string): never {
  throw new MilagroError("ERR_MESSAGE_INVALID", reason);
}

/** This D-TA's approvals, one for each entitlement. Decide and record before. Deterministic. */
export const signApprovals = (
  engine: Engine,
  statement: MasterSecretShare<"statement">,
  entitlements: readonly AbeEntitlement[],
  requestHash: Uint8Array,
): readonly Uint8Array[] =>
  entitlements.map((entitlement) => signStatement(engine, statement, approvalStatement(entitlement, requestHash)));

/**
 * That all D-TAs have approved every one of the entitlements for this request.
 * @param authorities - the statement keys of all D-TAs, in order
 * @throws `ERR_APPROVAL_MISSING`
 */
export function approveAll(
  engine: Engine,
  random: RandomBytes,
  entitlements: readonly AbeEntitlement[],
  requestHash: Uint8Array,
  authorities: readonly PublicShare<"statement">[],
  approvals: Approvals,
): readonly ApprovedEntitlement[] {
  if (approvals.length !== entitlements.length)
    throw new MilagroError("ERR_APPROVAL_MISSING", "not one list of approvals for each key");
  return entitlements.map((entitlement, i) =>
    approveEntitlement(engine, random, entitlement, requestHash, authorities, approvals[i] ?? []),
  );
}

/** This D-TA's shares. Slow; a service runs it in a worker. Deterministic. */
export function issueAttributeShares(
  engine: Engine,
  masters: AttributeMasters,
  approved: readonly ApprovedEntitlement[],
): Share[] {
  return approved.map(({ entitlement, statement }) => {
    const share: AbeKeyShare<AbeScheme> =
      entitlement.scope.scheme === "cp"
        ? issueCpKeyShare(engine, masters.cp, { entitlement, statement } as ApprovedEntitlement<CpEntitlement>)
        : issueKpKeyShare(engine, masters.kp, { entitlement, statement } as ApprovedEntitlement<KpEntitlement>);
    const encoded = encodeAbeKey(engine, share);
    share.destroy();
    return { usage: entitlement.scope.scheme, epoch: entitlement.epoch, share: encoded };
  });
}
