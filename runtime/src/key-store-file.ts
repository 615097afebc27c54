/**
 * The sealed file behind a key store: JSON with a header, one or more slots, and the encrypted payload.
 *
 * A random 32-byte file key encrypts the payload. Each slot holds that file key, encrypted under something else: a passphrase now; a KMS key, a
 * Shamir quorum or a passkey later. HMAC under the file key covers header and slots, so nobody without a way in can add, drop or change one,
 * and a ciphertext that opens under two keys is of no use (AES-GCM alone does not commit to its key).
 *
 * What failed is told apart only where that says nothing about the secret: a slot that does not open is `ERR_KEYSTORE_PASSPHRASE` (wrong passphrase or damaged
 * slot, nobody can tell); anything that fails after a slot has opened is damage, `ERR_KEYSTORE_CORRUPT`.
 * Not detected: an older, valid version of the same file put back in its place.
 * @module
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import Type, { type Static } from "typebox";
import { Check } from "typebox/value";
import { DEFAULT_KDF_COST, deriveKey, type KdfCost, KdfSchema } from "./key-derivation.ts";
import type { Passphrase } from "./passphrase.ts";

/** Files beyond this are refused before they are parsed. */
export const MAX_FILE_BYTES = 16 * 1_048_576;
const MAX_SLOTS = 8;
const TAG_BYTES = 16;

const Base64url = Type.String({ pattern: "^[A-Za-z0-9_-]*$", maxLength: MAX_FILE_BYTES });
const PassphraseSlotSchema = Type.Object(
  { type: Type.Literal("passphrase"), kdf: KdfSchema, wrappedKey: Base64url },
  { additionalProperties: false },
);
/** One member now; new kinds of slot join this union. */
const SlotSchema = Type.Union([PassphraseSlotSchema]);
const FileSchema = Type.Object(
  {
    format: Type.Literal("milagro.dev/key-store"),
    v: Type.Literal(1),
    /** What is inside, e.g. "dta-masters": a file of one kind does not open as another. */
    kind: Type.String({ pattern: "^[a-z][a-z0-9-]{0,63}$" }),
    slots: Type.Array(SlotSchema, { minItems: 1, maxItems: MAX_SLOTS }),
    headerMac: Base64url,
    salt: Base64url,
    ciphertext: Base64url,
  },
  { additionalProperties: false },
);
export type Slot = Static<typeof SlotSchema>;
export type KeyStoreFile = Omit<Static<typeof FileSchema>, "slots"> & { readonly slots: readonly Slot[] };

/** What a caller gives to make or open a slot. */
export type SlotKey = {
  readonly type: "passphrase";
  readonly passphrase: Passphrase;
  readonly cost?: KdfCost | undefined;
};

/** @throws `ERR_KEYSTORE_CORRUPT` for everything that is not a key store of this version, key derivation out of bounds included */
export function parseKeyStoreFile(bytes: Uint8Array): KeyStoreFile {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw corrupt("the file is not a key store");
  }
  if (!Check(FileSchema, value))
    throw corrupt("the file is not a key store of a version and cost that this program accepts");
  return value;
}

export function encodeKeyStoreFile(file: KeyStoreFile): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(file, null, 2)}\n`);
}

/** A slot that opens with `key`. */
export async function makeSlot(kind: string, fileKey: Uint8Array, key: SlotKey, random: RandomBytes): Promise<Slot> {
  const kdf = { ...(key.cost ?? DEFAULT_KDF_COST), salt: encodeBase64url(random(32)) };
  if (!Check(KdfSchema, kdf)) throw new TypeError("key derivation cost is out of bounds");
  const wrappingKey = await deriveKey(key.passphrase, kdf);
  // The salt makes the wrapping key unique to this slot, so its nonce may be fixed.
  const wrapped = encrypt(wrappingKey, slotContext(kind, kdf), fileKey);
  wrappingKey.fill(0);
  return { type: "passphrase", kdf, wrappedKey: encodeBase64url(wrapped) };
}

/** The file key, from the first slot that `key` opens. @throws `ERR_KEYSTORE_PASSPHRASE` */
export async function openSlot(file: KeyStoreFile, key: SlotKey): Promise<{ fileKey: Uint8Array; slotIndex: number }> {
  for (const [slotIndex, slot] of file.slots.entries()) {
    if (slot.type !== key.type) continue;
    const wrappingKey = await deriveKey(key.passphrase, slot.kdf);
    const fileKey = decrypt(wrappingKey, slotContext(file.kind, slot.kdf), decoded(slot.wrappedKey));
    wrappingKey.fill(0);
    if (fileKey?.length === 32) return { fileKey, slotIndex };
  }
  throw new MilagroError("ERR_KEYSTORE_PASSPHRASE", "the passphrase does not open the key store");
}

/** Encrypts under a key of this one writing: the salt is fresh each time. */
export function sealPayload(
  kind: string,
  fileKey: Uint8Array,
  slots: readonly Slot[],
  payload: Uint8Array,
  random: RandomBytes,
): KeyStoreFile {
  const salt = random(32);
  const header = { format: "milagro.dev/key-store", v: 1, kind, slots } as const;
  const headerMac = macOf(fileKey, header);
  const key = payloadKey(fileKey, salt);
  const ciphertext = encrypt(key, headerMac, payload);
  key.fill(0);
  return {
    ...header,
    headerMac: encodeBase64url(headerMac),
    salt: encodeBase64url(salt),
    ciphertext: encodeBase64url(ciphertext),
  };
}

/** @throws `ERR_KEYSTORE_CORRUPT` */
export function openPayload(file: KeyStoreFile, fileKey: Uint8Array): Uint8Array {
  const { format, v, kind, slots } = file;
  const expected = macOf(fileKey, { format, v, kind, slots });
  const found = decoded(file.headerMac);
  if (found.length !== expected.length || !timingSafeEqual(found, expected))
    throw corrupt("the key store's header or slots were altered");
  const key = payloadKey(fileKey, decoded(file.salt));
  const payload = decrypt(key, expected, decoded(file.ciphertext));
  key.fill(0);
  if (!payload) throw corrupt("the key store's content was altered");
  return payload;
}

function payloadKey(fileKey: Uint8Array, salt: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", fileKey, salt, "milagro key store payload v1", 32));
}

function macOf(fileKey: Uint8Array, header: Pick<KeyStoreFile, "format" | "v" | "kind" | "slots">): Uint8Array {
  const key = new Uint8Array(hkdfSync("sha256", fileKey, new Uint8Array(0), "milagro key store header v1", 32));
  const { format, v, kind, slots } = header;
  const slotFields = slots.map((slot) => [slot.type, ...kdfFields(slot.kdf), slot.wrappedKey]);
  const mac = createHmac("sha256", key)
    .update(JSON.stringify([format, v, kind, slotFields]))
    .digest();
  key.fill(0);
  return mac;
}

/** In a fixed order, whatever the order in the file. */
function kdfFields(kdf: Slot["kdf"]): readonly (string | number)[] {
  return kdf.name === "scrypt"
    ? [kdf.name, kdf.logN, kdf.r, kdf.p, kdf.salt]
    : [kdf.name, kdf.memoryKiB, kdf.passes, kdf.lanes, kdf.salt];
}

function slotContext(kind: string, kdf: Slot["kdf"]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(["milagro key store slot v1", kind, ...kdfFields(kdf)]));
}

/** AES-256-GCM with the all-zero nonce: every key here encrypts exactly once. */
function encrypt(key: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-256-gcm", key, new Uint8Array(12)).setAAD(aad);
  return new Uint8Array(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]));
}

function decrypt(key: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const body = sealed.subarray(0, -TAG_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", key, new Uint8Array(12), { authTagLength: TAG_BYTES }).setAAD(aad);
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const open = decipher.update(body);
  try {
    decipher.final();
  } catch {
    open.fill(0);
    return undefined;
  }
  const plaintext = new Uint8Array(open);
  open.fill(0);
  return plaintext;
}

function decoded(text: string): Uint8Array {
  try {
    return parseBase64url(text);
  } catch {
    throw corrupt("the key store's encoding is damaged");
  }
}

function corrupt(message: string): MilagroError {
  return new MilagroError("ERR_KEYSTORE_CORRUPT", message);
}
