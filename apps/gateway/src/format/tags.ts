/**
 * Tags at the store: keys and values encrypted, so that they can be changed by themselves.
 *
 *   tags key = deriveKey(bucket key, "MILAGRO-V1-GATEWAY-TAGS-MAC") ‖ deriveKey(bucket key, "MILAGRO-V1-GATEWAY-TAGS-ENC")
 *   key      = base64url(AES-SIV(tags key, aad = "key", key))
 *   value    = "r" ‖ base64url(AES-SIV(tags key, aad = "value" ‖ 0x00 ‖ key ‖ 0x00 ‖ random (16), value) ‖ random)
 *   indexed  = "d" ‖ base64url(AES-SIV(tags key, aad = "value" ‖ 0x00 ‖ key, value))
 *
 * Keys are always deterministic: the store sees which objects have a tag of the same key. Of an indexed key it sees as well which have the same value; that is
 * what an index is for. A value moved to another object opens there: tags are not bound to their object.
 * @module
 */
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { concat, parseUtf8, u8, utf8 } from "@milagro/crypto/bytes";
import { deriveKey } from "@milagro/crypto/kdf";
import type { RandomBytes } from "@milagro/engine/engine";
import { aessiv } from "@noble/ciphers/aes.js";
import type { Tags } from "../backend/backend.ts";
import type { Kek } from "./object-header.ts";
import { corrupt } from "./segments.ts";

export interface TagCipher {
  seal(tags: Tags): Tags;
  /** @throws `ERR_OBJECT_CORRUPT` */
  open(tags: Tags): Tags;
}

/** Bytes that fit when encrypted: S3 has 128 characters for a key and 256 for a value. */
export const MAX_TAG_KEY_BYTES = 80;
export const MAX_TAG_VALUE_BYTES = 160;
const RANDOM_LENGTH = 16;

export function createTagCipher(random: RandomBytes, bucketKey: Kek, indexed: ReadonlySet<string>): TagCipher {
  const key = bucketKey.use((bytes) =>
    concat(deriveKey(bytes, "MILAGRO-V1-GATEWAY-TAGS-MAC"), deriveKey(bytes, "MILAGRO-V1-GATEWAY-TAGS-ENC")),
  );
  const forKey = () => aessiv(key, utf8("key"));
  const forValue = (name: string, salt: Uint8Array) =>
    aessiv(key, concat(utf8("value"), u8(0), utf8(name), ...(salt.length > 0 ? [u8(0), salt] : [])));
  return {
    seal: (tags) =>
      Object.fromEntries(
        Object.entries(tags).map(([name, value]) => {
          const salt = indexed.has(name) ? new Uint8Array(0) : random(RANDOM_LENGTH);
          const sealed = concat(forValue(name, salt).encrypt(utf8(value)), salt);
          // The first letter says whether there is a salt: settings may change, tags stay readable.
          return [
            encodeBase64url(forKey().encrypt(utf8(name))),
            `${salt.length > 0 ? "r" : "d"}${encodeBase64url(sealed)}`,
          ];
        }),
      ),
    open: (tags) =>
      Object.fromEntries(
        Object.entries(tags).map(([sealedName, sealedValue]) => {
          try {
            const name = parseUtf8(forKey().decrypt(parseBase64url(sealedName)));
            const bytes = parseBase64url(sealedValue.slice(1));
            const cut = sealedValue.startsWith("r") ? bytes.length - RANDOM_LENGTH : bytes.length;
            return [name, parseUtf8(forValue(name, bytes.subarray(cut)).decrypt(bytes.subarray(0, cut)))];
          } catch (cause) {
            return corrupt(cause);
          }
        }),
      ),
  };
}
