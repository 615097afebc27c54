/**
 * The record of one version of a secret. Its author signs all of it, so the D-KMS that stores and relays it cannot swap,
 * re-address or renumber secrets unnoticed. Signing and verifying are in `secret.ts`.
 * @module
 */
import { Type } from "typebox";
import { SecretPathText } from "./secret-path.ts";
import {
  bytes,
  bytesBetween,
  DomainIdBytes,
  EpochNumber,
  encoderOf,
  IdentityText,
  Ordinal,
  type Parsed,
  parserOf,
  strict,
  UnixSeconds,
  Version,
  type Wire,
} from "./wire.ts";

/** The most recipients of one version. */
export const MAX_RECIPIENTS = 64;
/** The most bytes of plaintext in a stored secret; larger things are files, encrypted with `milagro encrypt`. */
export const MAX_SECRET_BYTES = 1_048_576;
/** Plaintext plus header, 64 recipients of 255 bytes or an encapsulation to a policy of some hundred rows, tag. */
export const MAX_ENVELOPE_BYTES = MAX_SECRET_BYTES + 65_536;

/** Somebody in some epoch: the public key that a secret is encapsulated to or a record is verified with. */
export const PartySchema = strict({ identity: IdentityText, epoch: EpochNumber });
export type Party = Parsed<typeof PartySchema>;

/** A media type, for whoever writes the secret to a file. */
export const ContentType = Type.String({
  maxLength: 100,
  pattern: "^[a-z0-9!#$&^_.+\\-]+/[a-z0-9!#$&^_.+\\-]+(?:; ?[a-z0-9\\-]+=[A-Za-z0-9._\\-]+)*$",
});
/** Up to sixteen short words for sorting; not encrypted. */
export const Labels = Type.Record(
  Type.String({ pattern: "^[a-z][a-z0-9.\\-]{0,31}$" }),
  Type.String({ maxLength: 128, pattern: "^[^\\p{C}]*$" }),
  { additionalProperties: false, maxProperties: 16 },
);

const unsigned = {
  v: Version,
  domainId: DomainIdBytes,
  path: SecretPathText,
  version: Ordinal,
  recipients: Type.Array(PartySchema, { minItems: 1, maxItems: MAX_RECIPIENTS }),
  envelope: bytesBetween(1, MAX_ENVELOPE_BYTES, "Encoded envelope"),
  author: PartySchema,
  created: UnixSeconds,
  contentType: Type.Optional(ContentType),
  labels: Type.Optional(Labels),
} as const;

/** A record before its author has signed it. */
export const UnsignedSecretRecordSchema = strict(unsigned);
export type UnsignedSecretRecord = Parsed<typeof UnsignedSecretRecordSchema>;
export const encodeUnsignedSecretRecord = encoderOf("unsigned secret record", UnsignedSecretRecordSchema);

export const SecretRecordSchema = strict(
  { ...unsigned, signature: bytes(96, "Author's signature") },
  "One version of a secret",
);
export type SecretRecord = Parsed<typeof SecretRecordSchema>;
export type SecretRecordWire = Wire<typeof SecretRecordSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseSecretRecord = parserOf("secret record", SecretRecordSchema);
export const encodeSecretRecord = encoderOf("secret record", SecretRecordSchema);
