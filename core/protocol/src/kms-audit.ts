/**
 * What the D-KMS signs of its audit log, as `milagro:<domain>/service/kms`. Two signed heads with one index and different
 * hashes prove that the log was rewritten; one that is later gone, that it was cut.
 * @module
 */
import { transcript, u64 } from "@milagro/crypto/bytes";
import type { DomainId } from "@milagro/crypto/domain-id";

/** The head of a log: how many entries, the hash of the last, and when it was signed (unix seconds). */
export interface KmsAuditHead {
  readonly index: number;
  readonly hash: Uint8Array;
  readonly time: number;
}

/** The bytes to sign or verify. */
export const kmsAuditHeadMessage = (domainId: DomainId, { index, hash, time }: KmsAuditHead): Uint8Array =>
  transcript("MILAGRO-V1-KMS-AUDIT-HEAD", domainId, u64(index), hash, u64(time));
