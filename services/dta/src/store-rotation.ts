/**
 * What a D-TA remembers of rotations: those under way, the descriptors and epochs of the `mpin` master that were before, and the
 * requests for updates it has answered.
 * @module
 */
import type { Migration } from "@milagro/runtime/database";

export interface RotationRow {
  id: Uint8Array;
  domain_id: Uint8Array;
  phase: string;
  /** JSON of the pure state machine. */
  state: string;
  updated_ms: number;
  /** When the operator gave it up, after this D-TA had signed. What was given up before is not kept. */
  given_up_ms: number | null;
}

/** A descriptor that has a successor. */
export interface PastDescriptorRow {
  domain_id: Uint8Array;
  sequence: number;
  /** JSON. */
  signed_descriptor: string;
}

/** An epoch of the `mpin` master that has a successor. */
export interface PastMasterRow {
  domain_id: Uint8Array;
  epoch: number;
  /** This D-TA's public key of it. */
  public_key: Uint8Array;
  /** When the step to the next one ends. */
  until_ms: number;
  /** When its share was forgotten. */
  forgotten_ms: number | null;
}

/** A request that was recorded: asked again, it gets the same answer without a record. */
export interface TokenUpdateRow {
  domain_id: Uint8Array;
  identity: string;
  request_hash: Uint8Array;
  /** Epoch that the token is to be of. */
  epoch: number;
}

export interface RotationTables {
  rotation: RotationRow;
  past_descriptor: PastDescriptorRow;
  past_master: PastMasterRow;
  token_update: TokenUpdateRow;
}

export const rotationMigration: Migration = {
  name: "rotations of the mpin master",
  up: async (db, { integer, text, bytes }) => {
    await db.schema
      .createTable("rotation")
      .addColumn("id", bytes, (c) => c.primaryKey())
      .addColumn("domain_id", bytes, (c) => c.notNull())
      .addColumn("phase", text, (c) => c.notNull())
      .addColumn("state", text, (c) => c.notNull())
      .addColumn("updated_ms", integer, (c) => c.notNull())
      .execute();
    await db.schema
      .createTable("past_descriptor")
      .addColumn("domain_id", bytes, (c) => c.notNull())
      .addColumn("sequence", integer, (c) => c.notNull())
      .addColumn("signed_descriptor", text, (c) => c.notNull())
      .addPrimaryKeyConstraint("past_descriptor_pk", ["domain_id", "sequence"])
      .execute();
    await db.schema
      .createTable("past_master")
      .addColumn("domain_id", bytes, (c) => c.notNull())
      .addColumn("epoch", integer, (c) => c.notNull())
      .addColumn("public_key", bytes, (c) => c.notNull())
      .addColumn("until_ms", integer, (c) => c.notNull())
      .addColumn("forgotten_ms", integer)
      .addPrimaryKeyConstraint("past_master_pk", ["domain_id", "epoch"])
      .execute();
    await db.schema
      .createTable("token_update")
      .addColumn("domain_id", bytes, (c) => c.notNull())
      .addColumn("identity", text, (c) => c.notNull())
      .addColumn("request_hash", bytes, (c) => c.notNull())
      .addColumn("epoch", integer, (c) => c.notNull())
      .addPrimaryKeyConstraint("token_update_pk", ["domain_id", "identity", "request_hash"])
      .execute();
  },
};

export const givenUpMigration: Migration = {
  name: "rotations that were given up after they were signed",
  up: async (db, { integer }) => {
    await db.schema.alterTable("rotation").addColumn("given_up_ms", integer).execute();
  },
};
