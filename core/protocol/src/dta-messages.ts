/**
 * Bodies of a D-TA's public and admin API, beside the ceremony's and issuance's own.
 * @module
 */
import { Type } from "typebox";
import { CeremonyProposalSchema } from "./ceremony-messages.ts";
import { AuthorityName, DomainName } from "./descriptor.ts";
import { JoinTokenText } from "./issuance-messages.ts";
import { KEY_USAGES } from "./key-usage.ts";
import {
  AuthorityIndex,
  bytes,
  Counter,
  DomainIdBytes,
  encoderOf,
  Hash,
  IdentityPatternText,
  IdentityText,
  line,
  Ordinal,
  type Parsed,
  parserOf,
  strict,
  UnixSeconds,
  Version,
} from "./wire.ts";

/** Head of an audit log, unsigned. */
const Head = strict({ index: Counter, hash: Hash });

/** Answer of `GET /v1/dta` and of the admin's `GET /v1/status`. */
export const DtaStatusSchema = strict({
  v: Version,
  name: AuthorityName,
  operator: line(128, "Who runs this D-TA"),
  jurisdiction: line(64, "Under whose law"),
  software: Type.String({ maxLength: 32 }),
  sealed: Type.Boolean(),
  domains: Type.Array(
    strict({
      domainId: DomainIdBytes,
      name: DomainName,
      index: AuthorityIndex,
      /** The highest number of a descriptor that it has signed for a rotation and not adopted, also of one that was given up; absent for none. */
      signed: Type.Optional(Ordinal),
    }),
    { maxItems: 256 },
  ),
  log: Head,
});
export type DtaStatus = Parsed<typeof DtaStatusSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseDtaStatus = parserOf("D-TA status", DtaStatusSchema);
export const encodeDtaStatus = encoderOf("D-TA status", DtaStatusSchema);

/** Answer of the operator's `PUT /v1/descriptor`. */
export const DescriptorTakenSchema = strict({
  v: Version,
  sequence: Ordinal,
  /** Of the `mpin` master that it names. */
  epoch: Ordinal,
  /** Whether this D-TA has its share of that; without it the domain has to rotate again. */
  share: Type.Boolean(),
});
export type DescriptorTaken = Parsed<typeof DescriptorTakenSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseDescriptorTaken = parserOf("descriptor taken over", DescriptorTakenSchema);
export const encodeDescriptorTaken = encoderOf("descriptor taken over", DescriptorTakenSchema);

/** A signed log head: two different ones with the same index and domain prove that the log was rewritten. */
export const LogHeadSchema = strict({
  v: Version,
  domainId: DomainIdBytes,
  authority: AuthorityIndex,
  index: Counter,
  hash: Hash,
  time: UnixSeconds,
  signature: bytes(48, "Statement signature"),
});
export type LogHead = Parsed<typeof LogHeadSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseLogHead = parserOf("log head", LogHeadSchema);
export const encodeLogHead = encoderOf("log head", LogHeadSchema);

/** One entry as it is hashed; details are short scalars from an allow-list. */
export const LogEntrySchema = strict({
  index: Counter,
  time: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: "Unix milliseconds, as hashed" }),
  action: Type.String({ pattern: "^[a-z][a-z0-9.\\-]{0,63}$" }),
  outcome: Type.String({ pattern: "^[A-Za-z][A-Za-z0-9_.\\-]{0,63}$" }),
  subject: Type.Optional(Type.String({ maxLength: 255 })),
  details: Type.Record(
    Type.String({ pattern: "^[a-z][A-Za-z0-9]{0,31}$" }),
    Type.Union([Type.String({ maxLength: 1024 }), Type.Number(), Type.Boolean()]),
    { additionalProperties: false, maxProperties: 32 },
  ),
  previous: Hash,
  hash: Hash,
});
export type LogEntry = Parsed<typeof LogEntrySchema>;

/** Answer of `GET /v1/log`. */
export const LogPageSchema = strict({
  v: Version,
  entries: Type.Array(LogEntrySchema, { maxItems: 1000 }),
  head: Head,
});
export type LogPage = Parsed<typeof LogPageSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseLogPage = parserOf("log page", LogPageSchema);
export const encodeLogPage = encoderOf("log page", LogPageSchema);

/** Body of the admin's `POST /v1/unseal`. */
export const UnsealRequestSchema = strict({ v: Version, passphrase: Type.String({ minLength: 1, maxLength: 1024 }) });
export type UnsealRequest = Parsed<typeof UnsealRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseUnsealRequest = parserOf("unseal request", UnsealRequestSchema);
export const encodeUnsealRequest = encoderOf("unseal request", UnsealRequestSchema);

/** Body of the admin's `POST /v1/passphrase`: the masters are sealed under `next` from now on. */
export const PassphraseChangeSchema = strict({
  v: Version,
  passphrase: Type.String({ minLength: 1, maxLength: 1024 }),
  next: Type.String({ minLength: 1, maxLength: 1024 }),
});
export type PassphraseChange = Parsed<typeof PassphraseChangeSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parsePassphraseChange = parserOf("passphrase change", PassphraseChangeSchema);
export const encodePassphraseChange = encoderOf("passphrase change", PassphraseChangeSchema);

/** Body of the admin's `POST /v1/ceremonies`: the operator approves this proposal, in which the D-TA is member `index`. */
export const CeremonyApprovalSchema = strict({ v: Version, index: AuthorityIndex, proposal: CeremonyProposalSchema });
export type CeremonyApproval = Parsed<typeof CeremonyApprovalSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseCeremonyApproval = parserOf("approval", CeremonyApprovalSchema);
export const encodeCeremonyApproval = encoderOf("approval", CeremonyApprovalSchema);

const KeyUsages = Type.Array(Type.Enum([...KEY_USAGES]), { minItems: 1, maxItems: KEY_USAGES.length });

/** Body of the admin's `POST /v1/join-tokens`. */
export const JoinTokenRequestSchema = strict({
  v: Version,
  domainId: Type.Optional(DomainIdBytes),
  identities: IdentityPatternText,
  usages: KeyUsages,
  ttlSeconds: Type.Integer({ minimum: 1, maximum: 31_622_400 }),
  uses: Type.Literal(1),
});
export type JoinTokenRequest = Parsed<typeof JoinTokenRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseJoinTokenRequest = parserOf("join token request", JoinTokenRequestSchema);
export const encodeJoinTokenRequest = encoderOf("join token request", JoinTokenRequestSchema);

const tokenId = Type.String({ pattern: "^[A-Za-z0-9]{8,32}$" });

/** Answer to it: the only time the token is shown. */
export const JoinTokenIssuedSchema = strict({ v: Version, id: tokenId, token: JoinTokenText, expires: UnixSeconds });
export type JoinTokenIssued = Parsed<typeof JoinTokenIssuedSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseJoinTokenIssued = parserOf("join token", JoinTokenIssuedSchema);
export const encodeJoinTokenIssued = encoderOf("join token", JoinTokenIssuedSchema);

/** Answer of the admin's `GET /v1/join-tokens`. */
export const JoinTokenListSchema = strict({
  v: Version,
  tokens: Type.Array(
    strict({
      id: tokenId,
      identities: IdentityPatternText,
      usages: KeyUsages,
      expires: UnixSeconds,
      used: Type.Optional(strict({ time: UnixSeconds, identity: IdentityText, requestHash: Hash })),
    }),
    { maxItems: 10_000 },
  ),
});
export type JoinTokenList = Parsed<typeof JoinTokenListSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseJoinTokenList = parserOf("join token list", JoinTokenListSchema);
export const encodeJoinTokenList = encoderOf("join token list", JoinTokenListSchema);

/** Body of the admin's `POST` and `DELETE /v1/deny`. */
export const DenyRequestSchema = strict({
  v: Version,
  pattern: IdentityPatternText,
  reason: Type.Optional(line(256, "Why, for the log")),
});
export type DenyRequest = Parsed<typeof DenyRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseDenyRequest = parserOf("deny request", DenyRequestSchema);
export const encodeDenyRequest = encoderOf("deny request", DenyRequestSchema);

/** Answer of the admin's `GET /v1/deny`. */
export const DenyListSchema = strict({
  v: Version,
  denied: Type.Array(
    strict({ pattern: IdentityPatternText, reason: Type.Optional(Type.String({ maxLength: 256 })), time: UnixSeconds }),
    { maxItems: 10_000 },
  ),
});
export type DenyList = Parsed<typeof DenyListSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseDenyList = parserOf("deny list", DenyListSchema);
export const encodeDenyList = encoderOf("deny list", DenyListSchema);

/** Answer of calls that have nothing to say. */
export const DoneSchema = strict({ v: Version, done: Type.Literal(true) });
export type Done = Parsed<typeof DoneSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseDone = parserOf("answer", DoneSchema);
export const encodeDone = encoderOf("answer", DoneSchema);
