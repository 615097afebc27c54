/**
 * Where audit entries come from: a service's database file, read only, or a D-TA's public log.
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { apiUrl, callJson } from "@milagro/client/json-call";
import { MilagroError } from "@milagro/engine/error";
import { canonicalText } from "@milagro/protocol/canonical";
import { parseLogPage } from "@milagro/protocol/dta-messages";
import type { AuditEntry, SignedAuditHead } from "@milagro/runtime/audit-log";
import type { HttpPort } from "@milagro/runtime/http-port";

const PAGE = 500;

export interface LogInDatabase {
  /** Oldest first. Ends with the database. */
  readonly entries: Iterable<AuditEntry>;
  /** The heads that the service has signed and kept. Whoever can rewrite the log can remove them, but who forgets to contradicts them. */
  readonly heads: readonly SignedAuditHead[];
  close(): void;
}

/**
 * The log in a database, after a check of all its pages. The service may be running.
 * @throws `ERR_DATABASE_CORRUPT` when it is damaged, or not a database with an audit log
 */
export function openLog(path: string): LogInDatabase {
  let database: DatabaseSync | undefined;
  const corrupt = (what: string, cause?: unknown): MilagroError => {
    if (database?.isOpen) database.close();
    return new MilagroError("ERR_DATABASE_CORRUPT", `${path} ${what}`, { cause });
  };
  let heads: LogInDatabase["heads"];
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
    if (database.prepare("pragma quick_check(1)").get()?.["quick_check"] !== "ok") throw corrupt("is damaged");
    heads = database.prepare("select * from audit_head order by entry").all().map(headOf);
  } catch (cause) {
    throw cause instanceof MilagroError ? cause : corrupt("is not a readable database with an audit log", cause);
  }
  const open = database;
  function* entries(): Generator<AuditEntry> {
    try {
      const statement = open.prepare("select * from audit_log where entry > ? order by entry limit ?");
      for (let after = 0; ; ) {
        const rows = statement.all(after, PAGE);
        yield* rows.map(entryOf);
        const last = rows.at(-1);
        if (!last || rows.length < PAGE) return;
        after = Number(last["entry"]);
      }
    } catch (cause) {
      throw cause instanceof MilagroError ? cause : corrupt("is not a readable database with an audit log", cause);
    }
  }
  return { entries: entries(), heads, close: () => open.isOpen && open.close() };
}

function headOf({ entry, time, hash, signature }: Record<string, unknown>): SignedAuditHead {
  if (!(hash instanceof Uint8Array) || hash.length !== 32 || !(signature instanceof Uint8Array))
    throw new MilagroError("ERR_AUDIT_CORRUPT", `the head kept at entry ${Number(entry)} lacks hash or signature`);
  return { index: Number(entry), time: Number(time), hash, signature };
}

/** All entries that a D-TA shows. */
export async function* entriesAtUrl(http: HttpPort, url: string): AsyncGenerator<AuditEntry> {
  for (let after = 0; ; ) {
    const call = { method: "GET", url: apiUrl(url, "/v1/log", { after, limit: PAGE }), idempotent: true } as const;
    const { entries } = await callJson(http, call, parseLogPage);
    yield* entries;
    const last = entries.at(-1);
    if (!last || last.index <= after) return;
    after = last.index;
  }
}

function entryOf(row: Record<string, unknown>): AuditEntry {
  const { entry, time, action, outcome, subject, details, previous, hash } = row;
  if (!(previous instanceof Uint8Array) || !(hash instanceof Uint8Array)) {
    throw new MilagroError("ERR_AUDIT_CORRUPT", `entry ${Number(entry)} of the audit log has no hash`);
  }
  const parsed = detailsOf(String(details));
  if (parsed === undefined)
    throw new MilagroError("ERR_AUDIT_CORRUPT", `entry ${Number(entry)} of the audit log is damaged`);
  return {
    index: Number(entry),
    time: Number(time),
    action: String(action),
    outcome: String(outcome),
    ...(subject === null ? {} : { subject: String(subject) }),
    details: parsed,
    previous,
    hash,
  };
}

/** Undefined unless written as a service writes it: a second member of one name would be read by people and not be hashed. */
function detailsOf(text: string): AuditEntry["details"] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return canonicalText(value) === text ? (value as AuditEntry["details"]) : undefined;
  } catch {
    return undefined;
  }
}
