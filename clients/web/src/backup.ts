/**
 * A file that brings accounts back: all records of this browser, sealed under a passphrase.
 *
 * PBKDF2-SHA-256 by WebCrypto, a million rounds (OWASP's floor is 600,000), and not Argon2id: no browser has that one built in, and
 * in JavaScript it would stop the page for seconds and be slower than what an attacker runs. What is behind the passphrase also needs
 * less: a token, good for as many guesses of the PIN as the login server allows, until any D-TA withholds its permit.
 *
 * File: JSON `{ v, type, origin, iterations, salt, sealed }`; `sealed` is a record of `record-seal.ts` over JSON `{ key: base64url }`,
 * bound to type, origin, rounds and salt.
 * @module
 */
import type { MpinStorage } from "@milagro/client/mpin-ports";
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { openRecord, sealRecord } from "./record-seal.ts";
import { secureRandom } from "./secure-random.ts";

const TYPE = "milagro-web-backup";
const ITERATIONS = 1_000_000;
const FEWEST = 600_000;
const MOST = 10_000_000;
const SALT = 16;
/** Shorter ones are guessed, rounds or not. In characters. */
export const SHORTEST_PASSPHRASE = 12;
/** A backup of a hundred accounts is a few per cent of it. */
const LONGEST_FILE = 1 << 20;

interface BackupFile {
  readonly v: 1;
  readonly type: typeof TYPE;
  readonly origin: string;
  readonly iterations: number;
  readonly salt: string;
  readonly sealed: string;
}

/** @throws `ERR_PASSPHRASE_INVALID` for fewer than `SHORTEST_PASSPHRASE` characters */
export async function exportBackup(storage: MpinStorage, origin: string, passphrase: string): Promise<string> {
  if ([...passphrase].length < SHORTEST_PASSPHRASE) {
    throw new MilagroError(
      "ERR_PASSPHRASE_INVALID",
      `a backup's passphrase has at least ${SHORTEST_PASSPHRASE} characters`,
    );
  }
  const records: Record<string, string> = {};
  for (const key of await storage.keys("")) {
    const value = await storage.get(key);
    if (value) records[key] = encodeBase64url(value);
    value?.fill(0);
  }
  const salt = secureRandom(SALT);
  const head = { v: 1, type: TYPE, origin, iterations: ITERATIONS, salt: encodeBase64url(salt) } as const;
  const content = utf8(JSON.stringify(records));
  const sealed = await sealRecord(await stretched(passphrase, salt, ITERATIONS), placeOf(head), content);
  content.fill(0);
  return JSON.stringify({ ...head, sealed: encodeBase64url(sealed) } satisfies BackupFile);
}

/**
 * Puts a backup's records back; what is there under the same names is replaced.
 * @returns how many records there were
 * @throws `ERR_KEYSTORE_CORRUPT` for what is no backup of this origin, `ERR_KEYSTORE_PASSPHRASE` for what the passphrase does not open
 */
export async function importBackup(
  storage: MpinStorage,
  origin: string,
  file: string,
  passphrase: string,
): Promise<number> {
  const backup = parseBackup(file);
  if (backup.origin !== origin) throw corrupt("this backup is of another site");
  const key = await stretched(passphrase, parseBase64url(backup.salt), backup.iterations);
  let content: Uint8Array;
  try {
    content = await openRecord(key, placeOf(backup), parseBase64url(backup.sealed));
  } catch (cause) {
    throw new MilagroError("ERR_KEYSTORE_PASSPHRASE", "the passphrase does not open this backup", { cause });
  }
  const records = Object.entries(JSON.parse(parseUtf8(content)) as Record<string, string>);
  content.fill(0);
  for (const [record, value] of records) await storage.put(record, parseBase64url(value));
  return records.length;
}

function parseBackup(file: string): BackupFile {
  if (file.length > LONGEST_FILE) throw corrupt("this file is too large for a backup");
  let value: Partial<BackupFile>;
  try {
    value = (JSON.parse(file) ?? {}) as Partial<BackupFile>;
  } catch {
    throw corrupt("this file is no backup");
  }
  const { v, type, origin, iterations, salt, sealed } = value;
  const texts = typeof origin === "string" && typeof salt === "string" && typeof sealed === "string";
  if (v !== 1 || type !== TYPE || !texts || !Number.isSafeInteger(iterations)) throw corrupt("this file is no backup");
  const rounds = iterations as number;
  if (rounds < FEWEST || rounds > MOST) throw corrupt("this backup's passphrase is stretched too little or too long");
  try {
    if (parseBase64url(salt).length !== SALT) throw corrupt("this file is no backup");
    parseBase64url(sealed);
  } catch {
    throw corrupt("this file is no backup");
  }
  return { v, type, origin, iterations: rounds, salt, sealed };
}

const placeOf = ({ type, origin, iterations, salt }: Omit<BackupFile, "sealed">) => [
  type,
  origin,
  `${iterations}`,
  salt,
];

async function stretched(passphrase: string, salt: Uint8Array, iterations: number): Promise<CryptoKey> {
  const typed = utf8(passphrase.normalize("NFKC")).slice();
  const base = await crypto.subtle.importKey("raw", typed, "PBKDF2", false, ["deriveKey"]);
  typed.fill(0);
  return crypto.subtle.deriveKey(
    { name: "PBKDF2", hash: "SHA-256", salt: salt.slice(), iterations },
    base,
    { name: "AES-GCM", length: 256 },
    false,
    ["encrypt", "decrypt"],
  );
}

function corrupt(message: string): MilagroError {
  return new MilagroError("ERR_KEYSTORE_CORRUPT", message);
}
