/**
 * Where audit entries come from: a service's database file, read only, or a D-TA's public log.
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { apiUrl, callJson } from "@milagro/client/json-call";
import { MilagroError } from "@milagro/engine/error";
import { parseLogPage } from "@milagro/protocol/dta-messages";
import type { AuditEntry } from "@milagro/runtime/audit-log";
import type { HttpPort } from "@milagro/runtime/http-port";

const PAGE = 500;

/**
 * All entries in a database, oldest first. The service may be running.
 * @throws `ERR_DATABASE_CORRUPT` when it is not a database with an audit log
 */
export function* entriesInDatabase(path: string): Generator<AuditEntry> {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
    const statement = database.prepare("select * from audit_log where entry > ? order by entry limit ?");
    for (let after = 0; ; ) {
      const rows = statement.all(after, PAGE);
      yield* rows.map(entryOf);
      const last = rows.at(-1);
      if (!last || rows.length < PAGE) return;
      after = Number(last["entry"]);
    }
  } catch (cause) {
    if (cause instanceof MilagroError) throw cause;
    throw new MilagroError("ERR_DATABASE_CORRUPT", `${path} is not a readable database with an audit log`, { cause });
  } finally {
    database?.close();
  }
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
    throw new MilagroError("ERR_AUDIT_CORRUPT", "an entry of the audit log has no hash");
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(String(details));
  } catch {
    throw new MilagroError("ERR_AUDIT_CORRUPT", `entry ${Number(entry)} of the audit log is damaged`);
  }
  return {
    index: Number(entry),
    time: Number(time),
    action: String(action),
    outcome: String(outcome),
    ...(subject === null ? {} : { subject: String(subject) }),
    details: parsed as AuditEntry["details"],
    previous,
    hash,
  };
}
