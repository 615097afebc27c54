/**
 * The index of a folder backend: `index.sqlite`, which says what objects there are and in which files their bytes lie. One row is one object, and writing it is the
 * moment at which an object appears, changes or goes. Text compares by bytes, as S3 lists names.
 * @module
 */
import type { ColumnTypes, Database, MigrationSet } from "@milagro/runtime/database";
import { openDatabase } from "@milagro/runtime/database";
import type { Kysely } from "kysely";
import type { ListEntry, ListOptions, ListPage } from "./backend.ts";

export interface ObjectRow {
  bucket: string;
  name: string;
  header: string;
  length: number;
  etag: string;
  modified_ms: number;
  /** JSON: [file, bytes] of each piece, in order. */
  pieces: string;
  /** JSON. */
  tags: string;
}

export interface FolderTables {
  bucket: { name: string; created_ms: number };
  object: ObjectRow;
  upload: { id: string; bucket: string; name: string; header: string; tags: string; created_ms: number };
  upload_part: { upload: string; number: number; file: string; length: number; etag: string };
}

const migrations: MigrationSet = {
  name: "gateway-folder",
  migrations: [
    {
      name: "objects",
      async up(schema: Kysely<unknown>, { integer, text }: ColumnTypes) {
        await schema.schema
          .createTable("bucket")
          .addColumn("name", text, (column) => column.primaryKey())
          .addColumn("created_ms", integer, (column) => column.notNull())
          .execute();
        await schema.schema
          .createTable("object")
          .addColumn("bucket", text, (column) => column.notNull())
          .addColumn("name", text, (column) => column.notNull())
          .addColumn("header", text, (column) => column.notNull())
          .addColumn("length", integer, (column) => column.notNull())
          .addColumn("etag", text, (column) => column.notNull())
          .addColumn("modified_ms", integer, (column) => column.notNull())
          .addColumn("pieces", text, (column) => column.notNull())
          .addColumn("tags", text, (column) => column.notNull())
          .addPrimaryKeyConstraint("object_pk", ["bucket", "name"])
          .execute();
        await schema.schema
          .createTable("upload")
          .addColumn("id", text, (column) => column.primaryKey())
          .addColumn("bucket", text, (column) => column.notNull())
          .addColumn("name", text, (column) => column.notNull())
          .addColumn("header", text, (column) => column.notNull())
          .addColumn("tags", text, (column) => column.notNull())
          .addColumn("created_ms", integer, (column) => column.notNull())
          .execute();
        await schema.schema
          .createTable("upload_part")
          .addColumn("upload", text, (column) => column.notNull())
          .addColumn("number", integer, (column) => column.notNull())
          .addColumn("file", text, (column) => column.notNull())
          .addColumn("length", integer, (column) => column.notNull())
          .addColumn("etag", text, (column) => column.notNull())
          .addPrimaryKeyConstraint("upload_part_pk", ["upload", "number"])
          .execute();
      },
    },
  ],
};

export type FolderIndex = Database<FolderTables>;

export function openFolderIndex(path: string): Promise<FolderIndex> {
  return openDatabase<FolderTables>(`sqlite:${path}`, { migrations: [migrations] });
}

const PAGE = 1000;

/** One page of names, with what lies behind a delimiter folded into its prefix; a folded prefix is jumped over, however much it holds. */
export async function listFolder(index: FolderIndex, bucket: string, options: ListOptions): Promise<ListPage> {
  const { prefix, delimiter, limit } = options;
  const entries: ListEntry[] = [];
  const prefixes: string[] = [];
  const end = successor(prefix);
  const inside = options.after.startsWith(prefix) ? foldedPrefix(options.after, prefix, delimiter) : undefined;
  // After a folded prefix everything in it is over, also when the caller names a key inside.
  let from: Start | undefined = inside === undefined ? { name: options.after, inclusive: false } : after(inside);
  if (from === undefined) return { entries, prefixes, isTruncated: false };
  if (from.name < prefix) from = { name: prefix, inclusive: true };
  for (;;) {
    const start: Start = from;
    let query = index.db
      .selectFrom("object")
      .select(["name", "length", "etag", "modified_ms"])
      .where("bucket", "=", bucket)
      .where("name", start.inclusive ? ">=" : ">", start.name)
      .orderBy("name")
      .limit(PAGE);
    if (end !== undefined) query = query.where("name", "<", end);
    const rows = await query.execute();
    let jump: Start | undefined;
    for (const row of rows) {
      if (entries.length + prefixes.length === limit) return { entries, prefixes, isTruncated: true };
      const folded = foldedPrefix(row.name, prefix, delimiter);
      if (folded === undefined) {
        entries.push({ name: row.name, length: row.length, etag: row.etag, modifiedMs: row.modified_ms });
        continue;
      }
      prefixes.push(folded);
      jump = after(folded);
      break;
    }
    if (jump) from = jump;
    else if (rows.length < PAGE) return { entries, prefixes, isTruncated: false };
    else from = { name: rows.at(-1)?.name ?? "", inclusive: false };
  }
}

interface Start {
  readonly name: string;
  readonly inclusive: boolean;
}

function after(folded: string): Start | undefined {
  const name = successor(folded);
  return name === undefined ? undefined : { name, inclusive: true };
}

/** The part of a name up to the first delimiter after the prefix; undefined when there is none. */
export function foldedPrefix(name: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === "") return undefined;
  const at = name.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : name.slice(0, at + delimiter.length);
}

/** The first text, by bytes of UTF-8, after all that begin with `prefix`; undefined when there is none. */
export function successor(prefix: string): string | undefined {
  const points = [...prefix];
  while (points.length > 0) {
    const last = (points.pop() as string).codePointAt(0) as number;
    // Surrogates are no characters: what follows the last one before them is the first one after.
    if (last < 0x10ffff) return points.join("") + String.fromCodePoint(last === 0xd7ff ? 0xe000 : last + 1);
  }
  return undefined;
}
