/**
 * Time permits: what a device fetches from every D-TA for the epochs to come. No evidence: a permit is worth nothing without
 * the token on the device. Checking and adding up is in `permits.ts`.
 *
 *   POST /v1/permits      PermitRequest → PermitAnswer, or a problem such as ERR_IDENTITY_REVOKED
 * @module
 */
import { Type } from "typebox";
import {
  AuthorityIndex,
  bytes,
  DomainIdBytes,
  EpochNumber,
  encoderOf,
  IdentityText,
  Ordinal,
  type Parsed,
  parserOf,
  strict,
  Version,
} from "./wire.ts";

/** The most epochs one request may name. */
export const MAX_PERMITS = 4;

/** Body of `POST /v1/permits`. Epochs from the one before the present one to the second after it. */
export const PermitRequestSchema = strict({
  v: Version,
  domainId: DomainIdBytes,
  identity: IdentityText,
  epochs: Type.Array(EpochNumber, { minItems: 1, maxItems: MAX_PERMITS }),
  /** Epoch of the `mpin` master that the device's token is of; absent for 0. */
  master: Type.Optional(Ordinal),
});
export type PermitRequest = Parsed<typeof PermitRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parsePermitRequest = parserOf("permit request", PermitRequestSchema);
export const encodePermitRequest = encoderOf("permit request", PermitRequestSchema);

/** Answer to it: shares in the order of the request, one proof for all. */
export const PermitAnswerSchema = strict({
  v: Version,
  index: AuthorityIndex,
  permits: Type.Array(bytes(48, "Time permit share"), { minItems: 1, maxItems: MAX_PERMITS }),
  proof: bytes(64, "Proof of equal logarithms"),
});
export type PermitAnswer = Parsed<typeof PermitAnswerSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parsePermitAnswer = parserOf("permit answer", PermitAnswerSchema);
export const encodePermitAnswer = encoderOf("permit answer", PermitAnswerSchema);
