/**
 * A domain that was pinned: its id, its genesis descriptor and the newest one seen. Whoever controls the network can withhold a
 * newer descriptor, but never bring an older one back, nor another domain of the same name.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import { type DomainId, formatDomainId, parseDomainId } from "@milagro/crypto/domain-id";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { encodeSignedDescriptor, parseSignedDescriptor, type SignedDescriptor } from "@milagro/protocol/descriptor";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";

export interface KnownDomain {
  readonly pin: DomainId;
  readonly genesis: SignedDescriptor;
  /** The genesis descriptor itself while there is no later one. */
  readonly newest: SignedDescriptor;
}

/**
 * The first sight of a domain. Whether the id is the right one is for a person to compare, or for `pin` to say.
 * @throws what `verifyDescriptor` throws
 */
export function firstSight(
  engine: Engine,
  random: RandomBytes,
  signed: SignedDescriptor,
  pin?: DomainId,
): { readonly known: KnownDomain; readonly domain: TrustDomain } {
  const domain = verifyDescriptor(engine, random, signed, { pin });
  return { known: { pin: domain.domainId, genesis: signed, newest: signed }, domain };
}

/** The domain as it was last seen. @throws what `verifyDescriptor` throws, when the memory was tampered with */
export function openKnownDomain(engine: Engine, random: RandomBytes, known: KnownDomain): TrustDomain {
  const genesis = verifyDescriptor(engine, random, known.genesis, { pin: known.pin });
  if (known.newest.descriptor.sequence === 0) return genesis;
  return verifyDescriptor(engine, random, known.newest, { pin: known.pin, newest: genesis });
}

/**
 * A descriptor that came from somewhere, beside what is known.
 * @throws `ERR_DESCRIPTOR_PIN` for another domain, `ERR_DESCRIPTOR_STALE` for an older one, `ERR_DESCRIPTOR_FORGED`
 */
export function laterSight(
  engine: Engine,
  random: RandomBytes,
  known: KnownDomain,
  signed: SignedDescriptor,
): { readonly known: KnownDomain; readonly domain: TrustDomain } {
  const newest = openKnownDomain(engine, random, known);
  const domain = verifyDescriptor(engine, random, signed, { pin: known.pin, newest });
  return { known: { ...known, newest: signed }, domain };
}

/** As JSON, for a file. */
export function encodeKnownDomain(known: KnownDomain): object {
  return {
    v: 1,
    pin: formatDomainId(known.pin),
    genesis: encodeSignedDescriptor(known.genesis),
    ...(known.newest.descriptor.sequence === 0 ? {} : { newest: encodeSignedDescriptor(known.newest) }),
  };
}

/** @throws `ERR_MESSAGE_INVALID`; whether the content is to be believed is for `openKnownDomain` to say */
export function parseKnownDomain(value: unknown): KnownDomain {
  if (
    typeof value !== "object" ||
    value === null ||
    !("v" in value) ||
    value.v !== 1 ||
    !("pin" in value) ||
    !("genesis" in value)
  ) {
    throw new MilagroError("ERR_MESSAGE_INVALID", "this is not a pinned domain");
  }
  if (typeof value.pin !== "string") throw new MilagroError("ERR_MESSAGE_INVALID", "the pin is not text");
  const genesis = parseSignedDescriptor(value.genesis);
  return {
    pin: parseDomainId(value.pin),
    genesis,
    newest: "newest" in value ? parseSignedDescriptor(value.newest) : genesis,
  };
}

/** Whether two sights are of the same domain. */
export function isSameDomain(a: { readonly domainId: DomainId }, b: { readonly domainId: DomainId }): boolean {
  return equalBytes(a.domainId, b.domainId);
}
