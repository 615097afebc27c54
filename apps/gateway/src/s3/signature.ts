/**
 * Checking Signature Version 4, in headers and in presigned addresses. Canonical forms and key derivation are those of Amazon's own signer.
 * Source: Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)".
 * @module
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import {
  ALGORITHM_IDENTIFIER,
  createScope,
  getCanonicalHeaders,
  getSigningKey,
  SignatureV4,
} from "@smithy/signature-v4";
import type { HeaderBag, HttpRequest } from "@smithy/types";
import { S3Error } from "./errors.ts";
import { headerText, type S3Request } from "./request.ts";

/** How the body is vouched for. */
export type Payload =
  /** Its SHA-256, in hexadecimal. */
  | { readonly kind: "hash"; readonly sha256: string }
  | { readonly kind: "unsigned" }
  /** aws-chunked: each chunk signed, or not; with trailing headers, or without. */
  | { readonly kind: "chunks"; readonly signed: boolean; readonly trailer: boolean };

/** How a body is vouched for, and with what its chunks are to be checked. */
export interface Verified {
  readonly payload: Payload;
  /** Undefined: signatures are not looked at, because a channel has said who asks, and keeps what is said whole. */
  readonly chain: ChunkChain | undefined;
}

/** Signs the chunks of one body, each over the one before. */
export interface ChunkChain {
  readonly signingKey: Uint8Array;
  readonly longDate: string;
  readonly scope: string;
  readonly seed: string;
}

interface Claim {
  readonly accessKeyId: string;
  readonly shortDate: string;
  readonly region: string;
  readonly longDate: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly isPresigned: boolean;
}

const MAX_SKEW_MS = 15 * 60_000;
const MAX_EXPIRES_S = 604_800;
const UNSIGNED = "UNSIGNED-PAYLOAD";
const EMPTY_SHA256 = createHash("sha256").digest("hex");

/** SHA-256 and HMAC in the form that the signer takes. */
export class Sha256 {
  readonly #hash;
  constructor(secret?: unknown) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret as string | Uint8Array);
  }
  update(data: Uint8Array | string): void {
    this.#hash.update(data);
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(this.#hash.digest()));
  }
  reset(): void {
    throw new TypeError("used once");
  }
}

/** Opens up the parts of the signer that make what is signed. */
class Canonical extends SignatureV4 {
  constructor() {
    const credentials = { accessKeyId: "", secretAccessKey: "" };
    super({ service: "s3", region: "", credentials, sha256: Sha256, uriEscapePath: false });
  }
  request(request: HttpRequest, headers: HeaderBag, payload: string): string {
    return this.createCanonicalRequest(request, headers, payload);
  }
  toSign(longDate: string, scope: string, canonical: string): Promise<string> {
    return this.createStringToSign(longDate, scope, canonical, ALGORITHM_IDENTIFIER);
  }
}
const canonical = new Canonical();

/**
 * @param secretOf - of an access key; undefined when there is none
 * @throws `AccessDenied`, `InvalidAccessKeyId`, `SignatureDoesNotMatch`, `RequestTimeTooSkewed` and what is malformed
 */
export async function verifyRequest(
  request: S3Request,
  secretOf: (accessKeyId: string) => Promise<string | undefined>,
  nowMs: number,
): Promise<Verified> {
  const claim = readClaim(request);
  checkTime(request, claim, nowMs);
  const secret = await secretOf(claim.accessKeyId);
  if (secret === undefined) throw new S3Error("InvalidAccessKeyId", "there is no such access key");
  const { payload, text } = readPayload(request, claim);
  const query = Object.fromEntries([...request.query].filter(([name]) => name !== "X-Amz-Signature"));
  const signed = Object.fromEntries(
    claim.signedHeaders.map((name) => [name, headerText(request.headers.get(name) ?? "")]),
  );
  const http = { method: request.method, path: request.canonicalPath, query } as unknown as HttpRequest;
  const headers = getCanonicalHeaders({ ...http, headers: signed }, undefined, new Set(claim.signedHeaders));
  const scope = createScope(claim.shortDate, claim.region, "s3");
  const toSign = await canonical.toSign(claim.longDate, scope, canonical.request(http, headers, text));
  const credentials = { accessKeyId: claim.accessKeyId, secretAccessKey: secret };
  const signingKey = await getSigningKey(Sha256, credentials, claim.shortDate, claim.region, "s3");
  if (!sameHex(hmac(signingKey, toSign), claim.signature))
    throw new S3Error(
      "SignatureDoesNotMatch",
      "the signature does not match: check the secret key and what was signed",
    );
  const chain = { signingKey, longDate: claim.longDate, scope, seed: claim.signature };
  return { payload, chain };
}

/** Of a request over a channel: its client may sign as it likes, and send the body in the forms that go with that. @throws `InvalidRequest` */
export function unsignedRequest(request: S3Request): Verified {
  return { payload: readPayload(request, { isPresigned: true }).payload, chain: undefined };
}

/** What is signed for a chunk. @returns the chunk's signature, in hexadecimal */
export function chunkSignature(chain: ChunkChain, previous: string, sha256: string): string {
  const text = ["AWS4-HMAC-SHA256-PAYLOAD", chain.longDate, chain.scope, previous, EMPTY_SHA256, sha256].join("\n");
  return hmac(chain.signingKey, text);
}

/** The signature of the trailing headers. @param trailers - `name:value\n` of each */
export function trailerSignature(chain: ChunkChain, previous: string, trailers: string): string {
  const sha256 = createHash("sha256").update(trailers).digest("hex");
  return hmac(chain.signingKey, ["AWS4-HMAC-SHA256-TRAILER", chain.longDate, chain.scope, previous, sha256].join("\n"));
}

/** Whether two texts are equal, in time that does not tell where they differ. */
export function sameHex(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

function hmac(key: Uint8Array, text: string): string {
  return createHmac("sha256", key).update(text).digest("hex");
}

function readClaim({ headers, query }: S3Request): Claim {
  if (query.has("X-Amz-Algorithm") || query.has("X-Amz-Signature")) {
    if (query.get("X-Amz-Algorithm") !== ALGORITHM_IDENTIFIER)
      throw new S3Error("AuthorizationQueryParametersError", "only AWS4-HMAC-SHA256 is understood");
    return checked(
      query.get("X-Amz-Credential") ?? "",
      query.get("X-Amz-SignedHeaders") ?? "",
      query.get("X-Amz-Signature") ?? "",
      query.get("X-Amz-Date") ?? "",
      true,
    );
  }
  const header = headers.get("authorization");
  if (header === undefined) throw new S3Error("AccessDenied", "requests are signed with an access key");
  const fields = new Map(
    header
      .replace(/^AWS4-HMAC-SHA256\s+/, "")
      .split(",")
      .map((field) => {
        const at = field.indexOf("=");
        return [field.slice(0, at).trim(), field.slice(at + 1).trim()] as const;
      }),
  );
  if (!header.startsWith(`${ALGORITHM_IDENTIFIER} `))
    throw new S3Error("InvalidRequest", "only Signature Version 4 (AWS4-HMAC-SHA256) is understood");
  const claim = checked(
    fields.get("Credential") ?? "",
    fields.get("SignedHeaders") ?? "",
    fields.get("Signature") ?? "",
    headers.get("x-amz-date") ?? "",
    false,
  );
  // Whoever stands in between could otherwise add some.
  for (const name of headers.keys())
    if (name.startsWith("x-amz-") && !claim.signedHeaders.includes(name))
      throw new S3Error("AccessDenied", "an x-amz- header is not signed");
  return claim;
}

function checked(
  credential: string,
  signedHeaders: string,
  signature: string,
  longDate: string,
  isPresigned: boolean,
): Claim {
  const malformed = (what: string): S3Error =>
    new S3Error(isPresigned ? "AuthorizationQueryParametersError" : "AuthorizationHeaderMalformed", what);
  const match = /^([A-Za-z0-9]{1,128})\/(\d{8})\/([A-Za-z0-9-]{1,64})\/s3\/aws4_request$/.exec(credential);
  const [, accessKeyId, shortDate, region] = match ?? [];
  if (accessKeyId === undefined || shortDate === undefined || region === undefined)
    throw malformed("the credential is not <key>/<date>/<region>/s3/aws4_request");
  if (!/^[0-9a-f]{64}$/.test(signature)) throw malformed("the signature is not 64 hexadecimal digits");
  if (!/^\d{8}T\d{6}Z$/.test(longDate) || !longDate.startsWith(shortDate))
    throw malformed("the date is missing or not that of the credential");
  const names = signedHeaders.split(";");
  if (!names.includes("host")) throw malformed("the header host is not signed");
  return { accessKeyId, shortDate, region, longDate, signedHeaders: names, signature, isPresigned };
}

function checkTime({ query }: S3Request, { longDate, isPresigned }: Claim, nowMs: number): void {
  const iso = longDate.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z");
  const signedMs = Date.parse(iso);
  if (!isPresigned) {
    if (!(Math.abs(nowMs - signedMs) <= MAX_SKEW_MS))
      throw new S3Error("RequestTimeTooSkewed", "the request's time and the gateway's are more than 15 minutes apart");
    return;
  }
  const expires = query.get("X-Amz-Expires") ?? "";
  const seconds = Number(expires);
  if (!/^\d{1,7}$/.test(expires) || seconds < 1 || seconds > MAX_EXPIRES_S)
    throw new S3Error("AuthorizationQueryParametersError", "X-Amz-Expires is 1 to 604800 seconds");
  if (!(signedMs - nowMs <= MAX_SKEW_MS)) throw new S3Error("AccessDenied", "the address is not valid yet");
  if (!(nowMs <= signedMs + seconds * 1000)) throw new S3Error("AccessDenied", "Request has expired");
}

function readPayload(
  { headers }: S3Request,
  claim: Pick<Claim, "isPresigned">,
): { readonly payload: Payload; readonly text: string } {
  const text = headers.get("x-amz-content-sha256") ?? (claim.isPresigned ? UNSIGNED : "");
  if (text === UNSIGNED) return { payload: { kind: "unsigned" }, text };
  if (/^[0-9a-f]{64}$/.test(text)) return { payload: { kind: "hash", sha256: text }, text };
  const match = /^STREAMING-(AWS4-HMAC-SHA256|UNSIGNED)-PAYLOAD(-TRAILER)?$/.exec(text);
  if (!match) throw new S3Error("InvalidRequest", "x-amz-content-sha256 is missing or not understood");
  const [, kind, trailer] = match;
  return { payload: { kind: "chunks", signed: kind !== "UNSIGNED", trailer: trailer !== undefined }, text };
}
