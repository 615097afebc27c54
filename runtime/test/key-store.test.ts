import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tempFolder } from "../../tests/support/temp-folder.ts";
import { hasArgon2, type KdfCost } from "../src/key-derivation.ts";
import { createKeyStore, type KeyStore, type KeyStoreEntry, openKeyStore } from "../src/key-store.ts";
import { passphraseFromText } from "../src/passphrase.ts";
import { systemRandom } from "../src/random.ts";

/** The cheapest that the bounds allow. */
const cost: KdfCost = hasArgon2
  ? { name: "argon2id", memoryKiB: 19_456, passes: 2, lanes: 1 }
  : { name: "scrypt", logN: 15, r: 8, p: 1 };
const base = (text: string) => ({ kind: "test", passphrase: passphraseFromText(text), random: systemRandom });
const bytesOf = (entry: KeyStoreEntry | undefined) => entry?.use((bytes) => [...bytes]);

async function newStore(text = "correct horse"): Promise<{ path: string; store: KeyStore; folder: string }> {
  const folder = await tempFolder();
  const path = join(folder, "keys.sealed");
  return { path, folder, store: await createKeyStore(path, { ...base(text), cost }) };
}
const open = (path: string, text = "correct horse") => openKeyStore(path, base(text));
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => "ok",
    (error: { code?: string }) => error.code ?? String(error),
  );

test("what was put in comes out after opening again; the file has mode 0600 and shows nothing", async () => {
  const { path, store } = await newStore();
  const secret = new TextEncoder().encode("the master secret itself");
  await store.update({ set: { b: secret, a: new Uint8Array(0), "ünï/1": new Uint8Array([7]) } });
  await store.close();
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const text = readFileSync(path, "utf8");
  expect(text).not.toContain("the master");
  expect(text).not.toContain(Buffer.from(secret).toString("base64url").slice(4, 20));
  const again = await open(path);
  expect(again.names()).toEqual(["a", "b", "ünï/1"]);
  expect(bytesOf(again.get("b"))).toEqual([...secret]);
  expect(bytesOf(again.get("a"))).toEqual([]);
  expect(again.get("c")).toBeUndefined();
  await again.update({ set: { b: new Uint8Array([1]) }, remove: ["a", "none"] });
  expect(again.names()).toEqual(["b", "ünï/1"]);
  await again.close();
  expect(() => again.get("b")).toThrow(TypeError);
});

test("two writings of the same content share no ciphertext", async () => {
  const { path, store } = await newStore();
  await store.update({ set: { a: new Uint8Array(32) } });
  const first = JSON.parse(readFileSync(path, "utf8"));
  await store.update({ set: { a: new Uint8Array(32) } });
  const second = JSON.parse(readFileSync(path, "utf8"));
  expect(second.ciphertext).not.toBe(first.ciphertext);
  expect(second.salt).not.toBe(first.salt);
});

describe("passphrases", () => {
  test("a wrong one is ERR_KEYSTORE_PASSPHRASE, spelt in another normal form it is the same one", async () => {
    const { path } = await newStore("pässword");
    expect(await failure(open(path, "password"))).toBe("ERR_KEYSTORE_PASSPHRASE");
    expect(await failure(open(path, "pa\u0308ssword"))).toBe("ok");
  });

  test("a changed one opens, the old one no longer; the content stays", async () => {
    const { path, store } = await newStore("old");
    await store.update({ set: { a: new Uint8Array([1, 2]) } });
    await store.changePassphrase(passphraseFromText("new"), cost);
    expect(await failure(open(path, "old"))).toBe("ERR_KEYSTORE_PASSPHRASE");
    expect(bytesOf((await open(path, "new")).get("a"))).toEqual([1, 2]);
  });

  test("with two slots either opens, and each changes only itself", async () => {
    const { path, store } = await newStore("one");
    await store.addPassphrase(passphraseFromText("two"), cost);
    const second = await open(path, "two");
    await second.changePassphrase(passphraseFromText("three"), cost);
    expect(await Promise.all(["one", "two", "three"].map((text) => failure(open(path, text))))).toEqual([
      "ok",
      "ERR_KEYSTORE_PASSPHRASE",
      "ok",
    ]);
  });
});

describe("damage", () => {
  test("any byte changed anywhere: the store does not open", async () => {
    const { path, store } = await newStore();
    await store.update({ set: { a: new Uint8Array([1, 2, 3]) } });
    const good = readFileSync(path);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] ?? 0) ^ mask;
        writeFileSync(path, bad);
        // White space between JSON tokens means nothing; everything else must be refused.
        const same = (() => {
          try {
            return JSON.stringify(JSON.parse(bad.toString())) === JSON.stringify(JSON.parse(good.toString()));
          } catch {
            return false;
          }
        })();
        const outcome = await failure(open(path));
        expect(same ? ["ok"] : ["ERR_KEYSTORE_CORRUPT", "ERR_KEYSTORE_PASSPHRASE"]).toContain(outcome);
      }),
    );
  });

  test("a header, salt, payload or slot altered behind a slot that opens is ERR_KEYSTORE_CORRUPT", async () => {
    const { path, store } = await newStore();
    const other = await newStore("stranger");
    await store.update({ set: { a: new Uint8Array([1]) } });
    const good = JSON.parse(readFileSync(path, "utf8"));
    const strange = JSON.parse(readFileSync(other.path, "utf8"));
    const flip = (text: string) => (text[0] === "A" ? "B" : "A") + text.slice(1);
    const cases = [
      { ...good, ciphertext: flip(good.ciphertext) },
      { ...good, ciphertext: good.ciphertext.slice(0, 8) },
      { ...good, salt: flip(good.salt) },
      { ...good, headerMac: flip(good.headerMac) },
      { ...good, headerMac: "" },
      { ...good, slots: [...good.slots, ...strange.slots] },
      { ...good, slots: [...good.slots, ...good.slots] },
      { ...good, ciphertext: strange.ciphertext, salt: strange.salt },
    ];
    for (const bad of cases) {
      writeFileSync(path, JSON.stringify(bad));
      expect(await failure(open(path))).toBe("ERR_KEYSTORE_CORRUPT");
    }
  });

  test("no JSON, an empty file, another version, another kind, unknown members, too many slots", async () => {
    const { path } = await newStore();
    const good = JSON.parse(readFileSync(path, "utf8"));
    const cases = [
      "",
      "{",
      "null",
      "[]",
      { ...good, v: 2 },
      { ...good, kind: "other" },
      { ...good, more: 1 },
      { ...good, slots: [] },
      { ...good, slots: Array(9).fill(good.slots[0]) },
    ];
    for (const bad of cases) {
      writeFileSync(path, typeof bad === "string" ? bad : JSON.stringify(bad));
      expect(await failure(open(path))).toBe("ERR_KEYSTORE_CORRUPT");
    }
    expect(await failure(open(`${path}.none`))).toBe("ERR_FILE_MISSING");
  });

  test("key derivation outside its bounds is refused before any memory is taken", async () => {
    const { path } = await newStore();
    const good = JSON.parse(readFileSync(path, "utf8"));
    const salt = good.slots[0].kdf.salt;
    const argon = { name: "argon2id", memoryKiB: 65_536, passes: 3, lanes: 4, salt };
    const scrypt = { name: "scrypt", logN: 17, r: 8, p: 1, salt };
    const cases = [
      { ...argon, memoryKiB: 100_000_000 },
      { ...argon, memoryKiB: 1024 },
      { ...argon, passes: 1_000_000 },
      { ...argon, passes: 1 },
      { ...argon, lanes: 0 },
      { ...argon, salt: "" },
      { ...scrypt, logN: 40 },
      { ...scrypt, logN: 10 },
      { ...scrypt, r: 1_000_000 },
      { ...scrypt, p: 99 },
      { name: "none", salt },
    ];
    const before = process.resourceUsage().maxRSS;
    for (const kdf of cases) {
      writeFileSync(path, JSON.stringify({ ...good, slots: [{ ...good.slots[0], kdf }] }));
      expect(await failure(open(path))).toBe("ERR_KEYSTORE_CORRUPT");
    }
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(200_000); // KiB
  });

  test("scrypt slots open too, for stores made on an older Node", async () => {
    const folder = await tempFolder();
    const path = join(folder, "k");
    const store = await createKeyStore(path, { ...base("x"), cost: { name: "scrypt", logN: 15, r: 8, p: 1 } });
    await store.update({ set: { a: new Uint8Array([9]) } });
    expect(bytesOf((await open(path, "x")).get("a"))).toEqual([9]);
  });
});

describe("faults", () => {
  test("making a store never overwrites one", async () => {
    const { path, store } = await newStore();
    await store.update({ set: { a: new Uint8Array([1]) } });
    expect(await failure(createKeyStore(path, { ...base("other"), cost }))).toBe("ERR_FILE_EXISTS");
    expect((await open(path)).names()).toEqual(["a"]);
  });

  test("an update after somebody else's is refused, and nothing changes on either side", async () => {
    const { path, store } = await newStore();
    const other = await open(path);
    await other.update({ set: { theirs: new Uint8Array([1]) } });
    expect(await failure(store.update({ set: { ours: new Uint8Array([2]) } }))).toBe("ERR_KEYSTORE_CHANGED");
    expect(store.names()).toEqual([]);
    expect((await open(path)).names()).toEqual(["theirs"]);
  });

  test("updates started together all take effect", async () => {
    const { path, store } = await newStore();
    await Promise.all([1, 2, 3, 4].map((n) => store.update({ set: { [`k${n}`]: new Uint8Array([n]) } })));
    await store.close();
    expect((await open(path)).names()).toEqual(["k1", "k2", "k3", "k4"]);
  });

  test("a process killed between writing the new file and renaming it leaves the old store whole", async () => {
    const { path, store, folder } = await newStore();
    await store.update({ set: { a: new Uint8Array([1]) } });
    const script = `
      import fs from "node:fs";
      import { syncBuiltinESMExports } from "node:module";
      fs.promises.rename = () => process.kill(process.pid, "SIGKILL");
      syncBuiltinESMExports();
      const { openKeyStore } = await import(${JSON.stringify(new URL("../src/key-store.ts", import.meta.url).pathname)});
      const { passphraseFromText } = await import(${JSON.stringify(new URL("../src/passphrase.ts", import.meta.url).pathname)});
      const { systemRandom } = await import(${JSON.stringify(new URL("../src/random.ts", import.meta.url).pathname)});
      const store = await openKeyStore(${JSON.stringify(path)}, { kind: "test", passphrase: passphraseFromText("correct horse"), random: systemRandom });
      await store.update({ set: { b: new Uint8Array([2]) } });`;
    const { signal } = spawnSync(
      process.execPath,
      ["--conditions=@milagro/source", "--input-type=module", "-e", script],
      { cwd: new URL("..", import.meta.url).pathname },
    );
    expect(signal).toBe("SIGKILL");
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toHaveLength(1);
    expect((await open(path)).names()).toEqual(["a"]);
  });
});

test("a cost below the bounds cannot be asked for", async () => {
  const path = join(await tempFolder(), "k");
  const weak = { name: "scrypt", logN: 4, r: 8, p: 1 } as const;
  await expect(createKeyStore(path, { ...base("x"), cost: weak })).rejects.toThrow(TypeError);
});
