/**
 * Messages between a requester and one D-TA: request, evidence, shares, receipt, refusal. Who seals, opens and signs
 * them is in `issuance.ts`; adding shares up is in `enrolment.ts`.
 * @module
 */
import { IDENTITY_USAGES } from "@milagro/crypto/usage";
import { Type } from "typebox";
import {
  ApprovalsSchema,
  ApprovedAnswerSchema,
  AttributeKeyRequestSchema,
  AttributeShareSchema,
} from "./attribute-messages.ts";
import { hashCanonical } from "./canonical.ts";
import { ShortCodeText } from "./short-code.ts";
import {
  AuthorityIndex,
  bytes,
  bytesBetween,
  CodeText,
  Counter,
  DomainIdBytes,
  EpochNumber,
  encoderOf,
  Hash,
  IdentityText,
  Ordinal,
  type Parsed,
  parserOf,
  strict,
  UnixSeconds,
  Version,
  type Wire,
} from "./wire.ts";

/** The most keys one request may ask for. */
export const MAX_KEYS = 16;
/** The most pieces of evidence one request may bring. */
export const MAX_EVIDENCE = 8;
/** How old, or how far ahead, a request's time may be. */
export const REQUEST_WINDOW_SECONDS = 300;

/** Whether the request was made within the window around now. */
export const isTimely = (timeSeconds: number, nowMs: number, windowSeconds = REQUEST_WINDOW_SECONDS): boolean =>
  Math.abs(nowMs / 1000 - timeSeconds) <= windowSeconds;
/** How late a request may come that carries one-time evidence: a D-TA that was down meanwhile must not cost the evidence that the others have taken. */
export const LATE_REQUEST_SECONDS = 7 * 86_400;

const Jwt = Type.String({
  maxLength: 8192,
  pattern: "^[A-Za-z0-9_\\-]+\\.[A-Za-z0-9_\\-]+\\.[A-Za-z0-9_\\-]+$",
  description: "JWT, compact form",
});
/** Text of a join token; `join-token.ts` has the grammar. */
export const JoinTokenText = Type.String({
  maxLength: 100,
  pattern: "^mjt1_[1-9][0-9]?_[A-Za-z0-9]{8,32}_[A-Za-z0-9_\\-]{43}$",
});

export const EvidenceSchema = Type.Union([
  strict({ type: Type.Literal("join-token"), token: JoinTokenText }, "One-time token of this D-TA's operator"),
  strict(
    { type: Type.Literal("grant"), jwt: Jwt },
    "Grant by a registrar that this D-TA trusts, bound to the request key",
  ),
  strict({ type: Type.Literal("oidc"), jwt: Jwt }, "OpenID Connect token, bound to the request key by its nonce"),
  strict(
    { type: Type.Literal("renewal"), epoch: EpochNumber, signature: bytes(96, "Identity signature") },
    "Signature by the identity's own earlier key",
  ),
  strict({ type: Type.Literal("email-code"), code: ShortCodeText }, "Code that this D-TA has mailed to the user"),
  strict(
    {
      type: Type.Literal("device"),
      device: IdentityText,
      signature: bytes(96, "Identity signature over the request hash"),
      approval: Jwt,
    },
    "Approval by another device of the same user, and by the login server",
  ),
]);
export type Evidence = Parsed<typeof EvidenceSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseEvidence = parserOf("evidence", EvidenceSchema);
export const encodeEvidence = encoderOf("evidence", EvidenceSchema);
/** The kinds of evidence there are. */
export const EVIDENCE_TYPES = ["join-token", "grant", "oidc", "renewal", "email-code", "device"] as const;
export type EvidenceType = (typeof EVIDENCE_TYPES)[number];

/** A key of the `id` master. */
export const IdentityKeyRequestSchema = strict({
  usage: Type.Enum([...IDENTITY_USAGES], { description: "What the key is for" }),
  epoch: EpochNumber,
});
export type IdentityKeyRequest = Parsed<typeof IdentityKeyRequestSchema>;
/** The user's own key of M-Pin, inside the hashed input; without it the input is the plain one. */
export const DvsClaimSchema = strict({
  key: bytes(96, "Pa, the user's own public key"),
  proof: bytes(128, "Proof that the requester knows it"),
});
export type DvsClaim = Parsed<typeof DvsClaimSchema>;
/** Epoch of the `mpin` master that the share is to be of; absent for 0, the founding one. */
export const MasterEpoch = Type.Optional(Ordinal);
/** An M-Pin client secret. */
export const MpinKeyRequestSchema = strict({
  usage: Type.Literal("mpin"),
  epoch: EpochNumber,
  dvs: Type.Optional(DvsClaimSchema),
  master: MasterEpoch,
});
export type MpinKeyRequest = Parsed<typeof MpinKeyRequestSchema>;
/** The server secret of M-Pin. */
export const MpinServerKeyRequestSchema = strict({
  usage: Type.Literal("mpin-server"),
  epoch: EpochNumber,
  master: MasterEpoch,
});
export type MpinServerKeyRequest = Parsed<typeof MpinServerKeyRequestSchema>;

/** One key that is asked for. */
export const KeyRequestSchema = Type.Union([
  IdentityKeyRequestSchema,
  MpinKeyRequestSchema,
  MpinServerKeyRequestSchema,
  AttributeKeyRequestSchema,
]);
export type KeyRequest = Parsed<typeof KeyRequestSchema>;
const Keys = Type.Array(KeyRequestSchema, { minItems: 1, maxItems: MAX_KEYS });
export const encodeKeyRequests = encoderOf("keys", Keys);

const requestProperties = {
  v: Version,
  domainId: DomainIdBytes,
  identity: IdentityText,
  keys: Keys,
  requestKey: bytes(32, "X25519 public key"),
  nonce: bytesBetween(16, 32, "Random"),
  time: UnixSeconds,
  proofs: Type.Optional(
    Type.Literal(true, { description: "`sig` shares with a proof, for requesters that cannot compute pairings" }),
  ),
} as const;

/** The part of a request that is the same for every D-TA, and that evidence is bound to. */
export const IssuanceClaimSchema = strict(requestProperties, "Issuance request without evidence");
export type IssuanceClaim = Parsed<typeof IssuanceClaimSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseIssuanceClaim = parserOf("issuance claim", IssuanceClaimSchema);
export const encodeIssuanceClaim = encoderOf("issuance claim", IssuanceClaimSchema);

export const IssuanceRequestSchema = strict(
  {
    ...requestProperties,
    evidence: Type.Array(EvidenceSchema, { maxItems: MAX_EVIDENCE }),
    approvals: Type.Optional(ApprovalsSchema),
  },
  "Issuance request, only ever sent sealed",
);
export type IssuanceRequest = Parsed<typeof IssuanceRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseIssuanceRequest = parserOf("issuance request", IssuanceRequestSchema);
export const encodeIssuanceRequest = encoderOf("issuance request", IssuanceRequestSchema);

/** SHA-256 of the canonical claim: common to all D-TAs and, for attribute keys, to both rounds. */
export function requestHashOf(request: IssuanceClaim | IssuanceRequest): Uint8Array {
  const { v, domainId, identity, keys, requestKey, nonce, time, proofs } = request;
  const claim = { v, domainId, identity, keys, requestKey, nonce, time, ...(proofs ? { proofs } : {}) };
  return hashCanonical(encodeIssuanceClaim(claim));
}

/** The most bytes of a sealed request: what evidence of the largest size needs. */
export const MAX_SEALED_REQUEST_BYTES = 98_304;

export const SealedRequestSchema = strict(
  {
    v: Version,
    domainId: DomainIdBytes,
    index: AuthorityIndex,
    encapsulatedKey: bytes(32, "HPKE encapsulated key"),
    ciphertext: bytesBetween(17, MAX_SEALED_REQUEST_BYTES, "Sealed issuance request"),
  },
  "Issuance request sealed to one D-TA",
);
export type SealedRequest = Parsed<typeof SealedRequestSchema>;
export type SealedRequestWire = Wire<typeof SealedRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseSealedRequest = parserOf("sealed request", SealedRequestSchema);
export const encodeSealedRequest = encoderOf("sealed request", SealedRequestSchema);

const SharePoint1 = bytes(48, "G1 point");
const SharePoint2 = bytes(96, "G2 point");
const ShareProof = bytes(64, "Proof of equal logarithms");
/**
 * One share in the clear: only ever inside HPKE. `g2` is there exactly for `kex` and `mpin-server`; a proof always for
 * `mpin`, and for `sig` exactly when the claim asked for proofs.
 */
export const ShareSchema = Type.Union([
  strict({ usage: Type.Literal("enc"), epoch: EpochNumber, g1: SharePoint1 }),
  strict({ usage: Type.Literal("sig"), epoch: EpochNumber, g1: SharePoint1, proof: Type.Optional(ShareProof) }),
  strict({ usage: Type.Literal("kex"), epoch: EpochNumber, g1: SharePoint1, g2: SharePoint2 }),
  strict({ usage: Type.Literal("mpin"), epoch: EpochNumber, g1: SharePoint1, proof: ShareProof }),
  strict({ usage: Type.Literal("mpin-server"), epoch: EpochNumber, g2: SharePoint2 }),
  AttributeShareSchema,
]);
export type Share = Parsed<typeof ShareSchema>;
export const ShareListSchema = strict({
  v: Version,
  shares: Type.Array(ShareSchema, { minItems: 1, maxItems: MAX_KEYS }),
});
export type ShareList = Parsed<typeof ShareListSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseShareList = parserOf("shares", ShareListSchema);
export const encodeShareList = encoderOf("shares", ShareListSchema);

/** The most bytes of sealed shares: what attribute keys of the largest size need. */
export const MAX_SEALED_SHARES_BYTES = 131_072;

export const SealedSharesSchema = strict({
  encapsulatedKey: bytes(32, "HPKE encapsulated key"),
  ciphertext: bytesBetween(17, MAX_SEALED_SHARES_BYTES, "Sealed shares"),
});
export type SealedShares = Parsed<typeof SealedSharesSchema>;

export const ReceiptSchema = strict(
  {
    v: Version,
    domainId: DomainIdBytes,
    index: AuthorityIndex,
    requestHash: Hash,
    identity: IdentityText,
    keys: Keys,
    sharesHash: Hash,
    policyVersion: Counter,
    time: UnixSeconds,
    logIndex: Counter,
    logHead: Hash,
    signature: bytes(48, "Statement signature"),
  },
  "What a D-TA says it issued, with the place of the record in its log",
);
export type Receipt = Parsed<typeof ReceiptSchema>;
export type ReceiptWire = Wire<typeof ReceiptSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseReceipt = parserOf("receipt", ReceiptSchema);
export const encodeReceipt = encoderOf("receipt", ReceiptSchema);

export const IssuedAnswerSchema = strict({
  v: Version,
  index: AuthorityIndex,
  requestHash: Hash,
  shares: SealedSharesSchema,
  receipt: ReceiptSchema,
});
export type IssuedAnswer = Parsed<typeof IssuedAnswerSchema>;
export const encodeIssuedAnswer = encoderOf("issued answer", IssuedAnswerSchema);

export const RefusedAnswerSchema = strict({
  v: Version,
  index: AuthorityIndex,
  requestHash: Hash,
  refusal: strict({ code: CodeText, detail: Type.String({ maxLength: 512 }) }),
  time: UnixSeconds,
  signature: bytes(48, "Statement signature"),
});
export type RefusedAnswer = Parsed<typeof RefusedAnswerSchema>;

/** A D-TA's answer: shares with a receipt, an approval in the first round for attribute keys, or a signed refusal. */
export const IssuanceAnswerSchema = Type.Union([IssuedAnswerSchema, ApprovedAnswerSchema, RefusedAnswerSchema]);
export type IssuanceAnswer = Parsed<typeof IssuanceAnswerSchema>;
export type IssuanceAnswerWire = Wire<typeof IssuanceAnswerSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseIssuanceAnswer = parserOf("answer", IssuanceAnswerSchema);
export const encodeIssuanceAnswer = encoderOf("answer", IssuanceAnswerSchema);
