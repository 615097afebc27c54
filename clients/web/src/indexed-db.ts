/**
 * IndexedDB as promises: as much of it as storage needs. A write resolves when it is on disk (`durability: "strict"`).
 * @module
 */
import { MilagroError } from "@milagro/engine/error";

/** A database with these object stores, all with keys outside their values. @throws `ERR_STORAGE_UNAVAILABLE` */
export function openDatabase(name: string, stores: readonly string[]): Promise<IDBDatabase> {
  return guarded(
    () =>
      new Promise((resolve, reject) => {
        const request = indexedDB.open(name, 1);
        request.onupgradeneeded = () => {
          for (const store of stores) request.result.createObjectStore(store);
        };
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
        request.onblocked = () => reject(new DOMException("another tab holds an older database", "InvalidStateError"));
      }),
  );
}

/**
 * One transaction on one store.
 * @param work - starts requests, the last of which gives the result; nothing may be awaited inside
 * @throws `ERR_STORAGE_UNAVAILABLE`
 */
export function transact<T>(
  database: IDBDatabase,
  store: string,
  mode: "readonly" | "readwrite",
  work: (store: IDBObjectStore, result: (value: T) => void) => void,
): Promise<T> {
  return guarded(
    () =>
      new Promise<T>((resolve, reject) => {
        const transaction = database.transaction(store, mode, { durability: "strict" });
        let value: { readonly value: T } | undefined;
        transaction.oncomplete = () => resolve(value?.value as T);
        transaction.onabort = () => reject(transaction.error ?? new DOMException("aborted", "AbortError"));
        work(transaction.objectStore(store), (result) => {
          value = { value: result };
        });
      }),
  );
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new MilagroError("ERR_STORAGE_UNAVAILABLE", "this browser's storage failed", { cause });
  }
}
