/**
 * What a client says about an object beside its bytes: headers, metadata, tags.
 * @module
 */
import type { Tags } from "../backend/backend.ts";
import { MAX_TAG_KEY_BYTES, MAX_TAG_VALUE_BYTES } from "../format/tags.ts";
import { S3Error } from "../s3/errors.ts";
import { headerText } from "../s3/request.ts";

const KEPT_HEADERS = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-type",
  "expires",
] as const;
const META = "x-amz-meta-";
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
