/**
 * Where the audit log lies in a database.
 * @module
 */
import type { MigrationSet } from "./migration.ts";

export interface AuditTables {
  audit_log: {
    entry: number;
    time: number;
    action: string;
    outcome: string;
    subject: string | null;
    details: string;
    previous: Uint8Array;
    hash: Uint8Array;
  };
  audit_head: { entry: number; time: number; hash: Uint8Array; signature: Uint8Array };
}

export const auditMigrations: MigrationSet = {
  name: "audit-log",
  migrations: [
    {
      name: "entries and signed heads",
      up: async (schema, types) => {
        await schema.schema
          .createTable("audit_log")
          .addColumn("entry", types.integer, (column) => column.primaryKey())
          .addColumn("time", types.integer, (column) => column.notNull())
          .addColumn("action", types.text, (column) => column.notNull())
          .addColumn("outcome", types.text, (column) => column.notNull())
          .addColumn("subject", types.text)
          .addColumn("details", types.text, (column) => column.notNull())
          .addColumn("previous", types.bytes, (column) => column.notNull())
          .addColumn("hash", types.bytes, (column) => column.notNull())
          .execute();
        await schema.schema
          .createTable("audit_head")
          .addColumn("entry", types.integer, (column) => column.primaryKey())
          .addColumn("time", types.integer, (column) => column.notNull())
          .addColumn("hash", types.bytes, (column) => column.notNull())
          .addColumn("signature", types.bytes, (column) => column.notNull())
          .execute();
      },
    },
  ],
};
