/**
 * What a client says about an object beside its bytes: headers, metadata, tags, checksums.
 * @module
 */
import type { Tags } from "../backend/backend.ts";
import { DIGEST_ALGORITHMS, type DigestAlgorithm } from "../digest-algorithms.ts";
import { MAX_TAG_KEY_BYTES, MAX_TAG_VALUE_BYTES } from "../format/tags.ts";
import type { RequestBody } from "../s3/body.ts";
import { S3Error } from "../s3/errors.ts";
import { headerText } from "../s3/request.ts";
import type { Payload } from "../s3/signature.ts";

const KEPT_HEADERS = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-type",
  "expires",
] as const;
const META = "x-amz-meta-";
const CHECKSUM = "x-amz-checksum-";
/** An object's own policy: a header of ours, or metadata, which every client can send. */
const POLICY_METADATA = "milagro-policy";
const MAX_METADATA_BYTES = 2048;

type Headers = ReadonlyMap<string, string>;

/** The headers that come back as they were. */
export function keptHeaders(headers: Headers): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = headers.get(name);
    if (value === undefined) continue;
    if (name !== "content-encoding") {
      kept[name] = value;
      continue;
    }
    // What the client only did for the way is not the object's.
    const encodings = value.split(",").map((part) => part.trim());
    const own = encodings.filter((part) => part !== "" && part !== "aws-chunked");
    if (own.length > 0) kept[name] = own.join(",");
  }
  return kept;
}

/** @throws `MetadataTooLarge` */
export function metadataOf(headers: Headers): Record<string, string> {
  const metadata: Record<string, string> = {};
  let bytes = 0;
  for (const [name, value] of headers) {
    if (!name.startsWith(META)) continue;
    metadata[name.slice(META.length)] = value;
    bytes += Buffer.byteLength(name) - META.length + Buffer.byteLength(value);
  }
  if (bytes > MAX_METADATA_BYTES) throw new S3Error("MetadataTooLarge", "metadata has at most 2 KB");
  return metadata;
}

/** The object's own policy. */
export function ownPolicy(headers: Headers, metadata: Readonly<Record<string, string>>): string | undefined {
  const value = headers.get("x-milagro-policy") ?? metadata[POLICY_METADATA];
  return value === undefined ? undefined : headerText(value);
}

/** The header x-amz-tagging. @throws `InvalidTag` */
export function tagsOf(header: string | undefined): Tags | undefined {
  if (header === undefined) return undefined;
  return checkedTags([...new URLSearchParams(header)]);
}

/** @throws `InvalidTag` */
export function checkedTags(entries: readonly (readonly [string, string])[]): Tags {
  const tags = Object.fromEntries(entries);
  if (entries.length > 10) throw new S3Error("InvalidTag", "an object has at most ten tags");
  if (Object.keys(tags).length !== entries.length) throw new S3Error("InvalidTag", "two tags have the same key");
  for (const [name, value] of entries) {
    if (name === "" || Buffer.byteLength(name) > MAX_TAG_KEY_BYTES || Buffer.byteLength(value) > MAX_TAG_VALUE_BYTES)
      throw new S3Error(
        "InvalidTag",
        "a tag's key has 1 to 80 bytes and its value at most 160: they grow when encrypted",
      );
  }
  return tags;
}

/** Refuses what the gateway would have to ignore although somebody relies on it. @throws `NotImplemented` */
export function refuseUnsupported(headers: Headers): void {
  const acl = headers.get("x-amz-acl");
  if (acl !== undefined && acl !== "private" && acl !== "bucket-owner-full-control")
    throw new S3Error("NotImplemented", "access is by policies and not by ACLs");
  for (const name of headers.keys()) {
    if (name.startsWith("x-amz-grant-")) throw new S3Error("NotImplemented", "access is by policies and not by ACLs");
    if (name.startsWith("x-amz-server-side-encryption-customer-") || name.startsWith("x-amz-object-lock-"))
      throw new S3Error("NotImplemented", "the gateway does not do this");
  }
}

/** What was announced about a body, and has to turn out true. */
export interface Announced {
  /** Beside MD5. */
  readonly algorithms: readonly DigestAlgorithm[];
  /** Those that the client named: kept with the object and given back. */
  readonly kept: readonly DigestAlgorithm[];
  /** @throws `BadDigest`, `XAmzContentSHA256Mismatch`, `InvalidDigest` */
  check(digests: Readonly<Record<string, Uint8Array>>): void;
}

export function announcedOf(headers: Headers, payload: Payload, body: RequestBody): Announced {
  const named = DIGEST_ALGORITHMS.filter(
    (name) => headers.has(CHECKSUM + name) || trailerNames(headers).includes(CHECKSUM + name),
  );
  const contentMd5 = headers.get("content-md5");
  const wanted = payload.kind === "hash" ? payload.sha256 : undefined;
  const algorithms = new Set<DigestAlgorithm>([...named, ...(wanted === undefined ? [] : (["sha256"] as const))]);
  algorithms.delete("md5");
  if (contentMd5 !== undefined && Buffer.from(contentMd5, "base64").length !== 16)
    throw new S3Error("InvalidDigest", "Content-MD5 is not an MD5 in base64");
  return {
    algorithms: [...algorithms],
    kept: named.filter((name) => name !== "md5"),
    check(digests) {
      const base64 = (name: string): string => Buffer.from(digests[name] as Uint8Array).toString("base64");
      if (wanted !== undefined && Buffer.from(digests["sha256"] as Uint8Array).toString("hex") !== wanted)
        throw new S3Error("XAmzContentSHA256Mismatch", "the body is not the one whose SHA-256 was signed");
      if (contentMd5 !== undefined && base64("md5") !== contentMd5)
        throw new S3Error("BadDigest", "the body is not the one whose MD5 was sent");
      for (const name of named) {
        const announced = headers.get(CHECKSUM + name) ?? body.trailers.get(CHECKSUM + name);
        if (announced !== base64(name))
          throw new S3Error("BadDigest", `the body does not have the ${name} that was sent`);
      }
    },
  };
}

/** As the headers of an answer. */
export function checksumHeaders(checksums: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(checksums).map(([name, value]) => [CHECKSUM + name, value]));
}

const trailerNames = (headers: Headers): readonly string[] =>
  (headers.get("x-amz-trailer") ?? "").split(",").map((name) => name.trim().toLowerCase());
