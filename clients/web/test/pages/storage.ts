/** Storage, backups and the passkey's seal, for tests to call. @module */
import { exportBackup, importBackup } from "../../src/backup.ts";
import { openBrowserStorage } from "../../src/browser-storage.ts";
import { openDatabase, transact } from "../../src/indexed-db.ts";
import { createPasskeySeal, openPasskeySeal, sealedStorage } from "../../src/passkey-seal.ts";

const { origin } = location;
const text = (bytes: Uint8Array | undefined) => (bytes ? new TextDecoder().decode(bytes) : undefined);
const bytes = (value: string) => new TextEncoder().encode(value);
/** A value's text, or the code of the error. */
const outcome = async (work: () => Promise<unknown>) => {
  try {
    return await work();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};
const raw = () => openDatabase("milagro", ["keys", "records"]);

Object.assign(globalThis, {
  outcome,
  put: async (key: string, value: string, from = origin) =>
    (await openBrowserStorage({ origin: from })).put(key, bytes(value)),
  get: async (key: string, from = origin) => text(await (await openBrowserStorage({ origin: from })).get(key)),
  remove: async (key: string) => (await openBrowserStorage({ origin })).delete(key),
  list: async (prefix: string) => (await (await openBrowserStorage({ origin })).keys(prefix)).toSorted(),
  /** Puts what is stored under one key under another. */
  swap: async (from: string, to: string) => {
    const database = await raw();
    const sealed = await transact<Uint8Array>(database, "records", "readonly", (store, result) => {
      const request = store.get(from);
      request.onsuccess = () => result(request.result as Uint8Array);
    });
    await transact<void>(database, "records", "readwrite", (store) => void store.put(sealed, to));
  },
  /** Flips one bit of what is stored. */
  damage: async (key: string) => {
    const database = await raw();
    await transact<void>(database, "records", "readwrite", (store) => {
      const request = store.get(key);
      request.onsuccess = () => {
        const sealed = request.result as Uint8Array;
        sealed[20] = (sealed[20] ?? 0) ^ 1;
        store.put(sealed, key);
      };
    });
  },
  /** A tab that was open before another one sealed everything by a passkey, and then one that was open before it was unsealed. */
  stale: async () => {
    const [before, other] = [
      await openBrowserStorage({ origin, name: "stale" }),
      await openBrowserStorage({ origin, name: "stale" }),
    ];
    await before.put("account:a", bytes("mine"));
    await other.putAll(
      new Map([
        ["account:a", bytes("sealed")],
        ["passkey", bytes("mark")],
      ]),
      false,
    );
    const written = await outcome(async () => before.put("account:a", bytes("over it")));
    const kept = text(await other.get("account:a"));
    const twice = await outcome(async () => other.putAll(new Map([["passkey", bytes("another")]]), false));
    await other.putAll(new Map([["passkey", undefined]]), true);
    const gated = await outcome(async () => before.putAll(new Map([["account:a", bytes("sealed")]]), true));
    return [written, kept, twice, gated];
  },
  /** Two windows that change a record, and one that changes another; what happened in which order. */
  alone: async () => {
    const happened: string[] = [];
    const change = async (window: string, record: string) => {
      const storage = await openBrowserStorage({ origin });
      return storage.alone?.(record, async () => {
        happened.push(`${window} reads`);
        const before = text(await storage.get(record)) ?? "";
        await new Promise((resolve) => setTimeout(resolve, 20));
        await storage.put(record, bytes(before + window));
        happened.push(`${window} writes`);
      });
    };
    await Promise.all([change("a", "shared"), change("b", "shared"), change("c", "another")]);
    return [
      text(await (await openBrowserStorage({ origin })).get("shared"))?.length,
      happened.filter((step) => !step.startsWith("c")).map((step) => step.slice(2)),
      happened.indexOf("c reads") < happened.findIndex((step) => step.endsWith("writes")),
    ];
  },
  race: async () => {
    const both = await Promise.all([
      openBrowserStorage({ origin, name: "race" }),
      openBrowserStorage({ origin, name: "race" }),
    ]);
    await both[0].put("a", bytes("from one"));
    return text(await both[1].get("a"));
  },
  save: async (passphrase: string) => exportBackup(await openBrowserStorage({ origin }), origin, passphrase),
  restore: async (file: string, passphrase: string, into = "milagro") =>
    importBackup(await openBrowserStorage({ origin, name: into }), origin, file, passphrase),
  read: async (key: string, name: string) => text(await (await openBrowserStorage({ origin, name })).get(key)),
  passkey: async () => {
    const storage = await openBrowserStorage({ origin });
    const seal = await createPasskeySeal("alice@example.org");
    const mine = sealedStorage(storage, await openPasskeySeal(seal), origin);
    await mine.put("sealed twice", bytes("token"));
    const again = sealedStorage(storage, await openPasskeySeal(seal), origin);
    const other = sealedStorage(storage, await openPasskeySeal({ ...seal, salt: new Uint8Array(32) }), origin);
    const plain = text(await storage.get("sealed twice")) ?? "";
    return [
      text(await again.get("sealed twice")),
      await outcome(() => other.get("sealed twice")),
      plain.includes("token"),
    ];
  },
});
