import { createHash, generateKeyPairSync, sign, verify } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { needs } from "../../tests/support/needs.ts";
import { hasPostgres, type PostgresServer, startPostgres } from "../../tests/support/postgres-server.ts";
import {
  type AuditEntry,
  type AuditTables,
  auditMigrations,
  createAuditLog,
  hashEntry,
  type SignedAuditHead,
} from "../src/audit-log.ts";
import { auditEntries, verifyAuditLog } from "../src/audit-verify.ts";
import { type Database, openDatabase } from "../src/database.ts";

interface Tables extends AuditTables {
  change: { id: number };
}

const changes = {
  name: "changes",
  migrations: [
    {
      name: "change",
      up: (schema: import("kysely").Kysely<unknown>) =>
        schema.schema.createTable("change").addColumn("id", "integer").execute(),
    },
  ],
};
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const headBytes = (head: { index: number; hash: Uint8Array; time: number }) =>
  Buffer.from(JSON.stringify([head.index, [...head.hash], head.time]));
const signer = (head: { index: number; hash: Uint8Array; time: number }) =>
  new Uint8Array(sign(null, headBytes(head), privateKey));
const verifySignature = (head: SignedAuditHead) => verify(null, headBytes(head), publicKey, head.signature);

const newLog = () =>
  createAuditLog<"issue" | "refuse", "count" | "usage" | "flag">({
    clock: () => 1_700_000_000_000,
    details: ["count", "usage", "flag"],
  });
const open = (url: string): Promise<Database<Tables>> =>
  openDatabase<Tables>(url, { migrations: [auditMigrations, changes] });

async function filled(
  entries: number,
): Promise<{ database: Database<Tables>; all: AuditEntry[]; heads: SignedAuditHead[] }> {
  const database = await open("sqlite::memory:");
  const log = newLog();
  const heads: SignedAuditHead[] = [];
  for (let n = 1; n <= entries; n++) {
    await database.transaction(async (tx) => {
      await log.append(tx, {
        action: "issue",
        outcome: "ok",
        subject: `milagro:example/host/${n}`,
        details: { count: n, usage: "enc" },
      });
      if (n % 3 === 0) heads.push(await log.sign(tx, signer));
    });
  }
  return { database, all: await log.read(database.db, 0, 1000), heads };
}

let server: PostgresServer | undefined;
beforeAll(async () => {
  if (hasPostgres()) server = await startPostgres();
});
afterAll(() => server?.stop());

for (const { kind, check, url } of [
  { kind: "sqlite", check: test, url: async () => "sqlite::memory:" },
  { kind: "postgres", check: needs("initdb", "postgres"), url: async () => (await server?.freshUrl()) ?? "" },
] as const) {
  describe(`on ${kind}`, () => {
    check("entries chain, read back as they were written, and verify", async () => {
      const database = await open(await url());
      const log = newLog();
      const written = await database.transaction(async (tx) => [
        await log.append(tx, {
          action: "issue",
          outcome: "ok",
          subject: "milagro:example/host/ä",
          details: { usage: "enc", count: 3, flag: false },
        }),
        await log.append(tx, { action: "refuse", outcome: "ERR_POLICY_REFUSED" }),
      ]);
      expect(written[1]?.previous).toEqual(written[0]?.hash);
      expect(await log.read(database.db, 0, 10)).toEqual(written);
      expect(await log.read(database.db, 1, 10)).toEqual(written.slice(1));
      expect(await log.head(database.db)).toEqual({ index: 2, hash: written[1]?.hash });
      const head = await database.transaction((tx) => log.sign(tx, signer));
      expect(await database.transaction((tx) => log.sign(tx, () => Promise.reject(new Error("asked twice"))))).toEqual(
        head,
      );
      expect(await log.signedHeads(database.db)).toEqual([head]);
      const verdict = await verifyAuditLog({
        entries: auditEntries((after, limit) => log.read(database.db, after, limit)),
        heads: [head],
        verifySignature,
      });
      expect(verdict).toEqual({ ok: true, index: 2, hash: head.hash, signedUpTo: 2 });
      await database.close();
    });

    check("a change and its record are kept together or not at all", async () => {
      const database = await open(await url());
      const log = newLog();
      const failing = database.transaction(async (tx) => {
        await log.append(tx, { action: "issue", outcome: "ok" });
        await tx.insertInto("change").values({ id: 1 }).execute();
        throw new Error("killed between record and commit");
      });
      await expect(failing).rejects.toThrow("killed");
      expect((await log.head(database.db)).index).toBe(0);
      expect(await database.db.selectFrom("change").selectAll().execute()).toEqual([]);
      await database.close();
    });

    check("concurrent writers make one chain without gaps", async () => {
      const database = await open(await url());
      const log = newLog();
      await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          database.transaction((tx) => log.append(tx, { action: "issue", outcome: "ok", details: { count: n } })),
        ),
      );
      const all = await log.read(database.db, 0, 100);
      expect(all.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect(await verifyAuditLog({ entries: all })).toMatchObject({ ok: true, index: 10 });
      await database.close();
    });
  });
}

test("the hash is SHA-256 over a tag and the sorted JSON, so that others can recompute it", async () => {
  const entry = {
    index: 1,
    time: 5,
    action: "issue",
    outcome: "ok",
    subject: "s",
    details: { b: true, a: 1 },
    previous: new Uint8Array(32),
  };
  const json = `{"action":"issue","details":{"a":1,"b":true},"index":1,"outcome":"ok","previous":"${"A".repeat(43)}","subject":"s","time":5}`;
  expect(
    Buffer.from(hashEntry(entry)).equals(createHash("sha256").update(`milagro audit entry v1\0${json}`).digest()),
  ).toBe(true);
});

test("a detail outside the allow-list is refused, and so are values that are no scalar", async () => {
  const database = await open("sqlite::memory:");
  const log = newLog();
  const append = (details: object) =>
    database.transaction((tx) => log.append(tx, { action: "issue", outcome: "ok", details }));
  for (const details of [
    { passphrase: "hunter2" },
    { usage: { nested: 1 } },
    { count: 1.5 },
    { usage: "x".repeat(2000) },
    { usage: "\ud800" },
    { count: null },
  ]) {
    const error: unknown = await append(details).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).not.toContain("hunter2");
  }
  expect((await log.head(database.db)).index).toBe(0);
  await database.close();
});

describe("tampering is found, and the first bad entry named", () => {
  test("every single edited field", async () => {
    const { all, database } = await filled(5);
    await database.close();
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 4 }),
        fc.constantFrom("time", "action", "outcome", "subject", "details", "hash", "previous"),
        async (at, field) => {
          const entries = all.map((entry, n) => (n === at ? edited(entry, field) : entry));
          const verdict = await verifyAuditLog({ entries });
          expect(verdict.ok).toBe(false);
          expect(verdict.index).toBe(at + 1);
        },
      ),
    );
  });

  test("an edit in the database itself, details that are no JSON included", async () => {
    for (const details of ['{"count":99,"usage":"enc"}', "not json", '{"usage":"enc","count":2}']) {
      const { database } = await filled(3);
      await database.db.updateTable("audit_log").set({ details }).where("entry", "=", 2).execute();
      const verdict = await verifyAuditLog({ entries: await newLog().read(database.db, 0, 10) });
      expect(verdict).toEqual({ ok: false, index: 2, fault: "edited" });
      await database.close();
    }
  });

  test("dropped, inserted, reordered and repeated entries", async () => {
    const { all, database } = await filled(5);
    await database.close();
    const at = (n: number): AuditEntry => all[n - 1] as AuditEntry;
    const inserted = { ...at(3), details: { count: 77 } };
    const cases: [AuditEntry[], number][] = [
      [[at(1), at(2), at(4), at(5)], 3],
      [[at(2), at(3)], 1],
      [[at(1), at(3), at(2), at(4)], 2],
      [[at(1), at(2), at(2), at(3)], 3],
      [[at(1), at(2), { ...inserted, hash: hashEntry(inserted) }, { ...at(3), index: 4 }], 4],
      [[at(1), { ...at(3), index: 2 }, { ...at(4), index: 3 }], 2],
    ];
    for (const [entries, index] of cases) expect(await verifyAuditLog({ entries })).toMatchObject({ ok: false, index });
  });

  test("a log whose end was cut off contradicts a signed head", async () => {
    const { all, heads, database } = await filled(7);
    await database.close();
    expect(await verifyAuditLog({ entries: all, heads, verifySignature })).toMatchObject({ ok: true, signedUpTo: 6 });
    expect(await verifyAuditLog({ entries: all.slice(0, 5), heads, verifySignature })).toEqual({
      ok: false,
      index: 6,
      fault: "truncated",
    });
    expect(await verifyAuditLog({ entries: [], heads, verifySignature })).toEqual({
      ok: false,
      index: 1,
      fault: "truncated",
    });
    expect(await verifyAuditLog({ entries: all.slice(0, 5) })).toMatchObject({ ok: true, index: 5 }); // which is why heads must leave the house
  });

  test("a log rewritten from some entry on, hashes and all, contradicts the next signed head", async () => {
    const { all, heads, database } = await filled(9);
    await database.close();
    const rewritten: AuditEntry[] = [];
    for (const entry of all) {
      const previous = rewritten.at(-1)?.hash ?? new Uint8Array(32);
      const body = { ...entry, previous, details: entry.index === 5 ? { count: 1000 } : entry.details };
      rewritten.push({ ...body, hash: hashEntry(body) });
    }
    expect(await verifyAuditLog({ entries: rewritten })).toMatchObject({ ok: true });
    expect(await verifyAuditLog({ entries: rewritten, heads, verifySignature })).toEqual({
      ok: false,
      index: 4,
      fault: "contradicts signed head",
    });
  });

  test("a forged head is told from a bad log", async () => {
    const { all, heads, database } = await filled(6);
    await database.close();
    const forged = heads.map((head, n) => (n === 1 ? { ...head, hash: new Uint8Array(32) } : head));
    expect(await verifyAuditLog({ entries: all, heads: forged, verifySignature })).toEqual({
      ok: false,
      index: 6,
      fault: "head forged",
    });
    await expect(verifyAuditLog({ entries: all, heads })).rejects.toThrow(TypeError);
  });

  test("signing a log that contradicts its own kept head is refused", async () => {
    const { database } = await filled(3);
    await database.db
      .updateTable("audit_head")
      .set({ hash: new Uint8Array(32) })
      .execute();
    await expect(database.transaction((tx) => newLog().sign(tx, signer))).rejects.toMatchObject({
      code: "ERR_AUDIT_CORRUPT",
    });
    await database.close();
  });
});

function edited(entry: AuditEntry, field: string): AuditEntry {
  if (field === "time") return { ...entry, time: entry.time + 1 };
  if (field === "details") return { ...entry, details: { ...entry.details, count: -1 } };
  if (field === "hash" || field === "previous")
    return { ...entry, [field]: entry[field].map((byte, n) => (n === 7 ? byte ^ 1 : byte)) };
  return { ...entry, [field]: "something else" };
}
