/**
 * A rotation as one member lives it: proposed → committed → revealed → signed → adopted. All D-TAs draw fresh shares of the `mpin`
 * master, and all sign the descriptor with their keys; everything else in it stays.
 *
 * As at the founding (`ceremony.ts`), `advanceRotation(state, event)` is pure, the shell stores the new state before anything leaves,
 * every event may be repeated, and nobody shows a key before all have committed. The state holds no secret; the descriptor that the
 * rotation starts from is in it, so that it needs nothing else.
 *
 *   commitment = SHA-256(transcript("MILAGRO-V1-ROTATION-COMMITMENT", ceremonyId, u32 index, key, proof))
 * @module
 */
import { equalBytes, transcript, u32 } from "@milagro/crypto/bytes";
import { derivePublicShare, encodePublicShare, parsePublicShare } from "@milagro/crypto/master-public";
import type { MasterSecretShare } from "@milagro/crypto/master-secret";
import { provePossession, verifyPossession } from "@milagro/crypto/proof-of-possession";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { sha256 } from "@noble/hashes/sha2.js";
import { Type } from "typebox";
import { combineAuthorities, decodeAuthority, findEqualKeys, possessionContext } from "./authority.ts";
import {
  type CeremonyCommit,
  CeremonyCommitSchema,
  type CeremonySignature,
  CeremonySignatureSchema,
  encodeCeremonySignature,
} from "./ceremony-messages.ts";
import { commitmentsInOrder, inOrder, memberFault, outOfTurn, type Round } from "./ceremony-round.ts";
import { signCeremony, verifySignatures, withSignatures } from "./ceremony-signing.ts";
import {
  DescriptorSchema,
  type DomainDescriptor,
  hashDescriptor,
  masterEpochOf,
  type SignedDescriptor,
} from "./descriptor.ts";
import {
  encodeRotationReveal,
  RotationPhase,
  type RotationPhaseName,
  type RotationProposal,
  RotationProposalSchema,
  type RotationReveal,
  RotationRevealSchema,
  rotationIdOf,
} from "./rotation-messages.ts";
import { claimedDomainId, type TrustDomain } from "./trust-domain.ts";
import { AuthorityIndex, encoderOf, Hash, MAX_AUTHORITIES, type Parsed, parserOf, strict, Version } from "./wire.ts";

const perMember = { maxItems: MAX_AUTHORITIES } as const;

export const RotationStateSchema = strict(
  {
    v: Version,
    phase: RotationPhase,
    ceremonyId: Hash,
    index: AuthorityIndex,
    proposal: RotationProposalSchema,
    /** The descriptor that was believed when the rotation was approved. */
    base: DescriptorSchema,
    own: Type.Optional(RotationRevealSchema),
    commitments: Type.Array(CeremonyCommitSchema, perMember),
    reveals: Type.Array(RotationRevealSchema, perMember),
    signatures: Type.Array(CeremonySignatureSchema, perMember),
  },
  "One member's state of a rotation",
);
export type RotationState = Parsed<typeof RotationStateSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseRotationState = parserOf("rotation state", RotationStateSchema);
export const encodeRotationState = encoderOf("rotation state", RotationStateSchema);

/** What may happen. `own` is this member's reveal, made by `makeRotationReveal`. */
export type RotationEvent =
  | { readonly type: "commit"; readonly own: RotationReveal }
  | { readonly type: "commitments"; readonly commitments: readonly CeremonyCommit[] }
  | { readonly type: "reveals"; readonly reveals: readonly RotationReveal[] }
  | { readonly type: "signatures"; readonly signatures: readonly CeremonySignature[] };

const PHASES: readonly RotationPhaseName[] = ["proposed", "committed", "revealed", "signed", "adopted"];
const reached = (state: RotationState, phase: RotationPhaseName) =>
  PHASES.indexOf(state.phase) >= PHASES.indexOf(phase);
const roundOf = ({ ceremonyId, base }: RotationState): Round => ({ ceremonyId, members: base.authorities });
const fault = (state: RotationState, index: number, what: string): never => memberFault(roundOf(state), index, what);

/** Whether this member's signature may be out. */
export const hasSigned = (state: RotationState): boolean => reached(state, "signed");

/**
 * How many numbers one rotation may go on at most. It takes more than one where rotations were given up after a member had signed; a
 * member that claims to have signed nonsense must not use up the numbers there are.
 */
export const MAX_NUMBERS_AHEAD = 1000;

/**
 * A new rotation, approved by the operator of member `index`.
 * @param domain - as this member serves it now
 * @param signed - the highest number of a descriptor that this member has ever signed: it signs none of that or a lower one
 * @throws `ERR_CEREMONY_STATE` for a proposal that does not follow on it
 */
export function startRotation(
  domain: Pick<TrustDomain, "domainId" | "descriptor" | "hash">,
  proposal: RotationProposal,
  index: number,
  signed: number,
): RotationState {
  const { descriptor } = domain;
  if (descriptor.authorities[index - 1] === undefined) outOfTurn("the domain has no member of this index");
  if (!equalBytes(proposal.domainId, domain.domainId) || proposal.name !== descriptor.name)
    outOfTurn("the proposal is for another domain");
  const ahead = proposal.sequence - descriptor.sequence;
  if (!equalBytes(proposal.previous, domain.hash) || ahead < 1 || ahead > MAX_NUMBERS_AHEAD)
    outOfTurn("the proposal starts from another descriptor than this member's newest one");
  if (proposal.sequence <= signed)
    outOfTurn(
      `this member has signed a descriptor number ${signed} for a rotation that was given up: propose one with a higher number`,
    );
  if (proposal.epoch !== masterEpochOf(descriptor) + ahead)
    outOfTurn("the proposal's epoch does not follow on that of the mpin master");
  return {
    v: 1,
    phase: "proposed",
    ceremonyId: rotationIdOf(proposal),
    index,
    proposal,
    base: descriptor,
    commitments: [],
    reveals: [],
    signatures: [],
  };
}

/** This member's reveal for a fresh share. Deterministic, so a step that is repeated after a crash gives the same. */
export function makeRotationReveal(
  engine: Engine,
  share: MasterSecretShare<"mpin">,
  state: Pick<RotationState, "ceremonyId" | "index" | "base">,
): RotationReveal {
  const { ceremonyId, index } = state;
  return {
    v: 1,
    ceremonyId,
    index,
    key: encodePublicShare(engine, derivePublicShare(engine, share)),
    proof: provePossession(engine, share, contextOf(state)),
  };
}

const contextOf = ({ base, index, ceremonyId }: Pick<RotationState, "ceremonyId" | "index" | "base">) =>
  possessionContext(base.name, index, base.authorities.length, ceremonyId);

/** What a member commits to before it sees anybody else's new key. */
export const rotationCommitmentTo = ({ ceremonyId, index, key, proof }: RotationReveal): Uint8Array =>
  sha256(transcript("MILAGRO-V1-ROTATION-COMMITMENT", ceremonyId, u32(index), key, proof));

/** This member's commitment. @throws `ERR_CEREMONY_STATE` before the `commit` event */
export function ownRotationCommitment(state: RotationState): CeremonyCommit {
  const own = state.own ?? outOfTurn("this member has not drawn its new share yet");
  return { v: 1, ceremonyId: state.ceremonyId, index: state.index, commitment: rotationCommitmentTo(own) };
}

/** This member's reveal. @throws `ERR_CEREMONY_STATE` until all commitments are in */
export function ownRotationReveal(state: RotationState): RotationReveal {
  if (!reached(state, "revealed")) outOfTurn("not all members have committed yet");
  return state.own ?? outOfTurn("this member has not drawn its new share yet");
}

/** The descriptor that all reveals make up. @throws `ERR_CEREMONY_STATE` until all have been verified */
export function rotatedDescriptor(state: RotationState): DomainDescriptor {
  if (!reached(state, "signed")) outOfTurn("not all members have revealed yet");
  return withReveals(state, state.reveals);
}

function withReveals(
  { base, proposal, ceremonyId }: RotationState,
  reveals: readonly RotationReveal[],
): DomainDescriptor {
  const { sequence, previous, epoch, until, domainId } = proposal;
  const authorities = base.authorities.map((entry, i) => {
    const { key, proof } = reveals[i] as RotationReveal;
    return { ...entry, keys: { ...entry.keys, mpin: { g1: key } }, proofs: { ...entry.proofs, mpin: proof } };
  });
  return { ...base, sequence, domainId, previous, authorities, mpin: { epoch, ceremonyId, until } };
}

/** This member's signature over the descriptor. Deterministic. @throws `ERR_CEREMONY_STATE` until all reveals were verified */
export const ownRotationSignature = (
  engine: Engine,
  statement: MasterSecretShare<"statement">,
  state: RotationState,
): CeremonySignature => signCeremony(engine, statement, state, rotatedDescriptor(state));

/** The result. @throws `ERR_CEREMONY_STATE` until it is adopted */
export function adoptedDescriptor(state: RotationState): SignedDescriptor {
  if (!reached(state, "adopted")) outOfTurn("not all members have signed yet");
  return withSignatures(rotatedDescriptor(state), state.signatures);
}

/**
 * One step. Pure: same state and event, same result, however often.
 * @throws `ERR_CEREMONY_FAULT` naming the member that broke the ceremony (`faultReportOf`), `ERR_CEREMONY_STATE` out of turn
 */
export function advanceRotation(
  engine: Engine,
  random: RandomBytes,
  state: RotationState,
  event: RotationEvent,
): RotationState {
  switch (event.type) {
    case "commit":
      return commit(state, event.own);
    case "commitments": {
      const mine = ownRotationCommitment(state);
      const commitments = commitmentsInOrder(roundOf(state), event.commitments, state.commitments, mine);
      return reached(state, "revealed") ? state : { ...state, phase: "revealed", commitments };
    }
    case "reveals":
      return acceptReveals(engine, state, event.reveals);
    case "signatures":
      return acceptSignatures(engine, random, state, event.signatures);
  }
}

function commit(state: RotationState, own: RotationReveal): RotationState {
  if (own.index !== state.index || !equalBytes(own.ceremonyId, state.ceremonyId))
    outOfTurn("the reveal is not that of this member in this rotation");
  if (state.own === undefined) return { ...state, phase: "committed", own };
  if (!equalBytes(rotationCommitmentTo(state.own), rotationCommitmentTo(own)))
    outOfTurn("this member has committed to another share");
  return state;
}

function acceptReveals(engine: Engine, state: RotationState, messages: readonly RotationReveal[]): RotationState {
  if (!reached(state, "revealed")) outOfTurn("not all members have committed yet");
  const reveals = inOrder(roundOf(state), messages, state.reveals, encodeRotationReveal);
  if (reached(state, "signed")) return state;
  for (const reveal of reveals) {
    const { index, key, proof } = reveal;
    const promised = state.commitments[index - 1];
    if (!promised || !equalBytes(promised.commitment, rotationCommitmentTo(reveal)))
      fault(state, index, "reveals another key than it committed to");
    if (equalBytes(key, state.base.authorities[index - 1]?.keys.mpin.g1 as Uint8Array))
      fault(state, index, "has kept its share");
    try {
      const publicShare = parsePublicShare(engine, "mpin", key);
      if (verifyPossession(engine, publicShare, proof, contextOf({ ...state, index }))) continue;
    } catch (error) {
      if (!(error instanceof MilagroError)) throw error;
      fault(state, index, "reveals a key that is not a point of its group");
    }
    fault(state, index, "does not prove possession of its key");
  }
  const decoded = withReveals(state, reveals).authorities.map((entry) => decodeAuthority(engine, entry));
  const equal = findEqualKeys(engine, decoded);
  if (equal) fault(state, equal[1].entry.index, "reveals a key that is already there");
  combineAuthorities(engine, decoded); // a zero sum: every key is proved, so nobody in particular is at fault
  return { ...state, phase: "signed", reveals };
}

function acceptSignatures(
  engine: Engine,
  random: RandomBytes,
  state: RotationState,
  messages: readonly CeremonySignature[],
): RotationState {
  const descriptor = rotatedDescriptor(state);
  const signatures = inOrder(roundOf(state), messages, state.signatures, encodeCeremonySignature);
  if (reached(state, "adopted")) return state;
  const { base } = state;
  const newest = { domainId: claimedDomainId(base), descriptor: base, hash: hashDescriptor(base) };
  verifySignatures(engine, random, roundOf(state), descriptor, signatures, { newest });
  return { ...state, phase: "adopted", signatures };
}
