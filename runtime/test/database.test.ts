/** One contract for both databases, transactions, migrations, faults: one file, since each claim is made of both. */
import { AsyncLocalStorage } from "node:async_hooks";
import { spawnSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { needs } from "../../tests/support/needs.ts";
import { hasPostgres, type PostgresServer, startPostgres } from "../../tests/support/postgres-server.ts";
import { tempFolder } from "../../tests/support/temp-folder.ts";
import { type Database, isConflict, type MigrationSet, openDatabase, parseDatabaseUrl } from "../src/database.ts";

interface Tables {
  thing: { id: number; name: string; content: Uint8Array | null; size: number };
}

const migrations: MigrationSet = {
  name: "things",
  migrations: [
    {
      name: "thing",
      up: async (schema, types) => {
        await schema.schema
          .createTable("thing")
          .addColumn("id", types.integer, (column) => column.primaryKey())
          .addColumn("name", types.text, (column) => column.notNull().unique())
          .addColumn("content", types.bytes)
          .addColumn("size", types.integer, (column) => column.notNull())
          .execute();
      },
    },
  ],
};
const thing = (id: number, name = `n${id}`) => ({ id, name, content: new Uint8Array([id, 255]), size: 0 });

let server: PostgresServer | undefined;
beforeAll(async () => {
  if (hasPostgres()) server = await startPostgres();
});
afterAll(() => server?.stop());

const backends = [
  { kind: "sqlite", check: test, url: async () => `file:${await tempFolder()}/x.sqlite` },
  { kind: "postgres", check: needs("initdb", "postgres"), url: async () => (await server?.freshUrl()) ?? "" },
] as const;

for (const { kind, check, url } of backends) {
  describe(`contract on ${kind}`, () => {
    const open = async (): Promise<Database<Tables>> => openDatabase<Tables>(await url(), { migrations: [migrations] });
    const using = async (body: (database: Database<Tables>) => Promise<void>): Promise<void> => {
      const database = await open();
      try {
        await body(database);
      } finally {
        await database.close();
      }
    };
    const count = async (database: Database<Tables>): Promise<number> =>
      (
        await database.db
          .selectFrom("thing")
          .select((e) => e.fn.countAll<number>().as("n"))
          .executeTakeFirstOrThrow()
      ).n;

    check("values come back as they went in: text, bytes, null, safe integers as numbers", () =>
      using(async (database) => {
        expect(database.kind).toBe(kind);
        const row = {
          id: 1,
          name: "ä\u{1F511}",
          content: new Uint8Array([0, 128, 255]),
          size: Number.MAX_SAFE_INTEGER,
        };
        await database.db
          .insertInto("thing")
          .values([row, { ...thing(2), content: null }])
          .execute();
        const [first, second] = await database.db.selectFrom("thing").selectAll().orderBy("id").execute();
        expect({ ...first, content: new Uint8Array(first?.content ?? []) }).toEqual(row);
        expect(second?.content).toBeNull();
        const returned = await database.db
          .updateTable("thing")
          .set({ size: 5 })
          .where("id", "=", 1)
          .returning("size")
          .execute();
        expect(returned).toEqual([{ size: 5 }]);
        const { numDeletedRows } = await database.db.deleteFrom("thing").where("id", ">", 0).executeTakeFirstOrThrow();
        expect(numDeletedRows).toBe(2n);
        expect(await count(database)).toBe(0);
      }),
    );

    check("a transaction that throws leaves nothing, and the next one works", () =>
      using(async (database) => {
        const failing = database.transaction(async (tx) => {
          await tx.insertInto("thing").values(thing(1)).execute();
          throw new Error("half-way");
        });
        await expect(failing).rejects.toThrow("half-way");
        expect(await count(database)).toBe(0);
        await database.transaction((tx) => tx.insertInto("thing").values(thing(1)).execute());
        expect(await count(database)).toBe(1);
      }),
    );

    check("closing waits for transactions that have begun or queue up, and refuses whatever comes after", async () => {
      const database = await open();
      const { promise: opened, resolve: letGo } = Promise.withResolvers<void>();
      const work = [1, 2, 3].map((id) =>
        database.transaction(async (tx) => {
          await tx.insertInto("thing").values(thing(id)).execute();
          if (id === 1) await opened;
          return id;
        }),
      );
      const order: string[] = [];
      const closed = database.close().then(() => order.push("closed"));
      for (const running of work) void running.then((id) => order.push(`${id}`));
      const attempts = (): Promise<unknown>[] =>
        [
          database.transaction((tx) => tx.insertInto("thing").values(thing(4)).execute()),
          database.db.insertInto("thing").values(thing(5)).execute(),
          database.ping(),
        ].map((attempt: Promise<unknown>) => attempt.catch(({ code }) => code));
      const refused = ["ERR_OVERLOADED", "ERR_OVERLOADED", "ERR_OVERLOADED"];
      const meanwhile = attempts();
      letGo();
      expect(await Promise.all(work)).toEqual([1, 2, 3]);
      await closed;
      expect(order.at(-1)).toBe("closed");
      expect([await Promise.all(meanwhile), await Promise.all(attempts())]).toEqual([refused, refused]);
      await database.close();
    });

    check("a second row with the same key is ERR_DATABASE_CONFLICT, for primary keys and unique columns", () =>
      using(async (database) => {
        await database.db.insertInto("thing").values(thing(1)).execute();
        for (const row of [thing(1, "other"), thing(2, "n1")]) {
          const error = await database.db
            .insertInto("thing")
            .values(row)
            .execute()
            .catch((e: unknown) => e);
          expect(isConflict(error)).toBe(true);
          expect(String(error)).not.toContain("n1");
        }
        expect(isConflict(new Error("x"))).toBe(false);
      }),
    );

    check("concurrent read-modify-write transactions lose no update", () =>
      using(async (database) => {
        await database.db.insertInto("thing").values(thing(1)).execute();
        const increment = () =>
          database.transaction(async (tx) => {
            const { size } = await tx.selectFrom("thing").select("size").where("id", "=", 1).executeTakeFirstOrThrow();
            await tx
              .updateTable("thing")
              .set({ size: size + 1 })
              .where("id", "=", 1)
              .execute();
          });
        await Promise.all(Array.from({ length: 12 }, increment));
        const { size } = await database.db.selectFrom("thing").select("size").executeTakeFirstOrThrow();
        expect(size).toBe(12);
      }),
    );

    check("of transactions started together each succeeds or fails by itself, in its caller's context", () =>
      using(async (database) => {
        const context = new AsyncLocalStorage<number>();
        const outcomes = await Promise.allSettled(
          Array.from({ length: 12 }, (_, n) =>
            context.run(n, () =>
              database.transaction(async (tx) => {
                await tx.insertInto("thing").values(thing(n)).execute();
                expect(context.getStore()).toBe(n);
                if (n % 3 === 1) throw new Error(`refused ${n}`);
                if (n % 3 === 2) await tx.insertInto("thing").values(thing(n)).execute();
                return n;
              }),
            ),
          ),
        );
        for (const [n, outcome] of outcomes.entries()) {
          if (n % 3 === 0) expect(outcome).toEqual({ status: "fulfilled", value: n });
          else
            expect(outcome).toMatchObject({
              reason: n % 3 === 1 ? { message: `refused ${n}` } : { code: "ERR_DATABASE_CONFLICT" },
            });
        }
        const kept = await database.db.selectFrom("thing").select("id").orderBy("id").execute();
        expect(kept.map(({ id }) => id)).toEqual([0, 3, 6, 9]);
      }),
    );

    check("inside a transaction the outer handle is refused rather than waited for", () =>
      using(async (database) => {
        await database.transaction(async (tx) => {
          await expect(database.db.selectFrom("thing").selectAll().execute()).rejects.toThrow(TypeError);
          await expect(database.transaction(async () => {})).rejects.toThrow(TypeError);
          await tx.insertInto("thing").values(thing(1)).execute();
        });
        expect(await count(database)).toBe(1);
      }),
    );

    check("what was started inside a transaction may use the outer handle once it is over", () =>
      using(async (database) => {
        const over = Promise.withResolvers<void>();
        const later = await database.transaction(async (tx) => {
          await tx.insertInto("thing").values(thing(1)).execute();
          const started = over.promise.then(() =>
            database.transaction((next) => next.selectFrom("thing").select("id").execute()),
          );
          return { started };
        });
        over.resolve();
        expect(await later.started).toEqual([{ id: 1 }]);
      }),
    );

    check(
      "opening again applies nothing twice; new migrations are added; unknown and changed ones are refused",
      async () => {
        const location = await url();
        const second: MigrationSet = {
          name: "things",
          migrations: [
            ...migrations.migrations,
            {
              name: "seed",
              up: async (schema) =>
                void (await sql`insert into thing (id, name, size) values (7, 'seed', 0)`.execute(schema)),
            },
          ],
        };
        for (const set of [migrations, second, second])
          await (await openDatabase<Tables>(location, { migrations: [set] })).close();
        const renamed: MigrationSet = {
          name: "things",
          migrations: [{ name: "other", up: async () => {} }, ...second.migrations.slice(1)],
        };
        for (const set of [migrations, renamed]) {
          await expect(openDatabase<Tables>(location, { migrations: [set] })).rejects.toMatchObject({
            code: "ERR_DATABASE_VERSION",
          });
        }
        const database = await openDatabase<Tables>(location, { migrations: [second] });
        expect(await count(database)).toBe(1);
        await database.close();
      },
    );

    check("a migration that fails leaves no trace of itself", async () => {
      const location = await url();
      const failing: MigrationSet = {
        name: "things",
        migrations: [
          ...migrations.migrations,
          {
            name: "broken",
            up: async (schema) => {
              await sql`insert into thing (id, name, size) values (1, 'x', 0)`.execute(schema);
              throw new Error("broken");
            },
          },
        ],
      };
      await expect(openDatabase<Tables>(location, { migrations: [failing] })).rejects.toThrow("broken");
      const database = await openDatabase<Tables>(location, { migrations: [migrations] });
      expect(await count(database)).toBe(0);
      await database.close();
    });

    check("after closing, a query fails", async () => {
      const database = await open();
      await database.ping();
      await database.close();
      await expect(database.ping()).rejects.toThrow();
    });
  });
}

describe("postgres only", () => {
  const check = needs("initdb", "postgres");
  check("a server that goes away is ERR_STORAGE_UNAVAILABLE, and when it is back so are we", async () => {
    if (!server) throw new Error("no server");
    const database = await openDatabase<Tables>(await server.freshUrl(), { migrations: [migrations] });
    await database.db.insertInto("thing").values(thing(1)).execute();
    await server.crash();
    await expect(database.ping()).rejects.toMatchObject({ code: "ERR_STORAGE_UNAVAILABLE" });
    await server.start();
    await database.transaction((tx) => tx.insertInto("thing").values(thing(2)).execute());
    expect(await database.db.selectFrom("thing").select("id").orderBy("id").execute()).toEqual([{ id: 1 }, { id: 2 }]);
    await database.close();
  });
  check(
    "transactions that take turns all get through, though each changes the same row, also from two processes",
    async () => {
      const location = (await server?.freshUrl()) ?? "";
      const options = { migrations: [migrations], takeTurns: true };
      const both = [await openDatabase<Tables>(location, options), await openDatabase<Tables>(location, options)];
      await both[0]?.db.insertInto("thing").values(thing(1)).execute();
      const outcomes = await Promise.allSettled(
        Array.from({ length: 80 }, (_, i) =>
          both[i % 2]?.transaction(async (tx) => {
            const { size } = await tx.selectFrom("thing").select("size").where("id", "=", 1).executeTakeFirstOrThrow();
            await tx
              .updateTable("thing")
              .set({ size: size + 1 })
              .where("id", "=", 1)
              .execute();
            if (i % 10 === 0) throw new Error("changed its mind");
          }),
        ),
      );
      const failed = outcomes.flatMap((outcome, i) =>
        outcome.status === "rejected" ? [[i, outcome.reason.message]] : [],
      );
      expect(failed).toEqual([0, 10, 20, 30, 40, 50, 60, 70].map((i) => [i, "changed its mind"]));
      expect((await both[1]?.db.selectFrom("thing").select("size").executeTakeFirst())?.size).toBe(72);
      for (const database of both) await database.close();
    },
  );

  check("a server that is not there is ERR_STORAGE_UNAVAILABLE", async () => {
    const opening = openDatabase("postgres://x@127.0.0.1:1/none", { migrations: [] });
    await expect(opening).rejects.toMatchObject({ code: "ERR_STORAGE_UNAVAILABLE" });
  });
});

describe("sqlite only", () => {
  test("the file and its companions are for the owner alone, whatever they were before", async () => {
    const folder = await tempFolder();
    const path = join(folder, "x.sqlite");
    writeFileSync(path, "", { mode: 0o644 });
    const database = await openDatabase<Tables>(`file:${path}`, { migrations: [migrations] });
    await database.db.insertInto("thing").values(thing(1)).execute();
    for (const suffix of ["", "-wal", "-shm"]) expect(statSync(path + suffix).mode & 0o777).toBe(0o600);
    await database.close();
  });

  test("write-ahead log, full sync and foreign keys are on", async () => {
    const database = await openDatabase<Tables>(`file:${await tempFolder()}/x.sqlite`, { migrations: [] });
    const pragma = async (name: string) =>
      Object.values(
        (await sql<Record<string, unknown>>`pragma ${sql.raw(name)}`.execute(database.db)).rows[0] ?? {},
      )[0];
    expect(await pragma("journal_mode")).toBe("wal");
    expect(await pragma("synchronous")).toBe(2);
    expect(await pragma("foreign_keys")).toBe(1);
    // Also after transactions of all outcomes.
    await database.transaction((tx) => sql`create table t (x)`.execute(tx));
    expect(await pragma("synchronous")).toBe(2);
    await database.transaction(() => Promise.reject(new Error("no"))).catch(() => {});
    expect(await pragma("synchronous")).toBe(2);
    await database.close();
  });

  test("a transaction is reported, and its rows are shown, only when they are on disk; the event loop goes on", async () => {
    const syncs: PromiseWithResolvers<void>[] = [];
    const syncFile = (): Promise<void> => {
      const one = Promise.withResolvers<void>();
      syncs.push(one);
      return one.promise;
    };
    const opening = openDatabase<Tables>(`file:${await tempFolder()}/x.sqlite`, {
      migrations: [migrations],
      sqlite: { syncFile },
    });
    await vi.waitFor(() => expect(syncs).toHaveLength(1), { timeout: 20_000 });
    syncs[0]?.resolve();
    const database = await opening;
    const seen: string[] = [];
    const writing = database.transaction((tx) => tx.insertInto("thing").values(thing(1)).execute());
    const telling = writing.then(() => seen.push("written"));
    await vi.waitFor(() => expect(syncs).toHaveLength(2), { timeout: 20_000 });
    const reading = database.db.selectFrom("thing").select("id").execute();
    const reporting = reading.then((rows) => seen.push(`read ${rows.length}`));
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([]);
    syncs[1]?.resolve();
    await Promise.all([telling, reporting]);
    expect(seen.toSorted()).toEqual(["read 1", "written"]);
    await database.close();
  });

  test("when the disk fails at a commit nobody is told that it worked, nor anything afterwards, until a restart", async () => {
    const path = `${await tempFolder()}/x.sqlite`;
    let fails = false;
    const syncFile = (): Promise<void> =>
      fails ? Promise.reject(Object.assign(new Error("i/o error"), { code: "EIO" })) : Promise.resolve();
    const database = await openDatabase<Tables>(`file:${path}`, { migrations: [migrations], sqlite: { syncFile } });
    const write = (id: number) => database.transaction((tx) => tx.insertInto("thing").values(thing(id)).execute());
    await write(1);
    fails = true;
    const together = await Promise.allSettled([write(2), write(3), write(4)]);
    for (const outcome of together) expect(outcome).toMatchObject({ reason: { code: "ERR_STORAGE_UNAVAILABLE" } });
    fails = false;
    const unavailable = { code: "ERR_STORAGE_UNAVAILABLE" };
    await expect(write(5)).rejects.toMatchObject(unavailable);
    await expect(database.ping()).rejects.toMatchObject(unavailable);
    await expect(database.db.selectFrom("thing").selectAll().execute()).rejects.toMatchObject(unavailable);
    await database.close();
    const again = await openDatabase<Tables>(`file:${path}`, { migrations: [migrations] });
    await again.transaction((tx) => tx.insertInto("thing").values(thing(5)).execute());
    expect((await again.db.selectFrom("thing").select("id").execute()).map(({ id }) => id)).toEqual(
      expect.arrayContaining([1, 5]),
    );
    await again.close();
  });

  test("a disk that is full is ERR_STORAGE_FULL, and nothing of the transaction stays", async () => {
    const database = await openDatabase<Tables>(`file:${await tempFolder()}/x.sqlite`, { migrations: [migrations] });
    await sql`pragma max_page_count = 40`.execute(database.db);
    const filling = database.transaction(async (tx) => {
      for (let id = 1; id < 200; id++)
        await tx
          .insertInto("thing")
          .values({ ...thing(id), content: new Uint8Array(4096) })
          .execute();
    });
    await expect(filling).rejects.toMatchObject({ code: "ERR_STORAGE_FULL" });
    expect(await database.db.selectFrom("thing").selectAll().execute()).toEqual([]);
    await database.transaction((tx) => tx.insertInto("thing").values(thing(1)).execute());
    expect(await database.db.selectFrom("thing").select("id").execute()).toEqual([{ id: 1 }]);
    await database.close();
  });

  test("when the disk fills up among transactions started together, those that fit are kept and the others told", async () => {
    const database = await openDatabase<Tables>(`file:${await tempFolder()}/x.sqlite`, { migrations: [migrations] });
    await sql`pragma max_page_count = 40`.execute(database.db);
    const outcomes = await Promise.allSettled(
      [100, 100, 500_000, 100, 500_000, 100].map((size, id) =>
        database.transaction((tx) =>
          tx
            .insertInto("thing")
            .values({ ...thing(id), content: new Uint8Array(size) })
            .execute(),
        ),
      ),
    );
    expect(outcomes.map(({ status }) => status === "fulfilled")).toEqual([true, true, false, true, false, true]);
    for (const at of [2, 4]) expect(outcomes[at]).toMatchObject({ reason: { code: "ERR_STORAGE_FULL" } });
    const kept = await database.db.selectFrom("thing").select("id").orderBy("id").execute();
    expect(kept.map(({ id }) => id)).toEqual([0, 1, 3, 5]);
    await database.close();
  });

  test("a damaged page and a file that is no database are ERR_DATABASE_CORRUPT at opening", async () => {
    const folder = await tempFolder();
    const path = join(folder, "x.sqlite");
    const database = await openDatabase<Tables>(`file:${path}`, { migrations: [migrations] });
    const rows = Array.from({ length: 200 }, (_, id) => ({ ...thing(id), content: new Uint8Array(500) }));
    await database.db.insertInto("thing").values(rows).execute();
    await database.close();
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 4096 * 3, 4096 * 3 + 200);
    writeFileSync(path, bytes);
    const other = join(folder, "y.sqlite");
    writeFileSync(other, "this is not a database, but it is long enough to be taken for one".repeat(99));
    for (const file of [path, other]) {
      await expect(openDatabase(`file:${file}`, { migrations: [migrations] })).rejects.toMatchObject({
        code: "ERR_DATABASE_CORRUPT",
      });
    }
  });

  test("a folder that is not there is ERR_STORAGE_UNAVAILABLE", async () => {
    const opening = openDatabase(`file:${await tempFolder()}/none/x.sqlite`, { migrations: [] });
    await expect(opening).rejects.toMatchObject({ code: "ERR_STORAGE_UNAVAILABLE" });
  });

  test("a process killed in the middle of a transaction leaves what was committed before and nothing else", async () => {
    const path = join(await tempFolder(), "x.sqlite");
    await (await openDatabase<Tables>(`file:${path}`, { migrations: [migrations] })).close();
    const source = new URL("../src/sqlite.ts", import.meta.url).pathname;
    const script = `
      const { openSqlite } = await import(${JSON.stringify(source)});
      const db = openSqlite(${JSON.stringify(path)});
      db.exec("insert into thing (id, name, size) values (1, 'kept', 0)");
      db.exec("begin immediate; insert into thing (id, name, size) values (2, 'lost', 0)");
      process.kill(process.pid, "SIGKILL");`;
    const { signal } = spawnSync(
      process.execPath,
      ["--conditions=@milagro/source", "--input-type=module", "-e", script],
      { cwd: new URL("..", import.meta.url).pathname },
    );
    expect(signal).toBe("SIGKILL");
    const database = await openDatabase<Tables>(`file:${path}`, { migrations: [migrations] });
    expect(await database.db.selectFrom("thing").select("name").execute()).toEqual([{ name: "kept" }]);
    await database.close();
  });
});

test("a database URL is one of ours or refused, without being repeated", () => {
  expect(parseDatabaseUrl("file:/a/b.sqlite")).toEqual({ kind: "sqlite", path: "/a/b.sqlite" });
  expect(parseDatabaseUrl("file:///a/b%20c.sqlite")).toEqual({ kind: "sqlite", path: "/a/b c.sqlite" });
  expect(parseDatabaseUrl("sqlite::memory:")).toEqual({ kind: "sqlite", path: ":memory:" });
  expect(parseDatabaseUrl("postgresql://h/d").kind).toBe("postgres");
  for (const url of ["", "file:", "/a/b", "mysql://user:hunter2@h/d", "file://elsewhere/x", "file:/a\0b"]) {
    expect(() => parseDatabaseUrl(url)).toThrow(expect.objectContaining({ code: "ERR_CONFIG_INVALID" }));
    expect(() => parseDatabaseUrl(url)).not.toThrow(/hunter2/);
  }
});
