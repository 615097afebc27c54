/**
 * Who a program is on its channels: its domain, what it proves itself with, and the arithmetic that takes.
 *
 * Keys change with the epoch, so the credential is looked up for each agreement. Signing and verifying take milliseconds: a server
 * has them done in worker threads (`startCryptoPool`), a program that dials now and then does them itself.
 * @module
 */
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import { signAs } from "@milagro/crypto/ibs";
import type { Identity } from "@milagro/crypto/identity";
import { type IdentityInput, identityInput } from "@milagro/crypto/identity-input";
import type { IdentityKey } from "@milagro/crypto/identity-key";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { type ChannelDomain, type CredentialClaim, verifyCredential } from "@milagro/protocol/channel-credential";
import type { MpinInitiator } from "@milagro/protocol/channel-mpin";
import type { OwnCredential } from "@milagro/protocol/channel-party";
import { isSigningEpoch, type TrustDomain } from "@milagro/protocol/trust-domain";
import type { Clock } from "../clock.ts";

/** A party to channels. Make one for each identity and use it for all of its channels. */
export interface ChannelSelf {
  readonly domain: ChannelDomain;
  readonly random: RandomBytes;
  readonly clock: Clock;
  /** @throws `ERR_KEY_MISSING` when there is no key whose signatures count now */
  own(): OwnCredential | MpinInitiator;
  verify(claim: CredentialClaim): boolean | Promise<boolean>;
}

/** What every party needs. */
export interface SelfDeps {
  readonly engine: Engine;
  readonly random: RandomBytes;
  readonly clock: Clock;
  readonly domain: TrustDomain;
}

const selfWith = ({ engine, random, clock, domain }: SelfDeps, own: ChannelSelf["own"]): ChannelSelf => ({
  domain,
  random,
  clock,
  own,
  verify: (claim) => verifyCredential(engine, domain, claim),
});

/** Where the keys of an identity are: a `KeyRing` of `@milagro/client`, or anything that finds them as one does. */
export interface SigningKeys {
  readonly identity: Identity;
  /** The key stays the finder's. */
  find(usage: "sig", epoch: Epoch): IdentityKey<"sig"> | undefined;
}

/** The epoch whose key is used now: the current one's, or of its neighbours whichever counts and is here. */
export function signingEpoch(keys: SigningKeys, domain: TrustDomain, nowMs: number): Epoch | undefined {
  const current = epochAt(nowMs, domain.epochSeconds);
  const candidates = [current, current - 1, current + 1] as Epoch[];
  return candidates.find((epoch) => isSigningEpoch(domain, epoch, nowMs) && keys.find("sig", epoch));
}

/** An identity with its `sig` keys, which stay where they are. */
export function identitySelf(deps: SelfDeps & { readonly keys: SigningKeys }): ChannelSelf {
  const { engine, random, domain, clock, keys } = deps;
  // One object for each epoch, because the point it hashes to is remembered with it.
  let last: { readonly epoch: Epoch; readonly input: IdentityInput } | undefined;
  return selfWith(deps, () => {
    const epoch = signingEpoch(keys, domain, clock());
    const key = epoch === undefined ? undefined : keys.find("sig", epoch);
    if (epoch === undefined || key === undefined)
      throw new MilagroError("ERR_KEY_MISSING", `${keys.identity} has no sig key here that counts now`);
    if (last?.epoch !== epoch) last = { epoch, input: identityInput(domain.domainId, "sig", keys.identity, epoch) };
    const { input } = last;
    return {
      credential: { kind: "identity", identity: keys.identity, epoch },
      sign: (message) => signAs(engine, random, key, domain.publicKey, input, message),
    };
  });
}

/** What nobody proves itself with. */
export const anonymousCredential = (): OwnCredential => ({
  credential: { kind: "anonymous" },
  sign: () => new Uint8Array(0),
});

/** Nobody: dials only, and knows whom it has reached. For programs that have no keys yet. */
export function anonymousSelf(deps: SelfDeps): ChannelSelf {
  return selfWith(deps, anonymousCredential);
}

/** A D-TA. @param sign - with its statement key, wherever that is; the message is a statement of kind "channel" */
export function authoritySelf(
  deps: SelfDeps & { readonly index: number; sign(message: Uint8Array): Uint8Array | Promise<Uint8Array> },
): ChannelSelf {
  const { index, sign } = deps;
  return selfWith(deps, () => ({ credential: { kind: "authority", index }, sign }));
}

/** A person, by `mpinInitiator`: dials only. */
export function personSelf(deps: SelfDeps & { readonly person: MpinInitiator }): ChannelSelf {
  return selfWith(deps, () => deps.person);
}

/** Whom one dials: an identity, or a D-TA of the domain. */
export type PeerName = Identity | `dta:${number}`;
