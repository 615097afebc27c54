/**
 * One authority: making its descriptor entry from its master secret shares, and decoding an entry's keys.
 * @module
 */

import { concat } from "@milagro/crypto/bytes";
import { type HpkePublicKey, parseHpkePublicKey } from "@milagro/crypto/hpke-key";
import {
  combinePublicShares,
  type DomainPublicKey,
  derivePublicShare,
  encodePublicShare,
  type PublicShare,
  parsePublicShare,
  type SummedScheme,
} from "@milagro/crypto/master-public";
import type { MasterSecretShare, Scheme } from "@milagro/crypto/master-secret";
import { type PossessionClaim, type PossessionContext, provePossession } from "@milagro/crypto/proof-of-possession";
import type { Engine } from "@milagro/engine/engine";
import type { CeremonyProposal } from "./ceremony-messages.ts";
import type { Authority } from "./descriptor.ts";

/** The master secret shares of one D-TA in one domain. */
export type MasterSecretShares = { readonly [S in Scheme]: MasterSecretShare<S> };
/** The public counterparts. */
export type PublicShares = { readonly [S in Scheme]: PublicShare<S> };

/** An entry whose points have been decoded. */
export interface DecodedAuthority {
  readonly entry: Authority;
  readonly hpkeKey: HpkePublicKey;
  readonly publicShares: PublicShares;
}

/** What possession is proved for: the same for all five schemes of one member. */
export const possessionContext = (
  domain: string,
  index: number,
  count: number,
  ceremonyId: Uint8Array,
): PossessionContext => ({
  domain,
  index,
  count,
  ceremonyId,
});

/**
 * This D-TA's entry. Deterministic, so a ceremony that is repeated after a crash gives the same entry.
 * @param index - the member of the proposal that this D-TA is
 */
export function makeAuthority(
  engine: Engine,
  masters: MasterSecretShares,
  hpkeKey: HpkePublicKey,
  proposal: CeremonyProposal,
  ceremonyId: Uint8Array,
  index: number,
): Authority {
  const member = proposal.members.find((candidate) => candidate.index === index);
  if (member === undefined) throw new TypeError("no such member in the proposal");
  const context = possessionContext(proposal.name, index, proposal.members.length, ceremonyId);
  const g1 = <S extends "id" | "mpin">(scheme: S) =>
    engine.g1.encode(derivePublicShare<"id" | "mpin">(engine, masters[scheme]).g1);
  const g2 = <S extends "id" | "cp" | "kp" | "statement">(scheme: S) =>
    engine.g2.encode(derivePublicShare<"id" | "cp" | "kp" | "statement">(engine, masters[scheme]).g2);
  const prove = <S extends Scheme>(scheme: S): Uint8Array => provePossession<Scheme>(engine, masters[scheme], context);
  return {
    ...member,
    hpkeKey,
    statementKey: g2("statement"),
    keys: { id: { g1: g1("id"), g2: g2("id") }, mpin: { g1: g1("mpin") }, cp: { g2: g2("cp") }, kp: { g2: g2("kp") } },
    proofs: { id: prove("id"), mpin: prove("mpin"), cp: prove("cp"), kp: prove("kp"), statement: prove("statement") },
  };
}

/** Decodes an entry's keys, subgroup checks included. @throws `ERR_PUBLIC_KEY_INVALID`, `ERR_HPKE_KEY_INVALID` */
export function decodeAuthority(engine: Engine, entry: Authority): DecodedAuthority {
  const { keys } = entry;
  return {
    entry,
    hpkeKey: parseHpkePublicKey(entry.hpkeKey),
    publicShares: {
      id: parsePublicShare(engine, "id", concat(keys.id.g1, keys.id.g2)),
      mpin: parsePublicShare(engine, "mpin", keys.mpin.g1),
      cp: parsePublicShare(engine, "cp", keys.cp.g2),
      kp: parsePublicShare(engine, "kp", keys.kp.g2),
      statement: parsePublicShare(engine, "statement", entry.statementKey),
    },
  };
}

/**
 * The five claims of one entry.
 * @param mpinCeremonyId - of the rotation that the `mpin` key is from, where it is not from the founding
 */
export function possessionClaims(
  authority: DecodedAuthority,
  context: PossessionContext,
  mpinCeremonyId = context.ceremonyId,
): PossessionClaim[] {
  const { publicShares, entry } = authority;
  return (["id", "mpin", "cp", "kp", "statement"] as const).map((scheme) => ({
    publicShare: publicShares[scheme],
    proof: entry.proofs[scheme],
    context: scheme === "mpin" ? { ...context, ceremonyId: mpinCeremonyId } : context,
  }));
}

/** The domain's public keys, one per scheme that is summed. */
export type DomainPublicKeys = { readonly [S in SummedScheme]: DomainPublicKey<S> };

/**
 * Adds the public shares of all authorities.
 * @throws `ERR_PUBLIC_KEY_INVALID` for equal keys (also across schemes), a zero sum, halves that differ
 */
export function combineAuthorities(engine: Engine, authorities: readonly DecodedAuthority[]): DomainPublicKeys {
  const sum = <S extends SummedScheme>(scheme: S) =>
    combinePublicShares<S>(
      engine,
      authorities.map(({ publicShares }) => publicShares[scheme] as unknown as PublicShare<S>),
    );
  return { id: sum("id"), mpin: sum("mpin"), cp: sum("cp"), kp: sum("kp") };
}

/** The places of two authorities that share a key, of whatever scheme; undefined when all keys differ. */
export function findEqualKeys(
  engine: Engine,
  authorities: readonly DecodedAuthority[],
): readonly [DecodedAuthority, DecodedAuthority] | undefined {
  const owners = new Map<string, DecodedAuthority>();
  for (const authority of authorities) {
    const { id, mpin, cp, kp, statement } = authority.publicShares;
    const points = [
      engine.g1.encode(id.g1),
      engine.g2.encode(id.g2),
      engine.g1.encode(mpin.g1),
      engine.g2.encode(cp.g2),
      engine.g2.encode(kp.g2),
      encodePublicShare(engine, statement),
      authority.hpkeKey,
    ];
    for (const point of points) {
      const text = point.join();
      const owner = owners.get(text);
      if (owner !== undefined) return [owner, authority];
      owners.set(text, authority);
    }
  }
  return undefined;
}
