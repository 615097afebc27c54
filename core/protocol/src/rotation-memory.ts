/**
 * What a member remembers of rotations, and what it may therefore take part in. With this no domain has two descriptors of one number, and
 * whoever believes one that was given up moves on to the next, as long as one D-TA keeps to it, whatever coordinators and the others do:
 *
 *   a member signs at most one descriptor of a number, and no lower one later
 *   a rotation that it has signed may be complete somewhere: given up, it is kept, and may be gone on with until a higher one is adopted
 *   what is gone on with may start from an earlier descriptor than the member's newest: of two that all have signed, the higher one counts
 *
 * Pure; the shell stores the memory.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import { outOfTurn } from "./ceremony-round.ts";
import type { DomainDescriptor } from "./descriptor.ts";
import { hasSigned, type RotationState, startRotation } from "./rotation.ts";
import { type RotationProposal, rotationIdOf } from "./rotation-messages.ts";
import type { TrustDomain } from "./trust-domain.ts";

export interface RememberedRotation {
  readonly state: RotationState;
  /** By this member's operator. */
  readonly givenUp: boolean;
}

/** The highest number of a descriptor that this member has signed for a rotation; 0 for none. */
export const highestSigned = (memory: readonly RememberedRotation[]): number =>
  Math.max(0, ...memory.map(({ state }) => (hasSigned(state) ? state.proposal.sequence : 0)));

/**
 * The operator of member `index` says yes: a new rotation, or one that is known, as it stands.
 * @param domain - as this member serves it now
 * @throws `ERR_CEREMONY_STATE`
 */
export function approveRotation(
  domain: Pick<TrustDomain, "domainId" | "descriptor" | "hash">,
  proposal: RotationProposal,
  index: number,
  memory: readonly RememberedRotation[],
): RotationState {
  const id = rotationIdOf(proposal);
  const known = memory.find(({ state }) => equalBytes(state.ceremonyId, id));
  if (known && !known.givenUp) return known.state;
  if (memory.some(isUnderWay)) outOfTurn("this D-TA takes part in another rotation: give it up first");
  if (!known || !hasSigned(known.state)) return startRotation(domain, proposal, index, highestSigned(memory));
  if (known.state.proposal.sequence <= domain.descriptor.sequence)
    outOfTurn("the rotation was given up, and this member serves what came after it");
  return known.state;
}

/** The operator gives a rotation up. @throws `ERR_CEREMONY_STATE` once it is adopted */
export function giveUpRotation(state: RotationState): RememberedRotation {
  if (state.phase === "adopted") outOfTurn("the rotation is over: the new master is in use");
  return { state, givenUp: true };
}

/**
 * The operator gives this member a descriptor that all have signed, of a rotation whose end it has missed and cannot reach: say because it was restored from a backup
 * without its fresh share. Its own signature is in it, so it goes on from it as everybody who believes it does.
 * @param domain - as this member serves it now
 * @param later - verified, before or after
 * @returns what this member remembers of the rotation that `later` came about by, to be forgotten: it is over here too. Another share may be in it than the one that
 * `later` names, drawn when that one had been lost.
 * @throws `ERR_CEREMONY_STATE` for one that is no newer, and while another rotation is under way here
 */
export function takeOverDescriptor(
  domain: Pick<TrustDomain, "descriptor">,
  later: DomainDescriptor,
  memory: readonly RememberedRotation[],
): readonly RememberedRotation[] {
  if (later.sequence <= domain.descriptor.sequence) outOfTurn("this D-TA serves a descriptor that is as new, or newer");
  const { mpin } = later;
  const over = memory.filter(({ state }) => mpin !== undefined && equalBytes(state.ceremonyId, mpin.ceremonyId));
  if (memory.some((one) => isUnderWay(one) && !over.includes(one)))
    outOfTurn("this D-TA takes part in another rotation: give it up first");
  return over;
}

const isUnderWay = ({ state, givenUp }: RememberedRotation): boolean => state.phase !== "adopted" && !givenUp;

/**
 * Whether a rotation that was given up can be forgotten with its share: this member never signed it, so it is complete nowhere; or nobody
 * goes back to it, because this member serves a descriptor of its number or a later one.
 * @param sequence - of that descriptor
 */
export const isForgettable = ({ state, givenUp }: RememberedRotation, sequence: number): boolean =>
  givenUp && (!hasSigned(state) || state.proposal.sequence <= sequence);
