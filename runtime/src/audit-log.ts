/**
 * The audit log: append-only, each entry hashed together with the one before it, written in the same transaction as the change it records.
 * Whoever edits, drops, inserts or reorders entries breaks the chain; whoever rewrites all of it, or cuts its end off, contradicts a signed head.
 *
 * `hash = SHA-256("milagro audit entry v1\0" ‖ JSON)` with the JSON of RFC 8785: members sorted, no spaces, bytes as base64url.
 * @module
 */
import { createHash } from "node:crypto";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { equalBytes } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import type { Kysely, Transaction } from "kysely";
import type { AuditTables } from "./audit-tables.ts";
import type { Clock } from "./clock.ts";
import { isConflict } from "./database-error.ts";

export { type AuditTables, auditMigrations } from "./audit-tables.ts";

export type AuditValue = string | number | boolean;

/** What a caller records. */
export interface AuditRecord<Action extends string = string, Detail extends string = string> {
  readonly action: Action;
  /** "ok", "issue", "refuse", or a code. */
  readonly outcome: string;
  /** Whom it is about: an identity, usually. */
  readonly subject?: string | undefined;
  readonly details?: { readonly [K in Detail]?: AuditValue | undefined };
}

/** What is stored. */
export interface AuditEntry {
  /** From 1, without gaps. */
  readonly index: number;
  /** Unix milliseconds. */
  readonly time: number;
  readonly action: string;
  readonly outcome: string;
  readonly subject?: string;
  readonly details: Readonly<Record<string, AuditValue>>;
  /** Hash of the entry before; 32 zero bytes before the first. */
  readonly previous: Uint8Array;
  readonly hash: Uint8Array;
}

/** Where the log ends. Index 0 with the zero hash is the empty log. */
export interface AuditHead {
  readonly index: number;
  readonly hash: Uint8Array;
}

/** A head that somebody vouched for, with the time at which they did. */
export interface SignedAuditHead extends AuditHead {
  readonly time: number;
  readonly signature: Uint8Array;
}

/** Signs heads; the D-TA's statement key, for one. */
export type AuditSigner = (head: AuditHead & { readonly time: number }) => Promise<Uint8Array> | Uint8Array;

export const EMPTY_HEAD: AuditHead = { index: 0, hash: new Uint8Array(32) };
const TAG = "milagro audit entry v1\0";
const MAX_TEXT = 1024;

export interface AuditLog<Action extends string, Detail extends string> {
  /** Appends within the caller's transaction: no commit, no record; no record, no commit. @throws TypeError for a detail outside the allow-list */
  append<T extends AuditTables>(tx: Transaction<T>, record: AuditRecord<Action, Detail>): Promise<AuditEntry>;
  head<T extends AuditTables>(db: Kysely<T>): Promise<AuditHead>;
  /** Entries after `after`, at most `limit` of them (1000 at most). */
  read<T extends AuditTables>(db: Kysely<T>, after: number, limit: number): Promise<AuditEntry[]>;
  /** Signs the present head and keeps it. Signing an unchanged head again returns the kept one. */
  sign<T extends AuditTables>(tx: Transaction<T>, signer: AuditSigner): Promise<SignedAuditHead>;
  signedHeads<T extends AuditTables>(db: Kysely<T>): Promise<SignedAuditHead[]>;
}

/**
 * @param options.details - the only detail fields that entries may carry; like the log's fields, each is a promise that no secret goes there
 */
export function createAuditLog<Action extends string, Detail extends string>(options: {
  readonly clock: Clock;
  readonly details: readonly Detail[];
}): AuditLog<Action, Detail> {
  const allowed: ReadonlySet<string> = new Set(options.details);
  return {
    async append(handle, record) {
      const tx = auditTables(handle);
      const { index, hash: previous } = await lastEntry(tx);
      const details = checkedDetails(record.details ?? {}, allowed);
      const body = {
        index: index + 1,
        time: options.clock(),
        action: checkedText(record.action),
        outcome: checkedText(record.outcome),
        ...(record.subject === undefined ? {} : { subject: checkedText(record.subject) }),
        details,
        previous,
      };
      const entry: AuditEntry = { ...body, hash: hashEntry(body) };
      try {
        await tx
          .insertInto("audit_log")
          .values({
            entry: entry.index,
            time: entry.time,
            action: entry.action,
            outcome: entry.outcome,
            subject: entry.subject ?? null,
            details: sortedJson(details),
            previous: entry.previous,
            hash: entry.hash,
          })
          .execute();
      } catch (error) {
        // Another transaction took this index at the same moment: the same conflict as a serialisation failure, so the same code, which is retried.
        if (isConflict(error))
          throw new MilagroError("ERR_DATABASE_BUSY", "another audit entry was written first", { cause: error });
        throw error;
      }
      return entry;
    },
    head: (handle) => lastEntry(auditTables(handle)),
    async read(handle, after, limit) {
      const rows = await auditTables(handle)
        .selectFrom("audit_log")
        .selectAll()
        .where("entry", ">", after)
        .orderBy("entry")
        .limit(Math.min(limit, 1000))
        .execute();
      return rows.map(entryOf);
    },
    async sign(handle, signer) {
      const tx = auditTables(handle);
      const head = await lastEntry(tx);
      const kept = await tx.selectFrom("audit_head").selectAll().where("entry", "=", head.index).executeTakeFirst();
      if (kept && equalBytes(kept.hash, head.hash)) return signedHeadOf(kept);
      if (kept)
        throw new MilagroError("ERR_AUDIT_CORRUPT", `the audit log contradicts its signed head at entry ${head.index}`);
      const time = options.clock();
      const signature = await signer({ ...head, time });
      await tx.insertInto("audit_head").values({ entry: head.index, time, hash: head.hash, signature }).execute();
      return { ...head, time, signature };
    },
    async signedHeads(handle) {
      const rows = await auditTables(handle).selectFrom("audit_head").selectAll().orderBy("entry").execute();
      return rows.map(signedHeadOf);
    },
  };
}

/** The hash of an entry's content; see the module header for the form. */
export function hashEntry(entry: Omit<AuditEntry, "hash">): Uint8Array {
  const json = sortedJson({
    action: entry.action,
    details: entry.details,
    index: entry.index,
    outcome: entry.outcome,
    previous: encodeBase64url(entry.previous),
    ...(entry.subject === undefined ? {} : { subject: entry.subject }),
    time: entry.time,
  });
  return new Uint8Array(createHash("sha256").update(TAG).update(json).digest());
}

/** Kysely is invariant in its tables, so that "these and others" has to be said by a cast. */
function auditTables<T extends AuditTables>(db: Kysely<T>): Kysely<AuditTables> {
  return db as unknown as Kysely<AuditTables>;
}

async function lastEntry(tx: Kysely<AuditTables>): Promise<AuditHead> {
  const row = await tx
    .selectFrom("audit_log")
    .select(["entry", "hash"])
    .orderBy("entry", "desc")
    .limit(1)
    .executeTakeFirst();
  return row ? { index: row.entry, hash: new Uint8Array(row.hash) } : EMPTY_HEAD;
}

function entryOf(row: AuditTables["audit_log"]): AuditEntry {
  return {
    index: row.entry,
    time: row.time,
    action: row.action,
    outcome: row.outcome,
    ...(row.subject === null ? {} : { subject: row.subject }),
    details: parsedDetails(row.details),
    previous: new Uint8Array(row.previous),
    hash: new Uint8Array(row.hash),
  };
}

function signedHeadOf(row: AuditTables["audit_head"]): SignedAuditHead {
  return { index: row.entry, time: row.time, hash: new Uint8Array(row.hash), signature: new Uint8Array(row.signature) };
}

/** A row whose details are no JSON object was tampered with: it gets details that hash to something else, and verification names it. */
function parsedDetails(text: string): Record<string, AuditValue> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && sortedJson(value) === text)
      return value as Record<string, AuditValue>;
  } catch {}
  return { "unreadable details": text };
}

function checkedDetails(
  details: Readonly<Record<string, AuditValue | undefined>>,
  allowed: ReadonlySet<string>,
): Record<string, AuditValue> {
  const checked: Record<string, AuditValue> = {};
  for (const [name, value] of Object.entries(details)) {
    if (value === undefined) continue;
    if (!allowed.has(name)) throw new TypeError("an audit detail is not on the allow-list");
    if (typeof value === "string") checked[name] = checkedText(value);
    else if (typeof value === "boolean" || Number.isSafeInteger(value)) checked[name] = value;
    else throw new TypeError(`audit detail ${name} is neither text, safe integer nor boolean`);
  }
  return checked;
}

function checkedText(text: string): string {
  if (typeof text !== "string" || text.length > MAX_TEXT || !text.isWellFormed() || text.includes("\0")) {
    throw new TypeError(`audit text is longer than ${MAX_TEXT} characters or not well-formed`);
  }
  return text;
}

/** RFC 8785 for the values that occur here: text, safe integers, booleans, objects of them. */
function sortedJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${sortedJson(member)}`).join(",")}}`;
}
