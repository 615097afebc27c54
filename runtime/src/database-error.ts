/**
 * The few database failures a caller can do something about, with one code on both databases. Messages hold no SQL and no values.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";

type Kind =
  | "ERR_STORAGE_FULL"
  | "ERR_DATABASE_CORRUPT"
  | "ERR_DATABASE_BUSY"
  | "ERR_DATABASE_CONFLICT"
  | "ERR_STORAGE_UNAVAILABLE"
  | "ERR_DATABASE_READ_ONLY";

const MESSAGES: Readonly<Record<Kind, string>> = {
  ERR_STORAGE_FULL: "the database has no room left; nothing of this transaction was kept",
  ERR_DATABASE_CORRUPT: "the database file is damaged; restore it from a backup",
  ERR_DATABASE_BUSY: "the database was busy with other transactions; nothing of this one was kept",
  ERR_DATABASE_CONFLICT: "a row with this key exists already",
  ERR_STORAGE_UNAVAILABLE: "the database cannot be reached",
  ERR_DATABASE_READ_ONLY: "the database cannot be written",
};

/** SQLite primary result codes (sqlite.org/rescode.html); extended codes keep them in the low byte. */
const SQLITE: Readonly<Record<number, Kind>> = {
  5: "ERR_DATABASE_BUSY",
  6: "ERR_DATABASE_BUSY",
  8: "ERR_DATABASE_READ_ONLY",
  10: "ERR_STORAGE_UNAVAILABLE",
  11: "ERR_DATABASE_CORRUPT",
  13: "ERR_STORAGE_FULL",
  14: "ERR_STORAGE_UNAVAILABLE",
  26: "ERR_DATABASE_CORRUPT",
};
const SQLITE_CONSTRAINT_PRIMARYKEY = 1555;
const SQLITE_CONSTRAINT_UNIQUE = 2067;

/** PostgreSQL SQLSTATEs (Appendix A of its manual). */
const POSTGRES: Readonly<Record<string, Kind>> = {
  "23505": "ERR_DATABASE_CONFLICT",
  "25006": "ERR_DATABASE_READ_ONLY",
  "40001": "ERR_DATABASE_BUSY",
  "40P01": "ERR_DATABASE_BUSY",
  "53100": "ERR_STORAGE_FULL",
  "53300": "ERR_STORAGE_UNAVAILABLE",
  "55P03": "ERR_DATABASE_BUSY",
  "57014": "ERR_DATABASE_BUSY",
  "57P01": "ERR_STORAGE_UNAVAILABLE",
  "57P02": "ERR_STORAGE_UNAVAILABLE",
  "57P03": "ERR_STORAGE_UNAVAILABLE",
  "58030": "ERR_STORAGE_UNAVAILABLE",
  XX001: "ERR_DATABASE_CORRUPT",
  XX002: "ERR_DATABASE_CORRUPT",
};
const NETWORK = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "ENOTFOUND",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "EACCES",
]);

/** Of whoever comes after the end. */
export function databaseClosed(): MilagroError {
  return new MilagroError("ERR_OVERLOADED", "the database is closed: the service is shutting down");
}

/** A `MilagroError` for the failures above; anything else comes back as it was: a bug in a query is not an operating condition. */
export function databaseError(cause: unknown): unknown {
  const kind = kindOf(cause);
  return kind === undefined ? cause : new MilagroError(kind, MESSAGES[kind], { cause });
}

/** True when an insert met a row with the same key: often an expected outcome, so worth a branch. */
export function isConflict(error: unknown): boolean {
  return error instanceof MilagroError && error.code === "ERR_DATABASE_CONFLICT";
}

function kindOf(cause: unknown): Kind | undefined {
  if (!(cause instanceof Error) || cause instanceof MilagroError) return undefined;
  if ("errcode" in cause && typeof cause.errcode === "number") {
    const { errcode } = cause;
    if (errcode === SQLITE_CONSTRAINT_PRIMARYKEY || errcode === SQLITE_CONSTRAINT_UNIQUE)
      return "ERR_DATABASE_CONFLICT";
    return SQLITE[errcode & 0xff];
  }
  if (!("code" in cause) || typeof cause.code !== "string") {
    return /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/.test(
      cause.message,
    )
      ? "ERR_STORAGE_UNAVAILABLE"
      : undefined;
  }
  if (NETWORK.has(cause.code) || cause.code.startsWith("08")) return "ERR_STORAGE_UNAVAILABLE";
  return POSTGRES[cause.code];
}
