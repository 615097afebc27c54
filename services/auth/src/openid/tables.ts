/**
 * What the OpenID provider keeps: one table of sealed records, and the approvals that applications wait for.
 * @module
 */
import type { ColumnTypes, MigrationSet } from "@milagro/runtime/database";
import { sql } from "kysely";

/** One record of the provider: a session, code, token, grant, client. Names are keyed hashes, the content is sealed. */
export interface RecordRow {
  kind: string;
  id_hash: string;
  /** base64url of nonce ‖ AES-256-GCM ciphertext ‖ tag. */
  sealed: string;
  grant_hash: string | null;
  uid_hash: string | null;
  user_code_hash: string | null;
  /** When it was used up, unix seconds: codes and rotated refresh tokens work once. */
  consumed_s: number | null;
  /** Null for what does not end by itself. */
  expires_ms: number | null;
}

/** A request of an application that its user approves on a device of theirs (CIBA). */
export interface ApprovalRow {
  id: string;
  user_id: string;
  client: string;
  /** base64url, sealed: the provider's name of the request. */
  sealed: string;
  message: string | null;
  expires_ms: number;
}

export interface OpenIdTables {
  openid_records: RecordRow;
  openid_approvals: ApprovalRow;
}

/** Byte order on both databases: SQLite compares text as bytes by default, PostgreSQL only when asked. */
const textKey = (types: ColumnTypes) => (types.bytes === "bytea" ? sql`text collate "C"` : sql`text`);

export const openIdMigrations: MigrationSet = {
  name: "openid",
  migrations: [
    {
      name: "records and approvals",
      async up(db, types) {
        const { text, integer } = types;
        await db.schema
          .createTable("openid_records")
          .addColumn("kind", textKey(types), (c) => c.notNull())
          .addColumn("id_hash", textKey(types), (c) => c.notNull())
          .addColumn("sealed", text, (c) => c.notNull())
          .addColumn("grant_hash", text)
          .addColumn("uid_hash", text)
          .addColumn("user_code_hash", text)
          .addColumn("consumed_s", integer)
          .addColumn("expires_ms", integer)
          .addPrimaryKeyConstraint("openid_records_key", ["kind", "id_hash"])
          .execute();
        await db.schema
          .createTable("openid_approvals")
          .addColumn("id", textKey(types), (c) => c.primaryKey())
          .addColumn("user_id", text, (c) => c.notNull())
          .addColumn("client", text, (c) => c.notNull())
          .addColumn("sealed", text, (c) => c.notNull())
          .addColumn("message", text)
          .addColumn("expires_ms", integer, (c) => c.notNull())
          .execute();
        for (const [name, table, columns] of [
          ["openid_records_grant", "openid_records", ["grant_hash"]],
          ["openid_records_uid", "openid_records", ["kind", "uid_hash"]],
          ["openid_records_code", "openid_records", ["kind", "user_code_hash"]],
          ["openid_records_expiry", "openid_records", ["expires_ms"]],
          ["openid_approvals_user", "openid_approvals", ["user_id"]],
        ] as const)
          await db.schema
            .createIndex(name)
            .on(table)
            .columns([...columns])
            .execute();
      },
    },
  ],
};
