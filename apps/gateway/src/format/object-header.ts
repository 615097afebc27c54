/**
 * What stands in an object's metadata at the store: which KEK its key is wrapped with, and the wrapped key. Small, because S3 allows 2 KB, and apart from the
 * body, so that keys are rotated without touching that.
 *
 *   header     = u8 1 ‖ KEK id (16) ‖ salt (16) ‖ wrapped DEK (48) ‖ commitment (32)           113 bytes, base64url at rest
 *   place      = transcript("MILAGRO-V1-GATEWAY-PLACE", u8 1, KEK id, bucket, key)                 as the client names them
 *   wrapped    = AES-256-GCM(deriveKey(KEK, "MILAGRO-V1-GATEWAY-WRAP", salt), nonce = 0, aad = place, DEK)
 *   commitment = deriveKey(DEK, "MILAGRO-V1-GATEWAY-COMMITMENT", place)
 *
 * The place binds a header to bucket and key: an object moved by the store to another name does not open. The commitment binds
 * the DEK, which AES-GCM does not, and is compared before anything is decrypted with it.
 * @module
 */
import { AEAD_OVERHEAD, nobleAead } from "@milagro/crypto/aead";
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import type { Brand } from "@milagro/crypto/brand";
import { ByteReader, concat, equalBytes, transcript, u8, utf8, wipe } from "@milagro/crypto/bytes";
import { deriveKey } from "@milagro/crypto/kdf";
import { Secret } from "@milagro/crypto/secret";
import type { RandomBytes } from "@milagro/engine/engine";
import { corrupt, type Dek } from "./segments.ts";

/** Names a KEK: 32 lower-case hexadecimal digits. */
export type KekId = Brand<string, "KekId">;
/** Wraps the keys of all objects of one policy and epoch. */
export type Kek = Secret<"KEK">;

/** Bucket and key as clients name them. */
export interface Place {
  readonly bucket: string;
  readonly key: string;
}

/** A parsed header: of the right shape, nothing more. */
export interface ObjectHeader {
  readonly kekId: KekId;
  readonly salt: Uint8Array;
  readonly wrapped: Uint8Array;
  readonly commitment: Uint8Array;
}

const VERSION = 1;
const NONCE = new Uint8Array(12);
const KEY_LENGTH = 32;

/** A fresh object key. */
export function generateDek(random: RandomBytes): Dek {
  return new Secret("object key", random(KEY_LENGTH));
}

/** Sixteen random bytes as text. */
export function generateKekId(random: RandomBytes): KekId {
  return Buffer.from(random(16)).toString("hex") as KekId;
}

/** @throws `ERR_OBJECT_CORRUPT` */
export function parseKekId(text: string): KekId {
  if (!/^[0-9a-f]{32}$/.test(text)) corrupt();
  return text as KekId;
}

/** Wraps an object's key for its place. */
export function wrapDek(random: RandomBytes, kek: Kek, kekId: KekId, place: Place, dek: Dek): ObjectHeader {
  const salt = random(16);
  const bound = placeOf(kekId, place);
  const key = wrapKey(kek, salt);
  try {
    return dek.use((bytes) => ({
      kekId,
      salt,
      wrapped: nobleAead.seal(key, NONCE, bound, bytes),
      commitment: deriveKey(bytes, "MILAGRO-V1-GATEWAY-COMMITMENT", bound),
    }));
  } finally {
    wipe(key);
  }
}

/** @throws `ERR_OBJECT_CORRUPT` for another KEK, another place, or a changed header */
export function unwrapDek(kek: Kek, header: ObjectHeader, place: Place): Dek {
  const bound = placeOf(header.kekId, place);
  const key = wrapKey(kek, header.salt);
  let bytes: Uint8Array;
  try {
    bytes = nobleAead.open(key, NONCE, bound, header.wrapped);
  } catch (cause) {
    return corrupt(cause);
  } finally {
    wipe(key);
  }
  const commitment = deriveKey(bytes, "MILAGRO-V1-GATEWAY-COMMITMENT", bound);
  if (equalBytes(commitment, header.commitment)) return new Secret("object key", bytes);
  wipe(bytes);
  return corrupt();
}

/** As it stands in the metadata. */
export function encodeObjectHeader({ kekId, salt, wrapped, commitment }: ObjectHeader): string {
  return encodeBase64url(concat(u8(VERSION), Buffer.from(kekId, "hex"), salt, wrapped, commitment));
}

/** @throws `ERR_OBJECT_CORRUPT` */
export function parseObjectHeader(text: string): ObjectHeader {
  try {
    const reader = new ByteReader(parseBase64url(text), "ERR_OBJECT_CORRUPT");
    if (reader.integer(8) !== VERSION) corrupt();
    const kekId = parseKekId(Buffer.from(reader.take(16)).toString("hex"));
    const [salt, wrapped] = [reader.take(16), reader.take(KEY_LENGTH + AEAD_OVERHEAD)];
    const commitment = reader.take(KEY_LENGTH);
    reader.end();
    return { kekId, salt, wrapped, commitment };
  } catch (cause) {
    return corrupt(cause);
  }
}

function placeOf(kekId: KekId, { bucket, key }: Place): Uint8Array {
  return transcript("MILAGRO-V1-GATEWAY-PLACE", u8(VERSION), Buffer.from(kekId, "hex"), utf8(bucket), utf8(key));
}

function wrapKey(kek: Kek, salt: Uint8Array): Uint8Array {
  return kek.use((bytes) => deriveKey(bytes, "MILAGRO-V1-GATEWAY-WRAP", salt));
}
