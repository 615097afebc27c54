/**
 * A domain of three D-TAs, founded by the real ceremony from a fixed seed, and keys issued in it.
 * @module
 */
import { issueCpKeyShare } from "@milagro/crypto/abe-cp-key";
import {
  type AbeEntitlement,
  type ApprovedEntitlement,
  approvalStatement,
  approveEntitlement,
  type CpEntitlement,
  type EntitlementOf,
  type KpEntitlement,
} from "@milagro/crypto/abe-entitlement";
import { type AbeKey, type AbeKeyShare, combineAbeKeyShares } from "@milagro/crypto/abe-key";
import { issueKpKeyShare } from "@milagro/crypto/abe-kp-key";
import type { AbeScheme } from "@milagro/crypto/abe-points";
import { signStatement } from "@milagro/crypto/bls";
import { concat, utf8 } from "@milagro/crypto/bytes";
import { parseEpoch } from "@milagro/crypto/epoch";
import { generateHpkeKeyPair, type HpkeKeyPair } from "@milagro/crypto/hpke";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import { combineIdentityKeyShares, type IdentityKey, issueIdentityKeyShare } from "@milagro/crypto/identity-key";
import { generateMasterSecretShare } from "@milagro/crypto/master-secret";
import type { IdentityUsage } from "@milagro/crypto/usage";
import { createEngine, type RandomBytes } from "@milagro/engine";
import { MilagroError } from "@milagro/engine/error";
import { sha256 } from "@noble/hashes/sha2.js";
import { type MasterSecretShares, makeAuthority } from "../src/authority.ts";
import { type CeremonyProposal, ceremonyIdOf } from "../src/ceremony-messages.ts";
import { type DomainDescriptor, encodeDescriptor, type SignedDescriptor } from "../src/descriptor.ts";
import { statementBytes } from "../src/statement.ts";
import { type TrustDomain, verifyDescriptor } from "../src/trust-domain.ts";
import { SUITE } from "../src/versions.ts";

/** A repeatable source: SHA-256 in counter mode. */
export function seededRandom(seed: string): RandomBytes {
  let counter = 0;
  return (length) => {
    const blocks: Uint8Array[] = [];
    for (let have = 0; have < length; have += 32) {
      counter += 1;
      blocks.push(sha256(utf8(`${seed} ${counter}`)));
    }
    return concat(...blocks).slice(0, length);
  };
}

export const random = seededRandom("protocol tests");
export const engine = await createEngine({ random });
/** 2027-01-15T08:00Z, in epoch 20833 of one day each. */
export const NOW_MS = 1_800_000_000_000;
export const EPOCH_SECONDS = 86_400;
export const EPOCH = parseEpoch(Math.floor(NOW_MS / 1000 / EPOCH_SECONDS));
export const ALICE: Identity = parseIdentity("milagro:example.org/person/alice");
export const BOB: Identity = parseIdentity("milagro:example.org/person/bob");

/** One D-TA as its process holds it. */
export interface Member {
  readonly index: number;
  readonly masters: MasterSecretShares;
  readonly hpke: HpkeKeyPair;
}

export async function makeMember(index: number): Promise<Member> {
  const make = <S extends keyof MasterSecretShares>(scheme: S) => generateMasterSecretShare(engine, scheme);
  const masters = { id: make("id"), mpin: make("mpin"), cp: make("cp"), kp: make("kp"), statement: make("statement") };
  return { index, masters, hpke: await generateHpkeKeyPair(random) };
}

export function makeProposal(count: number, name = "example.org"): CeremonyProposal {
  const members = Array.from({ length: count }, (_, i) => ({
    index: i + 1,
    name: `dta-${i + 1}`,
    operator: `Operator ${i + 1}`,
    jurisdiction: "CH",
    url: `https://dta${i + 1}.example.org`,
  }));
  return { v: 1, name, epochSeconds: EPOCH_SECONDS, members, nonce: random(16) };
}

export interface Founded {
  readonly members: readonly Member[];
  readonly signed: SignedDescriptor;
  readonly domain: TrustDomain;
}

/** All members' signatures over a descriptor. */
export const signDescriptor = (members: readonly Member[], descriptor: DomainDescriptor): SignedDescriptor => ({
  v: 1,
  descriptor,
  signatures: members.map(({ masters }) =>
    signStatement(engine, masters.statement, statementBytes("descriptor", encodeDescriptor(descriptor))),
  ),
});

/** A genesis descriptor of these members. */
export function describe(members: readonly Member[], proposal: CeremonyProposal): DomainDescriptor {
  const { name, epochSeconds } = proposal;
  const ceremonyId = ceremonyIdOf(proposal);
  const authorities = members.map(({ index, masters, hpke }) =>
    makeAuthority(engine, masters, hpke.publicKey, proposal, ceremonyId, index),
  );
  return { v: 1, name, suite: SUITE, epochSeconds, sequence: 0, ceremonyId, authorities };
}

/** A verified domain, without the detour through the ceremony (which has its own tests). */
export async function foundDomain(count = 3, name = "example.org"): Promise<Founded> {
  const members = await Promise.all(Array.from({ length: count }, (_, i) => makeMember(i + 1)));
  const signed = signDescriptor(members, describe(members, makeProposal(count, name)));
  return { members, signed, domain: verifyDescriptor(engine, random, signed) };
}

/** The code of what is thrown, and its message, or "ok". */
export function outcome(run: () => unknown): { readonly code: string; readonly message: string } {
  try {
    run();
    return { code: "ok", message: "" };
  } catch (error) {
    if (!(error instanceof MilagroError)) throw error;
    return { code: error.code, message: error.message };
  }
}
export const codeOf = (run: () => unknown): string => outcome(run).code;

/** A copy with one bit changed. */
export function flip(bytes: Uint8Array, at = 0, bit = 0): Uint8Array {
  const copy = bytes.slice();
  const place = at < 0 ? copy.length + at : at;
  copy[place] = (copy[place] as number) ^ (1 << bit);
  return copy;
}

/** A whole key as its owner would have after enrolment. */
export function issueKey<U extends IdentityUsage>(
  { members, domain }: Founded,
  identity: Identity,
  usage: U,
  epoch = EPOCH,
): IdentityKey<U> {
  const input = identityInput(domain.domainId, usage, identity, epoch);
  return combineIdentityKeyShares(
    engine,
    members.map(({ masters }) => issueIdentityKeyShare(engine, masters.id, input, usage)),
  );
}

/** An attribute key as its owner would have after both rounds. */
export function issueAttributeKey<S extends AbeScheme>(
  { members, domain }: Founded,
  entitlement: EntitlementOf<S>,
  count = members.length,
): AbeKey<S> {
  const context = random(32);
  const statement = approvalStatement(entitlement, context);
  const approved = approveEntitlement(
    engine,
    random,
    entitlement as AbeEntitlement,
    context,
    domain.authorities.map(({ publicShares }) => publicShares.statement),
    members.map(({ masters }) => signStatement(engine, masters.statement, statement)),
  );
  const shares = members
    .slice(0, count)
    .map(({ masters }) =>
      entitlement.scope.scheme === "cp"
        ? issueCpKeyShare(engine, masters.cp, approved as ApprovedEntitlement<CpEntitlement>)
        : issueKpKeyShare(engine, masters.kp, approved as ApprovedEntitlement<KpEntitlement>),
    );
  return combineAbeKeyShares(engine, shares as unknown as AbeKeyShare<S>[]);
}
