/**
 * An object sealed anew, under a fresh key: same plaintext, same parts, same ETag to clients.
 * @module
 */
import type { Written } from "./backend/backend.ts";
import type { Gateway } from "./exchange.ts";
import { sealedLength } from "./format/layout.ts";
import { type Manifest, sealedManifestLength, sealManifest } from "./format/manifest.ts";
import { encodeObjectHeader, generateDek, wrapDek } from "./format/object-header.ts";
import { PART_SALT_LENGTH, partKey, sealPart } from "./format/segments.ts";
import type { OpenedKek } from "./kek-reader.ts";
import { type OpenedObject, readObject } from "./object-reader.ts";

/** The most that a store takes in one piece, and the pieces for more. */
const MAX_PIECE_BYTES = 5 * 1024 ** 3;
const PIECE_BYTES = 512 * 1024 ** 2;

/** @throws `ERR_PRECONDITION_FAILED` when the object was replaced meanwhile */
export async function resealObject(gateway: Gateway, object: OpenedObject, kek: OpenedKek): Promise<Written> {
  const { backend, policyKeys } = gateway;
  const { random } = policyKeys;
  const { bucket, key, name, info } = object;
  const dek = generateDek(random);
  const header = encodeObjectHeader(wrapDek(random, kek.kek, kek.id, { bucket, key }, dek));
  const salts = object.manifest.parts.map(() => random(PART_SALT_LENGTH));
  const manifest: Manifest = {
    ...object.manifest,
    parts: object.manifest.parts.map(([size, , ...checksum], i) => [
      size,
      Buffer.from(salts[i] as Uint8Array).toString("base64url"),
      ...checksum,
    ]),
  };
  const length = manifest.parts.reduce((sum, [size]) => sum + sealedLength(size), 0) + sealedManifestLength(manifest);
  const body = async function* () {
    let from = 0;
    for (const [i, [size]] of manifest.parts.entries()) {
      yield* sealPart(partKey(dek, salts[i] as Uint8Array), readObject(backend, object, from, size));
      from += size;
    }
    yield await sealManifest(random, dek, manifest);
  };
  const tags = await backend.tags(bucket, name, info.version);
  const condition = { ifEtag: info.etag };
  try {
    if (length <= MAX_PIECE_BYTES)
      return await backend.write(bucket, name, { header, length, body: body(), ...(tags ? { tags } : {}) }, condition);
    const upload = { bucket, name, id: await backend.createUpload(bucket, name, header, tags) };
    try {
      const parts: { number: number; etag: string }[] = [];
      const pieces = cut(body());
      for (let done = 0; done < length; done += PIECE_BYTES) {
        const number = parts.length + 1;
        const size = Math.min(PIECE_BYTES, length - done);
        parts.push({ number, etag: await backend.writePart(upload, number, size, pieces.next(size)) });
      }
      return await backend.completeUpload(upload, parts, condition);
    } catch (error) {
      await backend.abortUpload(upload).catch(() => {});
      throw error;
    }
  } finally {
    dek.destroy();
  }
}

/** A stream cut into stretches, one after the other. */
function cut(source: AsyncGenerator<Uint8Array, void>) {
  let held: Uint8Array = new Uint8Array(0);
  return {
    async *next(size: number): AsyncGenerator<Uint8Array, void> {
      for (let left = size; left > 0; ) {
        if (held.length === 0) {
          const { value, done } = await source.next();
          if (done) return;
          held = value;
        }
        const part = held.subarray(0, left);
        held = held.subarray(part.length);
        left -= part.length;
        yield part;
      }
    },
  };
}
