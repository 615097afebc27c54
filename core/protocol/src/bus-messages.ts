/**
 * Topics and payloads of the bus. The database outbox is the truth and the bus only hurries things, so every payload
 * may come late, twice or never; all of them are ciphertext or numbers.
 * @module
 */
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { utf8 } from "@milagro/crypto/bytes";
import { type DomainId, formatDomainId, parseDomainId } from "@milagro/crypto/domain-id";
import type { Identity } from "@milagro/crypto/identity";
import { sha256 } from "@noble/hashes/sha2.js";
import { Type } from "typebox";
import { IssuanceAnswerSchema, SealedRequestSchema } from "./issuance-messages.ts";
import { KmsEventSchema, OpaqueId } from "./kms-messages.ts";
import { ProblemSchema } from "./problem.ts";
import {
  AuthorityIndex,
  Counter,
  encoderOf,
  MAX_AUTHORITIES,
  type Parsed,
  parserOf,
  strict,
  Version,
  type Wire,
} from "./wire.ts";

/** A parsed topic. `address` is SHA-256 of the identity: topics travel in the clear and the broker logs them. */
export type Topic =
  | { readonly kind: "requests" | "answers"; readonly domainId: DomainId; readonly index: number }
  | { readonly kind: "events"; readonly domainId: DomainId; readonly address: Uint8Array };

const PREFIX = "milagro/v1";

/** Where D-TA `index` listens. */
export const requestsTopic = (domainId: DomainId, index: number): string =>
  `${PREFIX}/${formatDomainId(domainId)}/dta/${index}/requests`;
/** Where D-TA `index` answers. */
export const answersTopic = (domainId: DomainId, index: number): string =>
  `${PREFIX}/${formatDomainId(domainId)}/dta/${index}/answers`;
/** The subscription of the D-KMS to all answers. */
export const allAnswersTopic = (domainId: DomainId): string => `${PREFIX}/${formatDomainId(domainId)}/dta/+/answers`;
/** The address of an identity on the bus. */
export const busAddress = (identity: Identity): Uint8Array => sha256(utf8(identity));
/** Where an endpoint listens. */
export const eventsTopic = (domainId: DomainId, identity: Identity): string =>
  `${PREFIX}/${formatDomainId(domainId)}/endpoint/${encodeBase64url(busAddress(identity))}/events`;

/** A topic without wildcards in its parts, or undefined: not one of ours. */
export function parseTopic(text: string): Topic | undefined {
  if (text.length > 256) return undefined;
  const [, domain, who, place, what] =
    /^milagro\/v1\/([A-Za-z0-9_-]{43})\/(dta|endpoint)\/([A-Za-z0-9_-]{1,43})\/(requests|answers|events)$/.exec(text) ??
    [];
  if (domain === undefined || place === undefined) return undefined;
  try {
    const domainId = parseDomainId(domain);
    if (who === "dta" && what !== "events" && /^[1-9][0-9]?$/.test(place) && Number(place) <= MAX_AUTHORITIES)
      return { kind: what as "requests" | "answers", domainId, index: Number(place) };
    const address = parseBase64url(place);
    if (who === "endpoint" && what === "events" && address.length === 32) return { kind: "events", domainId, address };
  } catch {
    return undefined;
  }
  return undefined;
}

/** To a D-TA: a sealed request, and the name under which the D-KMS waits for its answer. */
export const BusRequestSchema = strict({ v: Version, id: OpaqueId, request: SealedRequestSchema });
export type BusRequest = Parsed<typeof BusRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseBusRequest = parserOf("bus request", BusRequestSchema);
export const encodeBusRequest = encoderOf("bus request", BusRequestSchema);

/** From a D-TA: its answer, or the problem it had before it could read the request. */
export const BusAnswerSchema = Type.Union([
  strict({ v: Version, id: OpaqueId, index: AuthorityIndex, answer: IssuanceAnswerSchema }),
  strict({ v: Version, id: OpaqueId, index: AuthorityIndex, problem: ProblemSchema }),
]);
export type BusAnswer = Parsed<typeof BusAnswerSchema>;
export type BusAnswerWire = Wire<typeof BusAnswerSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseBusAnswer = parserOf("bus answer", BusAnswerSchema);
export const encodeBusAnswer = encoderOf("bus answer", BusAnswerSchema);

/** To an endpoint: there is something up to `sequence`; `event` is the newest itself when it is small. */
export const BusEventSchema = strict({ v: Version, sequence: Counter, event: Type.Optional(KmsEventSchema) });
export type BusEvent = Parsed<typeof BusEventSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseBusEvent = parserOf("bus event", BusEventSchema);
export const encodeBusEvent = encoderOf("bus event", BusEventSchema);
