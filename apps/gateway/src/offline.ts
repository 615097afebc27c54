/**
 * Reading without a gateway: whoever holds the attributes opens what lies at the store, and nobody else does.
 * @module
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { MilagroError } from "@milagro/engine/error";
import { readFileLimited } from "@milagro/runtime/atomic-file";
import type { Backend, StoredRange } from "./backend/backend.ts";
import type { Manifest } from "./format/manifest.ts";
import { createNameCipher } from "./format/names.ts";
import type { Place } from "./format/object-header.ts";
import { createKekReader, kekName, RESERVED_PREFIX } from "./kek-reader.ts";
import { BUCKET_KEY_ID } from "./keks.ts";
import { openObject, readObject } from "./object-reader.ts";
import type { PolicyKeys } from "./policy-keys.ts";

/** What of a store reading takes. */
export type StoreReader = Pick<Backend, "read">;

export interface OfflineObject {
  readonly manifest: Manifest;
  /** All of it, each byte authenticated before it comes out. */
  readonly body: AsyncGenerator<Uint8Array, void>;
}

const MAX_RECORD_BYTES = 256 * 1024;

/**
 * @param writers - identities of the gateways that are believed to write here
 * @throws `ERR_POLICY_UNSATISFIED`, `ERR_KEK_INVALID`, `ERR_OBJECT_CORRUPT`, `ERR_OBJECT_FOREIGN`, `ERR_FILE_MISSING`
 */
export async function openOffline(
  store: StoreReader,
  policyKeys: PolicyKeys,
  writers: readonly string[],
  place: Place,
): Promise<OfflineObject> {
  const keks = createKekReader({ backend: store, policyKeys, writers });
  const open = (name: string) => openObject({ backend: store, keks }, place, name);
  let object = await open(place.key);
  if (!object && (await store.read(place.bucket, kekName(BUCKET_KEY_ID), { last: 1 }))) {
    const { kek } = await keks.open(place.bucket, BUCKET_KEY_ID);
    object = await open(createNameCipher(kek).seal(place.key));
  }
  if (!object) throw new MilagroError("ERR_FILE_MISSING", "there is no such object at the store");
  const { manifest } = object;
  return { manifest, body: readObject(store, object, 0, manifest.size) };
}

/**
 * An object and its KEK's record as files, however they were fetched.
 * @param files.header - the text that lies in the object's metadata as `milagro`
 */
export function rawFiles(files: {
  readonly object: string;
  readonly header: string;
  readonly kek: string;
}): StoreReader {
  return {
    async read(_bucket, name, range) {
      if (name.startsWith(RESERVED_PREFIX)) {
        if (name === kekName(BUCKET_KEY_ID)) return undefined;
        const bytes = await readFileLimited(files.kek, MAX_RECORD_BYTES);
        return { info: infoOf("", bytes.length), body: once(bytes) };
      }
      const { size } = await stat(files.object);
      const [from, length] = spanOf(range, size);
      const body =
        length === 0
          ? once(new Uint8Array(0))
          : createReadStream(files.object, { start: from, end: from + length - 1 });
      return { info: infoOf(files.header, size), body };
    },
  };
}

const infoOf = (header: string, length: number) => ({ header, length, etag: "", modifiedMs: 0 });

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

function spanOf(range: StoredRange, size: number): readonly [number, number] {
  if (range === "all") return [0, size];
  if ("last" in range) return [Math.max(0, size - range.last), Math.min(size, range.last)];
  return [range.from, Math.max(0, Math.min(range.length, size - range.from))];
}
