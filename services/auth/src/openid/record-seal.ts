/**
 * How the provider's records rest: a thief of the database finds neither a session, a code, a token nor a client's secret in it.
 *
 *   key      32 bytes, in the sealed key store
 *   nameKey  HKDF-SHA256(key, "milagro openid names v1")           contentKey  HKDF-SHA256(key, "milagro openid records v1")
 *   name     HMAC-SHA256(nameKey, kind ‖ 0x00 ‖ name)
 *   sealed   nonce (12 random bytes) ‖ AES-256-GCM(contentKey, nonce, JSON, aad = label)
 *
 * Bindings: the label of a record is its kind and hashed name, so that rows cannot be exchanged.
 * @module
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";

const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

export interface RecordSeal {
  /** A name as it stands in the database. */
  hash(kind: string, name: string): string;
  seal(label: string, value: unknown): string;
  /** @throws `ERR_DATABASE_CORRUPT` for anything that this key has not sealed under this label */
  open(label: string, sealed: string): unknown;
}

/** @param key - 32 bytes; copied */
export function createRecordSeal(key: Uint8Array, random: RandomBytes): RecordSeal {
  const derive = (label: string) => Buffer.from(hkdfSync("sha256", key, new Uint8Array(), label, 32));
  const [nameKey, contentKey] = [derive("milagro openid names v1"), derive("milagro openid records v1")];
  return {
    hash: (kind, name) => createHmac("sha256", nameKey).update(`${kind}\0${name}`).digest("base64url"),
    seal: (label, value) => {
      const nonce = random(NONCE_LENGTH);
      const cipher = createCipheriv("aes-256-gcm", contentKey, nonce).setAAD(Buffer.from(label));
      const body = [cipher.update(JSON.stringify(value), "utf8"), cipher.final()];
      return Buffer.concat([nonce, ...body, cipher.getAuthTag()]).toString("base64url");
    },
    open: (label, sealed) => {
      try {
        const bytes = Buffer.from(sealed, "base64url");
        const nonce = bytes.subarray(0, NONCE_LENGTH);
        const decipher = createDecipheriv("aes-256-gcm", contentKey, nonce, { authTagLength: TAG_LENGTH });
        decipher.setAAD(Buffer.from(label)).setAuthTag(bytes.subarray(-TAG_LENGTH));
        const body = decipher.update(bytes.subarray(NONCE_LENGTH, -TAG_LENGTH));
        return JSON.parse(Buffer.concat([body, decipher.final()]).toString("utf8"));
      } catch (cause) {
        throw new MilagroError("ERR_DATABASE_CORRUPT", "a record of the OpenID provider was not sealed with this key", {
          cause,
        });
      }
    },
  };
}
