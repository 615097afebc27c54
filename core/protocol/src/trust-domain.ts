/**
 * Deciding whether to believe a descriptor, and what is known once it is believed.
 *
 * Checked, cheapest first: places 1…n in order, one signature each; the pin, and that nothing newer was seen; every point in
 * its group; no key twice; every signature (one product for all); every proof of possession (one product for all); sums that
 * are not zero.
 * A later descriptor (sequence > 0) is believed only beside an older one of the same domain and only with unchanged keys:
 * a domain id alone says nothing about who signed what came after. The keys of the `mpin` master alone may be others, all of
 * them, when its epoch has risen. It need not name the known one as its predecessor: a rotation that was given up after all had
 * signed is overtaken by the next, and who was shown it must not be stuck there. That there is one descriptor of a number is for
 * the D-TAs to see to (`rotation-memory.ts`).
 * @module
 */
import { type StatementClaim, verifyStatement, verifyStatements } from "@milagro/crypto/bls";
import { equalBytes } from "@milagro/crypto/bytes";
import { type DomainId, parseDomainId } from "@milagro/crypto/domain-id";
import { type Epoch, epochAt, epochStartMs } from "@milagro/crypto/epoch";
import type { DomainPublicKey } from "@milagro/crypto/master-public";
import { verifyPossessions } from "@milagro/crypto/proof-of-possession";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import {
  combineAuthorities,
  type DecodedAuthority,
  type DomainPublicKeys,
  decodeAuthority,
  findEqualKeys,
  possessionClaims,
  possessionContext,
} from "./authority.ts";
import { canonicalText } from "./canonical.ts";
import {
  type DomainDescriptor,
  encodeDescriptor,
  hashDescriptor,
  masterEpochOf,
  type SignedDescriptor,
} from "./descriptor.ts";
import { faultError, nameOf } from "./fault.ts";
import { statementBytes } from "./statement.ts";

/** A domain that was verified. The only way to get one is `verifyDescriptor`. */
export interface TrustDomain {
  readonly domainId: DomainId;
  readonly name: string;
  readonly epochSeconds: number;
  /** How often the `mpin` master was rotated. */
  readonly masterEpoch: number;
  /** The sum for the `id` scheme: encryption, signatures, key agreement. */
  readonly publicKey: DomainPublicKey<"id">;
  readonly publicKeys: DomainPublicKeys;
  readonly authorities: readonly DecodedAuthority[];
  readonly descriptor: DomainDescriptor;
  readonly signed: SignedDescriptor;
  /** SHA-256 of the canonical descriptor. */
  readonly hash: Uint8Array;
}

/** What the caller already believes. */
export interface DescriptorTrust {
  /** The domain it must be. */
  readonly pin?: DomainId | undefined;
  /** The newest descriptor of this domain seen so far, believed. */
  readonly newest?: Pick<TrustDomain, "domainId" | "descriptor" | "hash"> | undefined;
}

const forged = (detail: string) => new MilagroError("ERR_DESCRIPTOR_FORGED", detail);

/** The id that a descriptor claims; whether rightly is for `verifyDescriptor` to say. @throws `ERR_DESCRIPTOR_FORGED` */
export function claimedDomainId(descriptor: DomainDescriptor): DomainId {
  const { sequence, domainId, previous, mpin } = descriptor;
  if (sequence === 0) {
    if (domainId !== undefined || previous !== undefined || mpin !== undefined)
      throw forged("a genesis descriptor names no domain id, no predecessor and no rotation");
    return parseDomainId(hashDescriptor(descriptor));
  }
  if (domainId === undefined || previous === undefined)
    throw forged("a later descriptor names its domain id and its predecessor");
  return domainId;
}

/** The part of a descriptor that no successor may change in version 1. */
function lasting(descriptor: DomainDescriptor): string {
  const { name, suite, epochSeconds, ceremonyId, authorities } = encodeDescriptor(descriptor);
  const keys = authorities.map(({ index, hpkeKey, statementKey, keys, proofs }) => ({
    index,
    hpkeKey,
    statementKey,
    keys: { ...keys, mpin: undefined },
    proofs: { ...proofs, mpin: undefined },
  }));
  return canonicalText({ name, suite, epochSeconds, ceremonyId, keys });
}

/** The part that changes with the epoch of the `mpin` master, and with nothing else. */
function masterPart(descriptor: DomainDescriptor): string {
  const { mpin, authorities } = encodeDescriptor(descriptor);
  return canonicalText({ mpin, keys: authorities.map(({ keys, proofs }) => [keys.mpin.g1, proofs.mpin]) });
}

/** That another `mpin` master has another epoch, by rotations one after the other, and shares of no D-TA that stayed. */
function checkRotation(known: DomainDescriptor, later: DomainDescriptor): void {
  if (masterPart(known) === masterPart(later)) return;
  const risen = masterEpochOf(later) - masterEpochOf(known);
  if (risen < 1 || risen > later.sequence - known.sequence)
    throw forged("keys of the mpin master change only with its epoch, which rises by one in a descriptor");
  if (known.mpin && later.mpin && equalBytes(known.mpin.ceremonyId, later.mpin.ceremonyId))
    throw forged("two epochs of the mpin master are from one ceremony");
  const same = later.authorities.find(({ keys }, i) =>
    equalBytes(keys.mpin.g1, known.authorities[i]?.keys.mpin.g1 ?? new Uint8Array(0)),
  );
  if (same)
    throw faultError("ERR_DESCRIPTOR_FORGED", `${nameOf(same)} has kept its share of the mpin master`, {
      faults: [same],
    });
}

/** Everything that needs no arithmetic. */
function checkPlace(
  descriptor: DomainDescriptor,
  domainId: DomainId,
  hash: Uint8Array,
  { pin, newest }: DescriptorTrust,
): void {
  if (pin !== undefined && !equalBytes(pin, domainId))
    throw new MilagroError("ERR_DESCRIPTOR_PIN", "this is another domain than the pinned one");
  if (newest === undefined) {
    if (descriptor.sequence > 0)
      throw forged("a later descriptor is believed only beside an earlier one; fetch the genesis descriptor first");
    return;
  }
  if (!equalBytes(newest.domainId, domainId))
    throw new MilagroError("ERR_DESCRIPTOR_PIN", "this is another domain than the one known");
  const ahead = descriptor.sequence - newest.descriptor.sequence;
  if (ahead < 0) throw new MilagroError("ERR_DESCRIPTOR_STALE", "a newer descriptor of this domain was seen before");
  if (ahead === 0 && !equalBytes(newest.hash, hash)) throw forged("two different descriptors with one sequence number");
  if (ahead > 0 && lasting(descriptor) !== lasting(newest.descriptor))
    throw forged("a later descriptor may not change keys, name or epoch length");
  if (ahead > 0) checkRotation(newest.descriptor, descriptor);
}

/** The shape that a schema cannot say: places in order, names once, one signature each. */
function checkPlaces({ authorities }: DomainDescriptor, signatures: number): void {
  if (authorities.some(({ index }, i) => index !== i + 1)) throw forged("authorities are not numbered 1 to n in order");
  if (new Set(authorities.map(({ name }) => name)).size !== authorities.length)
    throw forged("two authorities have one name");
  if (signatures !== authorities.length) throw forged("not exactly one signature for each authority");
}

/**
 * Verifies a descriptor completely.
 * @throws `ERR_DESCRIPTOR_FORGED` naming the authority where one is at fault, `ERR_PUBLIC_KEY_INVALID`, `ERR_DESCRIPTOR_PIN`,
 * `ERR_DESCRIPTOR_STALE`
 */
export function verifyDescriptor(
  engine: Engine,
  random: RandomBytes,
  signed: SignedDescriptor,
  trust: DescriptorTrust = {},
): TrustDomain {
  const { descriptor, signatures } = signed;
  const domainId = claimedDomainId(descriptor);
  const hash = hashDescriptor(descriptor);
  checkPlaces(descriptor, signatures.length);
  checkPlace(descriptor, domainId, hash, trust);
  const authorities = descriptor.authorities.map((entry) => decodeAuthority(engine, entry));
  const equal = findEqualKeys(engine, authorities);
  if (equal)
    throw faultError("ERR_PUBLIC_KEY_INVALID", `${nameOf(equal[1].entry)} has a key that is already there`, {
      faults: [equal[1].entry],
    });
  const message = statementBytes("descriptor", encodeDescriptor(descriptor));
  const claims = signatures.map(
    (signature, i): StatementClaim => ({
      publicKey: (authorities[i] as DecodedAuthority).publicShares.statement,
      message,
      signature,
    }),
  );
  if (!verifyStatements(engine, random, claims)) {
    const liar = authorities.find((_, i) => {
      const { publicKey, signature } = claims[i] as StatementClaim;
      return !verifyStatement(engine, publicKey, message, signature);
    });
    throw liar
      ? faultError("ERR_DESCRIPTOR_FORGED", `the signature of ${nameOf(liar.entry)} is wrong`, { faults: [liar.entry] })
      : forged("a signature is wrong");
  }
  checkPossessions(engine, random, descriptor, authorities);
  const publicKeys = combineAuthorities(engine, authorities);
  const { name, epochSeconds } = descriptor;
  return {
    domainId,
    name,
    epochSeconds,
    masterEpoch: masterEpochOf(descriptor),
    publicKey: publicKeys.id,
    publicKeys,
    authorities,
    descriptor,
    signed,
    hash,
  };
}

function checkPossessions(
  engine: Engine,
  random: RandomBytes,
  descriptor: DomainDescriptor,
  authorities: readonly DecodedAuthority[],
): void {
  const claims = authorities.map((authority) =>
    possessionClaims(
      authority,
      possessionContext(descriptor.name, authority.entry.index, authorities.length, descriptor.ceremonyId),
      descriptor.mpin?.ceremonyId,
    ),
  );
  if (verifyPossessions(engine, random, claims.flat())) return;
  const liar = authorities.find((_, i) => !verifyPossessions(engine, random, claims[i] ?? []));
  throw liar
    ? faultError("ERR_DESCRIPTOR_FORGED", `${nameOf(liar.entry)} does not prove possession of its keys`, {
        faults: [liar.entry],
      })
    : forged("a proof of possession is wrong");
}

/**
 * Verifies the newest descriptor of a domain of which nothing is known but the id, perhaps: beside its genesis descriptor, which is given too.
 * @throws as `verifyDescriptor`
 */
export function verifyLaterDescriptor(
  engine: Engine,
  random: RandomBytes,
  { genesis, signed }: { readonly genesis: SignedDescriptor; readonly signed: SignedDescriptor },
  pin?: DomainId,
): TrustDomain {
  const first = verifyDescriptor(engine, random, genesis, { pin });
  if (signed.descriptor.sequence === 0 && equalBytes(hashDescriptor(signed.descriptor), first.hash)) return first;
  return verifyDescriptor(engine, random, signed, { pin, newest: first });
}

/** The domain's epoch at an instant. @param nowMs - milliseconds since 1970 */
export const currentEpoch = (domain: TrustDomain, nowMs: number): Epoch => epochAt(nowMs, domain.epochSeconds);

/** How long after its end an epoch's signing keys still count. */
export const EPOCH_GRACE_SECONDS = 300;

/**
 * Whether signatures by keys of this epoch count at an instant: those of the current epoch do, those of the last one for a
 * while after its end, those of the next one as long before (clocks differ). However short the epochs, never more than one
 * to either side. Keys without expiry do not count: they cannot be revoked.
 */
export function isSigningEpoch(
  domain: Pick<TrustDomain, "epochSeconds">,
  epoch: Epoch,
  nowMs: number,
  graceSeconds = EPOCH_GRACE_SECONDS,
): boolean {
  const current = epochAt(nowMs, domain.epochSeconds);
  const intoMs = nowMs - epochStartMs(current, domain.epochSeconds);
  if (epoch === 0) return false;
  if (epoch === current - 1) return intoMs < graceSeconds * 1000;
  if (epoch === current + 1) return domain.epochSeconds * 1000 - intoMs <= graceSeconds * 1000;
  return epoch === current;
}

/** When signatures by keys of this epoch stop to count everywhere, in ms since 1970: the end of `isSigningEpoch`. */
export function signingEndMs(domain: Pick<TrustDomain, "epochSeconds">, epoch: Epoch): number {
  const grace = Math.min(EPOCH_GRACE_SECONDS, domain.epochSeconds);
  return epochStartMs(epoch, domain.epochSeconds) + (domain.epochSeconds + grace) * 1000;
}

/** An authority by its place. @throws `ERR_DOMAIN_MISMATCH` when there is no such place */
export function authorityAt(domain: TrustDomain, index: number): DecodedAuthority {
  const authority = domain.authorities[index - 1];
  if (authority === undefined) throw new MilagroError("ERR_DOMAIN_MISMATCH", "the domain has no D-TA of this index");
  return authority;
}
