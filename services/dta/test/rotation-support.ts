/**
 * What tests of rotations share.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { encodeRotationProposal, type RotationProposal, rotationIdOf } from "@milagro/protocol/rotation-messages";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { post, random, type TestDta } from "./support.ts";

export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: { code: string }) => error.code,
  );
/** @param ahead - by how many numbers */
export const proposalOn = (domain: TrustDomain, nowMs: number, seconds = 86_400, ahead = 1): RotationProposal => ({
  v: 1,
  type: "mpin-rotation",
  name: domain.name,
  domainId: domain.domainId,
  previous: domain.hash,
  sequence: domain.descriptor.sequence + ahead,
  epoch: domain.masterEpoch + ahead,
  until: Math.floor(nowMs / 1000) + seconds,
  nonce: random(16),
});
export const pathOf = (proposal: RotationProposal) => `/v1/rotations/${encodeBase64url(rotationIdOf(proposal))}`;
export const approve = (dta: TestDta, proposal: RotationProposal) =>
  post(dta.admin, "/v1/rotations", encodeRotationProposal(proposal));
