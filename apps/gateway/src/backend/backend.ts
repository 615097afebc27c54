/**
 * Where objects rest: a folder or an S3 store. A backend sees names and bytes as they lie at rest, and knows nothing of keys.
 * @module
 */
import type { Chunks } from "../format/segments.ts";

/** What an object is to the store. */
export interface StoredInfo {
  /** The object's header, as it was given; empty for the gateway's own records. */
  readonly header: string;
  /** Bytes at rest. */
  readonly length: number;
  /** Changes whenever content or header do; the store's own. */
  readonly etag: string;
  readonly modifiedMs: number;
  /** Of stores that keep versions. */
  readonly version?: string;
}

export interface ListEntry {
  readonly name: string;
  readonly length: number;
  readonly etag: string;
  readonly modifiedMs: number;
}

export interface VersionEntry extends ListEntry {
  readonly version: string;
  readonly isLatest: boolean;
  readonly isDeleteMarker: boolean;
}

export interface ListOptions {
  readonly prefix: string;
  /** Empty: none. */
  readonly delimiter: string;
  /** Only names after this one, in byte order; empty for all. A common prefix comes after it as a whole. */
  readonly after: string;
  readonly limit: number;
}

export interface ListPage {
  /** In byte order. */
  readonly entries: readonly ListEntry[];
  readonly prefixes: readonly string[];
  readonly isTruncated: boolean;
}

export interface VersionPage {
  readonly entries: readonly VersionEntry[];
  readonly prefixes: readonly string[];
  readonly next?: { readonly key: string; readonly version: string };
}

/** Bytes at rest. */
export type StoredRange = { readonly from: number; readonly length: number } | { readonly last: number } | "all";

/** What has to be so for a change to happen. @see ifEtag of the object that is replaced; "absent": there is none */
export type WriteCondition = { readonly ifEtag: string } | "absent" | undefined;

export interface Written {
  readonly etag: string;
  readonly version?: string;
}

export interface Removed {
  readonly version?: string;
  readonly isDeleteMarker?: boolean;
}

export type Tags = Readonly<Record<string, string>>;

/**
 * Every method throws `ERR_STORE_UNAVAILABLE` for a store that does not answer, `ERR_STORAGE_FULL` for one without room; what is not
 * there is `undefined`, or `ERR_BUCKET_MISSING`. A write is whole or has not happened.
 */
export interface Backend {
  readonly kind: "file" | "s3";
  buckets(): Promise<readonly { readonly name: string; readonly createdMs: number }[]>;
  hasBucket(bucket: string): Promise<boolean>;
  /** @throws `ERR_BUCKET_EXISTS` */
  createBucket(bucket: string): Promise<void>;
  /** @throws `ERR_BUCKET_NOT_EMPTY` */
  deleteBucket(bucket: string): Promise<void>;

  head(bucket: string, name: string, version?: string): Promise<StoredInfo | undefined>;
  /**
   * A chunk of the body is good until the next one is asked for.
   * @param options.ifEtag - when the object is another by now: `ERR_OBJECT_CHANGED`
   */
  read(
    bucket: string,
    name: string,
    range: StoredRange,
    options?: { readonly version?: string | undefined; readonly ifEtag?: string; readonly signal?: AbortSignal },
  ): Promise<{ readonly info: StoredInfo; readonly body: AsyncIterable<Uint8Array> } | undefined>;
  /** @param length - exactly the body's. @throws `ERR_PRECONDITION_FAILED`; what `body` throws, and then nothing was written */
  write(
    bucket: string,
    name: string,
    object: { readonly header: string; readonly length: number; readonly body: Chunks; readonly tags?: Tags },
    condition?: WriteCondition,
  ): Promise<Written>;
  /** The same body under another name or header, without it passing here. */
  copy(
    from: {
      readonly bucket: string;
      readonly name: string;
      readonly version?: string | undefined;
      readonly ifEtag: string;
    },
    to: { readonly bucket: string; readonly name: string; readonly header: string },
    condition?: WriteCondition,
  ): Promise<Written>;
  remove(bucket: string, name: string, version?: string, condition?: WriteCondition): Promise<Removed>;
  list(bucket: string, options: ListOptions): Promise<ListPage>;

  /** `undefined`: no such object. */
  tags(bucket: string, name: string, version?: string): Promise<Tags | undefined>;
  setTags(bucket: string, name: string, tags: Tags, version?: string): Promise<void>;

  createUpload(bucket: string, name: string, header: string, tags?: Tags): Promise<string>;
  /** Parts below 5 MiB only as the last one. */
  writePart(upload: UploadPlace, number: number, length: number, body: Chunks): Promise<string>;
  completeUpload(
    upload: UploadPlace,
    parts: readonly { readonly number: number; readonly etag: string }[],
    condition?: WriteCondition,
  ): Promise<Written>;
  abortUpload(upload: UploadPlace): Promise<void>;

  /** Of stores that keep versions. */
  readonly versions?: {
    list(bucket: string, options: ListOptions & { readonly afterVersion?: string | undefined }): Promise<VersionPage>;
    status(bucket: string): Promise<"Enabled" | "Suspended" | undefined>;
    setStatus(bucket: string, status: "Enabled" | "Suspended"): Promise<void>;
  };
  close(): Promise<void>;
}

/** An upload in parts, as the store knows it. */
export interface UploadPlace {
  readonly bucket: string;
  readonly name: string;
  readonly id: string;
}
