/**
 * One record under AES-256-GCM: 12 random bytes, then ciphertext and tag. The record's place is authenticated with it, so that a value
 * put in another place, or carried to another origin, does not open.
 * @module
 */
import { concat, transcript, utf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { secureRandom } from "./secure-random.ts";

const NONCE = 12;
const LABEL = "MILAGRO-V1-WEB-RECORD";

/** @param place - what this record is and where: origin and key, each its own text */
export async function sealRecord(key: CryptoKey, place: readonly string[], value: Uint8Array): Promise<Uint8Array> {
  const iv = secureRandom(NONCE);
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: bind(place) }, key, value.slice());
  return concat(iv, new Uint8Array(sealed));
}

/** @throws `ERR_KEYSTORE_CORRUPT`, whatever is wrong: key, place or bytes */
export async function openRecord(key: CryptoKey, place: readonly string[], sealed: Uint8Array): Promise<Uint8Array> {
  try {
    const iv = sealed.slice(0, NONCE);
    const value = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv, additionalData: bind(place) },
      key,
      sealed.slice(NONCE),
    );
    return new Uint8Array(value);
  } catch (cause) {
    throw new MilagroError("ERR_KEYSTORE_CORRUPT", "a stored record does not open", { cause });
  }
}

function bind(place: readonly string[]): Uint8Array<ArrayBuffer> {
  return transcript(LABEL, ...place.map(utf8)).slice();
}
