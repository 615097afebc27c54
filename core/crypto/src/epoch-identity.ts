/**
 * Encapsulating to an epoch instead of to somebody: the domain has one identity whose `enc` key of an epoch every D-TA publishes its
 * share of when that epoch begins, and not before. What is encapsulated to it can be opened by whoever has the ciphertext, from then on.
 *
 *   identity = "milagro:" domain "/epoch/everybody"         usage `enc`, the epoch as in every identity input
 *
 * Nobody enrols as it: a D-TA issues no keys to identities of kind `epoch`. A single D-TA that withholds its share keeps all of it
 * closed; all D-TAs together can open early.
 * @module
 */
import { type Identity, identityOf, splitIdentity } from "./identity.ts";

const EPOCH_KIND = "epoch";

/** The identity that stands for an epoch of the domain. */
export function epochIdentity(domain: string): Identity {
  return identityOf({ domain, kind: EPOCH_KIND, name: "everybody" });
}

/** Whether the identity is of the kind that nobody enrols as. */
export function isEpochIdentity(identity: Identity): boolean {
  return splitIdentity(identity).kind === EPOCH_KIND;
}
