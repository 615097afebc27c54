/**
 * Codes by e-mail: each D-TA mails one of its own to the address that the identity names, and takes it back as evidence. The
 * request is sealed like one for keys, so nobody on the way learns who enrols, nor the request key that the code is bound to.
 *
 *   POST /v1/email-codes      SealedRequest → 202 Done, whatever happens
 *   request   HPKE to the D-TA's key, info "milagro email code v1", aad = domainId ‖ u16 index
 *   digest    SHA-256(transcript("MILAGRO-V1-EMAIL-CODE", domainId, identity, requestKey, code)), all that is kept of a code
 * @module
 */
import { concat, equalBytes, parseUtf8, transcript, u16, utf8, wipe } from "@milagro/crypto/bytes";
import type { DomainId } from "@milagro/crypto/domain-id";
import { type HpkePrivateKey, type HpkePublicKey, hpkeOpen, hpkeSeal, type X25519 } from "@milagro/crypto/hpke";
import type { Identity } from "@milagro/crypto/identity";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { sha256 } from "@noble/hashes/sha2.js";
import { Type } from "typebox";
import { canonicalBytes } from "./canonical.ts";
import type { SealedRequest } from "./issuance-messages.ts";
import {
  bytes,
  DomainIdBytes,
  encoderOf,
  IdentityText,
  type Parsed,
  parseJson,
  parserOf,
  strict,
  UnixSeconds,
  Version,
} from "./wire.ts";

/** Languages that mails are written in; the first is the default. */
export const MAIL_LANGUAGES = ["en", "de", "ja", "ar"] as const;
export type MailLanguage = (typeof MAIL_LANGUAGES)[number];

/** How long a code is good for. */
export const EMAIL_CODE_SECONDS = 900;
/** How many codes may be tried against one that was mailed. */
export const EMAIL_CODE_GUESSES = 5;

export const EmailCodeRequestSchema = strict(
  {
    v: Version,
    domainId: DomainIdBytes,
    identity: IdentityText,
    requestKey: bytes(32, "X25519 public key of the request for keys that is to come"),
    time: UnixSeconds,
    language: Type.Optional(Type.Enum([...MAIL_LANGUAGES], { description: "Language of the mail" })),
  },
  "Request for a code by e-mail, only ever sent sealed",
);
export type EmailCodeRequest = Parsed<typeof EmailCodeRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseEmailCodeRequest = parserOf("e-mail code request", EmailCodeRequestSchema);
export const encodeEmailCodeRequest = encoderOf("e-mail code request", EmailCodeRequestSchema);

const INFO = utf8("milagro email code v1");
const aadOf = (domainId: DomainId, index: number) => concat(domainId, u16(index));

/** Seals a request to one D-TA. */
export async function sealEmailCodeRequest(options: {
  readonly random: RandomBytes;
  readonly hpkeKey: HpkePublicKey;
  readonly index: number;
  readonly request: EmailCodeRequest;
  readonly x25519?: X25519 | undefined;
}): Promise<SealedRequest> {
  const { random, hpkeKey: publicKey, index, request, x25519 } = options;
  const plaintext = canonicalBytes(encodeEmailCodeRequest(request));
  const aad = aadOf(request.domainId, index);
  return {
    v: 1,
    domainId: request.domainId,
    index,
    ...(await hpkeSeal({ publicKey, info: INFO, aad, plaintext, random, x25519 })),
  };
}

/**
 * Opens a request at the D-TA.
 * @throws `ERR_DOMAIN_MISMATCH` when it is for another domain or D-TA, `ERR_HPKE_OPEN_FAILED`, `ERR_MESSAGE_INVALID`
 */
export async function openEmailCodeRequest(options: {
  readonly privateKey: HpkePrivateKey;
  readonly domainId: DomainId;
  readonly index: number;
  readonly sealed: SealedRequest;
  readonly x25519?: X25519 | undefined;
}): Promise<EmailCodeRequest> {
  const { privateKey, domainId, index, sealed, x25519 } = options;
  const mismatch = () => new MilagroError("ERR_DOMAIN_MISMATCH", "the request is for another domain or another D-TA");
  if (!equalBytes(sealed.domainId, domainId) || sealed.index !== index) throw mismatch();
  const { encapsulatedKey, ciphertext } = sealed;
  const aad = aadOf(domainId, index);
  const plaintext = await hpkeOpen({ privateKey, encapsulatedKey, ciphertext, info: INFO, aad, x25519 });
  const request = parseEmailCodeRequest(parseJson(parseUtf8(plaintext)));
  wipe(plaintext);
  if (!equalBytes(request.domainId, domainId)) throw mismatch();
  return request;
}

/** What a D-TA keeps of a code: good for this identity and this request key alone. Compare with `equalBytes`. */
export const emailCodeDigest = (
  domainId: DomainId,
  identity: Identity,
  requestKey: Uint8Array,
  code: string,
): Uint8Array => sha256(transcript("MILAGRO-V1-EMAIL-CODE", domainId, utf8(identity), requestKey, utf8(code)));
