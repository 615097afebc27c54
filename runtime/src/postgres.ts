/**
 * Kysely on PostgreSQL: a small pool, integers as numbers, errors with our codes.
 * @module
 */

import { MilagroError } from "@milagro/engine/error";
import type { CompiledQuery, DatabaseConnection, Dialect, Driver, Kysely, QueryResult } from "kysely";
import { PostgresAdapter, PostgresDialect, PostgresIntrospector, PostgresQueryCompiler } from "kysely";
import pg from "pg";
import { databaseError } from "./database-error.ts";
import { isThisMachine } from "./plain.ts";

const OID_INT8 = 20;
const OID_NUMERIC = 1700;

export interface PostgresOptions {
  /** Default 10. */
  readonly maxConnections?: number;
  /** Default 5 s. */
  readonly connectTimeoutMs?: number;
  /** The server gives a statement up after this. Default 30 s. */
  readonly statementTimeoutMs?: number;
  /** Told about connections that broke while idle; the pool replaces them. */
  readonly onIdleError?: (error: Error) => void;
}

/**
 * @param url - `postgres://…`, on another machine with `?sslmode=verify-full`; a password may also come from PGPASSFILE, which keeps it out of settings
 * @throws `ERR_PLAIN_REFUSED`
 */
export function openPostgres(url: string, options: PostgresOptions = {}): pg.Pool {
  checkDatabaseWay(url);
  const pool = new pg.Pool({
    connectionString: url,
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5000,
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    idle_in_transaction_session_timeout: 30_000,
    application_name: "milagro",
    types: { getTypeParser: typeParser },
  });
  // Without a listener a connection that dies while idle would end the process.
  pool.on("error", (error) => options.onIdleError?.(error));
  // A connection in use has no listener from the pool either; its query rejects by itself.
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

/** What the library would do, whichever part of the URL or of the environment says so. */
function checkDatabaseWay(url: string): void {
  const { host, ssl } = new pg.Client({ connectionString: url }) as { readonly host: string; readonly ssl: unknown };
  const isVerified = typeof ssl === "object" && (ssl as { rejectUnauthorized?: boolean }).rejectUnauthorized !== false;
  if (host.startsWith("/") || isThisMachine(host) || ssl === true || isVerified) return;
  throw new MilagroError(
    "ERR_PLAIN_REFUSED",
    "the database is on another machine: write ?sslmode=verify-full after its address, and sslrootcert where its authority is your own",
  );
}

/** The dialect; it owns the pool from now on and ends it with the `Kysely`. */
export function postgresDialect(pool: pg.Pool): Dialect {
  const inner = new PostgresDialect({ pool });
  return {
    createDriver: () => withOurErrors(inner.createDriver()),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createAdapter: () => new PostgresAdapter(),
    createIntrospector: (db: Kysely<unknown>) => new PostgresIntrospector(db),
  } as Dialect;
}

/** int8 and numeric arrive as text; as on SQLite they are numbers here, and what is too large for one is refused rather than rounded. */
function typeParser(oid: number, format?: "text" | "binary"): (value: string) => unknown {
  if (oid === OID_INT8 || oid === OID_NUMERIC) {
    return (text) => {
      const value = Number(text);
      if (oid === OID_INT8 && !Number.isSafeInteger(value))
        throw new RangeError("an integer of the database is too large");
      return value;
    };
  }
  return format === "binary" ? pg.types.getTypeParser(oid, "binary") : pg.types.getTypeParser(oid, "text");
}

function withOurErrors(driver: Driver): Driver {
  const mapped = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (cause) {
      throw databaseError(cause);
    }
  };
  // One wrapper per connection, so that Kysely sees the same object each time it comes out of the pool.
  const wrappers = new WeakMap<DatabaseConnection, DatabaseConnection>();
  const inners = new WeakMap<DatabaseConnection, DatabaseConnection>();
  const wrap = (inner: DatabaseConnection): DatabaseConnection => {
    const known = wrappers.get(inner);
    if (known) return known;
    const wrapper: DatabaseConnection = {
      executeQuery: <R>(query: CompiledQuery): Promise<QueryResult<R>> => mapped(inner.executeQuery<R>(query)),
      streamQuery: <R>(query: CompiledQuery, size: number) => inner.streamQuery<R>(query, size),
    };
    wrappers.set(inner, wrapper);
    inners.set(wrapper, inner);
    return wrapper;
  };
  const unwrap = (wrapper: DatabaseConnection): DatabaseConnection => inners.get(wrapper) ?? wrapper;
  return {
    init: (options) => driver.init(options),
    acquireConnection: async (options) => wrap(await mapped(driver.acquireConnection(options))),
    beginTransaction: (connection, settings) => mapped(driver.beginTransaction(unwrap(connection), settings)),
    commitTransaction: (connection) => mapped(driver.commitTransaction(unwrap(connection))),
    rollbackTransaction: (connection) => mapped(driver.rollbackTransaction(unwrap(connection))),
    savepoint: async (connection, name, compile) => driver.savepoint?.(unwrap(connection), name, compile),
    rollbackToSavepoint: async (connection, name, compile) =>
      driver.rollbackToSavepoint?.(unwrap(connection), name, compile),
    releaseSavepoint: async (connection, name, compile) => driver.releaseSavepoint?.(unwrap(connection), name, compile),
    releaseConnection: (connection, options) => driver.releaseConnection(unwrap(connection), options),
    destroy: (options) => driver.destroy(options),
  };
}
