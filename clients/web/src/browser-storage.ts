/**
 * Where a browser keeps tokens: IndexedDB, each record sealed under an AES-GCM key that WebCrypto made and will not give out, bound
 * to the origin and to the record's key.
 *
 * What it stops: files copied from the disk or a backup, records swapped or carried to another origin. What it does not: script that
 * runs in this origin, which may use the key as we do. Hence an origin of its own and the login server's strict policy. Safari forgets
 * script storage after seven days without a visit: `backup.ts` and QuickCode bring an account back.
 * @module
 */
import type { MpinStorage } from "@milagro/client/mpin-ports";
import { MilagroError } from "@milagro/engine/error";
import { openDatabase, transact } from "./indexed-db.ts";
import { openRecord, sealRecord } from "./record-seal.ts";

const KEYS = "keys";
const RECORDS = "records";
const DEVICE_KEY = "device";
/** The record which says that a passkey seals the others (`passkey-gate.ts`). */
export const PASSKEY_MARK = "passkey";

export interface BrowserStorage extends MpinStorage {
  /**
   * All or none of them; undefined deletes.
   * @param marked - whether the caller takes records to be sealed by a passkey: a tab that has missed the change writes nothing
   * @throws `ERR_PASSKEY_LOCKED`
   */
  putAll(values: ReadonlyMap<string, Uint8Array | undefined>, marked: boolean): Promise<void>;
}

export interface BrowserStorageOptions {
  /** Of the page; part of what every record is bound to. */
  readonly origin: string;
  /** The database's name. */
  readonly name?: string;
}

/** @throws `ERR_STORAGE_UNAVAILABLE`, in some browsers also in private windows */
export async function openBrowserStorage({ origin, name = "milagro" }: BrowserStorageOptions): Promise<BrowserStorage> {
  const database = await openDatabase(name, [KEYS, RECORDS]);
  const key = await deviceKey(database);
  const place = (record: string) => [origin, name, record];
  async function putAll(values: ReadonlyMap<string, Uint8Array | undefined>, marked: boolean): Promise<void> {
    const sealed: [string, Uint8Array | undefined][] = [];
    for (const [record, value] of values) sealed.push([record, value && (await sealRecord(key, place(record), value))]);
    const right = await transact<boolean>(database, RECORDS, "readwrite", (store, result) => {
      const mark = store.getKey(PASSKEY_MARK);
      mark.onsuccess = () => {
        result((mark.result !== undefined) === marked);
        if ((mark.result !== undefined) !== marked) return;
        for (const [record, value] of sealed) {
          if (value) store.put(value, record);
          else store.delete(record);
        }
      };
    });
    if (!right)
      throw new MilagroError("ERR_PASSKEY_LOCKED", "another tab has sealed or unsealed this browser's accounts");
  }
  return {
    async get(record) {
      const sealed = await transact<Uint8Array | undefined>(database, RECORDS, "readonly", (store, result) => {
        const request = store.get(record);
        request.onsuccess = () => result(request.result as Uint8Array | undefined);
      });
      return sealed && openRecord(key, place(record), sealed);
    },
    put: (record, value) => putAll(new Map([[record, value]]), false),
    putAll,
    delete: (record) => transact<void>(database, RECORDS, "readwrite", (store) => void store.delete(record)),
    async keys(prefix) {
      const all = await transact<IDBValidKey[]>(database, RECORDS, "readonly", (store, result) => {
        const request = store.getAllKeys();
        request.onsuccess = () => result(request.result);
      });
      return all.filter((each): each is string => typeof each === "string" && each.startsWith(prefix));
    },
    // Held by the browser, which gives it back when a tab is closed in the middle.
    alone: (record, work) => navigator.locks.request(record, work),
  };
}

/** Made at the first visit. Two tabs may both make one; the first that is stored is everybody's. */
async function deviceKey(database: IDBDatabase): Promise<CryptoKey> {
  const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  return transact<CryptoKey>(database, KEYS, "readwrite", (store, result) => {
    const request = store.get(DEVICE_KEY);
    request.onsuccess = () => {
      if (request.result) return result(request.result as CryptoKey);
      store.put(made, DEVICE_KEY);
      result(made);
    };
  });
}

/** Asks the browser not to drop what is stored when space is short. Browsers decide by themselves; an account works either way. */
export async function askToPersist(): Promise<boolean> {
  try {
    return (await navigator.storage?.persist?.()) ?? false;
  } catch {
    return false;
  }
}
