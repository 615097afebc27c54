/**
 * Renewal: the identity's own earlier `sig` key speaks for it. The signature covers the request hash, so it carries this request and no other. How old
 * the key may be is the policy's decision; whether the identity may still have keys at all is the deny-list's.
 * @module
 */
import type { OpenedRequest } from "@milagro/protocol/issuance";
import type { Evidence } from "@milagro/protocol/issuance-messages";
import type { EvidenceVerdict } from "./decide-issuance.ts";
import type { Issuer } from "./issuer.ts";

type Renewal = Extract<Evidence, { type: "renewal" }>;

/** Two pairings, so it happens in the issuer's thread. */
export async function judgeRenewal(issuer: Issuer, opened: OpenedRequest, piece: Renewal): Promise<EvidenceVerdict> {
  const good = await issuer.call("verifyRenewal", { opened, evidence: piece });
  return good
    ? { type: "renewal", ok: true, keyEpoch: piece.epoch }
    : { type: "renewal", ok: false, code: "ERR_EVIDENCE_INVALID" };
}
