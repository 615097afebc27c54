/**
 * A folder as a store: bytes in files with random names, everything else in one SQLite index.
 *
 *   index.sqlite      buckets, objects, uploads in parts (folder-index.ts)
 *   data/ab/ab12…     pieces of objects, never changed once they are there
 *
 * An object appears when its row is committed; its files were flushed to disk before. What a killed process left is a file that no
 * row names: removed at a later start. Names of objects are never names of files, so that every legal key is safe.
 *
 * Long because it is one port, each of whose operations touches both the index and the files, in an order that a kill may cut anywhere.
 * @module
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, type FileHandle, mkdir, open, readdir, rename, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { MilagroError } from "@milagro/engine/error";
import { isErrno, makePrivateFolder } from "@milagro/runtime/atomic-file";
import type { Clock } from "@milagro/runtime/clock";
import type { Transaction } from "kysely";
import { SEALED_SEGMENT_LENGTH } from "../format/layout.ts";
import type { Chunks } from "../format/segments.ts";
import type { Backend, StoredInfo, StoredRange, WriteCondition } from "./backend.ts";
import { type FolderTables, listFolder, type ObjectRow, openFolderIndex } from "./folder-index.ts";

type Piece = readonly [file: string, length: number];
type Tx = Transaction<FolderTables>;

/** Whole segments, so that none has to be put together from two reads. */
const READ_LENGTH = 8 * SEALED_SEGMENT_LENGTH;
/** Writes that are on their way are younger than this. */
const LEFTOVER_AGE_MS = 3_600_000;

export async function openFolderBackend(folder: string, clock: Clock): Promise<Backend> {
  await makePrivateFolder(folder);
  await makePrivateFolder(join(folder, "data"));
  const index = await openFolderIndex(join(folder, "index.sqlite"));
  const files = fileStore(join(folder, "data"));
  const { db } = index;

  const rowOf = (from: Pick<Tx, "selectFrom">, bucket: string, name: string): Promise<ObjectRow | undefined> =>
    from.selectFrom("object").selectAll().where("bucket", "=", bucket).where("name", "=", name).executeTakeFirst();
  const needBucket = async (tx: Pick<Tx, "selectFrom">, bucket: string): Promise<void> => {
    const row = await tx.selectFrom("bucket").select("name").where("name", "=", bucket).executeTakeFirst();
    if (!row) throw new MilagroError("ERR_BUCKET_MISSING", "there is no such bucket");
  };
  /** Puts the row in place of the one before, whose files it returns. */
  const replace = async (tx: Tx, row: ObjectRow, condition: WriteCondition): Promise<readonly Piece[]> => {
    await needBucket(tx, row.bucket);
    const old = await rowOf(tx, row.bucket, row.name);
    check(old, condition);
    await tx.deleteFrom("object").where("bucket", "=", row.bucket).where("name", "=", row.name).execute();
    await tx.insertInto("object").values(row).execute();
    return old ? piecesOf(old) : [];
  };
  const makeRow = (
    bucket: string,
    name: string,
    header: string,
    pieces: readonly Piece[],
    tags: string,
  ): ObjectRow => ({
    bucket,
    name,
    header,
    length: pieces.reduce((sum, [, length]) => sum + length, 0),
    etag: randomBytes(12).toString("hex"),
    modified_ms: clock(),
    pieces: JSON.stringify(pieces),
    tags,
  });
  const uploadRow = async (tx: Pick<Tx, "selectFrom">, id: string) => {
    const row = await tx.selectFrom("upload").selectAll().where("id", "=", id).executeTakeFirst();
    if (!row) throw new MilagroError("ERR_UPLOAD_MISSING", "there is no such upload");
    return row;
  };
  const partsOf = (tx: Pick<Tx, "selectFrom">, id: string) =>
    tx.selectFrom("upload_part").selectAll().where("upload", "=", id).orderBy("number").execute();

  await removeLeftovers(join(folder, "data"), clock(), async (names) => {
    const known = new Set<string>();
    for (const { pieces } of await db.selectFrom("object").select("pieces").execute())
      for (const [file] of JSON.parse(pieces) as Piece[]) known.add(file);
    for (const { file } of await db.selectFrom("upload_part").select("file").execute()) known.add(file);
    return names.filter((name) => !known.has(name));
  });

  return {
    kind: "file",
    buckets: async () =>
      (await db.selectFrom("bucket").selectAll().orderBy("name").execute()).map(({ name, created_ms }) => ({
        name,
        createdMs: created_ms,
      })),
    hasBucket: async (bucket) =>
      (await db.selectFrom("bucket").select("name").where("name", "=", bucket).executeTakeFirst()) !== undefined,
    createBucket: (bucket) =>
      index.transaction(async (tx) => {
        const row = await tx.selectFrom("bucket").select("name").where("name", "=", bucket).executeTakeFirst();
        if (row) throw new MilagroError("ERR_BUCKET_EXISTS", "there is such a bucket already");
        await tx.insertInto("bucket").values({ name: bucket, created_ms: clock() }).execute();
      }),
    deleteBucket: (bucket) =>
      index.transaction(async (tx) => {
        await needBucket(tx, bucket);
        const row = await tx.selectFrom("object").select("name").where("bucket", "=", bucket).executeTakeFirst();
        if (row) throw new MilagroError("ERR_BUCKET_NOT_EMPTY", "the bucket holds objects");
        await tx.deleteFrom("bucket").where("name", "=", bucket).execute();
      }),
    async head(bucket, name) {
      const row = await rowOf(db, bucket, name);
      if (!row) await needBucket(db, bucket);
      return row && infoOf(row);
    },
    async read(bucket, name, range, options = {}) {
      for (let attempt = 0; ; attempt += 1) {
        const row = await rowOf(db, bucket, name);
        if (!row) {
          await needBucket(db, bucket);
          return undefined;
        }
        if (options.ifEtag !== undefined && options.ifEtag !== row.etag)
          throw new MilagroError("ERR_OBJECT_CHANGED", "the object was replaced meanwhile");
        try {
          return { info: infoOf(row), body: await files.read(piecesOf(row), spanOf(range, row.length)) };
        } catch (error) {
          // Replaced between the row and the file: the next look finds the new one.
          if (!isErrno(error, "ENOENT") || attempt === 2) throw storageError(error);
        }
      }
    },
    async write(bucket, name, { header, length, body, tags = {} }, condition) {
      await needBucket(db, bucket);
      const piece = await files.write(body, length);
      return files.keeping([piece], async () => {
        const row = makeRow(bucket, name, header, [piece], JSON.stringify(tags));
        const old = await index.transaction((tx) => replace(tx, row, condition));
        await files.remove(old);
        return { etag: row.etag };
      });
    },
    async copy(from, to, condition) {
      const source = await rowOf(db, from.bucket, from.name);
      if (!source || source.etag !== from.ifEtag)
        throw new MilagroError("ERR_OBJECT_CHANGED", "the object was replaced meanwhile");
      if (from.bucket === to.bucket && from.name === to.name) {
        const etag = randomBytes(12).toString("hex");
        await index.transaction(async (tx) => {
          const row = await rowOf(tx, to.bucket, to.name);
          if (row?.etag !== from.ifEtag)
            throw new MilagroError("ERR_OBJECT_CHANGED", "the object was replaced meanwhile");
          check(row, condition);
          await tx
            .updateTable("object")
            .set({ header: to.header, etag })
            .where("bucket", "=", to.bucket)
            .where("name", "=", to.name)
            .execute();
        });
        return { etag };
      }
      const pieces = await files.copy(piecesOf(source));
      return files.keeping(pieces, async () => {
        const row = makeRow(to.bucket, to.name, to.header, pieces, source.tags);
        const old = await index.transaction((tx) => replace(tx, row, condition));
        await files.remove(old);
        return { etag: row.etag };
      });
    },
    async remove(bucket, name, _version, condition) {
      const old = await index.transaction(async (tx) => {
        await needBucket(tx, bucket);
        const row = await rowOf(tx, bucket, name);
        check(row, condition);
        await tx.deleteFrom("object").where("bucket", "=", bucket).where("name", "=", name).execute();
        return row ? piecesOf(row) : [];
      });
      await files.remove(old);
      return {};
    },
    async list(bucket, options) {
      await needBucket(db, bucket);
      return listFolder(index, bucket, options);
    },
    async tags(bucket, name) {
      const row = await rowOf(db, bucket, name);
      return row && (JSON.parse(row.tags) as Record<string, string>);
    },
    async setTags(bucket, name, tags) {
      await db
        .updateTable("object")
        .set({ tags: JSON.stringify(tags) })
        .where("bucket", "=", bucket)
        .where("name", "=", name)
        .execute();
    },
    async createUpload(bucket, name, header, tags = {}) {
      await needBucket(db, bucket);
      const id = randomBytes(16).toString("hex");
      const row = { id, bucket, name, header, tags: JSON.stringify(tags), created_ms: clock() };
      await db.insertInto("upload").values(row).execute();
      return id;
    },
    async writePart({ id }, number, length, body) {
      await uploadRow(db, id);
      const piece = await files.write(body, length);
      return files.keeping([piece], async () => {
        const etag = randomBytes(12).toString("hex");
        const old = await index.transaction(async (tx) => {
          await uploadRow(tx, id);
          const before = (await partsOf(tx, id)).filter((part) => part.number === number);
          await tx.deleteFrom("upload_part").where("upload", "=", id).where("number", "=", number).execute();
          await tx.insertInto("upload_part").values({ upload: id, number, file: piece[0], length, etag }).execute();
          return before.map(({ file, length: size }): Piece => [file, size]);
        });
        await files.remove(old);
        return etag;
      });
    },
    async completeUpload({ id }, chosen, condition) {
      const { row, old } = await index.transaction(async (tx) => {
        const upload = await uploadRow(tx, id);
        const parts = await partsOf(tx, id);
        const pieces = chosen.map(({ number, etag }): Piece => {
          const part = parts.find((candidate) => candidate.number === number && candidate.etag === etag);
          if (!part) throw new MilagroError("ERR_UPLOAD_INVALID", "a part is missing or was replaced");
          return [part.file, part.length];
        });
        const made = makeRow(upload.bucket, upload.name, upload.header, pieces, upload.tags);
        const used = new Set(pieces.map(([file]) => file));
        const unused = parts.filter(({ file }) => !used.has(file)).map(({ file, length }): Piece => [file, length]);
        const replaced = await replace(tx, made, condition);
        await tx.deleteFrom("upload_part").where("upload", "=", id).execute();
        await tx.deleteFrom("upload").where("id", "=", id).execute();
        return { row: made, old: [...unused, ...replaced] };
      });
      await files.remove(old);
      return { etag: row.etag };
    },
    async abortUpload({ id }) {
      const parts = await index.transaction(async (tx) => {
        const found = await partsOf(tx, id);
        await tx.deleteFrom("upload_part").where("upload", "=", id).execute();
        await tx.deleteFrom("upload").where("id", "=", id).execute();
        return found.map(({ file, length }): Piece => [file, length]);
      });
      await files.remove(parts);
    },
    close: () => index.close(),
  };
}

function check(row: ObjectRow | undefined, condition: WriteCondition): void {
  if (condition === undefined) return;
  const holds = condition === "absent" ? row === undefined : row?.etag === condition.ifEtag;
  if (!holds) throw new MilagroError("ERR_PRECONDITION_FAILED", "the object is not what the request expects");
}

const piecesOf = (row: ObjectRow): readonly Piece[] => JSON.parse(row.pieces) as Piece[];

function infoOf(row: ObjectRow): StoredInfo {
  return { header: row.header, length: row.length, etag: row.etag, modifiedMs: row.modified_ms };
}

interface Span {
  readonly from: number;
  readonly length: number;
}

function spanOf(range: StoredRange, length: number): Span {
  if (range === "all") return { from: 0, length };
  if ("last" in range) return { from: Math.max(0, length - range.last), length: Math.min(length, range.last) };
  return { from: range.from, length: Math.max(0, Math.min(range.length, length - range.from)) };
}

/** Files that are written once, under names of their own. */
function fileStore(folder: string) {
  const pathOf = (file: string): string => join(folder, file.slice(0, 2), file);
  const made = new Set<string>();
  const fresh = async (): Promise<string> => {
    const file = randomBytes(16).toString("hex");
    const parent = join(folder, file.slice(0, 2));
    if (!made.has(parent)) {
      await mkdir(parent, { recursive: true, mode: 0o700 });
      await flush(folder);
      made.add(parent);
    }
    return file;
  };
  const publish = async (temporary: string, file: string): Promise<void> => {
    await rename(temporary, pathOf(file));
    await flush(join(folder, file.slice(0, 2)));
  };
  const remove = async (pieces: readonly Piece[]): Promise<void> => {
    // One that stays is found at a later start.
    for (const [file] of pieces) await unlink(pathOf(file)).catch(() => {});
  };
  return {
    remove,
    /** Runs `work`, and takes the new files away again when it fails. */
    async keeping<T>(pieces: readonly Piece[], work: () => Promise<T>): Promise<T> {
      try {
        return await work();
      } catch (error) {
        await remove(pieces);
        throw error;
      }
    },
    async write(body: Chunks, length: number): Promise<Piece> {
      const file = await fresh();
      const temporary = `${pathOf(file)}.tmp`;
      let handle: FileHandle | undefined;
      try {
        handle = await open(temporary, "wx", 0o600);
        let written = 0;
        for await (const chunk of body) {
          await writeWhole(handle, chunk, written);
          written += chunk.length;
        }
        if (written !== length)
          throw new MilagroError("ERR_BODY_INCOMPLETE", "the body has another length than announced");
        await handle.sync();
        await handle.close();
        handle = undefined;
        await publish(temporary, file);
        return [file, length];
      } catch (error) {
        await handle?.close().catch(() => {});
        await unlink(temporary).catch(() => {});
        throw storageError(error);
      }
    },
    async copy(pieces: readonly Piece[]): Promise<readonly Piece[]> {
      const copies: Piece[] = [];
      try {
        for (const [file, length] of pieces) {
          const to = await fresh();
          const temporary = `${pathOf(to)}.tmp`;
          await copyFile(pathOf(file), temporary, constants.COPYFILE_FICLONE);
          await flush(temporary);
          await publish(temporary, to);
          copies.push([to, length]);
        }
        return copies;
      } catch (error) {
        await remove(copies);
        throw storageError(error);
      }
    },
    /** Opens all files at once: from here on it does not matter whether they are removed. */
    async read(pieces: readonly Piece[], span: Span): Promise<AsyncIterable<Uint8Array>> {
      const wanted: { handle: FileHandle; from: number; length: number }[] = [];
      let start = 0;
      try {
        for (const [file, length] of pieces) {
          const from = Math.max(0, span.from - start);
          const end = Math.min(length, span.from + span.length - start);
          if (from < end) wanted.push({ handle: await open(pathOf(file), "r"), from, length: end - from });
          start += length;
        }
      } catch (error) {
        for (const { handle } of wanted) await handle.close();
        throw error;
      }
      const chunks = readAll(wanted);
      const close = () => Promise.all(wanted.map(({ handle }) => handle.close().catch(() => {})));
      // A generator that was never begun has no end either: closing is said here.
      const iterator = {
        next: () => chunks.next(),
        return: async () => {
          await close();
          return chunks.return();
        },
      };
      return { [Symbol.asyncIterator]: () => iterator };
    },
  };
}

async function* readAll(
  pieces: readonly { readonly handle: FileHandle; readonly from: number; readonly length: number }[],
): AsyncGenerator<Uint8Array, void> {
  // Two buffers take turns: one is read into while the other is made use of, until the next is asked for.
  const length = Math.min(READ_LENGTH, Math.max(0, ...pieces.map((piece) => piece.length)));
  const buffers = [Buffer.allocUnsafeSlow(length), Buffer.allocUnsafeSlow(length)] as const;
  const reads = readsOf(pieces, length);
  const start = (turn: 0 | 1): Promise<Uint8Array> | undefined => {
    const { value } = reads.next();
    if (!value) return undefined;
    const reading = readWhole(value.handle, buffers[turn].subarray(0, value.length), value.at);
    reading.catch(() => {}); // it is waited for when it is its turn, if that comes
    return reading;
  };
  try {
    let turn: 0 | 1 = 0;
    for (let reading = start(turn); reading; ) {
      const chunk = await reading;
      turn = turn === 0 ? 1 : 0;
      const next = start(turn);
      yield chunk;
      reading = next;
    }
  } finally {
    for (const { handle } of pieces) await handle.close().catch(() => {});
  }
}

/** What is to be read, buffer by buffer. A file that was cut short gives less than that: whoever reads notices. */
function* readsOf(
  pieces: readonly { readonly handle: FileHandle; readonly from: number; readonly length: number }[],
  limit: number,
): Generator<{ readonly handle: FileHandle; readonly at: number; readonly length: number }, void> {
  for (const { handle, from, length } of pieces)
    for (let at = 0; at < length; at += limit) yield { handle, at: from + at, length: Math.min(limit, length - at) };
}

/** @returns less than a whole buffer only at the file's end */
async function readWhole(handle: FileHandle, buffer: Uint8Array, position: number): Promise<Uint8Array> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

async function writeWhole(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await handle.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeLeftovers(
  folder: string,
  nowMs: number,
  unknown: (names: readonly string[]) => Promise<readonly string[]>,
): Promise<void> {
  const old: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const info = await stat(join(entry.parentPath, entry.name)).catch(() => undefined);
    if (info && nowMs - info.mtimeMs > LEFTOVER_AGE_MS) old.push(entry.name);
  }
  if (old.length === 0) return;
  for (const name of await unknown(old)) await unlink(join(folder, name.slice(0, 2), name)).catch(() => {});
}

function storageError(error: unknown): unknown {
  if (error instanceof MilagroError) return error;
  if (isErrno(error, "ENOSPC") || isErrno(error, "EDQUOT"))
    return new MilagroError("ERR_STORAGE_FULL", "no space left at the store; nothing was half written", {
      cause: error,
    });
  if (error instanceof Error && "code" in error && typeof error.code === "string" && "syscall" in error)
    return new MilagroError("ERR_STORE_UNAVAILABLE", `a file of the store cannot be used (${error.code})`, {
      cause: error,
    });
  return error;
}
