/**
 * What a D-TA remembers about logins: whose keys without expiry it has issued, which codes it has mailed, which permits are on record.
 * @module
 */
import type { Migration } from "@milagro/runtime/database";

/** A device whose keys were issued, for good: they do not expire, so nobody else gets them again by new evidence. */
export interface DeviceRow {
  domain_id: Uint8Array;
  identity: string;
  /** The one request that got them. */
  request_hash: Uint8Array;
  time_ms: number;
}

/** A code that was mailed; only a digest of it is kept. The newest row of an identity and request key counts. */
export interface EmailCodeRow {
  domain_id: Uint8Array;
  identity: string;
  request_key: Uint8Array;
  created_ms: number;
  digest: Uint8Array;
  /** For counting mails. */
  mailbox: string;
  guesses: number;
  /** The request it was spent on. */
  request_hash: Uint8Array | null;
}

/** A permit that was issued: issuing it again needs no record. */
export interface PermitRow {
  domain_id: Uint8Array;
  identity: string;
  epoch: number;
}

export interface MpinTables {
  device: DeviceRow;
  email_code: EmailCodeRow;
  permit: PermitRow;
}

export const mpinMigration: Migration = {
  name: "devices, codes by e-mail, permits",
  up: async (db, { integer, text, bytes }) => {
    await db.schema
      .createTable("device")
      .addColumn("domain_id", bytes, (c) => c.notNull())
      .addColumn("identity", text, (c) => c.notNull())
      .addColumn("request_hash", bytes, (c) => c.notNull())
      .addColumn("time_ms", integer, (c) => c.notNull())
      .addPrimaryKeyConstraint("device_pk", ["domain_id", "identity"])
      .execute();
    await db.schema
      .createTable("email_code")
      .addColumn("domain_id", bytes, (c) => c.notNull())
      .addColumn("identity", text, (c) => c.notNull())
      .addColumn("request_key", bytes, (c) => c.notNull())
      .addColumn("created_ms", integer, (c) => c.notNull())
      .addColumn("digest", bytes, (c) => c.notNull())
      .addColumn("mailbox", text, (c) => c.notNull())
      .addColumn("guesses", integer, (c) => c.notNull())
      .addColumn("request_hash", bytes)
      .addPrimaryKeyConstraint("email_code_pk", ["domain_id", "identity", "request_key", "created_ms"])
      .execute();
    await db.schema
      .createIndex("email_code_mailbox")
      .on("email_code")
      .columns(["domain_id", "mailbox", "created_ms"])
      .execute();
    await db.schema.createIndex("email_code_time").on("email_code").columns(["created_ms"]).execute();
    await db.schema
      .createTable("permit")
      .addColumn("domain_id", bytes, (c) => c.notNull())
      .addColumn("identity", text, (c) => c.notNull())
      .addColumn("epoch", integer, (c) => c.notNull())
      .addPrimaryKeyConstraint("permit_pk", ["domain_id", "identity", "epoch"])
      .execute();
  },
};
