/**
 * What an object is, in its own last bytes: sizes and salts of its parts, the ETag and headers that clients see. Sealed with the object's key, so that
 * completing a multipart upload binds parts, order and sizes, and so that names of authors and media types do not lie at the store.
 *
 *   sealed manifest = salt (16) ‖ AES-256-GCM(deriveKey(DEK, "MILAGRO-V1-GATEWAY-MANIFEST", salt), nonce = 0, aad = "", JSON)
 * @module
 */
import { AEAD_OVERHEAD } from "@milagro/crypto/aead";
import { concat, parseUtf8, u32, utf8, wipe } from "@milagro/crypto/bytes";
import { deriveKey } from "@milagro/crypto/kdf";
import type { RandomBytes } from "@milagro/engine/engine";
import { nativeAead } from "@milagro/runtime/aead";
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { sealedLength } from "./layout.ts";
import { corrupt, type Dek } from "./segments.ts";

const Texts = Type.Record(Type.String(), Type.String());
const PartSize = Type.Integer({ minimum: 0 });
const PartSalt = Type.String({ pattern: "^[A-Za-z0-9_-]{22}$" });
const ManifestSchema = Type.Object(
  {
    v: Type.Literal(1),
    /** Bytes of plaintext. */
    size: Type.Integer({ minimum: 0 }),
    /** Without quotes: MD5 of the plaintext, or MD5 of the parts' MD5s ‖ "-" ‖ their number. */
    etag: Type.String({ pattern: "^[0-9a-f]{32}(?:-[0-9]{1,5})?$" }),
    /**
     * [bytes of plaintext, salt in base64url] of each part, in order; of an object that was uploaded in parts and has a checksum, also that of the part, in base64,
     * by the same algorithm.
     */
    parts: Type.Array(
      Type.Union([
        Type.Tuple([PartSize, PartSalt]),
        Type.Tuple([PartSize, PartSalt, Type.String({ pattern: "^[A-Za-z0-9+/]{6,43}={0,2}$" })]),
      ]),
      { minItems: 1, maxItems: 10_000 },
    ),
    /** Headers that are given back as they came: content-type and its like. Lower case. */
    headers: Texts,
    /** The client's own metadata, without `x-amz-meta-`. */
    metadata: Texts,
    /** Of the whole plaintext, base64, by algorithm. */
    checksums: Texts,
  },
  { additionalProperties: false },
);
/** See the schema for what is what. */
export type Manifest = Static<typeof ManifestSchema>;

/** Bytes of the number at an object's end. */
export const MANIFEST_SUFFIX_LENGTH = 4;
/** Ten thousand parts with checksums and 2 KB of metadata, with room. */
const MAX_MANIFEST_LENGTH = 1024 * 1024;
const SALT_LENGTH = 16;
const NONCE = new Uint8Array(12);
const NO_AAD = new Uint8Array(0);
const validator = Compile(ManifestSchema);

/** With its length behind it: an object's last bytes. */
export async function sealManifest(random: RandomBytes, dek: Dek, manifest: Manifest): Promise<Uint8Array> {
  const salt = random(SALT_LENGTH);
  const key = manifestKey(dek, salt);
  const sealed = concat(salt, await nativeAead.seal(key, NONCE, NO_AAD, utf8(JSON.stringify(manifest))));
  wipe(key);
  return concat(sealed, u32(sealed.length));
}

/** Bytes of a sealed manifest with its length, before its digests are known: they have fixed lengths. */
export function sealedManifestLength(manifest: Manifest): number {
  return SALT_LENGTH + utf8(JSON.stringify(manifest)).length + AEAD_OVERHEAD + MANIFEST_SUFFIX_LENGTH;
}

/**
 * How many of an object's last bytes are the manifest with its length.
 * @param end - at least the last four bytes
 * @throws `ERR_OBJECT_CORRUPT`
 */
export function manifestLengthFrom(end: Uint8Array): number {
  if (end.length < MANIFEST_SUFFIX_LENGTH) corrupt();
  const length = new DataView(end.buffer, end.byteOffset + end.length - MANIFEST_SUFFIX_LENGTH).getUint32(0);
  if (length < SALT_LENGTH + AEAD_OVERHEAD || length > MAX_MANIFEST_LENGTH) corrupt();
  return length + MANIFEST_SUFFIX_LENGTH;
}

/**
 * Opens the manifest at the end of an object and checks that it tells the object's length.
 * @param tail - the bytes that `manifestLengthFrom` counted
 * @param objectLength - of all of it at rest
 * @throws `ERR_OBJECT_CORRUPT`
 */
export async function openManifest(dek: Dek, tail: Uint8Array, objectLength: number): Promise<Manifest> {
  const key = manifestKey(dek, tail.subarray(0, SALT_LENGTH));
  let manifest: unknown;
  try {
    const sealed = tail.subarray(SALT_LENGTH, tail.length - MANIFEST_SUFFIX_LENGTH);
    manifest = JSON.parse(parseUtf8(await nativeAead.open(key, NONCE, NO_AAD, sealed)));
  } catch (cause) {
    corrupt(cause);
  } finally {
    wipe(key);
  }
  if (!validator.Check(manifest)) corrupt();
  const lengths = manifest.parts.map(([length]) => length);
  const body = lengths.reduce((sum, length) => sum + sealedLength(length), 0);
  const size = lengths.reduce((sum, length) => sum + length, 0);
  if (manifest.size !== size || body + tail.length !== objectLength) corrupt();
  return manifest;
}

function manifestKey(dek: Dek, salt: Uint8Array): Uint8Array {
  return dek.use((bytes) => deriveKey(bytes, "MILAGRO-V1-GATEWAY-MANIFEST", salt));
}
