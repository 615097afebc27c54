/**
 * The tables of the D-KMS: one Kysely schema for SQLite and PostgreSQL. Bytes are base64url text, times unix seconds,
 * booleans 0 and 1, so that both databases hold the same values. The audit log brings its own table.
 * @module
 */
import type { AuditTables } from "@milagro/runtime/audit-log";
import type { ColumnTypes, MigrationSet } from "@milagro/runtime/database";
import { sql } from "kysely";

export interface SecretRow {
  path: string;
  version: number;
  deleted: number;
}

export interface VersionRow {
  path: string;
  version: number;
  summary: string;
  record: string;
}

export interface RecipientRow {
  recipient: string;
  sequence: number;
  published: number;
  /** When the oldest unpublished delivery was made: the order in which the outbox is worked off. */
  waiting_since: number;
}

export interface EventRow {
  recipient: string;
  sequence: number;
  kind: "version" | "tombstone";
  path: string;
  version: number;
  time: number;
  acknowledged: number | null;
  outcome: "delivered" | "failed" | null;
  code: string | null;
}

export interface IdempotencyRow {
  identity: string;
  key: string;
  request_hash: string;
  status: number;
  body: string;
  expires: number;
}

export interface NonceRow {
  scope: string;
  nonce: string;
  expires: number;
}

export interface EnrolmentRow {
  id: string;
  source: string;
  created: number;
  expires: number;
}

export interface EnrolmentPartRow {
  enrolment: string;
  part: number;
  request: string;
  answer: string | null;
  attempts: number;
  due: number;
}

export interface KmsTables extends AuditTables {
  kms_secrets: SecretRow;
  kms_versions: VersionRow;
  kms_recipients: RecipientRow;
  kms_events: EventRow;
  kms_idempotency: IdempotencyRow;
  kms_nonces: NonceRow;
  kms_enrolments: EnrolmentRow;
  kms_enrolment_parts: EnrolmentPartRow;
}

/** Byte order on both databases: SQLite compares text as bytes by default, PostgreSQL only when asked. */
function textKey(types: ColumnTypes) {
  return types.bytes === "bytea" ? sql`text collate "C"` : sql`text`;
}

export const kmsMigrations: MigrationSet = {
  name: "kms",
  migrations: [
    {
      name: "secrets, deliveries and relayed enrolments",
      async up(db, types) {
        const key = textKey(types);
        await db.schema
          .createTable("kms_secrets")
          .addColumn("path", key, (c) => c.primaryKey())
          .addColumn("version", types.integer, (c) => c.notNull())
          .addColumn("deleted", types.integer, (c) => c.notNull())
          .execute();
        await db.schema
          .createTable("kms_versions")
          .addColumn("path", key, (c) => c.notNull())
          .addColumn("version", types.integer, (c) => c.notNull())
          .addColumn("summary", "text", (c) => c.notNull())
          .addColumn("record", "text", (c) => c.notNull())
          .addPrimaryKeyConstraint("kms_versions_key", ["path", "version"])
          .execute();
        await db.schema
          .createTable("kms_recipients")
          .addColumn("recipient", key, (c) => c.primaryKey())
          .addColumn("sequence", types.integer, (c) => c.notNull())
          .addColumn("published", types.integer, (c) => c.notNull())
          .addColumn("waiting_since", types.integer, (c) => c.notNull())
          .execute();
        await db.schema
          .createTable("kms_events")
          .addColumn("recipient", key, (c) => c.notNull())
          .addColumn("sequence", types.integer, (c) => c.notNull())
          .addColumn("kind", "text", (c) => c.notNull())
          .addColumn("path", "text", (c) => c.notNull())
          .addColumn("version", types.integer, (c) => c.notNull())
          .addColumn("time", types.integer, (c) => c.notNull())
          .addColumn("acknowledged", types.integer)
          .addColumn("outcome", "text")
          .addColumn("code", "text")
          .addPrimaryKeyConstraint("kms_events_key", ["recipient", "sequence"])
          .execute();
        await db.schema
          .createTable("kms_idempotency")
          .addColumn("identity", key, (c) => c.notNull())
          .addColumn("key", key, (c) => c.notNull())
          .addColumn("request_hash", "text", (c) => c.notNull())
          .addColumn("status", types.integer, (c) => c.notNull())
          .addColumn("body", "text", (c) => c.notNull())
          .addColumn("expires", types.integer, (c) => c.notNull())
          .addPrimaryKeyConstraint("kms_idempotency_key", ["identity", "key"])
          .execute();
        await db.schema
          .createTable("kms_nonces")
          .addColumn("scope", "text", (c) => c.notNull())
          .addColumn("nonce", key, (c) => c.notNull())
          .addColumn("expires", types.integer, (c) => c.notNull())
          .addPrimaryKeyConstraint("kms_nonces_key", ["scope", "nonce"])
          .execute();
        await db.schema
          .createTable("kms_enrolments")
          .addColumn("id", key, (c) => c.primaryKey())
          .addColumn("source", "text", (c) => c.notNull())
          .addColumn("created", types.integer, (c) => c.notNull())
          .addColumn("expires", types.integer, (c) => c.notNull())
          .execute();
        await db.schema
          .createTable("kms_enrolment_parts")
          .addColumn("enrolment", key, (c) => c.notNull())
          .addColumn("part", types.integer, (c) => c.notNull())
          .addColumn("request", "text", (c) => c.notNull())
          .addColumn("answer", "text")
          .addColumn("attempts", types.integer, (c) => c.notNull())
          .addColumn("due", types.integer, (c) => c.notNull())
          .addPrimaryKeyConstraint("kms_enrolment_parts_key", ["enrolment", "part"])
          .execute();
        for (const [name, table, columns] of [
          ["kms_recipients_outbox", "kms_recipients", ["waiting_since"]],
          ["kms_idempotency_expiry", "kms_idempotency", ["expires"]],
          ["kms_nonces_expiry", "kms_nonces", ["expires"]],
          ["kms_enrolments_source", "kms_enrolments", ["source", "expires"]],
          ["kms_enrolments_expiry", "kms_enrolments", ["expires"]],
          ["kms_enrolment_parts_due", "kms_enrolment_parts", ["due"]],
        ] as const) {
          await db.schema
            .createIndex(name)
            .on(table)
            .columns([...columns])
            .execute();
        }
      },
    },
  ],
};
