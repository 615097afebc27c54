/**
 * Requests signed with an identity key: HTTP Message Signatures, profile `tag="milagro"`.
 *
 *   covered  "@method" "@target-uri", "content-digest" when there is a body, "idempotency-key" when there is one; more is allowed
 *   params   created, expires (at most 300 s later), nonce (16 bytes, base64url), keyid, alg="milagro-ibs-v1", tag="milagro"
 *   keyid    percent-encoded identity ‖ "#" ‖ epoch
 *   signed   transcript("MILAGRO-V1-HTTP", signature base) by the `sig` key, so the domain is bound through the identity's hash
 *
 * Verifying says who signed, not that it is new: the caller refuses a (keyid, nonce) it has seen until `expiresMs`.
 * Source: RFC 9421 §2.3 (parameters), §3.2 (verifying), §4 (fields); RFC 9530; RFC 3986 §2 (percent-encoding).
 * @module
 */
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { transcript, utf8 } from "@milagro/crypto/bytes";
import { type Epoch, parseEpoch } from "@milagro/crypto/epoch";
import { type SignatureClaim, signAs, verifySignature } from "@milagro/crypto/ibs";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import {
  type Dictionary,
  isInnerList,
  type Parameters,
  parseDictionary,
  serializeDictionary,
} from "structured-headers";
import { checkContentDigest, contentDigest } from "./content-digest.ts";
import type { Author } from "./secret.ts";
import {
  fieldValue,
  type HeaderFields,
  type HttpRequestParts,
  signatureBase,
  signatureParams,
} from "./signature-base.ts";
import { isSigningEpoch, type TrustDomain } from "./trust-domain.ts";

/** `alg` of these signatures. */
export const HTTP_SIGNATURE_ALGORITHM = "milagro-ibs-v1";
/** `tag` of these signatures: which of several is ours. */
export const HTTP_SIGNATURE_TAG = "milagro";
/** The most seconds between `created` and `expires`. */
export const MAX_SIGNATURE_SECONDS = 300;
/** How far clocks may be apart. */
export const CLOCK_SKEW_SECONDS = 60;

const LABEL = "sig1";
const MAX_FIELD = 4096;
const NONCE_LENGTH = 16;

const invalid = (detail: string) => new MilagroError("ERR_SIGNATURE_INVALID", detail);
const missing = (detail: string) => new MilagroError("ERR_SIGNATURE_MISSING", detail);

/** Percent-encoding of the few characters of an identity that a structured string or `#` cannot carry. */
const encodeName = (identity: Identity) => identity.replace(/[^A-Za-z0-9._@+:/-]+/gu, encodeURIComponent);

/** Names a public key: `milagro:example.org/service/web#20000`. */
export const formatKeyId = (identity: Identity, epoch: Epoch): string => `${encodeName(identity)}#${epoch}`;

/** @throws `ERR_SIGNATURE_INVALID` for anything that `formatKeyId` does not make */
export function parseKeyId(text: string): { readonly identity: Identity; readonly epoch: Epoch } {
  try {
    const [, name = "", number = ""] = /^([^#]{1,1024})#(0|[1-9][0-9]{0,15})$/.exec(text) ?? [];
    const identity = parseIdentity(decodeURIComponent(name));
    const epoch = parseEpoch(Number(number));
    if (formatKeyId(identity, epoch) === text) return { identity, epoch };
  } catch {
    // falls through: one error for every malformed keyid
  }
  throw invalid("keyid is not an identity and an epoch");
}

/** The components that must be covered. */
function required(request: HttpRequestParts, headers: HeaderFields): string[] {
  const digest = hasBody(request) || fieldValue(headers, "content-digest") !== undefined;
  const key = fieldValue(headers, "idempotency-key") !== undefined;
  return ["@method", "@target-uri", ...(digest ? ["content-digest"] : []), ...(key ? ["idempotency-key"] : [])];
}

const hasBody = ({ body }: HttpRequestParts) => body !== undefined && body.length > 0;
const signedBytes = (base: string) => transcript("MILAGRO-V1-HTTP", utf8(base));

/**
 * Signs a request.
 * @param options.validSeconds - 1 to 300; default 60
 * @returns the fields to add: `content-digest` (when there is a body), `signature-input`, `signature`
 */
export function signRequest(options: {
  readonly engine: Engine;
  readonly random: RandomBytes;
  readonly domain: TrustDomain;
  readonly author: Author;
  readonly request: HttpRequestParts;
  readonly nowMs: number;
  readonly validSeconds?: number;
}): Readonly<Record<string, string>> {
  const { engine, random, domain, author, request, nowMs, validSeconds = 60 } = options;
  if (!(validSeconds >= 1 && validSeconds <= MAX_SIGNATURE_SECONDS))
    throw new TypeError("validSeconds is between 1 and 300");
  const { identity, epoch } = author.party;
  const digest: Record<string, string> = hasBody(request)
    ? { "content-digest": contentDigest(request.body as Uint8Array) }
    : {};
  const others = Object.entries(request.headers).filter(([name]) => name.toLowerCase() !== "content-digest");
  const complete: HttpRequestParts = { ...request, headers: { ...Object.fromEntries(others), ...digest } };
  const components = required(complete, complete.headers);
  const created = Math.floor(nowMs / 1000);
  const parameters: Parameters = new Map<string, string | number>([
    ["created", created],
    ["expires", created + Math.floor(validSeconds)],
    ["nonce", encodeBase64url(random(NONCE_LENGTH))],
    ["keyid", formatKeyId(identity, epoch)],
    ["alg", HTTP_SIGNATURE_ALGORITHM],
    ["tag", HTTP_SIGNATURE_TAG],
  ]);
  const message = signedBytes(signatureBase(complete, components, parameters));
  const input = identityInput(domain.domainId, "sig", identity, epoch);
  const signature = signAs(engine, random, author.key, domain.publicKey, input, message);
  return {
    ...digest,
    "signature-input": `${LABEL}=${signatureParams(components, parameters)}`,
    signature: serializeDictionary(new Map([[LABEL, [signature, new Map()]]])),
  };
}

/** What a request's signature says about itself; nothing of it is verified. */
export interface RequestSignature {
  readonly components: readonly string[];
  readonly parameters: Parameters;
  readonly identity: Identity;
  readonly epoch: Epoch;
  /** As text: 22 characters. */
  readonly nonce: string;
  readonly created: number;
  readonly expires: number;
  readonly signature: Uint8Array;
}

function dictionary(headers: HeaderFields, name: string): Dictionary {
  const value = fieldValue(headers, name);
  if (value === undefined) throw missing(`the request has no ${name} field`);
  if (value.length > MAX_FIELD) throw invalid(`the ${name} field is too long`);
  try {
    return parseDictionary(value);
  } catch {
    throw invalid(`the ${name} field is malformed`);
  }
}

function ofType(parameters: Parameters, name: string, type: "string" | "number"): string | number {
  const value: unknown = parameters.get(name);
  if (typeof value !== type) throw invalid(`the signature has no ${name}`);
  return value as string | number;
}

/**
 * Reads the one signature of a request that is tagged as ours.
 * @throws `ERR_SIGNATURE_MISSING` when there is none, `ERR_SIGNATURE_INVALID` for anything malformed
 */
export function parseRequestSignature(headers: HeaderFields): RequestSignature {
  const inputs = dictionary(headers, "signature-input");
  const tagged = [...inputs].filter(([, member]) => member[1].get("tag") === HTTP_SIGNATURE_TAG);
  const [entry] = tagged;
  if (entry === undefined) throw missing('no signature has tag="milagro"');
  if (tagged.length > 1) throw invalid('several signatures have tag="milagro"');
  const [label, member] = entry;
  if (!isInnerList(member)) throw invalid("Signature-Input does not list components");
  const components = member[0].map(([name, parameters]): string => {
    if (typeof name !== "string" || parameters.size > 0) throw invalid("component parameters are not supported");
    return name;
  });
  const parameters = member[1];
  if (ofType(parameters, "alg", "string") !== HTTP_SIGNATURE_ALGORITHM)
    throw invalid("the signature is of another algorithm");
  const value: unknown = dictionary(headers, "signature").get(label)?.[0];
  if (!(value instanceof ArrayBuffer)) throw invalid("the Signature field does not hold the signature");
  const { identity, epoch } = parseKeyId(ofType(parameters, "keyid", "string") as string);
  const nonce = ofType(parameters, "nonce", "string") as string;
  if (!isNonce(nonce)) throw invalid("nonce is not 16 bytes");
  const created = ofType(parameters, "created", "number") as number;
  const expires = ofType(parameters, "expires", "number") as number;
  if (!Number.isSafeInteger(created) || !Number.isSafeInteger(expires))
    throw invalid("created and expires are whole seconds");
  return { components, parameters, identity, epoch, nonce, created, expires, signature: new Uint8Array(value) };
}

function isNonce(text: string): boolean {
  try {
    return text.length < 64 && parseBase64url(text).length === NONCE_LENGTH;
  } catch {
    return false;
  }
}

/** Who signed a request, once it has been verified. */
export interface VerifiedRequest {
  readonly identity: Identity;
  readonly epoch: Epoch;
  /** For the replay cache, together with identity and epoch. */
  readonly nonce: string;
  /** When the nonce may be forgotten. */
  readonly expiresMs: number;
}

/** Everything that can be checked without a pairing, and the claim that remains. */
export interface CheckedRequest extends VerifiedRequest {
  readonly claim: SignatureClaim;
}

/**
 * Checks times, coverage, digest and epoch; leaves the signature itself, so that a server can verify in a worker or in batches.
 * @throws `ERR_SIGNATURE_MISSING`, `ERR_SIGNATURE_INVALID`, `ERR_SIGNATURE_EXPIRED`, `ERR_DIGEST_INVALID`
 */
export function checkRequest(domain: TrustDomain, request: HttpRequestParts, nowMs: number): CheckedRequest {
  const parsed = parseRequestSignature(request.headers);
  const { components, parameters, identity, epoch, nonce, created, expires, signature } = parsed;
  checkTimes(created, expires, nowMs);
  if (!isSigningEpoch(domain, epoch, nowMs))
    throw new MilagroError("ERR_SIGNATURE_EXPIRED", "signed with the key of another epoch");
  if (required(request, request.headers).some((name) => !components.includes(name)))
    throw invalid("the signature does not cover method, target, body and idempotency key");
  const digest = fieldValue(request.headers, "content-digest");
  if (digest !== undefined) checkContentDigest(digest, request.body ?? new Uint8Array());
  const message = signedBytes(signatureBase(request, components, parameters));
  const input = identityInput(domain.domainId, "sig", identity, epoch);
  return {
    identity,
    epoch,
    nonce,
    expiresMs: (expires + CLOCK_SKEW_SECONDS) * 1000,
    claim: { input, message, signature },
  };
}

function checkTimes(created: number, expires: number, nowMs: number): void {
  const now = nowMs / 1000;
  if (expires <= created || expires - created > MAX_SIGNATURE_SECONDS)
    throw invalid("a signature is valid for 1 to 300 seconds");
  if (created > now + CLOCK_SKEW_SECONDS)
    throw new MilagroError("ERR_SIGNATURE_EXPIRED", "the signature is from the future");
  if (expires <= now - CLOCK_SKEW_SECONDS) throw new MilagroError("ERR_SIGNATURE_EXPIRED", "the signature has expired");
}

/**
 * Verifies a request completely.
 * @throws as `checkRequest`
 */
export function verifyRequest(
  engine: Engine,
  domain: TrustDomain,
  request: HttpRequestParts,
  nowMs: number,
): VerifiedRequest {
  const { claim, ...verified } = checkRequest(domain, request, nowMs);
  if (!verifySignature(engine, domain.publicKey, claim.input, claim.message, claim.signature))
    throw invalid("the signature is wrong");
  return verified;
}
