/**
 * What an endpoint remembers: how far it has caught up, the newest record of each secret (ciphertext, as its author signed it),
 * and what it still owes an acknowledgement for. Nothing here is secret; with the key store it is all that a restart needs.
 * @module
 */
import { type Database, type MigrationSet, openDatabase } from "@milagro/runtime/database";

interface Tables {
  endpoint_cursor: { id: number; sequence: number };
  endpoint_secret: {
    path: string;
    /** The newest version ever accepted: an older one is a roll-back, also after a deletion. */
    version: number;
    /** JSON of the record; null once it was deleted. */
    record: string | null;
    sequence: number;
    received_ms: number;
  };
  endpoint_ack: { sequence: number; outcome: string; code: string | null };
  endpoint_refusal: { sequence: number; path: string; version: number; code: string; time_ms: number };
}

export interface StoredSecret {
  readonly path: string;
  readonly version: number;
  readonly record: string | undefined;
  readonly sequence: number;
}

export interface PendingAck {
  readonly sequence: number;
  readonly outcome: "delivered" | "failed";
  readonly code: string | undefined;
}

export interface Refusal {
  readonly path: string;
  readonly version: number;
  readonly code: string;
  readonly timeMs: number;
}

export interface EndpointStore {
  cursor(): Promise<number>;
  secrets(): Promise<readonly StoredSecret[]>;
  find(path: string): Promise<StoredSecret | undefined>;
  /** Record and cursor in one commit: a delivery is taken wholly or not at all. */
  accept(
    secret: { readonly path: string; readonly version: number; readonly record: string; readonly sequence: number },
    nowMs: number,
  ): Promise<void>;
  /** A record that came ahead of its delivery: the cursor stays. */
  keep(
    secret: { readonly path: string; readonly version: number; readonly record: string; readonly sequence: number },
    nowMs: number,
  ): Promise<void>;
  remove(path: string, sequence: number): Promise<void>;
  /** Moves on past a delivery that was not taken, and owes the D-KMS the reason. */
  refuse(refusal: Refusal & { readonly sequence: number }): Promise<void>;
  /** Moves on past a delivery that brought nothing new. */
  skip(sequence: number): Promise<void>;
  oweAck(ack: PendingAck): Promise<void>;
  pendingAcks(limit: number): Promise<readonly PendingAck[]>;
  acknowledged(sequences: readonly number[]): Promise<void>;
  refusals(limit: number): Promise<readonly Refusal[]>;
  close(): Promise<void>;
}

const MAX_REFUSALS = 200;

const migrations: MigrationSet = {
  name: "endpoint",
  migrations: [
    {
      name: "first",
      async up(schema, types) {
        await schema.schema
          .createTable("endpoint_cursor")
          .addColumn("id", types.integer, (column) => column.primaryKey())
          .addColumn("sequence", types.integer, (column) => column.notNull())
          .execute();
        await schema.schema
          .createTable("endpoint_secret")
          .addColumn("path", types.text, (column) => column.primaryKey())
          .addColumn("version", types.integer, (column) => column.notNull())
          .addColumn("record", types.text)
          .addColumn("sequence", types.integer, (column) => column.notNull())
          .addColumn("received_ms", types.integer, (column) => column.notNull())
          .execute();
        await schema.schema
          .createTable("endpoint_ack")
          .addColumn("sequence", types.integer, (column) => column.primaryKey())
          .addColumn("outcome", types.text, (column) => column.notNull())
          .addColumn("code", types.text)
          .execute();
        await schema.schema
          .createTable("endpoint_refusal")
          .addColumn("sequence", types.integer, (column) => column.primaryKey())
          .addColumn("path", types.text, (column) => column.notNull())
          .addColumn("version", types.integer, (column) => column.notNull())
          .addColumn("code", types.text, (column) => column.notNull())
          .addColumn("time_ms", types.integer, (column) => column.notNull())
          .execute();
      },
    },
  ],
};

export async function openEndpointStore(path: string): Promise<EndpointStore> {
  const database = await openDatabase<Tables>(`sqlite:${path}`, { migrations: [migrations] });
  const { db } = database;
  type Tx = Parameters<Parameters<Database<Tables>["transaction"]>[0]>[0];
  const moveTo = async (tx: Tx, sequence: number): Promise<void> => {
    await tx
      .insertInto("endpoint_cursor")
      .values({ id: 1, sequence })
      .onConflict((conflict) =>
        conflict.column("id").doUpdateSet({ sequence }).where("endpoint_cursor.sequence", "<", sequence),
      )
      .execute();
  };
  const owe = async (tx: Tx, { sequence, outcome, code }: PendingAck): Promise<void> => {
    const row = { outcome, code: code ?? null };
    await tx
      .insertInto("endpoint_ack")
      .values({ sequence, ...row })
      .onConflict((conflict) => conflict.column("sequence").doUpdateSet(row))
      .execute();
  };
  const put = async (tx: Tx, { path, ...rest }: Parameters<EndpointStore["keep"]>[0], nowMs: number): Promise<void> => {
    const row = { ...rest, received_ms: nowMs };
    await tx
      .insertInto("endpoint_secret")
      .values({ path, ...row })
      .onConflict((conflict) => conflict.column("path").doUpdateSet(row))
      .execute();
  };
  return {
    async cursor() {
      return (await db.selectFrom("endpoint_cursor").select("sequence").executeTakeFirst())?.sequence ?? 0;
    },
    async secrets() {
      const rows = await db.selectFrom("endpoint_secret").selectAll().orderBy("path").execute();
      return rows.map(stored);
    },
    async find(path) {
      const row = await db.selectFrom("endpoint_secret").selectAll().where("path", "=", path).executeTakeFirst();
      return row && stored(row);
    },
    accept: (secret, nowMs) =>
      database.transaction(async (tx) => {
        await put(tx, secret, nowMs);
        await moveTo(tx, secret.sequence);
      }),
    keep: (secret, nowMs) => database.transaction((tx) => put(tx, secret, nowMs)),
    remove: (path, sequence) =>
      database.transaction(async (tx) => {
        await tx.updateTable("endpoint_secret").set({ record: null, sequence }).where("path", "=", path).execute();
        await moveTo(tx, sequence);
        await owe(tx, { sequence, outcome: "delivered", code: undefined });
      }),
    refuse: ({ sequence, path, version, code, timeMs }) =>
      database.transaction(async (tx) => {
        const row = { path, version, code, time_ms: timeMs };
        await tx
          .insertInto("endpoint_refusal")
          .values({ sequence, ...row })
          .onConflict((conflict) => conflict.column("sequence").doUpdateSet(row))
          .execute();
        await tx
          .deleteFrom("endpoint_refusal")
          .where("sequence", "<=", sequence - MAX_REFUSALS)
          .execute();
        await moveTo(tx, sequence);
        await owe(tx, { sequence, outcome: "failed", code });
      }),
    skip: (sequence) =>
      database.transaction(async (tx) => {
        await moveTo(tx, sequence);
        await owe(tx, { sequence, outcome: "delivered", code: undefined });
      }),
    oweAck: (ack) => database.transaction((tx) => owe(tx, ack)),
    async pendingAcks(limit) {
      const rows = await db.selectFrom("endpoint_ack").selectAll().orderBy("sequence").limit(limit).execute();
      return rows.map(({ sequence, outcome, code }) => ({
        sequence,
        outcome: outcome === "failed" ? "failed" : "delivered",
        code: code ?? undefined,
      }));
    },
    async acknowledged(sequences) {
      if (sequences.length > 0)
        await db
          .deleteFrom("endpoint_ack")
          .where("sequence", "in", [...sequences])
          .execute();
    },
    async refusals(limit) {
      const rows = await db
        .selectFrom("endpoint_refusal")
        .selectAll()
        .orderBy("sequence", "desc")
        .limit(limit)
        .execute();
      return rows.map(({ path, version, code, time_ms }) => ({ path, version, code, timeMs: time_ms }));
    },
    close: () => database.close(),
  };
}

function stored(row: Tables["endpoint_secret"]): StoredSecret {
  return { path: row.path, version: row.version, record: row.record ?? undefined, sequence: row.sequence };
}
