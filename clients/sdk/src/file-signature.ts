/**
 * Signing files as an identity, and checking such signatures with nothing but the domain's descriptor.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import { epochAt } from "@milagro/crypto/epoch";
import { parseSignature, signAs, verifySignature } from "@milagro/crypto/ibs";
import { identityInput } from "@milagro/crypto/identity-input";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { type FileSignature, fileSignatureMessage } from "@milagro/protocol/file-signature";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import type { ClientDeps } from "./deps.ts";
import type { KeyRing } from "./key-ring.ts";

/**
 * Signs with the ring's `sig` key of this epoch.
 * @param digest - SHA-512 of the file
 * @throws `ERR_KEY_MISSING` when this epoch's key has not been had yet
 */
export function signFile(
  deps: Pick<ClientDeps, "engine" | "random" | "clock" | "domain">,
  ring: KeyRing,
  digest: Uint8Array,
): FileSignature {
  const { domain } = deps;
  const time = Math.floor(deps.clock() / 1000);
  const epoch = epochAt(deps.clock(), domain.epochSeconds);
  const input = identityInput(domain.domainId, "sig", ring.identity, epoch);
  const message = fileSignatureMessage(time, digest);
  const signature = signAs(deps.engine, deps.random, ring.need("sig", epoch), domain.publicKey, input, message);
  return {
    v: 1,
    type: "milagro-signature",
    domainId: domain.domainId,
    identity: ring.identity,
    epoch,
    time,
    signature,
  };
}

/**
 * @param digest - SHA-512 of the file as it is now
 * @returns false when the signature is not that of this file by this identity in this epoch
 * @throws `ERR_DOMAIN_MISMATCH` for a signature made in another trust domain, `ERR_SIGNATURE_INVALID` when it claims a time outside its epoch
 */
export function verifyFileSignature(
  engine: Engine,
  domain: TrustDomain,
  signed: FileSignature,
  digest: Uint8Array,
): boolean {
  if (!equalBytes(signed.domainId, domain.domainId)) {
    throw new MilagroError(
      "ERR_DOMAIN_MISMATCH",
      "the signature was made in another trust domain than the one that is pinned",
    );
  }
  if (signed.time > 0 && epochAt(signed.time * 1000, domain.epochSeconds) !== signed.epoch) {
    throw new MilagroError("ERR_SIGNATURE_INVALID", "the signature names a time outside the epoch of its key");
  }
  const input = identityInput(domain.domainId, "sig", signed.identity, signed.epoch);
  return verifySignature(
    engine,
    domain.publicKey,
    input,
    fileSignatureMessage(signed.time, digest),
    parseSignature(signed.signature),
  );
}
