/**
 * Secrets as files for local programs: in memory (tmpfs), with the mode and owner that the program needs, replaced in one
 * step so that a reader sees the old one or the new one.
 *
 * Security: on a disk the bytes would outlive the file (journals, snapshots, swapped blocks), so a folder that is not in
 * memory is refused unless the configuration allows it by name.
 * @module
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { access, type FileHandle, lstat, open, rename, rm, stat, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { MilagroError } from "@milagro/engine/error";

export interface OutputFileOptions {
  /** Permission bits, exactly. */
  readonly mode: number;
  /** Numeric owner and group; changing the owner needs the right to (root, CAP_CHOWN). */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Write even where files are not kept in memory only. */
  readonly allowDisk: boolean;
}

/** `f_type` of file systems that live in memory: tmpfs, ramfs. */
const MEMORY_FILE_SYSTEMS: readonly number[] = [0x01021994, 0x858458f6];

/**
 * Writes or replaces the file.
 * @throws `ERR_OUTPUT_NOT_MEMORY` for a folder on disk, `ERR_OUTPUT_UNWRITABLE` for everything the system refuses
 */
export async function writeOutputFile(path: string, bytes: Uint8Array, options: OutputFileOptions): Promise<void> {
  const folder = dirname(path);
  await checkFolder(folder, options.allowDisk);
  const temporary = join(folder, `.${basename(path)}.${randomBytes(8).toString("hex")}.tmp`);
  let handle: FileHandle | undefined;
  try {
    if ((await kindOf(path)) === "other")
      throw new MilagroError("ERR_OUTPUT_UNWRITABLE", `${path} is there and not a plain file`);
    // Nobody but us can read it until it has its owner and mode, and its name only then.
    handle = await open(
      temporary,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    await handle.writeFile(bytes);
    if (options.uid !== undefined || options.gid !== undefined) {
      const { uid, gid } = await handle.stat();
      await handle.chown(options.uid ?? uid, options.gid ?? gid);
    }
    await handle.chmod(options.mode);
    await handle.close();
    handle = undefined;
    await rename(temporary, path);
  } catch (cause) {
    await handle?.close().catch(() => {});
    await rm(temporary, { force: true });
    if (cause instanceof MilagroError) throw cause;
    throw new MilagroError("ERR_OUTPUT_UNWRITABLE", `${path} cannot be written: ${codeOf(cause)}`, { cause });
  }
}

/** Removes the file when the secret is gone. */
export async function removeOutputFile(path: string): Promise<void> {
  if ((await kindOf(path)) === "file") await rm(path, { force: true });
}

async function checkFolder(folder: string, allowDisk: boolean): Promise<void> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    const info = await stat(folder);
    const shared = (info.mode & 0o002) !== 0 && (info.mode & 0o1000) === 0;
    if (shared)
      throw new MilagroError("ERR_OUTPUT_UNWRITABLE", `${folder}: everybody may replace files in this folder`);
    if (!allowDisk && !MEMORY_FILE_SYSTEMS.includes((await statfs(folder)).type)) {
      throw new MilagroError(
        "ERR_OUTPUT_NOT_MEMORY",
        `${folder} is not in memory (tmpfs); use one, or set allowDisk for this file`,
      );
    }
  } catch (cause) {
    if (cause instanceof MilagroError) throw cause;
    throw new MilagroError("ERR_OUTPUT_UNWRITABLE", `${folder} cannot be used: ${codeOf(cause)}`, { cause });
  }
}

async function kindOf(path: string): Promise<"file" | "other" | "missing"> {
  const info = await lstat(path).catch(() => undefined);
  if (!info) return "missing";
  return info.isFile() ? "file" : "other";
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "unknown reason";
}
