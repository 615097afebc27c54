/**
 * ListObjectsV2, ListObjects, ListObjectVersions.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { checkBucket, type Exchange, isoTime, quoted, type Reply } from "../exchange.ts";
import { RESERVED_PREFIX } from "../kek-reader.ts";
import { type KeyEntry, listKeys } from "../listing.ts";
import { S3Error } from "../s3/errors.ts";
import { encodeStrictly } from "../s3/request.ts";
import { writeXml } from "../s3/xml.ts";
import { listedChecksums } from "./checksums.ts";

const MAX_KEYS = 1000;

interface Common {
  readonly prefix: string;
  readonly delimiter: string;
  readonly limit: number;
  readonly encoding: "url" | undefined;
  /** Keys as the client wants them. */
  encode(key: string): string;
}

function common({ request }: Exchange): Common {
  const { query } = request;
  const maxKeys = query.get("max-keys") ?? String(MAX_KEYS);
  if (!/^\d{1,9}$/.test(maxKeys)) throw new S3Error("InvalidArgument", "max-keys is a whole number");
  const encoding = query.get("encoding-type");
  if (encoding !== undefined && encoding !== "url") throw new S3Error("InvalidArgument", "encoding-type is url");
  return {
    prefix: query.get("prefix") ?? "",
    delimiter: query.get("delimiter") ?? "",
    limit: Math.min(MAX_KEYS, Number(maxKeys)),
    encoding,
    encode: encoding === "url" ? (key) => key.split("/").map(encodeStrictly).join("/") : (key) => key,
  };
}

export async function listObjectsV2(exchange: Exchange): Promise<Reply> {
  const { gateway, request } = exchange;
  const { bucket, query } = request;
  const options = common(exchange);
  const { prefix, delimiter, limit, encode } = options;
  const token = query.get("continuation-token");
  const startAfter = query.get("start-after");
  await begin(exchange, prefix);
  const after = token === undefined ? (startAfter ?? "") : openToken(token);
  const page = await listKeys(gateway, bucket, { prefix, delimiter, after, limit });
  const xml = writeXml("ListBucketResult", {
    Name: bucket,
    Prefix: encode(prefix),
    StartAfter: startAfter === undefined ? undefined : encode(startAfter),
    ContinuationToken: token,
    NextContinuationToken: page.next === undefined ? undefined : makeToken(page.next),
    KeyCount: page.entries.length + page.prefixes.length,
    MaxKeys: limit,
    Delimiter: delimiter === "" ? undefined : encode(delimiter),
    EncodingType: options.encoding,
    IsTruncated: page.next !== undefined,
    Contents: page.entries.map((entry) => contentOf(entry, encode, query.get("fetch-owner") === "true")),
    CommonPrefixes: page.prefixes.map((folded) => ({ Prefix: encode(folded) })),
  });
  return { status: 200, body: xml };
}

export async function listObjects(exchange: Exchange): Promise<Reply> {
  const { gateway, request } = exchange;
  const { bucket, query } = request;
  const options = common(exchange);
  const { prefix, delimiter, limit, encode } = options;
  const marker = query.get("marker") ?? "";
  await begin(exchange, prefix);
  const page = await listKeys(gateway, bucket, { prefix, delimiter, after: marker, limit });
  const xml = writeXml("ListBucketResult", {
    Name: bucket,
    Prefix: encode(prefix),
    Marker: encode(marker),
    // S3 gives it with a delimiter only; others take the last key.
    NextMarker: page.next === undefined ? undefined : encode(page.next),
    MaxKeys: limit,
    Delimiter: delimiter === "" ? undefined : encode(delimiter),
    EncodingType: options.encoding,
    IsTruncated: page.next !== undefined,
    Contents: page.entries.map((entry) => contentOf(entry, encode, true)),
    CommonPrefixes: page.prefixes.map((folded) => ({ Prefix: encode(folded) })),
  });
  return { status: 200, body: xml };
}

/** Versions as the store has them, with the sizes and ETags of the plaintext. Not with encrypted names: no order would be right. */
export async function listVersions(exchange: Exchange): Promise<Reply> {
  const { gateway, request } = exchange;
  const { bucket, query } = request;
  const { versions } = gateway.backend;
  if (!versions || gateway.names.isEncrypted(bucket))
    throw new S3Error("NotImplemented", "versions are listed where the store keeps them and names are plain");
  const { prefix, delimiter, limit, encode, encoding } = common(exchange);
  await begin(exchange, prefix);
  const keyMarker = query.get("key-marker") ?? "";
  const afterVersion = query.get("version-id-marker");
  const page = await versions.list(bucket, { prefix, delimiter, limit, after: keyMarker, afterVersion });
  const own = page.entries.filter(({ name }) => !name.startsWith(RESERVED_PREFIX));
  const described = await Promise.all(
    own.map(async (entry) => {
      if (entry.isDeleteMarker) return { entry, size: 0, etag: "", checksums: {} };
      const opened = await gateway.objects.open(bucket, entry.name, entry.version).catch(() => undefined);
      if (!opened) return { entry, size: entry.length, etag: entry.etag, checksums: {} };
      const { size, etag, checksums } = opened.manifest;
      return { entry, size, etag, checksums: listedChecksums(checksums) };
    }),
  );
  const base = ({ entry }: (typeof described)[number]) => ({
    Key: encode(entry.name),
    VersionId: entry.version,
    IsLatest: entry.isLatest,
    LastModified: isoTime(entry.modifiedMs),
  });
  const xml = writeXml("ListVersionsResult", {
    Name: bucket,
    Prefix: encode(prefix),
    KeyMarker: encode(keyMarker),
    VersionIdMarker: afterVersion ?? "",
    NextKeyMarker: page.next && encode(page.next.key),
    NextVersionIdMarker: page.next?.version,
    MaxKeys: limit,
    Delimiter: delimiter === "" ? undefined : encode(delimiter),
    EncodingType: encoding,
    IsTruncated: page.next !== undefined,
    Version: described
      .filter(({ entry }) => !entry.isDeleteMarker)
      .map((version) => ({
        ...base(version),
        ETag: quoted(version.etag),
        ...version.checksums,
        Size: version.size,
        StorageClass: "STANDARD",
      })),
    DeleteMarker: described.filter(({ entry }) => entry.isDeleteMarker).map(base),
    CommonPrefixes: page.prefixes
      .filter((folded) => !folded.startsWith(RESERVED_PREFIX))
      .map((folded) => ({ Prefix: encode(folded) })),
  });
  return { status: 200, body: xml };
}

async function begin(exchange: Exchange, prefix: string): Promise<void> {
  const { bucket } = exchange.request;
  checkBucket(exchange, bucket);
  await exchange.allow("object.list", { bucket, key: prefix });
  if (!(await exchange.gateway.backend.hasBucket(bucket)))
    throw new MilagroError("ERR_BUCKET_MISSING", "there is no such bucket");
}

function contentOf(entry: KeyEntry, encode: (key: string) => string, withOwner: boolean) {
  return {
    Key: encode(entry.key),
    LastModified: isoTime(entry.modifiedMs),
    ETag: quoted(entry.etag),
    ...entry.checksums,
    Size: entry.size,
    StorageClass: "STANDARD",
    ...(withOwner ? { Owner: OWNER } : {}),
  };
}

/** S3 has owners; here access is by attributes, and all objects are the gateway's. */
export const OWNER = { ID: "milagro-gateway", DisplayName: "milagro-gateway" };

const makeToken = (key: string): string => Buffer.from(key).toString("base64url");
function openToken(token: string): string {
  return Buffer.from(token, "base64url").toString("utf8");
}
