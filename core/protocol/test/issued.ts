/**
 * What a D-TA does once it has decided: answers made by the protocol's own functions, honest or not.
 * @module
 */

import { openIssuanceRequest, sealShares, sharesHashOf, signReceipt } from "../src/issuance.ts";
import type { IssuedAnswer, Receipt, SealedRequest, Share } from "../src/issuance-messages.ts";
import { issueShares } from "../src/issue-shares.ts";
import type { TrustDomain } from "../src/trust-domain.ts";
import { engine, type Member, NOW_MS, random } from "./fixture.ts";

/** What a compromised D-TA changes of its answer. */
export interface Lie {
  readonly masters?: Pick<Member["masters"], "id" | "mpin">;
  readonly shares?: (shares: Share[]) => Share[];
  readonly receipt?: (receipt: Omit<Receipt, "signature">) => Omit<Receipt, "signature">;
}

export async function answerAs(
  { domainId }: Pick<TrustDomain, "domainId">,
  { index, masters, hpke }: Member,
  sealed: SealedRequest,
  lie: Lie = {},
): Promise<IssuedAnswer> {
  const { request, requestHash } = await openIssuanceRequest({ privateKey: hpke.privateKey, domainId, index, sealed });
  const issued = issueShares(engine, lie.masters ?? masters, request);
  const shares = lie.shares?.(issued) ?? issued;
  const sealedShares = await sealShares({ random, requestKey: request.requestKey, requestHash, index, shares });
  const receipt: Omit<Receipt, "signature"> = {
    v: 1,
    domainId,
    index,
    requestHash,
    identity: request.identity,
    keys: request.keys,
    sharesHash: sharesHashOf(sealedShares),
    policyVersion: 1,
    time: NOW_MS / 1000,
    logIndex: 41 + index,
    logHead: new Uint8Array(32),
  };
  const signed = signReceipt(engine, masters.statement, lie.receipt?.(receipt) ?? receipt);
  return { v: 1, index, requestHash, shares: sealedShares, receipt: signed };
}
