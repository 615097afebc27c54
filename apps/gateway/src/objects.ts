/**
 * Objects as the gateway handles them, between clients' names and the store: opening what is there, sealing what comes.
 * @module
 */
import { createHash } from "node:crypto";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { ahead } from "./ahead.ts";
import type { Backend, Tags, WriteCondition, Written } from "./backend/backend.ts";
import type { DigestAlgorithm } from "./digest-algorithms.ts";
import type { DigestThreads } from "./digest-threads.ts";
import { sealedLength } from "./format/layout.ts";
import { type Manifest, sealedManifestLength, sealManifest } from "./format/manifest.ts";
import { encodeObjectHeader, generateDek, type ObjectHeader, wrapDek } from "./format/object-header.ts";
import { type Chunks, type Dek, PART_SALT_LENGTH, partKey, sealPart } from "./format/segments.ts";
import type { OpenedKek } from "./kek-reader.ts";
import type { Keks } from "./keks.ts";
import type { Names } from "./names.ts";
import { type OpenedObject, openObject, readObject } from "./object-reader.ts";
import { type ListedChecksums, listedChecksums } from "./operations/checksums.ts";

/** What is written beside the bytes. */
export interface NewObject {
  readonly bucket: string;
  readonly key: string;
  readonly policy: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags?: Tags | undefined;
  readonly size: number;
  readonly body: Chunks;
  /** Beside MD5. */
  readonly algorithms: readonly DigestAlgorithm[];
  /** Those of `algorithms` whose results stay with the object. */
  readonly kept: readonly DigestAlgorithm[];
  /** Sees the digests before anything is committed; throws when they are not what was announced. */
  check(digests: Readonly<Record<string, Uint8Array>>): void;
}

export interface SealedPart {
  readonly salt: Uint8Array;
  readonly digests: Readonly<Record<string, Uint8Array>>;
}

/** Of the plaintext. */
export interface Described {
  readonly etag: string;
  readonly size: number;
  readonly checksums: ListedChecksums;
}

export interface Objects {
  open(bucket: string, key: string, version?: string): Promise<OpenedObject | undefined>;
  /** Bytes [from, from + length) of the plaintext, each authenticated before it comes out. */
  read(object: OpenedObject, from: number, length: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void>;
  write(
    object: NewObject,
    condition?: WriteCondition,
  ): Promise<Written & { readonly manifest: Manifest; readonly kek: OpenedKek }>;
  /**
   * Seals a body as a part under a key of its own.
   * @param check - sees the digests before the last chunk comes out, and throws when they are not what was announced: a store that has all bytes has a part
   * @returns `finished` has the digests once `chunks` has ended
   */
  sealPart(
    dek: Dek,
    body: Chunks,
    algorithms: readonly DigestAlgorithm[],
    check?: (digests: Readonly<Record<string, Uint8Array>>) => void,
  ): { readonly chunks: AsyncGenerator<Uint8Array, void>; finished(): SealedPart; drop(): void };
  /** What a listing tells of an object that it names: from memory, or from the object. */
  describe(bucket: string, key: string, name: string, storedEtag: string): Promise<Described | undefined>;
  forget(bucket: string, key: string): void;
}

const MAX_CACHED = 2000;
/** Larger manifests, of many parts, are not kept. */
const MAX_CACHED_PARTS = 100;
const MAX_DESCRIBED = 200_000;

interface Cached {
  readonly etag: string;
  readonly header: ObjectHeader;
  readonly kek: OpenedKek;
  readonly dek: Dek;
  readonly manifest: Manifest;
}

export function createObjects(parts: {
  readonly backend: Backend;
  readonly keks: Keks;
  readonly names: Names;
  readonly digests: DigestThreads;
  readonly random: RandomBytes;
}): Objects {
  const { backend, keks, names, digests, random } = parts;
  const cache = new Map<string, Cached>();
  const described = new Map<string, Described>();
  const remember = <V>(map: Map<string, V>, key: string, value: V, limit: number): void => {
    map.delete(key);
    map.set(key, value);
    if (map.size > limit) map.delete(map.keys().next().value as string);
  };
  const cacheKey = (bucket: string, key: string): string => `${bucket}\n${key}`;

  const objects: Objects = {
    async open(bucket, key, version) {
      const name = await names.toStore(bucket, key);
      const known = version === undefined ? cache.get(cacheKey(bucket, key)) : undefined;
      if (known) {
        const info = await backend.head(bucket, name);
        if (!info) return undefined;
        if (info.etag === known.etag) {
          const { header, kek, dek, manifest } = known;
          return { bucket, key, name, info, header, kek, dek, manifest, tail: new Uint8Array(0) };
        }
      }
      const opened = await openObject({ backend, keks }, { bucket, key }, name, version);
      if (opened && version === undefined && opened.manifest.parts.length <= MAX_CACHED_PARTS)
        remember(cache, cacheKey(bucket, key), { ...opened, etag: opened.info.etag }, MAX_CACHED);
      return opened;
    },
    read: (object, from, length, signal) => readObject(backend, object, from, length, signal),
    async write(object, condition) {
      const { bucket, key, size } = object;
      const kek = await keks.forWriting(bucket, object.policy);
      const dek = generateDek(random);
      const header = wrapDek(random, kek.kek, kek.id, { bucket, key }, dek);
      const manifest = (found: Pick<Manifest, "etag" | "checksums">, salt: Uint8Array): Manifest => ({
        v: 1,
        size,
        etag: found.etag,
        parts: [[size, Buffer.from(salt).toString("base64url")]],
        headers: { ...object.headers },
        metadata: { ...object.metadata },
        checksums: found.checksums,
      });
      // Digests have fixed lengths, so that the manifest's is known before they are.
      const blank = Object.fromEntries(object.kept.map((name) => [name, base64OfZeros(DIGEST_LENGTHS[name])]));
      const length =
        sealedLength(size) +
        sealedManifestLength(manifest({ etag: "0".repeat(32), checksums: blank }, new Uint8Array(PART_SALT_LENGTH)));
      const part = objects.sealPart(dek, object.body, object.algorithms, object.check);
      let final: Manifest | undefined;
      const body = async function* () {
        yield* part.chunks;
        const { digests: found, salt } = part.finished();
        const checksums = Object.fromEntries(object.kept.map((name) => [name, toBase64(found[name] as Uint8Array)]));
        final = manifest({ etag: toHex(found["md5"] as Uint8Array), checksums }, salt);
        yield await sealManifest(random, dek, final);
      };
      try {
        const name = await names.toStore(bucket, key);
        const tags = object.tags && (await names.sealTags(bucket, object.tags));
        const stored = { header: encodeObjectHeader(header), length, body: body(), ...(tags ? { tags } : {}) };
        const written = await backend.write(bucket, name, stored, condition);
        const made = final as Manifest | undefined;
        if (!made) throw new MilagroError("ERR_STORE_UNAVAILABLE", "the store took the object without reading it");
        remember(cache, cacheKey(bucket, key), { etag: written.etag, header, kek, dek, manifest: made }, MAX_CACHED);
        return { ...written, manifest: made, kek };
      } finally {
        part.drop();
      }
    },
    sealPart(dek, body, algorithms, check = () => {}) {
      const salt = random(PART_SALT_LENGTH);
      const stream = digests.begin(["md5", ...algorithms]);
      let sealed: SealedPart | undefined;
      // A folder has written a chunk before it asks for the next, which is sealed meanwhile.
      const isFolder = backend.kind === "file";
      const sealing = sealPart(partKey(dek, salt), body, {
        block: stream.block,
        onPlaintext: stream.update,
        async beforeLast() {
          const found = await stream.end();
          sealed = { salt, digests: found };
          check(found);
        },
        reusesChunks: isFolder,
      });
      return {
        chunks: isFolder ? ahead(sealing) : sealing,
        finished() {
          if (!sealed) throw new MilagroError("ERR_STORE_UNAVAILABLE", "the store took the part without reading it");
          return sealed;
        },
        drop: () => {
          if (!sealed) stream.drop();
        },
      };
    },
    async describe(bucket, key, name, storedEtag) {
      const id = `${bucket}\n${name}\n${storedEtag}`;
      const known = described.get(id);
      if (known) return known;
      const opened = await objects.open(bucket, key).catch((error: unknown) => {
        // Not ours to read, or damaged: a listing names it all the same.
        if (error instanceof MilagroError && error.code !== "ERR_STORE_UNAVAILABLE") return undefined;
        throw error;
      });
      if (!opened || opened.info.etag !== storedEtag) return undefined;
      const { etag, size, checksums } = opened.manifest;
      const description = { etag, size, checksums: listedChecksums(checksums) };
      remember(described, id, description, MAX_DESCRIBED);
      return description;
    },
    forget: (bucket, key) => void cache.delete(cacheKey(bucket, key)),
  };
  return objects;
}

const DIGEST_LENGTHS: Readonly<Record<DigestAlgorithm, number>> = {
  md5: 16,
  sha1: 20,
  sha256: 32,
  crc32: 4,
  crc32c: 4,
  crc64nvme: 8,
};
const base64OfZeros = (length: number): string => Buffer.alloc(length).toString("base64");
const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** The ETag of an object of several parts, as S3 makes it. @param md5s - hexadecimal */
export function multipartEtag(md5s: readonly string[]): string {
  const hash = createHash("md5");
  for (const md5 of md5s) hash.update(Buffer.from(md5, "hex"));
  return `${hash.digest("hex")}-${md5s.length}`;
}
