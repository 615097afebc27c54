/**
 * Files that are either the old one or the new one, whatever happens in between: write a temporary file beside it, fsync, rename, fsync the folder.
 * @module
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { MilagroError } from "@milagro/engine/error";

const TEMPORARY = /^\.(.+)\.[0-9a-f]{16}\.tmp$/;

export interface AtomicWriteOptions {
  /** Permission bits, exactly (the umask is overruled). Default 0600. */
  readonly mode?: number;
  /** Fail with `ERR_FILE_EXISTS` rather than replace. Not a lock: two creators at the same instant may race. */
  readonly exclusive?: boolean;
}

/**
 * Replaces `path` durably: when this resolves, the bytes survive a power failure; when it rejects, the old file is untouched.
 * @throws `ERR_STORAGE_FULL` when the disk is, `ERR_FILE_EXISTS`, `ERR_FILE_UNWRITABLE`
 */
export async function writeFileAtomic(
  path: string,
  data: Uint8Array | string,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomBytes(8).toString("hex")}.tmp`);
  if (options.exclusive && (await exists(path)))
    throw new MilagroError("ERR_FILE_EXISTS", "a file of that name exists already");
  let handle: FileHandle | undefined;
  try {
    handle = await open(temporary, "wx", 0o600);
    await handle.writeFile(data);
    await handle.chmod(options.mode ?? 0o600);
    await handle.sync();
    await handle.close();
    handle = undefined;
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (cause) {
    await handle?.close().catch(() => {});
    await unlink(temporary).catch(() => {});
    throw fileError(cause, "write");
  }
}

/**
 * Reads a whole file, refusing one that is larger than `limitBytes` before it is in memory.
 * @throws `ERR_FILE_MISSING`, `ERR_FILE_TOO_LARGE`, `ERR_FILE_UNREADABLE`
 */
export async function readFileLimited(path: string, limitBytes: number): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY);
    const chunks: Uint8Array[] = [];
    let total = 0;
    // Not stat().size: it is 0 for pipes and /proc, and it may grow while we read.
    for (;;) {
      const chunk = new Uint8Array(Math.min(65_536, limitBytes + 1 - total));
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) break;
      total += bytesRead;
      if (total > limitBytes)
        throw new MilagroError("ERR_FILE_TOO_LARGE", `the file is larger than ${limitBytes} bytes`);
      chunks.push(chunk.subarray(0, bytesRead));
    }
    const whole = new Uint8Array(total);
    let offset = 0;
    for (const chunk of chunks) {
      whole.set(chunk, offset);
      offset += chunk.length;
      chunk.fill(0); // it may have been a passphrase or a key
    }
    return whole;
  } catch (cause) {
    throw fileError(cause, "read");
  } finally {
    await handle?.close();
  }
}

/** Makes the folder and its parents; the last one gets mode 0700 when it is made here. */
export async function makePrivateFolder(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await mkdir(path, { mode: 0o700 });
  } catch (cause) {
    if (isErrno(cause, "EEXIST") && (await isFolder(path))) return;
    throw fileError(cause, "write");
  }
}

/** Removes temporary files which a killed process left in `folder`; returns how many. Call it before the first write, when nobody else writes there. */
export async function removeLeftovers(folder: string): Promise<number> {
  let removed = 0;
  for (const name of await readdir(folder)) {
    if (!TEMPORARY.test(name)) continue;
    await unlink(join(folder, name)).catch(() => {});
    removed++;
  }
  return removed;
}

/** True for a Node system error with this `code`. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function fileError(cause: unknown, action: "read" | "write"): unknown {
  if (cause instanceof MilagroError) return cause;
  if (isErrno(cause, "ENOSPC") || isErrno(cause, "EDQUOT")) {
    return new MilagroError("ERR_STORAGE_FULL", "no space left on the device; the old file is untouched", { cause });
  }
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown reason";
  if (action === "read" && code === "ENOENT")
    return new MilagroError("ERR_FILE_MISSING", "there is no such file", { cause });
  return action === "read"
    ? new MilagroError("ERR_FILE_UNREADABLE", `the file cannot be read (${code})`, { cause })
    : new MilagroError("ERR_FILE_UNWRITABLE", `the file cannot be written (${code})`, { cause });
}
