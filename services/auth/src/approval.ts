/**
 * The login server's half of the evidence for a further device: a JWT over exactly one request. The device's own signature is the
 * other half, so this key alone lets nobody in.
 * @module
 */
import type { KeyObject } from "node:crypto";
import { encodeBase64url } from "@milagro/crypto/base64url";
import type { DomainId } from "@milagro/crypto/domain-id";
import type { MpinIdentity } from "@milagro/crypto/mpin-identity";
import { APPROVAL_SECONDS } from "@milagro/protocol/device-approval";
import { SignJWT } from "jose";

export interface Approval {
  readonly issuer: string;
  readonly domainId: DomainId;
  /** The new device. */
  readonly identity: MpinIdentity;
  /** The one that approves. */
  readonly device: MpinIdentity;
  readonly requestHash: Uint8Array;
  readonly jti: string;
  readonly nowMs: number;
}

export function signApproval(key: KeyObject, approval: Approval): Promise<string> {
  const { issuer, domainId, identity, device, requestHash, jti, nowMs } = approval;
  const now = Math.floor(nowMs / 1000);
  return new SignJWT({ request_hash: encodeBase64url(requestHash), device })
    .setProtectedHeader({ alg: "EdDSA", typ: "JWT" })
    .setIssuer(issuer)
    .setSubject(identity)
    .setAudience(encodeBase64url(domainId))
    .setJti(jti)
    .setIssuedAt(now)
    .setExpirationTime(now + APPROVAL_SECONDS)
    .sign(key);
}
