/**
 * Passphrase to key: Argon2id where Node's crypto has it (24.7 on), scrypt elsewhere. The parameters travel in the file's header, so both
 * ends of their range are enforced at opening: too little would be weak, too much would let a hostile file take all memory or all day.
 * Source: RFC 9106 §4 (second recommended Argon2id option), RFC 7914 §2 (scrypt); lower bounds as OWASP's password storage advice.
 * @module
 */
import * as crypto from "node:crypto";
import { MilagroError } from "@milagro/engine/error";
import Type, { type Static } from "typebox";
import type { Passphrase } from "./passphrase.ts";

const Salt = Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" });

const Argon2idSchema = Type.Object(
  {
    name: Type.Literal("argon2id"),
    memoryKiB: Type.Integer({ minimum: 19_456, maximum: 1_048_576 }),
    passes: Type.Integer({ minimum: 2, maximum: 16 }),
    lanes: Type.Integer({ minimum: 1, maximum: 16 }),
    salt: Salt,
  },
  { additionalProperties: false },
);
const ScryptSchema = Type.Object(
  {
    name: Type.Literal("scrypt"),
    logN: Type.Integer({ minimum: 15, maximum: 20 }),
    r: Type.Integer({ minimum: 8, maximum: 8 }),
    p: Type.Integer({ minimum: 1, maximum: 4 }),
    salt: Salt,
  },
  { additionalProperties: false },
);

/** As in a key store's header. At most 1 GiB of memory either way. */
export const KdfSchema = Type.Union([Argon2idSchema, ScryptSchema]);
export type Kdf = Static<typeof KdfSchema>;
/** Without the salt, which is drawn for each slot. */
export type KdfCost = Omit<Static<typeof Argon2idSchema>, "salt"> | Omit<Static<typeof ScryptSchema>, "salt">;

export const hasArgon2 = typeof crypto.argon2 === "function";

/** 64 MiB, 3 passes, 4 lanes; or scrypt with N = 2¹⁷ (128 MiB). About 0.1 to 0.4 s on one core. */
export const DEFAULT_KDF_COST: KdfCost = hasArgon2
  ? { name: "argon2id", memoryKiB: 65_536, passes: 3, lanes: 4 }
  : { name: "scrypt", logN: 17, r: 8, p: 1 };

/**
 * 32 bytes from a passphrase. Runs on Node's thread pool.
 * @throws `ERR_KEYSTORE_UNSUPPORTED` for Argon2id on a Node without it
 */
export async function deriveKey(passphrase: Passphrase, kdf: Kdf): Promise<Uint8Array> {
  const salt = Buffer.from(kdf.salt, "base64url");
  // Both functions read the passphrase later, on another thread: they get a copy that lives exactly as long.
  const message = passphrase.use((bytes) => bytes.slice());
  try {
    return await new Promise<Uint8Array>((resolve, reject) => {
      const done = (error: Error | null, key: Uint8Array): void => {
        if (error) {
          reject(error);
          return;
        }
        resolve(new Uint8Array(key));
        key.fill(0);
      };
      if (kdf.name === "scrypt") {
        const N = 2 ** kdf.logN;
        crypto.scrypt(
          message,
          salt,
          32,
          { N, r: kdf.r, p: kdf.p, maxmem: 128 * N * kdf.r + 128 * kdf.r * kdf.p + 1_048_576 },
          done,
        );
      } else if (hasArgon2) {
        const { memoryKiB: memory, passes, lanes: parallelism } = kdf;
        crypto.argon2("argon2id", { message, nonce: salt, memory, passes, parallelism, tagLength: 32 }, done);
      } else {
        reject(new MilagroError("ERR_KEYSTORE_UNSUPPORTED", "this key store needs Argon2id: Node 24.7 or newer"));
      }
    });
  } finally {
    message.fill(0);
  }
}
