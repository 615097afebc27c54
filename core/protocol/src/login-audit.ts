/**
 * What a login server signs of its audit log, with the Ed25519 key whose public half D-TAs have in their policies (its approval key).
 * Two signed heads with one index and different hashes prove that the log was rewritten; one that is later gone, that it was cut.
 *
 * The same key signs approvals, which are JWTs: those begin with `eyJ`, a transcript with the length of its label, so that neither is
 * ever taken for the other.
 * @module
 */
import { transcript, u64, utf8 } from "@milagro/crypto/bytes";
import type { DomainId } from "@milagro/crypto/domain-id";
import type { Identity } from "@milagro/crypto/identity";

/** The head of a log: how many entries, the hash of the last, and when it was signed (unix seconds). */
export interface LoginAuditHead {
  readonly index: number;
  readonly hash: Uint8Array;
  readonly time: number;
}

/** The bytes to sign or verify. @param server - `milagro:<domain>/mpin-server/<service>` */
export const loginAuditHeadMessage = (
  domainId: DomainId,
  server: Identity,
  { index, hash, time }: LoginAuditHead,
): Uint8Array => transcript("MILAGRO-V1-LOGIN-AUDIT-HEAD", domainId, utf8(server), u64(index), hash, u64(time));
