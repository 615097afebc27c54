/**
 * The key of an epoch, for what was encapsulated to the epoch itself: shares in the clear, which D-TAs publish from the epoch's first
 * second on, and their sum.
 * @module
 */
import { type Epoch, epochStartMs } from "@milagro/crypto/epoch";
import { epochIdentity } from "@milagro/crypto/epoch-identity";
import { identityInput } from "@milagro/crypto/identity-input";
import {
  combineIdentityKeyShares,
  type IdentityKey,
  type IdentityKeyShare,
  parseIdentityKeyShare,
  verifyIdentityKeyShare,
  verifyIdentityKeys,
} from "@milagro/crypto/identity-key";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { faultError, nameOf } from "./fault.ts";
import { authorityAt, type TrustDomain } from "./trust-domain.ts";
import {
  AuthorityIndex,
  bytes,
  DomainIdBytes,
  EpochNumber,
  encoderOf,
  type Parsed,
  parserOf,
  strict,
  Version,
} from "./wire.ts";

export const EpochShareSchema = strict(
  { v: Version, domainId: DomainIdBytes, index: AuthorityIndex, epoch: EpochNumber, share: bytes(48, "G1 point") },
  "A D-TA's share of the `enc` key of an epoch that has begun",
);
export type EpochShare = Parsed<typeof EpochShareSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseEpochShare = parserOf("epoch share", EpochShareSchema);
export const encodeEpochShare = encoderOf("epoch share", EpochShareSchema);

/** Whether the epoch has begun, so that its key may be known to everybody. False for `NO_EXPIRY`, which never begins. */
export function hasBegun(epoch: Epoch, epochSeconds: number, nowMs: number): boolean {
  return epoch >= 1 && epochStartMs(epoch, epochSeconds) <= nowMs;
}

/**
 * Adds the shares of all D-TAs and checks the sum, once at any n; only when it is wrong, each share.
 * @param shares - one of each D-TA, in any order
 * @throws `ERR_ENROLMENT_INCOMPLETE` when one is missing, `ERR_SHARE_INVALID` naming the D-TA whose share is wrong
 */
export function combineEpochShares(
  engine: Engine,
  random: RandomBytes,
  domain: TrustDomain,
  epoch: Epoch,
  shares: readonly EpochShare[],
): IdentityKey<"enc"> {
  const input = identityInput(domain.domainId, "enc", epochIdentity(domain.name), epoch);
  const parts = domain.authorities.map(({ entry: { index, name } }) => {
    const found = shares.find((share) => share.index === index && share.epoch === epoch);
    if (!found) throw new MilagroError("ERR_ENROLMENT_INCOMPLETE", `no share of epoch ${epoch} from ${name}`);
    return { index, name, share: parseShare(engine, found, { index, name }) };
  });
  const key = sumOf(engine, parts);
  if (key && verifyIdentityKeys(engine, random, domain.publicKey, [{ input, key }])) return key;
  for (const { index, name, share } of parts)
    if (!verifyIdentityKeyShare(engine, authorityAt(domain, index).publicShares.id, input, share))
      throw liar({ index, name });
  throw new MilagroError("ERR_SHARE_INVALID", "the shares do not add up to the key, though each one is right");
}

interface Author {
  readonly index: number;
  readonly name: string;
}

function liar(author: Author): MilagroError {
  return faultError("ERR_SHARE_INVALID", `${nameOf(author)} published a wrong share of an epoch's key`, {
    faults: [author],
  });
}

function parseShare(engine: Engine, { share }: EpochShare, author: Author): IdentityKeyShare<"enc"> {
  try {
    return parseIdentityKeyShare(engine, "enc", share);
  } catch {
    throw liar(author);
  }
}

/** Undefined for a sum of zero: somebody lied, and checking each share finds out who. */
function sumOf(
  engine: Engine,
  parts: readonly { readonly share: IdentityKeyShare<"enc"> }[],
): IdentityKey<"enc"> | undefined {
  try {
    return combineIdentityKeyShares(
      engine,
      parts.map(({ share }) => share),
    );
  } catch {
    return undefined;
  }
}
