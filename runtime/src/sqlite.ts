/**
 * Kysely on Node's own SQLite: one connection, durable commits, errors with our codes.
 * WAL with synchronous=FULL: a commit that has returned survives a power failure; NORMAL would not promise that. Of
 * transactions the last step of FULL is done by `wal-sync.ts`, so that a slow disk does not hold up the event loop.
 * @module
 */
import { chmodSync, closeSync, openSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { MilagroError } from "@milagro/engine/error";
import {
  type CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { databaseClosed, databaseError } from "./database-error.ts";
import { openWalSync, type SyncFile, type WalSync } from "./wal-sync.ts";

const BUSY_TIMEOUT_MS = 5000;
const STATEMENT_CACHE = 256;

export interface SqliteOptions {
  /** Skip the page-by-page check at opening, which reads the whole file. Default: it runs. */
  readonly skipIntegrityCheck?: boolean;
  /** For tests that stand in the way of the disk. */
  readonly syncFile?: SyncFile;
}

/**
 * Opens (or makes, with mode 0600) a database file; `:memory:` for one that nobody keeps.
 * @throws `ERR_DATABASE_CORRUPT` when the file is not a sound database, `ERR_STORAGE_UNAVAILABLE` when it cannot be opened
 */
export function openSqlite(path: string, options: SqliteOptions = {}): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    // Made by us, so that it never exists with wider permissions; SQLite gives -wal and -shm the mode of the main file.
    if (path !== ":memory:") {
      closeSync(openSync(path, "a", 0o600));
      chmodSync(path, 0o600);
    }
    database = new DatabaseSync(path, {
      timeout: BUSY_TIMEOUT_MS,
      enableForeignKeyConstraints: true,
      allowExtension: false,
    });
    database.exec(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;",
    );
    if (!options.skipIntegrityCheck) {
      const row = database.prepare("PRAGMA quick_check(1)").get();
      if (row?.["quick_check"] !== "ok") {
        throw new MilagroError("ERR_DATABASE_CORRUPT", "the database file is damaged; restore it from a backup");
      }
    }
    return database;
  } catch (cause) {
    if (database?.isOpen) database.close();
    const known = databaseError(cause);
    if (known instanceof MilagroError) throw known;
    throw new MilagroError("ERR_STORAGE_UNAVAILABLE", "the database file cannot be opened", { cause });
  }
}

/** The dialect; it owns the connection from now on and closes it with the `Kysely`. */
export function sqliteDialect(database: DatabaseSync, { syncFile }: SqliteOptions = {}): Dialect {
  const path = database.location();
  const log = path === null ? undefined : openWalSync(path, syncFile);
  return {
    createDriver: () => sqliteDriver(database, log),
    createQueryCompiler: (): QueryCompiler => new SqliteQueryCompiler(),
    createAdapter: (): DialectAdapter => new SqliteAdapter(), // "no multiple connections": Kysely queues transactions
    createIntrospector: (db: Kysely<unknown>): DatabaseIntrospector => new SqliteIntrospector(db),
  } as Dialect;
}

/** @param log - absent for a database in memory */
function sqliteDriver(database: DatabaseSync, log: WalSync | undefined): Driver {
  const connection = sqliteConnection(database, log);
  const command = async (text: string): Promise<void> => {
    try {
      log?.check();
      database.exec(text);
    } catch (cause) {
      throw databaseError(cause);
    }
  };
  // SQLite changes the level between transactions only.
  const relax = () => (log ? command("PRAGMA synchronous=NORMAL") : undefined);
  const restore = () => (log ? command("PRAGMA synchronous=FULL") : undefined);
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    // IMMEDIATE takes the write lock at once: a transaction that begins by reading cannot fail half-way for want of it.
    beginTransaction: async () => {
      await relax();
      await command("BEGIN IMMEDIATE").catch(async (error: unknown) => {
        await restore();
        throw error;
      });
    },
    commitTransaction: async () => {
      await command("COMMIT");
      await restore();
      await log?.sync();
    },
    // A full disk ends the transaction by itself; rolling back again would hide the first error behind a second.
    rollbackTransaction: async () => {
      if (database.isTransaction) await command("ROLLBACK");
      await restore();
    },
    savepoint: (_connection, name) => command(`SAVEPOINT ${quoted(name)}`),
    rollbackToSavepoint: (_connection, name) => command(`ROLLBACK TO ${quoted(name)}`),
    releaseSavepoint: (_connection, name) => command(`RELEASE ${quoted(name)}`),
    releaseConnection: async () => {},
    destroy: async () => {
      log?.close();
      if (!database.isOpen) return;
      database.exec("PRAGMA optimize");
      database.close();
    },
  };
}

function sqliteConnection(database: DatabaseSync, log: WalSync | undefined): DatabaseConnection {
  const cache = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const cached = cache.get(sql);
    if (cached) return cached;
    const statement = database.prepare(sql);
    if (cache.size >= STATEMENT_CACHE) cache.delete(cache.keys().next().value ?? "");
    cache.set(sql, statement);
    return statement;
  };
  return {
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      if (!database.isOpen) throw databaseClosed(); // it waited for its turn meanwhile
      try {
        log?.check();
        const statement = prepare(query.sql);
        const parameters = query.parameters as readonly SQLInputValue[];
        if (statement.columns().length > 0) return { rows: statement.all(...parameters) as R[] };
        const { changes, lastInsertRowid } = statement.run(...parameters);
        return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
      } catch (cause) {
        throw databaseError(cause);
      }
    },
    async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
      // A statement of its own: a cached one may be run again before this iteration ends.
      const statement = database.prepare(query.sql);
      for (const row of statement.iterate(...(query.parameters as readonly SQLInputValue[])))
        yield { rows: [row as R] };
    },
  };
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
