/**
 * Storage that is sealed by a passkey as well, or can be. A record of its own, the mark, says whether it is, and which passkey to ask;
 * until that was used, everything else is `ERR_PASSKEY_LOCKED`. Fetched only where there is a mark, or somebody wants one.
 *
 * Sealing and unsealing rewrite all records in one transaction. Every write looks for the mark in its own transaction, so that a tab
 * which has missed the change writes nothing.
 * @module
 */
import type { MpinStorage } from "@milagro/client/mpin-ports";
import { concat } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { type BrowserStorage, PASSKEY_MARK } from "./browser-storage.ts";
import { createPasskeySeal, openPasskeySeal } from "./passkey-seal.ts";
import { openRecord, sealRecord } from "./record-seal.ts";

/** The mark: 32 bytes of salt, then the credential's id. */
const SALT = 32;

export type GateState = "open" | "locked" | "unlocked";

export interface PasskeyGate extends MpinStorage {
  /** `open`: no passkey seals anything. `locked`: it is to be asked. */
  state(): Promise<GateState>;
  /** Asks the passkey. @throws `ERR_PASSKEY_UNAVAILABLE` */
  unlock(): Promise<void>;
  /** Makes a passkey and seals everything by it. The browser asks the person twice: to make it, and to use it. @throws `ERR_PASSKEY_UNAVAILABLE` */
  seal(user: string): Promise<void>;
  /** As it was before. @throws `ERR_PASSKEY_LOCKED` */
  unseal(): Promise<void>;
}

export function passkeyGate(storage: BrowserStorage, origin: string): PasskeyGate {
  let opened: { readonly mark: string; readonly key: CryptoKey } | undefined;
  const place = (record: string) => ["passkey", origin, record];

  /** The key that records are sealed by now; undefined where none is needed. */
  async function current(): Promise<CryptoKey | undefined> {
    const mark = await storage.get(PASSKEY_MARK);
    if (!mark) return undefined;
    if (opened?.mark !== mark.join()) throw new MilagroError("ERR_PASSKEY_LOCKED", "the passkey has not been used yet");
    return opened.key;
  }
  const names = async (prefix: string) => (await storage.keys(prefix)).filter((name) => name !== PASSKEY_MARK);

  /** Every record through `change`, and the mark with them. */
  async function rewrite(
    change: (record: string, value: Uint8Array) => Promise<Uint8Array>,
    mark: Uint8Array | undefined,
  ): Promise<void> {
    const values = new Map<string, Uint8Array | undefined>([[PASSKEY_MARK, mark]]);
    for (const record of await names("")) {
      const value = await storage.get(record);
      if (value) values.set(record, await change(record, value));
    }
    await storage.putAll(values, mark === undefined);
  }

  return {
    async get(record) {
      const key = await current();
      const value = await storage.get(record);
      return key && value ? openRecord(key, place(record), value) : value;
    },
    async put(record, value) {
      const key = await current();
      await storage.putAll(new Map([[record, key ? await sealRecord(key, place(record), value) : value]]), !!key);
    },
    async delete(record) {
      await current();
      await storage.delete(record);
    },
    async keys(prefix) {
      await current();
      return names(prefix);
    },
    async state() {
      const mark = await storage.get(PASSKEY_MARK);
      return !mark ? "open" : opened?.mark === mark.join() ? "unlocked" : "locked";
    },
    async unlock() {
      const mark = await storage.get(PASSKEY_MARK);
      if (!mark) return;
      const key = await openPasskeySeal({ salt: mark.slice(0, SALT), credential: mark.slice(SALT) });
      opened = { mark: mark.join(), key };
    },
    async seal(user) {
      if (await current()) return;
      const made = await createPasskeySeal(user);
      const key = await openPasskeySeal(made);
      const mark = concat(made.salt, made.credential);
      await rewrite((record, value) => sealRecord(key, place(record), value), mark);
      opened = { mark: mark.join(), key };
    },
    async unseal() {
      const key = await current();
      if (key) await rewrite((record, value) => openRecord(key, place(record), value), undefined);
      opened = undefined;
    },
  };
}
