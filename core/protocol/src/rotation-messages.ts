/**
 * Messages of a rotation, by which the D-TAs of a domain replace the `mpin` master: proposal → commitments → reveals → signatures →
 * later descriptor. The state machine is in `rotation.ts`; commitments and signatures are those of the founding.
 * @module
 */
import { Type } from "typebox";
import { hashCanonical } from "./canonical.ts";
import { DomainName } from "./descriptor.ts";
import {
  AuthorityIndex,
  bytes,
  DomainIdBytes,
  encoderOf,
  Hash,
  MAX_AUTHORITIES,
  Ordinal,
  type Parsed,
  parserOf,
  strict,
  UnixSeconds,
  Version,
} from "./wire.ts";

export const RotationProposalSchema = strict(
  {
    v: Version,
    type: Type.Literal("mpin-rotation"),
    name: DomainName,
    domainId: DomainIdBytes,
    /** Hash of the descriptor that the rotation starts from. */
    previous: Hash,
    /** Of the descriptor that it ends with: one more, or as many as it takes to be above all that any member has signed. */
    sequence: Ordinal,
    /** Of the new master: as many more as `sequence`. */
    epoch: Ordinal,
    /** Until when tokens of the master before can be updated. */
    until: UnixSeconds,
    nonce: bytes(16, "Random"),
  },
  "What every operator approves before any new key exists",
);
export type RotationProposal = Parsed<typeof RotationProposalSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseRotationProposal = parserOf("rotation proposal", RotationProposalSchema);
export const encodeRotationProposal = encoderOf("rotation proposal", RotationProposalSchema);
/** SHA-256 of the canonical proposal. */
export const rotationIdOf = (proposal: RotationProposal): Uint8Array => hashCanonical(encodeRotationProposal(proposal));

const head = { v: Version, ceremonyId: Hash, index: AuthorityIndex } as const;

export const RotationRevealSchema = strict(
  { ...head, key: bytes(48, "G1 point"), proof: bytes(80, "Proof of possession, Schnorr") },
  "One member's new public key of the mpin master, and its proof",
);
export type RotationReveal = Parsed<typeof RotationRevealSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseRotationReveal = parserOf("rotation reveal", RotationRevealSchema);
export const encodeRotationReveal = encoderOf("rotation reveal", RotationRevealSchema);

/** Body of `POST /v1/rotations/:id/reveals`; the answer is a signature. */
export const RotationRevealsSchema = strict({
  v: Version,
  reveals: Type.Array(RotationRevealSchema, { minItems: 1, maxItems: MAX_AUTHORITIES }),
});
/** @throws `ERR_MESSAGE_INVALID` */
export const parseRotationReveals = parserOf("rotation reveals", RotationRevealsSchema);
export const encodeRotationReveals = encoderOf("rotation reveals", RotationRevealsSchema);

/** Where a rotation stands. `adopted`: the descriptor is stored, and the new master is the one. */
export const RotationPhase = Type.Enum(["proposed", "committed", "revealed", "signed", "adopted"]);
export type RotationPhaseName = Parsed<typeof RotationPhase>;

/** Answer of `GET /v1/rotations/:id`. */
export const RotationStatusSchema = strict({
  ...head,
  phase: RotationPhase,
  proposal: RotationProposalSchema,
  /** To the operator alone: given up, and kept. */
  givenUp: Type.Optional(Type.Literal(true)),
});
export type RotationStatus = Parsed<typeof RotationStatusSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseRotationStatus = parserOf("rotation status", RotationStatusSchema);
export const encodeRotationStatus = encoderOf("rotation status", RotationStatusSchema);

/** Answer of the operator's `GET /v1/rotations`: in the order in which they went on; those that were given up and are kept are there as well. */
export const RotationListSchema = strict({ v: Version, rotations: Type.Array(RotationStatusSchema) });
/** @throws `ERR_MESSAGE_INVALID` */
export const parseRotationList = parserOf("list of rotations", RotationListSchema);
