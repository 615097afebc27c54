/**
 * A key store: named secrets in one sealed file, changed as a whole or not at all.
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { ByteReader, concat, lengthPrefixed, parseUtf8, u8, utf8 } from "@milagro/crypto/bytes";
import { Secret } from "@milagro/crypto/secret";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { readFileLimited, writeFileAtomic } from "./atomic-file.ts";
import type { KdfCost } from "./key-derivation.ts";
import {
  encodeKeyStoreFile,
  type KeyStoreFile,
  MAX_FILE_BYTES,
  makeSlot,
  openPayload,
  openSlot,
  parseKeyStoreFile,
  type Slot,
  sealPayload,
} from "./key-store-file.ts";
import type { Passphrase } from "./passphrase.ts";

export type { KdfCost } from "./key-derivation.ts";

export type KeyStoreEntry = Secret<"key store entry">;

export interface KeyStoreOptions {
  /** What the store is for, e.g. "dta-masters" or "identity-keys"; part of what is authenticated. */
  readonly kind: string;
  readonly passphrase: Passphrase;
  readonly random: RandomBytes;
}

export interface KeyStoreChanges {
  /** Bytes are copied; wiping the original is the caller's. */
  readonly set?: Readonly<Record<string, Uint8Array>>;
  readonly remove?: readonly string[];
}

const MAX_ENTRY_BYTES = 1_048_576;
const PAYLOAD_VERSION = 1;

/**
 * Makes an empty store with one passphrase slot.
 * @param options.cost - of deriving a key from the passphrase; the default suits people's passphrases
 * @throws `ERR_FILE_EXISTS`: a key store is never overwritten by a new one
 */
export async function createKeyStore(
  path: string,
  options: KeyStoreOptions & { readonly cost?: KdfCost },
): Promise<KeyStore> {
  const fileKey = options.random(32);
  const slot = await makeSlot(
    options.kind,
    fileKey,
    { type: "passphrase", passphrase: options.passphrase, cost: options.cost },
    options.random,
  );
  const file = sealPayload(options.kind, fileKey, [slot], encodeEntries(new Map()), options.random);
  const bytes = encodeKeyStoreFile(file);
  await writeFileAtomic(path, bytes, { exclusive: true });
  return new KeyStore(path, options.random, file, bytes, fileKey, 0, new Map());
}

/**
 * @throws `ERR_KEYSTORE_PASSPHRASE`, `ERR_KEYSTORE_CORRUPT` (also for a store of another kind), `ERR_FILE_MISSING`
 */
export async function openKeyStore(path: string, options: KeyStoreOptions): Promise<KeyStore> {
  const bytes = await readFileLimited(path, MAX_FILE_BYTES);
  const file = parseKeyStoreFile(bytes);
  if (file.kind !== options.kind)
    throw new MilagroError("ERR_KEYSTORE_CORRUPT", "this is a key store for something else");
  const { fileKey, slotIndex } = await openSlot(file, { type: "passphrase", passphrase: options.passphrase });
  const payload = openPayload(file, fileKey);
  try {
    return new KeyStore(path, options.random, file, bytes, fileKey, slotIndex, decodeEntries(payload));
  } finally {
    payload.fill(0);
  }
}

/** An open store. Keep it open only while its secrets are needed: `close` wipes them. */
export class KeyStore {
  readonly path: string;
  readonly #random: RandomBytes;
  #file: KeyStoreFile;
  #digest: Uint8Array;
  #slotIndex: number;
  #fileKey: Uint8Array;
  #entries: Map<string, Uint8Array>;
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** Use `createKeyStore` or `openKeyStore`. */
  constructor(
    path: string,
    random: RandomBytes,
    file: KeyStoreFile,
    bytes: Uint8Array,
    fileKey: Uint8Array,
    slotIndex: number,
    entries: Map<string, Uint8Array>,
  ) {
    this.path = path;
    this.#random = random;
    this.#file = file;
    this.#digest = digestOf(bytes);
    this.#fileKey = fileKey;
    this.#slotIndex = slotIndex;
    this.#entries = entries;
  }

  get kind(): string {
    return this.#file.kind;
  }

  /** Sorted. */
  names(): string[] {
    this.#check();
    return [...this.#entries.keys()].sort();
  }

  /** A copy, which the caller destroys. */
  get(name: string): KeyStoreEntry | undefined {
    this.#check();
    const bytes = this.#entries.get(name);
    return bytes && new Secret("key store entry", bytes.slice());
  }

  /**
   * Applies all changes and writes the file; when this rejects, neither file nor store have changed. Calls queue.
   * @throws `ERR_KEYSTORE_CHANGED` when another process has written the file since it was read: open it again
   */
  update(changes: KeyStoreChanges): Promise<void> {
    return this.#exclusively(async () => {
      const next = new Map(this.#entries);
      const dropped: Uint8Array[] = [];
      const drop = (name: string): void => {
        const old = next.get(name);
        if (old) dropped.push(old);
        next.delete(name);
      };
      const added: Uint8Array[] = [];
      for (const name of changes.remove ?? []) drop(name);
      for (const [name, bytes] of Object.entries(changes.set ?? {})) {
        if (bytes.length > MAX_ENTRY_BYTES) throw new TypeError("a key store entry is larger than 1 MiB");
        drop(name);
        const copy = bytes.slice();
        added.push(copy);
        next.set(name, copy);
      }
      try {
        await this.#write(next, this.#file.slots);
      } catch (error) {
        for (const bytes of added) bytes.fill(0);
        throw error;
      }
      for (const bytes of dropped) bytes.fill(0);
      this.#entries = next;
    });
  }

  /** Replaces the slot that opened this store. Copies of the file made before still open with the old passphrase. */
  changePassphrase(passphrase: Passphrase, cost?: KdfCost): Promise<void> {
    return this.#exclusively(async () => {
      const slot = await makeSlot(this.kind, this.#fileKey, { type: "passphrase", passphrase, cost }, this.#random);
      await this.#write(this.#entries, this.#file.slots.with(this.#slotIndex, slot));
    });
  }

  /** Adds another passphrase that opens the store: a recovery copy in a safe, say. */
  addPassphrase(passphrase: Passphrase, cost?: KdfCost): Promise<void> {
    return this.#exclusively(async () => {
      const slot = await makeSlot(this.kind, this.#fileKey, { type: "passphrase", passphrase, cost }, this.#random);
      await this.#write(this.#entries, [...this.#file.slots, slot]);
    });
  }

  /** Wipes everything in memory, after the writes that are under way. */
  async close(): Promise<void> {
    await this.#queue.catch(() => {});
    this.#closed = true;
    this.#fileKey.fill(0);
    for (const bytes of this.#entries.values()) bytes.fill(0);
    this.#entries = new Map();
  }

  #check(): void {
    if (this.#closed) throw new TypeError("the key store was closed");
  }

  #exclusively(work: () => Promise<void>): Promise<void> {
    const run = this.#queue.then(() => {
      this.#check();
      return work();
    });
    this.#queue = run.catch(() => {});
    return run;
  }

  async #write(entries: ReadonlyMap<string, Uint8Array>, slots: readonly Slot[]): Promise<void> {
    const onDisk = digestOf(await readFileLimited(this.path, MAX_FILE_BYTES));
    if (!timingSafeEqual(onDisk, this.#digest))
      throw new MilagroError("ERR_KEYSTORE_CHANGED", "another program has changed the key store: open it again");
    const payload = encodeEntries(entries);
    const file = sealPayload(this.kind, this.#fileKey, slots, payload, this.#random);
    payload.fill(0);
    const bytes = encodeKeyStoreFile(file);
    // Read it back with the eyes of the next start before the old one goes: what cannot be opened must not replace what can.
    parseKeyStoreFile(bytes);
    await writeFileAtomic(this.path, bytes);
    this.#file = file;
    this.#digest = digestOf(bytes);
  }
}

function digestOf(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

/** `u8 version`, then for each entry, by name: `u16 length ‖ name ‖ u32 length ‖ bytes`. Binary, because text could not be wiped. */
function encodeEntries(entries: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = sorted.flatMap(([name, bytes]) => [lengthPrefixed(16, utf8(name)), lengthPrefixed(32, bytes)]);
  const payload = concat(u8(PAYLOAD_VERSION), ...parts);
  for (const part of parts) part.fill(0);
  return payload;
}

function decodeEntries(payload: Uint8Array): Map<string, Uint8Array> {
  const entries = new Map<string, Uint8Array>();
  const reader = new ByteReader(payload, "ERR_KEYSTORE_CORRUPT");
  if (reader.integer(8) !== PAYLOAD_VERSION)
    throw new MilagroError("ERR_KEYSTORE_CORRUPT", "the key store's content is of another version");
  while (reader.remaining > 0) {
    const name = parseUtf8(reader.prefixed(16));
    entries.set(name, reader.prefixed(32));
  }
  return entries;
}
