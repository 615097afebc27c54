/**
 * Migrations: a named list per part of the program, applied in order, never undone. Undoing is restoring a backup.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { type Kysely, sql, type Transaction } from "kysely";

/** Column types that mean the same on both databases. */
export interface ColumnTypes {
  /** 64 bits on disk; values are safe integers. */
  readonly integer: "integer" | "bigint";
  readonly bytes: "blob" | "bytea";
  readonly text: "text";
}

export interface Migration {
  readonly name: string;
  /** Runs inside a transaction on both databases. */
  up(schema: Kysely<unknown>, types: ColumnTypes): Promise<void>;
}

/** The migrations of one part, e.g. the audit log's or a service's. A released migration never changes and never moves. */
export interface MigrationSet {
  readonly name: string;
  readonly migrations: readonly Migration[];
}

interface MigrationTables {
  schema_migration: { set_name: string; position: number; name: string };
}

/** An arbitrary constant: programs that start at once on one PostgreSQL server wait for each other here. */
const ADVISORY_LOCK = 7_207_366_001;

/** @throws `ERR_DATABASE_VERSION` when the database has migrations that this program does not know */
export async function applyMigrations(
  outer: Transaction<unknown>,
  kind: "sqlite" | "postgres",
  sets: readonly MigrationSet[],
): Promise<void> {
  const tx = outer as unknown as Transaction<MigrationTables>;
  const types: ColumnTypes =
    kind === "sqlite"
      ? { integer: "integer", bytes: "blob", text: "text" }
      : { integer: "bigint", bytes: "bytea", text: "text" };
  if (kind === "postgres") await sql`select pg_advisory_xact_lock(${sql.lit(ADVISORY_LOCK)})`.execute(tx);
  await tx.schema
    .createTable("schema_migration")
    .ifNotExists()
    .addColumn("set_name", types.text, (column) => column.notNull())
    .addColumn("position", types.integer, (column) => column.notNull())
    .addColumn("name", types.text, (column) => column.notNull())
    .addPrimaryKeyConstraint("schema_migration_pk", ["set_name", "position"])
    .execute();
  for (const { name, migrations } of sets) {
    const applied = await tx
      .selectFrom("schema_migration")
      .selectAll()
      .where("set_name", "=", name)
      .orderBy("position")
      .execute();
    if (
      applied.length > migrations.length ||
      applied.some((row, position) => row.name !== migrations[position]?.name)
    ) {
      throw new MilagroError(
        "ERR_DATABASE_VERSION",
        `the tables of "${name}" were made by another version of this program`,
      );
    }
    for (const [position, migration] of migrations.entries()) {
      if (position < applied.length) continue;
      await migration.up(tx as unknown as Kysely<unknown>, types);
      await tx.insertInto("schema_migration").values({ set_name: name, position, name: migration.name }).execute();
    }
  }
}
