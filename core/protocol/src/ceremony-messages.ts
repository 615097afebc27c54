/**
 * Messages of the founding ceremony: proposal → commitments → reveals → signatures → signed descriptor.
 * The state machine is in `ceremony.ts`.
 * @module
 */
import { Type } from "typebox";
import { hashCanonical } from "./canonical.ts";
import { AuthoritySchema, DomainName, EpochSeconds, KmsLocation, MEMBER_PROPERTIES } from "./descriptor.ts";
import {
  AuthorityIndex,
  bytes,
  encoderOf,
  Hash,
  MAX_AUTHORITIES,
  type Parsed,
  parserOf,
  strict,
  Version,
  type Wire,
} from "./wire.ts";

export const CeremonyProposalSchema = strict(
  {
    v: Version,
    name: DomainName,
    epochSeconds: EpochSeconds,
    members: Type.Array(strict(MEMBER_PROPERTIES), { minItems: 1, maxItems: MAX_AUTHORITIES }),
    kms: Type.Optional(KmsLocation),
    nonce: bytes(16, "Random"),
  },
  "What every operator approves before any key exists",
);
export type CeremonyProposal = Parsed<typeof CeremonyProposalSchema>;
export type CeremonyProposalWire = Wire<typeof CeremonyProposalSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseCeremonyProposal = parserOf("proposal", CeremonyProposalSchema);
export const encodeCeremonyProposal = encoderOf("proposal", CeremonyProposalSchema);
/** SHA-256 of the canonical proposal. */
export const ceremonyIdOf = (proposal: CeremonyProposal): Uint8Array => hashCanonical(encodeCeremonyProposal(proposal));

const head = { v: Version, ceremonyId: Hash, index: AuthorityIndex } as const;
const perMember = { minItems: 1, maxItems: MAX_AUTHORITIES } as const;

export const CeremonyCommitSchema = strict({ ...head, commitment: Hash }, "One member's commitment to its reveal");
export type CeremonyCommit = Parsed<typeof CeremonyCommitSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseCeremonyCommit = parserOf("commit", CeremonyCommitSchema);
export const encodeCeremonyCommit = encoderOf("commit", CeremonyCommitSchema);

export const CeremonyRevealSchema = strict(
  { ...head, authority: AuthoritySchema },
  "One member's public keys and proofs",
);
export type CeremonyReveal = Parsed<typeof CeremonyRevealSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseCeremonyReveal = parserOf("reveal", CeremonyRevealSchema);
export const encodeCeremonyReveal = encoderOf("reveal", CeremonyRevealSchema);

export const CeremonySignatureSchema = strict(
  { ...head, descriptorHash: Hash, signature: bytes(48, "Statement signature") },
  "One member's signature over the descriptor",
);
export type CeremonySignature = Parsed<typeof CeremonySignatureSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseCeremonySignature = parserOf("signature", CeremonySignatureSchema);
export const encodeCeremonySignature = encoderOf("signature", CeremonySignatureSchema);

/** Body of `POST /v1/ceremonies/:id/commitments`; the answer is a reveal. */
export const CeremonyCommitmentsSchema = strict({
  v: Version,
  commitments: Type.Array(CeremonyCommitSchema, perMember),
});
/** @throws `ERR_MESSAGE_INVALID` */
export const parseCeremonyCommitments = parserOf("commitments", CeremonyCommitmentsSchema);
export const encodeCeremonyCommitments = encoderOf("commitments", CeremonyCommitmentsSchema);

/** Body of `POST /v1/ceremonies/:id/reveals`; the answer is a signature. */
export const CeremonyRevealsSchema = strict({ v: Version, reveals: Type.Array(CeremonyRevealSchema, perMember) });
/** @throws `ERR_MESSAGE_INVALID` */
export const parseCeremonyReveals = parserOf("reveals", CeremonyRevealsSchema);
export const encodeCeremonyReveals = encoderOf("reveals", CeremonyRevealsSchema);

/** Body of `POST /v1/ceremonies/:id/signatures`; the answer is the signed descriptor. */
export const CeremonySignaturesSchema = strict({
  v: Version,
  signatures: Type.Array(CeremonySignatureSchema, perMember),
});
/** @throws `ERR_MESSAGE_INVALID` */
export const parseCeremonySignatures = parserOf("signatures", CeremonySignaturesSchema);
export const encodeCeremonySignatures = encoderOf("signatures", CeremonySignaturesSchema);

/** Where a ceremony stands. */
export const CeremonyPhase = Type.Enum(["proposed", "committed", "revealed", "signed", "founded"]);
export type CeremonyPhaseName = Parsed<typeof CeremonyPhase>;

/** Answer of `GET /v1/ceremonies/:id`. */
export const CeremonyStatusSchema = strict({ ...head, phase: CeremonyPhase, proposal: CeremonyProposalSchema });
export type CeremonyStatus = Parsed<typeof CeremonyStatusSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseCeremonyStatus = parserOf("ceremony status", CeremonyStatusSchema);
export const encodeCeremonyStatus = encoderOf("ceremony status", CeremonyStatusSchema);

/** Answer of the operator's `GET /v1/ceremonies`. */
export const CeremonyListSchema = strict({ v: Version, ceremonies: Type.Array(CeremonyStatusSchema) });
/** @throws `ERR_MESSAGE_INVALID` */
export const parseCeremonyList = parserOf("list of ceremonies", CeremonyListSchema);
