/** Keys for existing programs: what is written for whom, and until when. */
import { Secret } from "@milagro/crypto/secret";
import { MilagroError } from "@milagro/engine/error";
import { systemRandom } from "@milagro/runtime/random";
import { describe, expect, test } from "vitest";
import { encodePskFile, type PskEntry } from "../src/psk-file.ts";
import { createPskStore, type PskStoreOptions } from "../src/psk-store.ts";

const entry = (identity: string, byte: number): PskEntry => ({ identity, key: new Uint8Array(32).fill(byte) });
const text = (format: "mosquitto" | "stunnel" | "openssl", entries: readonly PskEntry[]): string =>
  encodePskFile(format, entries, systemRandom).toString("latin1");

describe("the file", () => {
  test("has a line for each key, or the one key", () => {
    const lines = `a:${"01".repeat(32)}\nb:${"ff".repeat(32)}\n`;
    expect(text("mosquitto", [entry("a", 1), entry("b", 255)])).toBe(lines);
    expect(text("stunnel", [entry("a", 1), entry("b", 255)])).toBe(lines);
    expect(text("openssl", [entry("a", 1)])).toBe(`${"01".repeat(32)}\n`);
  });

  test("is empty without keys for Mosquitto; for programs that would keep what they had, it holds a key that nobody has", () => {
    expect(text("mosquitto", [])).toBe("");
    expect(text("stunnel", [])).toMatch(/^nobody:[0-9a-f]{64}\n$/);
    expect(text("openssl", [])).toMatch(/^[0-9a-f]{64}\n$/);
    expect(text("stunnel", [])).not.toBe(text("stunnel", []));
  });

  test.each<[string, readonly PskEntry[]]>([
    ["a name with a colon", [entry("a:b", 1)]],
    ["a name with a line break", [entry("a\nb", 1)]],
    ["an empty name", [entry("", 1)]],
    ["a name of 256 characters", [entry("a".repeat(256), 1)]],
    ["a short key", [{ identity: "a", key: new Uint8Array(15) }]],
  ])("does not take %s", (_, entries) => {
    expect(() => text("stunnel", entries)).toThrow(TypeError);
  });

  test("of openssl does not take two keys", () => {
    expect(() => text("openssl", [entry("a", 1), entry("b", 2)])).toThrow(
      expect.objectContaining({ code: "ERR_VALUE_INVALID" }),
    );
  });
});

describe("the store", () => {
  const storeWith = (more: Partial<PskStoreOptions> = {}) => {
    const files: string[][] = [];
    const at = { nowMs: 1_000_000 };
    const store = createPskStore({
      lifetimeSeconds: 60,
      random: systemRandom,
      clock: () => at.nowMs,
      write: async (entries) => void files.push(entries.map(({ identity }) => identity)),
      ...more,
    });
    return { store, files, at };
  };
  const key = () => new Secret("psk", systemRandom(32));

  test("begins with a file without keys, whatever another run has left", async () => {
    const { store, files } = storeWith();
    await store.open();
    expect(files).toEqual([[]]);
  });

  test("keeps a holder's older key until its end", async () => {
    const { store, files, at } = storeWith();
    const first = await store.add("alice", key());
    at.nowMs += 30_000;
    const second = await store.add("alice", key());
    expect(files.at(-1)).toEqual([first.identity, second.identity]);
    at.nowMs += 30_000;
    await store.sweep();
    expect(files.at(-1)).toEqual([second.identity]);
    await store.close();
    expect(files.at(-1)).toEqual([]);
  });

  test("with room for one key: its holder's new one replaces it, and nobody else gets one while it lasts", async () => {
    const { store, files, at } = storeWith({ oneKey: true });
    await store.add("alice", key());
    const second = await store.add("alice", key());
    expect(files.at(-1)).toEqual([second.identity]);
    const overloaded = expect.objectContaining({ code: "ERR_OVERLOADED" });
    await expect(store.add("bob", key())).rejects.toThrow(overloaded);
    expect(store.list()).toMatchObject([{ holder: "alice" }]);
    at.nowMs += 60_000;
    const bobs = await store.add("bob", key());
    expect(files.at(-1)).toEqual([bobs.identity]);
  });

  test("a key that cannot be written is in nobody's use, and the one before stays", async () => {
    let fail = false;
    const { store } = storeWith({
      write: async () => {
        if (fail) throw new MilagroError("ERR_OUTPUT_UNWRITABLE", "no");
      },
    });
    const first = await store.add("alice", key());
    fail = true;
    await expect(store.add("alice", key())).rejects.toThrow(expect.objectContaining({ code: "ERR_OUTPUT_UNWRITABLE" }));
    expect(store.list()).toMatchObject([{ identity: first.identity }]);
  });
});
