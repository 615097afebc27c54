/**
 * Any S3 store as a backend, by Amazon's own client.
 *
 * The header lies in the object's user metadata as `milagro`. Changing it is a copy of the object onto itself, which the store does without sending the body;
 * above 5 GiB by parts, because S3 copies no more in one go. Payloads go unsigned: every byte is authenticated by its segment, and the store's word on them is worth nothing.
 *
 * Long because it is one port: each operation is a call of the client and the reading of its answer.
 * @module
 */
import { Readable } from "node:stream";
import * as S3 from "@aws-sdk/client-s3";
import { MilagroError } from "@milagro/engine/error";
import type { Chunks } from "../format/segments.ts";
import type { Backend, ListPage, StoredInfo, StoredRange, Tags, UploadPlace, WriteCondition } from "./backend.ts";
import { foldedPrefix } from "./folder-index.ts";

export interface S3BackendOptions {
  readonly region: string;
  /** Of a store that is not Amazon's: `http://127.0.0.1:9000`. Buckets then stand in the path. */
  readonly endpoint?: string | undefined;
  /** Default: where Amazon's tools look, the environment and `~/.aws`. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** How long the store may keep silent. Default 30 s. */
  readonly timeoutMs?: number;
}

const HEADER = "milagro";
/** The most that CopyObject takes, and the pieces for more. */
const MAX_COPY_BYTES = 5 * 1024 ** 3;
const COPY_PART_BYTES = 1024 ** 3;

export function openS3Backend(options: S3BackendOptions): Backend {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const client = new S3.S3Client({
    region: options.region,
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint, forcePathStyle: true }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    // Checksums of the store's own would be computed over every byte once more, for nothing.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    maxAttempts: 3,
    // How long it may be silent; not how long a request may take, which for gigabytes is long.
    requestHandler: { connectionTimeout: 5000, socketTimeout: timeoutMs },
    // Left to itself it writes to the console. What fails is an error here, and logged as one.
    logger: { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore },
  });
  const send = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw storeError(error);
    });
  const absent = async <T>(bucket: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!isMissing(error) && statusOf(error) !== DELETE_MARKER) throw storeError(error);
      if (error instanceof S3.NoSuchBucket) throw storeError(error);
      // A HEAD has no body that would say which of the two is missing.
      await send(client.send(new S3.HeadBucketCommand({ Bucket: bucket })));
      return undefined;
    }
  };
  const streamed = async <T>(body: Chunks, work: (stream: Readable, signal: AbortSignal) => Promise<T>): Promise<T> => {
    let failure: unknown;
    const stop = new AbortController();
    const source = async function* () {
      try {
        yield* body;
      } catch (error) {
        failure = error;
        // The store waits for the rest: a request that merely gets no more bytes stays until somebody's patience ends.
        stop.abort();
        throw error;
      }
    };
    const stream = Readable.from(source(), { objectMode: false, highWaterMark: 1024 * 1024 });
    // The client pipes it and listens for nothing: an error that nobody hears would end the process.
    stream.on("error", ignore);
    try {
      return await work(stream, stop.signal);
    } catch (error) {
      // What the client sent wrong is not the store's fault.
      throw failure ?? storeError(error);
    } finally {
      stream.destroy();
    }
  };
  const head = (bucket: string, name: string, version?: string) =>
    absent(bucket, async () =>
      infoOf(await client.send(new S3.HeadObjectCommand({ Bucket: bucket, Key: name, VersionId: version }))),
    );
  const conditionOf = (condition: WriteCondition) =>
    condition === undefined
      ? {}
      : condition === "absent"
        ? { IfNoneMatch: "*" }
        : // Without quotes: Ceph does not know it with them; Amazon's store, by all reports, knows both.
          { IfMatch: condition.ifEtag };
  /** Not every store knows conditions on writing: a look beforehand at least narrows the window. */
  const precheck = async (bucket: string, name: string, condition: WriteCondition): Promise<void> => {
    if (condition === undefined) return;
    const info = await head(bucket, name);
    const holds = condition === "absent" ? info === undefined : info?.etag === condition.ifEtag;
    if (!holds) throw new MilagroError("ERR_PRECONDITION_FAILED", "the object is not what the request expects");
  };

  const backend: Backend = {
    kind: "s3",
    async buckets() {
      const { Buckets = [] } = await send(client.send(new S3.ListBucketsCommand({})));
      return Buckets.map(({ Name = "", CreationDate }) => ({ name: Name, createdMs: CreationDate?.getTime() ?? 0 }));
    },
    async hasBucket(bucket) {
      try {
        await client.send(new S3.HeadBucketCommand({ Bucket: bucket }));
        return true;
      } catch (error) {
        if (isMissing(error)) return false;
        throw storeError(error);
      }
    },
    async createBucket(bucket) {
      await send(client.send(new S3.CreateBucketCommand({ Bucket: bucket })));
    },
    async deleteBucket(bucket) {
      await send(client.send(new S3.DeleteBucketCommand({ Bucket: bucket })));
    },
    head,
    async read(bucket, name, range, { version, ifEtag, signal } = {}) {
      const command = new S3.GetObjectCommand({
        Bucket: bucket,
        Key: name,
        VersionId: version,
        IfMatch: ifEtag === undefined ? undefined : quoted(ifEtag),
        Range: rangeHeader(range),
      });
      const answer = await absent(bucket, () => client.send(command, signal ? { abortSignal: signal } : {})).catch(
        (error: unknown) => {
          if (error instanceof MilagroError && error.code === "ERR_PRECONDITION_FAILED")
            throw new MilagroError("ERR_OBJECT_CHANGED", "the object was replaced meanwhile", { cause: error });
          throw error;
        },
      );
      if (!answer) return undefined;
      const info = infoOf(answer);
      const stream = answer.Body as Readable;
      if (ifEtag !== undefined && info.etag !== ifEtag) {
        stream.destroy();
        throw new MilagroError("ERR_OBJECT_CHANGED", "the object was replaced meanwhile");
      }
      // Some stores take `bytes=-n` for something else: then the bytes are asked for by their places.
      const wanted = typeof range === "object" && "last" in range ? Math.max(0, info.length - range.last) : undefined;
      const given = Number(/^bytes (\d+)-/.exec(answer.ContentRange ?? "")?.[1] ?? 0);
      if (wanted !== undefined && given !== wanted) {
        stream.destroy();
        const exact = { from: wanted, length: info.length - wanted };
        return backend.read(bucket, name, exact, { version, ifEtag: info.etag, ...(signal ? { signal } : {}) });
      }
      return { info, body: bodyOf(stream) };
    },
    async write(bucket, name, { header, length, body, tags }, condition) {
      await precheck(bucket, name, condition);
      const answer = await streamed(body, (stream, abortSignal) =>
        client.send(
          new S3.PutObjectCommand({
            Bucket: bucket,
            Key: name,
            Body: stream,
            ContentLength: length,
            ContentType: "application/octet-stream",
            Metadata: metadataOf(header),
            Tagging: tagHeader(tags),
            ...conditionOf(condition),
          }),
          { abortSignal },
        ),
      );
      return writtenOf(answer);
    },
    async copy(from, to, condition) {
      await precheck(to.bucket, to.name, condition);
      const info = await head(from.bucket, from.name, from.version);
      if (info?.etag !== from.ifEtag) throw new MilagroError("ERR_OBJECT_CHANGED", "the object was replaced meanwhile");
      const source = copySource(from);
      const guard = { CopySource: source, CopySourceIfMatch: quoted(from.ifEtag) };
      if (info.length > MAX_COPY_BYTES) return copyByParts(to, info.length, guard);
      const answer = await send(
        client.send(
          new S3.CopyObjectCommand({
            Bucket: to.bucket,
            Key: to.name,
            ...guard,
            MetadataDirective: "REPLACE",
            Metadata: metadataOf(to.header),
            ContentType: "application/octet-stream",
          }),
        ),
      );
      return writtenOf({ ETag: answer.CopyObjectResult?.ETag, VersionId: answer.VersionId });
    },
    async remove(bucket, name, version, condition) {
      await precheck(bucket, name, condition);
      const answer = await send(
        client.send(new S3.DeleteObjectCommand({ Bucket: bucket, Key: name, VersionId: version })),
      );
      return {
        ...(answer.VersionId === undefined ? {} : { version: answer.VersionId }),
        ...(answer.DeleteMarker === undefined ? {} : { isDeleteMarker: answer.DeleteMarker }),
      };
    },
    async list(bucket, { prefix, delimiter, after, limit }): Promise<ListPage> {
      // After a folded prefix everything in it is over; S3 itself would give the prefix again.
      const folded = after.startsWith(prefix) ? foldedPrefix(after, prefix, delimiter) : undefined;
      const start = folded === undefined ? after : `${folded}\u{10ffff}`;
      const answer = await send(
        client.send(
          new S3.ListObjectsV2Command({
            Bucket: bucket,
            Prefix: prefix,
            Delimiter: delimiter === "" ? undefined : delimiter,
            StartAfter: start === "" ? undefined : start,
            MaxKeys: limit,
            EncodingType: "url",
          }),
        ),
      );
      const decode = (text = ""): string =>
        answer.EncodingType === "url" ? decodeURIComponent(text.replaceAll("+", " ")) : text;
      const prefixes = (answer.CommonPrefixes ?? [])
        .map(({ Prefix }) => decode(Prefix))
        .filter((found) => found !== folded);
      return {
        entries: (answer.Contents ?? []).map(({ Key, Size = 0, ETag, LastModified }) => ({
          name: decode(Key),
          length: Size,
          etag: unquoted(ETag),
          modifiedMs: LastModified?.getTime() ?? 0,
        })),
        prefixes,
        isTruncated: answer.IsTruncated ?? false,
      };
    },
    tags: (bucket, name, version) =>
      absent(bucket, async () => {
        const command = new S3.GetObjectTaggingCommand({ Bucket: bucket, Key: name, VersionId: version });
        const { TagSet = [] } = await client.send(command);
        return Object.fromEntries(TagSet.map(({ Key = "", Value = "" }) => [Key, Value]));
      }),
    async setTags(bucket, name, tags, version) {
      const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
      const command = new S3.PutObjectTaggingCommand({
        Bucket: bucket,
        Key: name,
        VersionId: version,
        Tagging: { TagSet },
      });
      await send(client.send(command));
    },
    async createUpload(bucket, name, header, tags) {
      const { UploadId } = await send(
        client.send(
          new S3.CreateMultipartUploadCommand({
            Bucket: bucket,
            Key: name,
            Metadata: metadataOf(header),
            ContentType: "application/octet-stream",
            Tagging: tagHeader(tags),
          }),
        ),
      );
      if (UploadId === undefined) throw new MilagroError("ERR_STORE_UNAVAILABLE", "the store named no upload");
      return UploadId;
    },
    async writePart(upload, number, length, body) {
      const answer = await streamed(body, (stream, abortSignal) =>
        client.send(
          new S3.UploadPartCommand({ ...placeOf(upload), PartNumber: number, Body: stream, ContentLength: length }),
          { abortSignal },
        ),
      );
      return unquoted(answer.ETag);
    },
    async completeUpload(upload, parts, condition) {
      await precheck(upload.bucket, upload.name, condition);
      const answer = await send(
        client.send(
          new S3.CompleteMultipartUploadCommand({
            ...placeOf(upload),
            MultipartUpload: { Parts: parts.map(({ number, etag }) => ({ PartNumber: number, ETag: quoted(etag) })) },
            ...conditionOf(condition),
          }),
        ),
      );
      return writtenOf(answer);
    },
    async abortUpload(upload) {
      try {
        await client.send(new S3.AbortMultipartUploadCommand(placeOf(upload)));
      } catch (error) {
        if (!isMissing(error)) throw storeError(error);
      }
    },
    versions: {
      async list(bucket, { prefix, delimiter, after, afterVersion, limit }) {
        const answer = await send(
          client.send(
            new S3.ListObjectVersionsCommand({
              Bucket: bucket,
              Prefix: prefix,
              Delimiter: delimiter === "" ? undefined : delimiter,
              KeyMarker: after === "" ? undefined : after,
              VersionIdMarker: afterVersion,
              MaxKeys: limit,
              EncodingType: "url",
            }),
          ),
        );
        const decode = (text = ""): string => decodeURIComponent(text.replaceAll("+", " "));
        const common = (entry: S3.ObjectVersion | S3.DeleteMarkerEntry, isDeleteMarker: boolean) => ({
          name: decode(entry.Key),
          version: entry.VersionId ?? "null",
          isLatest: entry.IsLatest ?? false,
          isDeleteMarker,
          modifiedMs: entry.LastModified?.getTime() ?? 0,
          length: "Size" in entry ? (entry.Size ?? 0) : 0,
          etag: "ETag" in entry ? unquoted(entry.ETag) : "",
        });
        const { NextKeyMarker, NextVersionIdMarker } = answer;
        return {
          entries: [
            ...(answer.Versions ?? []).map((entry) => common(entry, false)),
            ...(answer.DeleteMarkers ?? []).map((entry) => common(entry, true)),
          ],
          prefixes: (answer.CommonPrefixes ?? []).map(({ Prefix }) => decode(Prefix)),
          ...(answer.IsTruncated && NextKeyMarker !== undefined
            ? { next: { key: decode(NextKeyMarker), version: NextVersionIdMarker ?? "" } }
            : {}),
        };
      },
      async status(bucket) {
        const { Status } = await send(client.send(new S3.GetBucketVersioningCommand({ Bucket: bucket })));
        return Status;
      },
      async setStatus(bucket, status) {
        const VersioningConfiguration = { Status: status };
        await send(client.send(new S3.PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration })));
      },
    },
    close: async () => client.destroy(),
  };

  const copyByParts = async (
    to: { readonly bucket: string; readonly name: string; readonly header: string },
    length: number,
    guard: { readonly CopySource: string; readonly CopySourceIfMatch: string },
  ) => {
    const upload = { ...to, id: await backend.createUpload(to.bucket, to.name, to.header) };
    try {
      const parts: { number: number; etag: string }[] = [];
      for (let from = 0; from < length; from += COPY_PART_BYTES) {
        const number = parts.length + 1;
        const CopySourceRange = `bytes=${from}-${Math.min(length, from + COPY_PART_BYTES) - 1}`;
        const command = new S3.UploadPartCopyCommand({
          ...placeOf(upload),
          ...guard,
          PartNumber: number,
          CopySourceRange,
        });
        const { CopyPartResult } = await send(client.send(command));
        parts.push({ number, etag: unquoted(CopyPartResult?.ETag) });
      }
      return await backend.completeUpload(upload, parts);
    } catch (error) {
      await backend.abortUpload(upload).catch(() => {});
      throw error;
    }
  };
  return backend;
}

const ignore = (): void => {};
const placeOf = ({ bucket, name, id }: UploadPlace) => ({ Bucket: bucket, Key: name, UploadId: id });
const metadataOf = (header: string): Record<string, string> => (header === "" ? {} : { [HEADER]: header });
const quoted = (etag: string): string => `"${etag}"`;
const unquoted = (etag = ""): string => etag.replace(/^"|"$/g, "");
const tagHeader = (tags: Tags | undefined): string | undefined =>
  tags && Object.keys(tags).length > 0 ? new URLSearchParams(tags).toString() : undefined;

function copySource({ bucket, name, version }: { bucket: string; name: string; version?: string | undefined }): string {
  const path = `${bucket}/${name}`.split("/").map(encodeURIComponent).join("/");
  return version === undefined ? path : `${path}?versionId=${encodeURIComponent(version)}`;
}

function rangeHeader(range: StoredRange): string | undefined {
  if (range === "all") return undefined;
  if ("last" in range) return `bytes=-${range.last}`;
  return `bytes=${range.from}-${range.from + range.length - 1}`;
}

function infoOf(
  answer: Pick<
    S3.GetObjectCommandOutput,
    "Metadata" | "ContentLength" | "ContentRange" | "ETag" | "LastModified" | "VersionId"
  >,
): StoredInfo {
  const total = /\/(\d+)$/.exec(answer.ContentRange ?? "")?.[1];
  return {
    header: answer.Metadata?.[HEADER] ?? "",
    length: total === undefined ? (answer.ContentLength ?? 0) : Number(total),
    etag: unquoted(answer.ETag),
    modifiedMs: answer.LastModified?.getTime() ?? 0,
    ...(answer.VersionId === undefined || answer.VersionId === "null" ? {} : { version: answer.VersionId }),
  };
}

const writtenOf = ({ ETag, VersionId }: { ETag?: string | undefined; VersionId?: string | undefined }) => ({
  etag: unquoted(ETag),
  ...(VersionId === undefined || VersionId === "null" ? {} : { version: VersionId }),
});

async function* bodyOf(stream: Readable): AsyncGenerator<Uint8Array, void> {
  try {
    yield* stream;
  } catch (error) {
    throw storeError(error);
  } finally {
    stream.destroy();
  }
}

/** What Amazon's store says when a version is asked for that is a mark of a deletion. */
const DELETE_MARKER = 405;
const statusOf = (error: unknown): number | undefined =>
  error instanceof S3.S3ServiceException ? error.$metadata.httpStatusCode : undefined;
const isMissing = (error: unknown): boolean => statusOf(error) === 404;

const CODES: Readonly<Record<string, readonly [code: string, text: string]>> = {
  NoSuchBucket: ["ERR_BUCKET_MISSING", "there is no such bucket"],
  BucketAlreadyOwnedByYou: ["ERR_BUCKET_EXISTS", "there is such a bucket already"],
  BucketAlreadyExists: ["ERR_BUCKET_EXISTS", "there is such a bucket already"],
  BucketNotEmpty: ["ERR_BUCKET_NOT_EMPTY", "the bucket holds objects"],
  NoSuchUpload: ["ERR_UPLOAD_MISSING", "there is no such upload"],
  InvalidPart: ["ERR_UPLOAD_INVALID", "a part is missing or was replaced"],
  InvalidPartOrder: ["ERR_UPLOAD_INVALID", "parts are not in order"],
  EntityTooSmall: ["ERR_UPLOAD_INVALID", "a part that is not the last one is smaller than 5 MiB"],
  PreconditionFailed: ["ERR_PRECONDITION_FAILED", "the object is not what the request expects"],
  ConditionalRequestConflict: ["ERR_PRECONDITION_FAILED", "the object changed meanwhile"],
};

function storeError(error: unknown): unknown {
  if (error instanceof MilagroError) return error;
  const name = error instanceof Error ? error.name : "";
  const status = statusOf(error);
  const known =
    CODES[name] ?? (status === 412 ? CODES["PreconditionFailed"] : status === 404 ? CODES["NoSuchBucket"] : undefined);
  if (known) return new MilagroError(known[0], known[1], { cause: error });
  const detail = status === undefined ? name : `${name}, status ${status}`;
  return new MilagroError("ERR_STORE_UNAVAILABLE", `the store did not do it (${detail})`, { cause: error });
}
