/**
 * Who connects to the bus: a signed token as MQTT password, the subject as user name.
 *
 *   subject  an identity (signed by its `sig` key of `epoch`) or `dta:<index>` (signed by that D-TA's statement key)
 *   signed   statement "bus-token" over the canonical token without signature
 *
 * Fresh for a minute and good once: the broker remembers nonces until they expire. What a subject may do follows from who it is.
 * @module
 */
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { signStatement, verifyStatement } from "@milagro/crypto/bls";
import { equalBytes, parseUtf8 } from "@milagro/crypto/bytes";
import type { DomainId } from "@milagro/crypto/domain-id";
import type { Epoch } from "@milagro/crypto/epoch";
import { signAs, verifySignature } from "@milagro/crypto/ibs";
import { type Identity, identityOf, parseIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import type { IdentityKey } from "@milagro/crypto/identity-key";
import type { MasterSecretShare } from "@milagro/crypto/master-secret";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { Type } from "typebox";
import { allAnswersTopic, answersTopic, busAddress, parseTopic, requestsTopic } from "./bus-messages.ts";
import { canonicalBytes } from "./canonical.ts";
import { isTimely } from "./issuance-messages.ts";
import { statementBytes } from "./statement.ts";
import { isSigningEpoch, type TrustDomain } from "./trust-domain.ts";
import {
  bytes,
  bytesBetween,
  DomainIdBytes,
  EpochNumber,
  encoderOf,
  type Parsed,
  parseJson,
  parserOf,
  strict,
  UnixSeconds,
  Version,
} from "./wire.ts";

/** How far a token's time may be from the broker's clock. */
export const BUS_TOKEN_WINDOW_SECONDS = 60;

export const BusTokenSchema = strict({
  v: Version,
  domainId: DomainIdBytes,
  subject: Type.String({ minLength: 5, maxLength: 255 }),
  audience: Type.Literal("bus"),
  time: UnixSeconds,
  nonce: bytes(16, "Random"),
  epoch: Type.Optional(EpochNumber),
  signature: bytesBetween(48, 96, "Signature"),
});
export type BusToken = Parsed<typeof BusTokenSchema>;
const parseToken = parserOf("bus token", BusTokenSchema);
const encodeToken = encoderOf("bus token", BusTokenSchema);

/** Somebody on the bus. */
export type BusSubject =
  | { readonly kind: "dta"; readonly index: number }
  | { readonly kind: "identity"; readonly identity: Identity };

const dtaSubject = (index: number) => `dta:${index}`;
/** The user name of a subject. */
export const formatBusSubject = (subject: BusSubject): string =>
  subject.kind === "dta" ? dtaSubject(subject.index) : subject.identity;

const refuse = (detail: string): never => {
  throw new MilagroError("ERR_BUS_TOKEN_INVALID", detail);
};

function subjectOf(text: string): BusSubject {
  const index = /^dta:([1-9][0-9]?)$/.exec(text)?.[1];
  if (index !== undefined) return { kind: "dta", index: Number(index) };
  try {
    return { kind: "identity", identity: parseIdentity(text) };
  } catch {
    return refuse("the subject is neither a D-TA nor an identity");
  }
}

/** base64url of the canonical token. */
export const encodeBusToken = (token: BusToken): string => encodeBase64url(canonicalBytes(encodeToken(token)));

/** From the MQTT password. @throws `ERR_BUS_TOKEN_INVALID`, whatever is wrong */
export function parseBusToken(text: string): BusToken {
  if (text.length > 4096) return refuse("the token is too long");
  try {
    return parseToken(parseJson(parseUtf8(parseBase64url(text))));
  } catch {
    return refuse("the password is not a bus token");
  }
}

function message({ signature: _, ...unsigned }: BusToken): Uint8Array {
  const { signature: __, ...body } = encodeToken({ ...unsigned, signature: new Uint8Array(48) });
  return statementBytes("bus-token", body);
}

const unsigned = (random: RandomBytes, domainId: DomainId, subject: BusSubject, nowMs: number): BusToken => ({
  v: 1,
  domainId,
  subject: formatBusSubject(subject),
  audience: "bus",
  time: Math.floor(nowMs / 1000),
  nonce: random(16),
  signature: new Uint8Array(48),
});

/** A D-TA's token. */
export function makeDtaBusToken(
  engine: Engine,
  random: RandomBytes,
  options: {
    readonly domainId: DomainId;
    readonly index: number;
    readonly statement: MasterSecretShare<"statement">;
    readonly nowMs: number;
  },
): string {
  const token = unsigned(random, options.domainId, { kind: "dta", index: options.index }, options.nowMs);
  return encodeBusToken({ ...token, signature: signStatement(engine, options.statement, message(token)) });
}

/** An endpoint's token, or the D-KMS's own. */
export function makeIdentityBusToken(
  engine: Engine,
  random: RandomBytes,
  options: {
    readonly domain: TrustDomain;
    readonly identity: Identity;
    readonly epoch: Epoch;
    readonly key: IdentityKey<"sig">;
    readonly nowMs: number;
  },
): string {
  const { domain, identity, epoch, key, nowMs } = options;
  const token: BusToken = { ...unsigned(random, domain.domainId, { kind: "identity", identity }, nowMs), epoch };
  const input = identityInput(domain.domainId, "sig", identity, epoch);
  return encodeBusToken({ ...token, signature: signAs(engine, random, key, domain.publicKey, input, message(token)) });
}

/** A token that was verified; `nonce` is for the caller's replay cache, until `expiresMs`. */
export interface VerifiedBusToken {
  readonly subject: BusSubject;
  readonly nonce: Uint8Array;
  readonly expiresMs: number;
}

/**
 * Verifies a token. The caller refuses nonces it has seen, and users whose name is not the subject.
 * @throws `ERR_BUS_TOKEN_INVALID`
 */
export function verifyBusToken(engine: Engine, domain: TrustDomain, token: BusToken, nowMs: number): VerifiedBusToken {
  if (!equalBytes(token.domainId, domain.domainId)) refuse("the token is for another domain");
  if (!isTimely(token.time, nowMs, BUS_TOKEN_WINDOW_SECONDS)) refuse("the token is too old or from the future");
  const subject = subjectOf(token.subject);
  if (!isSignedBy(engine, domain, token, subject, nowMs)) refuse("the token's signature is wrong");
  return { subject, nonce: token.nonce, expiresMs: (token.time + BUS_TOKEN_WINDOW_SECONDS) * 1000 };
}

function isSignedBy(engine: Engine, domain: TrustDomain, token: BusToken, subject: BusSubject, nowMs: number): boolean {
  const { epoch, signature } = token;
  if (subject.kind === "dta") {
    const authority = domain.authorities[subject.index - 1];
    return (
      authority !== undefined &&
      epoch === undefined &&
      verifyStatement(engine, authority.publicShares.statement, message(token), signature)
    );
  }
  if (epoch === undefined || !isSigningEpoch(domain, epoch, nowMs)) return false;
  const input = identityInput(domain.domainId, "sig", subject.identity, epoch);
  return verifySignature(engine, domain.publicKey, input, message(token), signature);
}

/** The identity under which the D-KMS of a domain signs and connects. */
export const kmsIdentity = (domain: Pick<TrustDomain, "name">): Identity =>
  identityOf({ domain: domain.name, kind: "service", name: "kms" });

/** Pure: may the subject do this on the topic? Everything not named here is forbidden, wildcards included. */
export function decideTopic(
  domain: TrustDomain,
  subject: BusSubject,
  action: "publish" | "subscribe",
  text: string,
): boolean {
  const isKms = subject.kind === "identity" && subject.identity === kmsIdentity(domain);
  if (text === allAnswersTopic(domain.domainId)) return isKms && action === "subscribe";
  const topic = parseTopic(text);
  if (topic === undefined || !equalBytes(topic.domainId, domain.domainId)) return false;
  if (topic.kind === "events") {
    if (action === "publish") return isKms;
    return subject.kind === "identity" && equalBytes(topic.address, busAddress(subject.identity));
  }
  if (subject.kind === "identity") return isKms && (topic.kind === "requests") === (action === "publish");
  const own =
    topic.kind === "requests"
      ? requestsTopic(domain.domainId, subject.index)
      : answersTopic(domain.domainId, subject.index);
  return text === own && (topic.kind === "requests") === (action === "subscribe");
}
