/**
 * Bodies of the D-KMS API. Records of secrets are in `secret-record.ts`, the signature over the request in
 * `http-signature.ts`.
 * @module
 */
import { Type } from "typebox";
import { PolicyText } from "./attribute-policy.ts";
import { IssuanceAnswerSchema, SealedRequestSchema } from "./issuance-messages.ts";
import { ProblemSchema } from "./problem.ts";
import { SecretPathText } from "./secret-path.ts";
import { ContentType, Labels, MAX_RECIPIENTS, PartySchema, SecretRecordSchema } from "./secret-record.ts";
import {
  AuthorityIndex,
  bytes,
  CodeText,
  Counter,
  EpochNumber,
  encoderOf,
  Hash,
  IdentityText,
  MAX_AUTHORITIES,
  Ordinal,
  type Parsed,
  parserOf,
  strict,
  UnixSeconds,
  Version,
} from "./wire.ts";

/** An opaque name that a service gave: enrolments, cursors, requests. */
export const OpaqueId = Type.String({ pattern: "^[A-Za-z0-9_\\-]{1,128}$" });

/** Body of `POST /v1/enrolments`. */
export const EnrolmentRequestSchema = strict({
  v: Version,
  requests: Type.Array(SealedRequestSchema, { minItems: 1, maxItems: MAX_AUTHORITIES }),
});
export type EnrolmentRequest = Parsed<typeof EnrolmentRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseEnrolmentRequest = parserOf("enrolment request", EnrolmentRequestSchema);
export const encodeEnrolmentRequest = encoderOf("enrolment request", EnrolmentRequestSchema);

/** Answer of `POST /v1/enrolments` (202). */
export const EnrolmentAcceptedSchema = strict({ v: Version, id: OpaqueId });
export type EnrolmentAccepted = Parsed<typeof EnrolmentAcceptedSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseEnrolmentAccepted = parserOf("enrolment accepted", EnrolmentAcceptedSchema);
export const encodeEnrolmentAccepted = encoderOf("enrolment accepted", EnrolmentAcceptedSchema);

/** Answer of `GET /v1/enrolments/:id`: `problems` are D-TAs that could not even read the request; `pending` may still answer. */
export const EnrolmentStatusSchema = strict({
  v: Version,
  id: OpaqueId,
  answers: Type.Array(IssuanceAnswerSchema, { maxItems: MAX_AUTHORITIES }),
  problems: Type.Array(strict({ index: AuthorityIndex, problem: ProblemSchema }), { maxItems: MAX_AUTHORITIES }),
  pending: Type.Array(AuthorityIndex, { maxItems: MAX_AUTHORITIES }),
});
export type EnrolmentStatus = Parsed<typeof EnrolmentStatusSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseEnrolmentStatus = parserOf("enrolment status", EnrolmentStatusSchema);
export const encodeEnrolmentStatus = encoderOf("enrolment status", EnrolmentStatusSchema);

/** Body of `POST /v1/generate/*path`: the D-KMS draws the secret, encapsulates it as its own author, to the recipients or to a policy that states the types of its numbers, and forgets it. */
export const GenerateRequestSchema = strict({
  v: Version,
  recipients: Type.Array(PartySchema, { minItems: 1, maxItems: MAX_RECIPIENTS }),
  form: Type.Union([
    strict({ type: Type.Literal("bytes"), length: Type.Integer({ minimum: 16, maximum: 4096 }) }),
    strict({
      type: Type.Literal("text"),
      length: Type.Integer({ minimum: 12, maximum: 4096 }),
      alphabet: Type.String({ minLength: 2, maxLength: 128, pattern: "^[!-~]+$" }),
    }),
  ]),
  policy: Type.Optional(PolicyText),
  contentType: Type.Optional(ContentType),
  labels: Type.Optional(Labels),
  version: Type.Optional(Ordinal),
});
export type GenerateRequest = Parsed<typeof GenerateRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseGenerateRequest = parserOf("generate request", GenerateRequestSchema);
export const encodeGenerateRequest = encoderOf("generate request", GenerateRequestSchema);

/** Answer to put and generate. `sequence`: the delivery it caused, to wait for. */
export const SecretStoredSchema = strict({ v: Version, path: SecretPathText, version: Ordinal, sequence: Counter });
export type SecretStored = Parsed<typeof SecretStoredSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseSecretStored = parserOf("secret stored", SecretStoredSchema);
export const encodeSecretStored = encoderOf("secret stored", SecretStoredSchema);

/** Answer of `DELETE /v1/secrets/*path`. */
export const SecretDeletedSchema = strict({ v: Version, path: SecretPathText, versions: Counter });
export type SecretDeleted = Parsed<typeof SecretDeletedSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseSecretDeleted = parserOf("secret deleted", SecretDeletedSchema);
export const encodeSecretDeleted = encoderOf("secret deleted", SecretDeletedSchema);

/** A version without its envelope. */
export const SecretSummarySchema = strict({
  path: SecretPathText,
  version: Ordinal,
  author: PartySchema,
  recipients: Type.Array(IdentityText, { maxItems: MAX_RECIPIENTS }),
  created: UnixSeconds,
  contentType: Type.Optional(ContentType),
  labels: Type.Optional(Labels),
});
export type SecretSummary = Parsed<typeof SecretSummarySchema>;

/** Answer of `GET /v1/secrets`: newest version of each; `cursor` is there when there is more. */
export const SecretListSchema = strict({
  v: Version,
  secrets: Type.Array(SecretSummarySchema, { maxItems: 1000 }),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
});
export type SecretList = Parsed<typeof SecretListSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseSecretList = parserOf("secret list", SecretListSchema);
export const encodeSecretList = encoderOf("secret list", SecretListSchema);

/**
 * Answer of `GET /v1/versions/*path`, newest first. The next version is `newest` plus one: numbers go on after a deletion.
 * `versions` is empty for a deleted path, and for who may write there but neither read nor list.
 */
export const VersionListSchema = strict({
  v: Version,
  path: SecretPathText,
  versions: Type.Array(SecretSummarySchema, { maxItems: 1000 }),
  newest: Ordinal,
  deleted: Type.Boolean(),
});
export type VersionList = Parsed<typeof VersionListSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseVersionList = parserOf("version list", VersionListSchema);
export const encodeVersionList = encoderOf("version list", VersionListSchema);

/** One delivery to one identity. `record` spares a round trip; without it the receiver fetches the version. */
export const KmsEventSchema = Type.Union([
  strict({
    sequence: Ordinal,
    time: UnixSeconds,
    type: Type.Literal("version"),
    path: SecretPathText,
    version: Ordinal,
    record: Type.Optional(SecretRecordSchema),
  }),
  strict({ sequence: Ordinal, time: UnixSeconds, type: Type.Literal("deleted"), path: SecretPathText }),
]);
export type KmsEvent = Parsed<typeof KmsEventSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseKmsEvent = parserOf("event", KmsEventSchema);
export const encodeKmsEvent = encoderOf("event", KmsEventSchema);

/** Answer of `GET /v1/events`: in order of sequence; ask again with `after` = `next`. */
export const EventPageSchema = strict({
  v: Version,
  events: Type.Array(KmsEventSchema, { maxItems: 100 }),
  next: Counter,
});
export type EventPage = Parsed<typeof EventPageSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseEventPage = parserOf("event page", EventPageSchema);
export const encodeEventPage = encoderOf("event page", EventPageSchema);

/** Body of `POST /v1/acks`: what became of deliveries. */
export const AckRequestSchema = strict({
  v: Version,
  acks: Type.Array(
    strict({
      sequence: Ordinal,
      outcome: Type.Enum(["delivered", "failed"]),
      code: Type.Optional(CodeText),
    }),
    { minItems: 1, maxItems: 100 },
  ),
});
export type AckRequest = Parsed<typeof AckRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseAckRequest = parserOf("ack", AckRequestSchema);
export const encodeAckRequest = encoderOf("ack", AckRequestSchema);

/** Answer of `POST /v1/acks`: how many were new. */
export const AckAcceptedSchema = strict({ v: Version, accepted: Counter });
export type AckAccepted = Parsed<typeof AckAcceptedSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseAckAccepted = parserOf("ack accepted", AckAcceptedSchema);
export const encodeAckAccepted = encoderOf("ack accepted", AckAcceptedSchema);

/** Answer of `GET /v1/audit/head`. `signed` is the last head that the D-KMS has signed, see `kms-audit.ts`. */
export const AuditHeadSchema = strict({
  v: Version,
  index: Counter,
  hash: Hash,
  time: UnixSeconds,
  signed: Type.Optional(
    strict({
      index: Counter,
      hash: Hash,
      time: UnixSeconds,
      epoch: EpochNumber,
      signature: bytes(96, "Signature by the D-KMS's identity"),
    }),
  ),
});
export type AuditHead = Parsed<typeof AuditHeadSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseAuditHead = parserOf("audit head", AuditHeadSchema);
export const encodeAuditHead = encoderOf("audit head", AuditHeadSchema);
