/**
 * Evidence of type `device`: another device of the same user signs the new device's request, and the login server, where that
 * device has just logged in with its PIN for this very request, approves it. Each alone is worth nothing: a stolen device has no
 * approval, a rogue login server no signature.
 *
 *   signature   IBS by the approving device's `sig` key of epoch 0 over digest("MILAGRO-V1-DEVICE-APPROVAL", requestHash)
 *   approval    JWT, EdDSA:  iss name of the login server in the D-TA's policy      sub           the new identity
 *                            aud domain id, base64url                               request_hash  base64url
 *                            exp at most ten minutes ahead, jti                     device        the approving identity
 * @module
 */

import type { DomainId } from "@milagro/crypto/domain-id";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import { signAs, verifySignature } from "@milagro/crypto/ibs";
import { identityInput } from "@milagro/crypto/identity-input";
import type { IdentityKey } from "@milagro/crypto/identity-key";
import { digest } from "@milagro/crypto/kdf";
import type { DomainPublicKey } from "@milagro/crypto/master-public";
import { type MpinIdentity, splitMpinIdentity } from "@milagro/crypto/mpin-identity";
import type { Engine, G1Engine, RandomBytes } from "@milagro/engine/engine";

/** How far ahead an approval may expire. */
export const APPROVAL_SECONDS = 600;

const approvalMessage = (requestHash: Uint8Array): Uint8Array => digest("MILAGRO-V1-DEVICE-APPROVAL", requestHash);

/** On the device that the user has. @param key - of usage `sig`, epoch 0, of `device` */
export function signDeviceApproval(options: {
  readonly engine: G1Engine;
  readonly random: RandomBytes;
  readonly domainId: DomainId;
  readonly publicKey: Pick<DomainPublicKey<"id">, "hash">;
  readonly device: MpinIdentity;
  readonly key: IdentityKey<"sig">;
  readonly requestHash: Uint8Array;
}): Uint8Array {
  const { engine, random, domainId, publicKey, device, key, requestHash } = options;
  const input = identityInput(domainId, "sig", device, NO_EXPIRY);
  return signAs(engine, random, key, publicKey, input, approvalMessage(requestHash));
}

/** Whether this device signed this request. Whether it may approve anything is the D-TA's to decide. */
export function verifyDeviceApproval(
  engine: Engine,
  domain: { readonly domainId: DomainId; readonly publicKey: DomainPublicKey<"id"> },
  device: MpinIdentity,
  requestHash: Uint8Array,
  signature: Uint8Array,
): boolean {
  const input = identityInput(domain.domainId, "sig", device, NO_EXPIRY);
  return verifySignature(engine, domain.publicKey, input, approvalMessage(requestHash), signature);
}

/** Whether two identities are different devices of one user at one service. */
export function isOtherDevice(one: MpinIdentity, other: MpinIdentity): boolean {
  const a = splitMpinIdentity(one);
  const b = splitMpinIdentity(other);
  return a.domain === b.domain && a.service === b.service && a.user === b.user && a.device !== b.device;
}
