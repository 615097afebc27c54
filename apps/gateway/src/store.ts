/**
 * What the gateway itself remembers: which KEK is current, uploads in parts that are on their way, how far a rotation is, and the audit log. Objects are
 * not here: without this database everything at the store can still be read. Several gateways share one PostgreSQL.
 * @module
 */
import { type AuditTables, auditMigrations } from "@milagro/runtime/audit-log";
import { type ColumnTypes, type Database, type MigrationSet, openDatabase } from "@milagro/runtime/database";
import type { CreateTableBuilder, Kysely } from "kysely";

export interface UploadRow {
  id: string;
  bucket: string;
  object_key: string;
  /** At the store. */
  name: string;
  backend_id: string;
  header: string;
  /** JSON: headers and metadata of the object to be. */
  details: string;
  identity: string;
  created_ms: number;
}

export interface PartRow {
  upload: string;
  number: number;
  size: number;
  salt: string;
  md5: string;
  /** Of the part at the store, or of the record that holds a part too small for one. */
  backend_etag: string;
  /** The record's name; empty for a part at the store. */
  aside: string;
  /** JSON: base64 by algorithm. */
  checksums: string;
  modified_ms: number;
}

export type RotationLevel = "kek" | "dek" | "body";

export interface RotationRow {
  id: string;
  level: RotationLevel;
  bucket: string;
  prefix: string;
  /** The epoch that it rotates to. */
  epoch: number;
  /** The last name that is done. */
  after_name: string;
  done: number;
  skipped: number;
  started_ms: number;
  finished_ms: number | null;
}

export interface GatewayTables extends AuditTables {
  kek: { bucket: string; policy: string; epoch: number; id: string };
  upload: UploadRow;
  upload_part: PartRow;
  rotation: RotationRow;
}

const migrations: MigrationSet = {
  name: "gateway",
  migrations: [
    {
      name: "keks, uploads, rotations",
      async up(schema: Kysely<unknown>, { integer, text }: ColumnTypes) {
        const table = (name: string, key: readonly string[], texts: readonly string[], integers: readonly string[]) => {
          let builder = schema.schema.createTable(name) as CreateTableBuilder<string, string>;
          for (const column of texts) builder = builder.addColumn(column, text, (spec) => spec.notNull());
          for (const column of integers) builder = builder.addColumn(column, integer, (spec) => spec.notNull());
          return builder.addPrimaryKeyConstraint(`${name}_pk`, [...key]);
        };
        await table("kek", ["bucket", "policy", "epoch"], ["bucket", "policy", "id"], ["epoch"]).execute();
        const uploadTexts = ["id", "bucket", "object_key", "name", "backend_id", "header", "details", "identity"];
        await table("upload", ["id"], uploadTexts, ["created_ms"]).execute();
        const partTexts = ["upload", "salt", "md5", "backend_etag", "aside"];
        await table("upload_part", ["upload", "number"], partTexts, ["number", "size", "modified_ms"]).execute();
        const rotationTexts = ["id", "level", "bucket", "prefix", "after_name"];
        await table("rotation", ["id"], rotationTexts, ["epoch", "done", "skipped", "started_ms"])
          .addColumn("finished_ms", integer)
          .execute();
      },
    },
    {
      name: "checksums of parts",
      async up(schema: Kysely<unknown>, { text }: ColumnTypes) {
        await schema.schema
          .alterTable("upload_part")
          .addColumn("checksums", text, (spec) => spec.notNull().defaultTo("{}"))
          .execute();
      },
    },
  ],
};

export type GatewayStore = Database<GatewayTables>;

export function openGatewayStore(url: string): Promise<GatewayStore> {
  return openDatabase<GatewayTables>(url, { migrations: [auditMigrations, migrations], takeTurns: true });
}
