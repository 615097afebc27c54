/**
 * What a D-TA remembers, one table per idea. `domain_id` is in every table although a process serves one domain today, so that serving several is no
 * migration of keys. The audit log lives in the same database: a decision, the token it spends and the record of it are one commit.
 * @module
 */
import { type AuditTables, auditMigrations } from "@milagro/runtime/audit-log";
import { type Database, type MigrationSet, openDatabase } from "@milagro/runtime/database";
import type { Transaction } from "kysely";
import { type AttributeTables, attributeMigration } from "./store-attributes.ts";
import { type MpinTables, mpinMigration } from "./store-mpin.ts";
import { givenUpMigration, type RotationTables, rotationMigration } from "./store-rotation.ts";

/** A one-time bearer token; only a digest of it is kept. */
export interface JoinTokenRow {
  domain_id: Uint8Array;
  id: string;
  digest: Uint8Array;
  pattern: string;
  /** JSON array. */
  usages: string;
  created_ms: number;
  expires_ms: number;
  /** The request it was spent on, whose, and when. */
  request_hash: Uint8Array | null;
  identity: string | null;
  used_ms: number | null;
}

/** A registrar's grant that was spent; bound to its request like a join token. */
export interface GrantRow {
  domain_id: Uint8Array;
  registrar: string;
  jti: string;
  request_hash: Uint8Array;
  expires_ms: number;
}

/** A request that was answered with shares, or with approvals of attribute keys: enough to answer it again with the same receipt. */
export interface IssuanceRow {
  domain_id: Uint8Array;
  request_hash: Uint8Array;
  identity: string;
  policy_version: number;
  /** Of the receipt. */
  time_ms: number;
  log_index: number;
  log_head: Uint8Array;
}

export interface DenialRow {
  domain_id: Uint8Array;
  pattern: string;
  reason: string | null;
  created_ms: number;
}

export interface CeremonyRow {
  id: Uint8Array;
  domain_name: string;
  own_index: number;
  phase: string;
  /** JSON of the pure state machine: the messages of the others so far. */
  state: string;
  updated_ms: number;
}

export interface DomainRow {
  domain_id: Uint8Array;
  name: string;
  own_index: number;
  sequence: number;
  /** JSON of the signed descriptor. */
  signed_descriptor: string;
  founded_ms: number;
}

/** An epoch whose share was published, and where the log says so. */
export interface EpochShareRow {
  domain_id: Uint8Array;
  epoch: number;
  log_index: number;
}

export interface DtaTables extends AuditTables, MpinTables, AttributeTables, RotationTables {
  join_token: JoinTokenRow;
  grant_use: GrantRow;
  issuance: IssuanceRow;
  denial: DenialRow;
  ceremony: CeremonyRow;
  domain: DomainRow;
  epoch_share: EpochShareRow;
}

export type Store = Database<DtaTables>;
export type StoreTransaction = Transaction<DtaTables>;

const dtaMigrations: MigrationSet = {
  name: "dta",
  migrations: [
    {
      name: "tokens, issuances, denials, ceremonies, domains",
      up: async (db, { integer, text, bytes }) => {
        await db.schema
          .createTable("join_token")
          .addColumn("domain_id", bytes, (c) => c.notNull())
          .addColumn("id", text, (c) => c.notNull())
          .addColumn("digest", bytes, (c) => c.notNull())
          .addColumn("pattern", text, (c) => c.notNull())
          .addColumn("usages", text, (c) => c.notNull())
          .addColumn("created_ms", integer, (c) => c.notNull())
          .addColumn("expires_ms", integer, (c) => c.notNull())
          .addColumn("request_hash", bytes)
          .addColumn("identity", text)
          .addColumn("used_ms", integer)
          .addPrimaryKeyConstraint("join_token_pk", ["domain_id", "id"])
          .execute();
        await db.schema
          .createTable("grant_use")
          .addColumn("domain_id", bytes, (c) => c.notNull())
          .addColumn("registrar", text, (c) => c.notNull())
          .addColumn("jti", text, (c) => c.notNull())
          .addColumn("request_hash", bytes, (c) => c.notNull())
          .addColumn("expires_ms", integer, (c) => c.notNull())
          .addPrimaryKeyConstraint("grant_use_pk", ["domain_id", "registrar", "jti"])
          .execute();
        await db.schema
          .createTable("issuance")
          .addColumn("domain_id", bytes, (c) => c.notNull())
          .addColumn("request_hash", bytes, (c) => c.notNull())
          .addColumn("identity", text, (c) => c.notNull())
          .addColumn("policy_version", integer, (c) => c.notNull())
          .addColumn("time_ms", integer, (c) => c.notNull())
          .addColumn("log_index", integer, (c) => c.notNull())
          .addColumn("log_head", bytes, (c) => c.notNull())
          .addPrimaryKeyConstraint("issuance_pk", ["domain_id", "request_hash"])
          .execute();
        await db.schema
          .createTable("denial")
          .addColumn("domain_id", bytes, (c) => c.notNull())
          .addColumn("pattern", text, (c) => c.notNull())
          .addColumn("reason", text)
          .addColumn("created_ms", integer, (c) => c.notNull())
          .addPrimaryKeyConstraint("denial_pk", ["domain_id", "pattern"])
          .execute();
        await db.schema
          .createTable("ceremony")
          .addColumn("id", bytes, (c) => c.primaryKey())
          .addColumn("domain_name", text, (c) => c.notNull())
          .addColumn("own_index", integer, (c) => c.notNull())
          .addColumn("phase", text, (c) => c.notNull())
          .addColumn("state", text, (c) => c.notNull())
          .addColumn("updated_ms", integer, (c) => c.notNull())
          .execute();
        await db.schema
          .createTable("domain")
          .addColumn("domain_id", bytes, (c) => c.notNull())
          .addColumn("name", text, (c) => c.notNull())
          .addColumn("own_index", integer, (c) => c.notNull())
          .addColumn("sequence", integer, (c) => c.notNull())
          .addColumn("signed_descriptor", text, (c) => c.notNull())
          .addColumn("founded_ms", integer, (c) => c.notNull())
          .addPrimaryKeyConstraint("domain_pk", ["domain_id"])
          .execute();
      },
    },
    {
      name: "published shares of epochs",
      up: async (db, { integer, bytes }) => {
        await db.schema
          .createTable("epoch_share")
          .addColumn("domain_id", bytes, (c) => c.notNull())
          .addColumn("epoch", integer, (c) => c.notNull())
          .addColumn("log_index", integer, (c) => c.notNull())
          .addPrimaryKeyConstraint("epoch_share_pk", ["domain_id", "epoch"])
          .execute();
      },
    },
    mpinMigration,
    attributeMigration,
    rotationMigration,
    givenUpMigration,
  ],
};

/** @throws `ERR_DATABASE_CORRUPT`, `ERR_STORAGE_UNAVAILABLE`, `ERR_DATABASE_VERSION` */
export function openStore(path: string): Promise<Store> {
  return openDatabase<DtaTables>(`file:${path}`, { migrations: [auditMigrations, dtaMigrations] });
}
