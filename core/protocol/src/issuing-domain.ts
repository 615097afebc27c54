/**
 * The least that a requester must know of a domain. A `TrustDomain` is one; so is what a client that cannot pair takes from a
 * descriptor which somebody it relies on has verified and whose hash it has pinned.
 * @module
 */
import type { DomainId } from "@milagro/crypto/domain-id";
import type { HpkePublicKey } from "@milagro/crypto/hpke-key";
import type { G1 } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";

/** One D-TA, as seen by who asks it for shares. */
export interface IssuingAuthority {
  readonly entry: { readonly index: number; readonly name: string };
  readonly hpkeKey: HpkePublicKey;
  readonly publicShares: { readonly id: { readonly g1: G1 }; readonly mpin: { readonly g1: G1 } };
}

/** A domain, as seen by who asks its D-TAs for shares. */
export interface IssuingDomain {
  readonly domainId: DomainId;
  /** Of the `mpin` master that its keys are of. */
  readonly masterEpoch: number;
  /** In order: index 1 is the first. */
  readonly authorities: readonly IssuingAuthority[];
}

/** How requests name the epoch of the `mpin` master: not at all for the founding one. */
export const masterField = (epoch: number): { readonly master?: number } => (epoch === 0 ? {} : { master: epoch });

/** An authority by its place. @throws `ERR_DOMAIN_MISMATCH` when there is no such place */
export function authorityOf(domain: IssuingDomain, index: number): IssuingAuthority {
  const authority = domain.authorities[index - 1];
  if (authority === undefined) throw new MilagroError("ERR_DOMAIN_MISMATCH", "the domain has no D-TA of this index");
  return authority;
}
