/**
 * The founding ceremony as one member lives it: proposed → committed → revealed → signed → founded.
 *
 * `advance(state, event)` is pure. The shell stores the new state, and only then lets anything out: a reveal may leave only
 * once all n commitments are on disk, else a coordinator could show this member two different sets. Every event may be
 * repeated with the same content and then changes nothing; the same event with other content is a fault of the member
 * whose part changed. The state holds no secret, and is JSON (`encodeCeremonyState`, `parseCeremonyState`).
 *
 * Rogue keys: `commitment = SHA-256(transcript("MILAGRO-V1-CEREMONY-COMMITMENT", ceremonyId, u32 index, canonical entry))`
 * is fixed before anybody's key is seen, and each key comes with a proof of possession bound to domain, place and ceremony.
 * @module
 */
import { equalBytes, transcript, u32 } from "@milagro/crypto/bytes";
import type { MasterSecretShare } from "@milagro/crypto/master-secret";
import { verifyPossessions } from "@milagro/crypto/proof-of-possession";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { sha256 } from "@noble/hashes/sha2.js";
import { Type } from "typebox";
import {
  combineAuthorities,
  type DecodedAuthority,
  decodeAuthority,
  findEqualKeys,
  possessionClaims,
  possessionContext,
} from "./authority.ts";
import { canonicalBytes } from "./canonical.ts";
import {
  type CeremonyCommit,
  CeremonyCommitSchema,
  CeremonyPhase,
  type CeremonyPhaseName,
  type CeremonyProposal,
  CeremonyProposalSchema,
  type CeremonyReveal,
  CeremonyRevealSchema,
  type CeremonySignature,
  CeremonySignatureSchema,
  ceremonyIdOf,
  encodeCeremonyReveal,
  encodeCeremonySignature,
} from "./ceremony-messages.ts";
import { commitmentsInOrder, inOrder, memberFault, outOfTurn, type Round } from "./ceremony-round.ts";
import { signCeremony, verifySignatures, withSignatures } from "./ceremony-signing.ts";
import type { Authority, DomainDescriptor, SignedDescriptor } from "./descriptor.ts";
import { SUITE } from "./versions.ts";
import { AuthorityIndex, encoderOf, Hash, MAX_AUTHORITIES, type Parsed, parserOf, strict, Version } from "./wire.ts";

const perMember = { maxItems: MAX_AUTHORITIES } as const;

export const CeremonyStateSchema = strict(
  {
    v: Version,
    phase: CeremonyPhase,
    ceremonyId: Hash,
    index: AuthorityIndex,
    proposal: CeremonyProposalSchema,
    own: Type.Optional(CeremonyRevealSchema),
    commitments: Type.Array(CeremonyCommitSchema, perMember),
    reveals: Type.Array(CeremonyRevealSchema, perMember),
    signatures: Type.Array(CeremonySignatureSchema, perMember),
  },
  "One member's state of a ceremony",
);
export type CeremonyState = Parsed<typeof CeremonyStateSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseCeremonyState = parserOf("ceremony state", CeremonyStateSchema);
export const encodeCeremonyState = encoderOf("ceremony state", CeremonyStateSchema);

/** What may happen. `authority` is this member's own entry, made by `makeAuthority`. */
export type CeremonyEvent =
  | { readonly type: "commit"; readonly authority: Authority }
  | { readonly type: "commitments"; readonly commitments: readonly CeremonyCommit[] }
  | { readonly type: "reveals"; readonly reveals: readonly CeremonyReveal[] }
  | { readonly type: "signatures"; readonly signatures: readonly CeremonySignature[] };

const PHASES: readonly CeremonyPhaseName[] = ["proposed", "committed", "revealed", "signed", "founded"];
const reached = (state: CeremonyState, phase: CeremonyPhaseName) =>
  PHASES.indexOf(state.phase) >= PHASES.indexOf(phase);

const roundOf = ({ ceremonyId, proposal: { members } }: CeremonyState): Round => ({ ceremonyId, members });
const fault = (state: CeremonyState, index: number, what: string): never => memberFault(roundOf(state), index, what);

/** A new ceremony, approved by the operator of member `index`. @throws `ERR_CEREMONY_STATE` for a proposal nobody could found */
export function startCeremony(proposal: CeremonyProposal, index: number): CeremonyState {
  const { members } = proposal;
  if (members.some((member, i) => member.index !== i + 1)) outOfTurn("members are not numbered 1 to n in order");
  if (new Set(members.map(({ name }) => name)).size !== members.length) outOfTurn("two members have one name");
  if (members[index - 1] === undefined) outOfTurn("the proposal has no member of this index");
  return {
    v: 1,
    phase: "proposed",
    ceremonyId: ceremonyIdOf(proposal),
    index,
    proposal,
    commitments: [],
    reveals: [],
    signatures: [],
  };
}

/** What a member commits to before it sees anybody else's keys: its whole entry. */
export function commitmentTo(reveal: CeremonyReveal): Uint8Array {
  const entry = canonicalBytes(encodeCeremonyReveal(reveal).authority);
  return sha256(transcript("MILAGRO-V1-CEREMONY-COMMITMENT", reveal.ceremonyId, u32(reveal.index), entry));
}

/** This member's commitment. @throws `ERR_CEREMONY_STATE` before the `commit` event */
export function ownCommitment(state: CeremonyState): CeremonyCommit {
  const own = state.own ?? outOfTurn("this member has not made its keys yet");
  return { v: 1, ceremonyId: state.ceremonyId, index: state.index, commitment: commitmentTo(own) };
}

/** This member's reveal. @throws `ERR_CEREMONY_STATE` until all commitments are in: showing keys earlier invites a rogue one */
export function ownReveal(state: CeremonyState): CeremonyReveal {
  if (!reached(state, "revealed")) outOfTurn("not all members have committed yet");
  return state.own ?? outOfTurn("this member has not made its keys yet");
}

/** The descriptor that all reveals make up. @throws `ERR_CEREMONY_STATE` until all have been verified */
export function ceremonyDescriptor(state: CeremonyState): DomainDescriptor {
  if (!reached(state, "signed")) outOfTurn("not all members have revealed yet");
  const { name, epochSeconds, kms } = state.proposal;
  const authorities = state.reveals.map(({ authority }) => authority);
  return {
    v: 1,
    name,
    suite: SUITE,
    epochSeconds,
    sequence: 0,
    ceremonyId: state.ceremonyId,
    authorities,
    ...(kms ? { kms } : {}),
  };
}

/** This member's signature over the descriptor. Deterministic. @throws `ERR_CEREMONY_STATE` until all reveals were verified */
export const ownSignature = (
  engine: Engine,
  statement: MasterSecretShare<"statement">,
  state: CeremonyState,
): CeremonySignature => signCeremony(engine, statement, state, ceremonyDescriptor(state));

/** The result. @throws `ERR_CEREMONY_STATE` until it is founded */
export function foundedDescriptor(state: CeremonyState): SignedDescriptor {
  if (!reached(state, "founded")) outOfTurn("not all members have signed yet");
  return withSignatures(ceremonyDescriptor(state), state.signatures);
}

/**
 * One step. Pure: same state and event, same result, however often.
 * @throws `ERR_CEREMONY_FAULT` naming the member that broke the ceremony (`faultReportOf`), `ERR_CEREMONY_STATE` out of turn
 */
export function advance(
  engine: Engine,
  random: RandomBytes,
  state: CeremonyState,
  event: CeremonyEvent,
): CeremonyState {
  switch (event.type) {
    case "commit":
      return commit(state, event.authority);
    case "commitments":
      return acceptCommitments(state, event.commitments);
    case "reveals":
      return acceptReveals(engine, random, state, event.reveals);
    case "signatures":
      return acceptSignatures(engine, random, state, event.signatures);
  }
}

function commit(state: CeremonyState, authority: Authority): CeremonyState {
  const own: CeremonyReveal = { v: 1, ceremonyId: state.ceremonyId, index: state.index, authority };
  if (!matchesProposal(state, own)) outOfTurn("the entry is not that of this member in the proposal");
  if (state.own === undefined) return { ...state, phase: "committed", own };
  if (!equalBytes(commitmentTo(state.own), commitmentTo(own))) outOfTurn("this member has committed to other keys");
  return state;
}

function acceptCommitments(state: CeremonyState, messages: readonly CeremonyCommit[]): CeremonyState {
  const commitments = commitmentsInOrder(roundOf(state), messages, state.commitments, ownCommitment(state));
  return reached(state, "revealed") ? state : { ...state, phase: "revealed", commitments };
}

function matchesProposal(state: CeremonyState, { index, authority }: CeremonyReveal): boolean {
  const member = state.proposal.members[index - 1];
  if (member === undefined || authority.index !== index) return false;
  return (["name", "operator", "jurisdiction", "url"] as const).every((key) => member[key] === authority[key]);
}

function acceptReveals(
  engine: Engine,
  random: RandomBytes,
  state: CeremonyState,
  messages: readonly CeremonyReveal[],
): CeremonyState {
  if (!reached(state, "revealed")) outOfTurn("not all members have committed yet");
  const reveals = inOrder(roundOf(state), messages, state.reveals, encodeCeremonyReveal);
  if (reached(state, "signed")) return state;
  const decoded = reveals.map((reveal): DecodedAuthority => {
    const promised = state.commitments[reveal.index - 1];
    if (!promised || !equalBytes(promised.commitment, commitmentTo(reveal)))
      fault(state, reveal.index, "reveals other keys than it committed to");
    if (!matchesProposal(state, reveal)) fault(state, reveal.index, "is not described as in the proposal");
    try {
      return decodeAuthority(engine, reveal.authority);
    } catch {
      return fault(state, reveal.index, "reveals a key that is not a point of its group");
    }
  });
  const equal = findEqualKeys(engine, decoded);
  if (equal) fault(state, equal[1].entry.index, "reveals a key that is already there");
  const claims = decoded.map((authority) =>
    possessionClaims(
      authority,
      possessionContext(state.proposal.name, authority.entry.index, decoded.length, state.ceremonyId),
    ),
  );
  if (!verifyPossessions(engine, random, claims.flat())) {
    const liar = decoded.find((_, i) => !verifyPossessions(engine, random, claims[i] ?? []));
    fault(state, liar?.entry.index ?? 0, "does not prove possession of its keys");
  }
  combineAuthorities(engine, decoded); // zero sums: every key is proved, so nobody in particular is at fault
  return { ...state, phase: "signed", reveals };
}

function acceptSignatures(
  engine: Engine,
  random: RandomBytes,
  state: CeremonyState,
  messages: readonly CeremonySignature[],
): CeremonyState {
  const descriptor = ceremonyDescriptor(state);
  const signatures = inOrder(roundOf(state), messages, state.signatures, encodeCeremonySignature);
  if (reached(state, "founded")) return state;
  verifySignatures(engine, random, roundOf(state), descriptor, signatures);
  return { ...state, phase: "founded", signatures };
}
