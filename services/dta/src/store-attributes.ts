/**
 * What a D-TA remembers of attribute keys: the requests whose second round it has answered with shares. Those whose first round it has
 * approved are in `issuance`, with all others.
 * @module
 */
import type { Migration } from "@milagro/runtime/database";

export interface AttributeIssuanceRow {
  domain_id: Uint8Array;
  request_hash: Uint8Array;
  policy_version: number;
  /** Of the receipt. */
  time_ms: number;
  log_index: number;
  log_head: Uint8Array;
}

export interface AttributeTables {
  attribute_issuance: AttributeIssuanceRow;
}

export const attributeMigration: Migration = {
  name: "shares of attribute keys",
  up: async (db, { integer, bytes }) => {
    await db.schema
      .createTable("attribute_issuance")
      .addColumn("domain_id", bytes, (c) => c.notNull())
      .addColumn("request_hash", bytes, (c) => c.notNull())
      .addColumn("policy_version", integer, (c) => c.notNull())
      .addColumn("time_ms", integer, (c) => c.notNull())
      .addColumn("log_index", integer, (c) => c.notNull())
      .addColumn("log_head", bytes, (c) => c.notNull())
      .addPrimaryKeyConstraint("attribute_issuance_pk", ["domain_id", "request_hash"])
      .execute();
  },
};
