/**
 * One way to a database, whether it is a SQLite file or a PostgreSQL server: queries by Kysely, transactions that are serialisable on both, migrations that only go forward.
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { fileURLToPath } from "node:url";
import { MilagroError } from "@milagro/engine/error";
import { Kysely, type KyselyPlugin, sql, type Transaction } from "kysely";
import { sleep } from "./clock.ts";
import { databaseClosed } from "./database-error.ts";
import { groupCommit } from "./group-commit.ts";
import { applyMigrations, type MigrationSet } from "./migration.ts";
import type { PostgresOptions } from "./postgres.ts";
import { jitteredBackoffMs } from "./random.ts";
import { openSqlite, type SqliteOptions, sqliteDialect } from "./sqlite.ts";

export { isConflict } from "./database-error.ts";
export type { ColumnTypes, Migration, MigrationSet } from "./migration.ts";

export type DatabaseKind = "sqlite" | "postgres";

/**
 * An open database. Portable column values: strings, safe integers, `Uint8Array`, null. Booleans are stored as 0 and 1, times as integer milliseconds.
 */
export interface Database<Tables> {
  readonly kind: DatabaseKind;
  /** Single statements, each its own transaction. Inside `transaction` use what it hands you: this one throws TypeError there. */
  readonly db: Kysely<Tables>;
  /**
   * Runs `work` in one serialisable transaction: all of it is kept or nothing. It may run again (after a conflict on PostgreSQL, after the failed
   * commit of a group on SQLite), and on SQLite others queue behind it: so it must do nothing but talk to the transaction.
   * @throws `ERR_DATABASE_BUSY` when conflicts do not end, `ERR_STORAGE_FULL`, `ERR_STORAGE_UNAVAILABLE` (then a commit's outcome may be unknown)
   */
  transaction<T>(work: (tx: Transaction<Tables>) => Promise<T>): Promise<T>;
  /** A trivial query, for readiness. */
  ping(): Promise<void>;
  /** Waits for running transactions. From then on everything is refused with `ERR_OVERLOADED`: somebody may still work on a request of before. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Applied at opening, in order. */
  readonly migrations: readonly MigrationSet[];
  /**
   * Transactions of this process take turns and share commits, as on SQLite always. Right where nearly each appends to the audit log:
   * on PostgreSQL those would else run at once and fail for each other's sake.
   */
  readonly takeTurns?: boolean;
  readonly sqlite?: SqliteOptions;
  readonly postgres?: PostgresOptions;
}

const ATTEMPTS = 20;
/** The open transaction around the present code, if any. What was merely started inside one may go on when it is over. */
const running = new AsyncLocalStorage<{ readonly kysely: unknown; open: boolean }>();

/**
 * Opens a database and brings its tables up to date.
 * @param url - `file:/path/x.sqlite`, `sqlite:/path`, `sqlite::memory:` or `postgres://…`
 * @throws `ERR_CONFIG_INVALID` for another URL, `ERR_DATABASE_CORRUPT`, `ERR_STORAGE_UNAVAILABLE`, `ERR_DATABASE_VERSION` when a newer program made the tables
 */
export async function openDatabase<Tables>(url: string, options: DatabaseOptions): Promise<Database<Tables>> {
  const location = parseDatabaseUrl(url);
  const dialect =
    location.kind === "sqlite"
      ? sqliteDialect(openSqlite(location.path, options.sqlite), options.sqlite)
      : await openPostgresDialect(location.url, options.postgres);
  const kysely = new Kysely<Tables>({ dialect });
  const door = createDoor();
  const begin = transactions(kysely, location.kind, options.takeTurns ?? false);
  const database: Database<Tables> = {
    kind: location.kind,
    db: kysely.withPlugin(outsideTransactions(kysely, door)),
    transaction: (work) => door.pass(() => begin(work)),
    ping: async () => {
      door.check();
      await sql`select 1`.execute(kysely);
    },
    async close() {
      await door.shut();
      await kysely.destroy();
    },
  };
  try {
    await database.transaction((tx) =>
      applyMigrations(tx as unknown as Transaction<unknown>, location.kind, options.migrations),
    );
  } catch (error) {
    await kysely.destroy().catch(() => {});
    throw error;
  }
  return database;
}

/** Its driver is loaded where it is used. */
async function openPostgresDialect(url: string, options: PostgresOptions | undefined) {
  const { openPostgres, postgresDialect } = await import("./postgres.ts");
  return postgresDialect(openPostgres(url, options));
}

/** @throws `ERR_CONFIG_INVALID`; the URL is not repeated: it may hold a password */
export function parseDatabaseUrl(url: string): { kind: "sqlite"; path: string } | { kind: "postgres"; url: string } {
  if (/^postgres(ql)?:\/\//.test(url)) return { kind: "postgres", url };
  const invalid = new MilagroError("ERR_CONFIG_INVALID", "a database is file:/path, sqlite:/path or postgres://…");
  const rest = /^(?:file|sqlite):(.+)$/s.exec(url)?.[1];
  if (rest === undefined || rest.includes("\0")) throw invalid;
  if (rest === ":memory:") return { kind: "sqlite", path: rest };
  if (!rest.startsWith("//")) return { kind: "sqlite", path: rest };
  try {
    return { kind: "sqlite", path: fileURLToPath(`file:${rest}`) };
  } catch {
    throw invalid;
  }
}

type Work<Tables, T> = (tx: Transaction<Tables>) => Promise<T>;

function transactions<Tables>(
  kysely: Kysely<Tables>,
  kind: DatabaseKind,
  takeTurns: boolean,
): Database<Tables>["transaction"] {
  const begin = <T>(work: Work<Tables, T>): Promise<T> => {
    const builder = kind === "postgres" ? kysely.transaction().setIsolationLevel("serializable") : kysely.transaction();
    return builder.execute(work);
  };
  // PostgreSQL groups the commits of its connections by itself.
  const patient = kind === "sqlite" ? begin : withRetries(begin);
  const grouped = kind === "sqlite" || takeTurns ? groupCommit(patient) : patient;
  return (work) => {
    if (inTransaction(kysely)) {
      return Promise.reject(new TypeError("a transaction is already open here: use the one you were given"));
    }
    return grouped(async (tx) => {
      const scope = { kysely, open: true };
      try {
        return await running.run(scope, () => work(tx));
      } finally {
        scope.open = false;
      }
    });
  };
}

/** Serialisable transactions of PostgreSQL may fail for each other's sake; the same work again then sees the other's result. */
function withRetries<Tables>(begin: <T>(work: Work<Tables, T>) => Promise<T>) {
  return async <T>(work: Work<Tables, T>): Promise<T> => {
    for (let attempt = 0; ; attempt++) {
      try {
        return await begin(work);
      } catch (error) {
        const conflict = error instanceof MilagroError && error.code === "ERR_DATABASE_BUSY";
        if (!conflict || attempt + 1 >= ATTEMPTS) throw error;
        await sleep(jitteredBackoffMs(attempt, 4, 250));
      }
    }
  };
}

function inTransaction(kysely: unknown): boolean {
  const scope = running.getStore();
  return scope?.kysely === kysely && scope?.open === true;
}

/** Where transactions go through, until it is shut. */
interface Door {
  /** @throws `ERR_OVERLOADED` */
  check(): void;
  /** Rejects with `ERR_OVERLOADED` once it is shut. */
  pass<T>(run: () => Promise<T>): Promise<T>;
  /** Resolves when those that are through have ended. */
  shut(): Promise<void>;
}

function createDoor(): Door {
  const through = new Set<Promise<unknown>>();
  let isShut = false;
  const check = (): void => {
    if (isShut) throw databaseClosed();
  };
  return {
    check,
    async pass(run) {
      check();
      const running = run();
      through.add(running);
      try {
        return await running;
      } finally {
        through.delete(running);
      }
    },
    async shut() {
      isShut = true;
      await Promise.allSettled(through);
    },
  };
}

/** On SQLite such a query would wait for the transaction that waits for it; on PostgreSQL it would silently not be part of it. */
function outsideTransactions(kysely: unknown, door: Door): KyselyPlugin {
  return {
    transformQuery: ({ node }) => {
      door.check();
      if (inTransaction(kysely)) throw new TypeError("a transaction is open here: query through it");
      return node;
    },
    transformResult: async ({ result }) => result,
  };
}
