/**
 * Puts a commit on disk without holding up the event loop. SQLite's own way, `synchronous=FULL`, is to write the commit to
 * the write-ahead log and then to wait for the disk; here the same file is synced by another thread, and whoever waits for
 * the commit waits for that. Until then nobody else gets the connection: nothing that may still be lost is ever seen.
 * Source: sqlite.org/pragma.html#pragma_synchronous (what NORMAL leaves out in WAL mode is this one sync after each commit).
 * @module
 */
import { closeSync, fdatasync, openSync } from "node:fs";
import { promisify } from "node:util";
import { MilagroError } from "@milagro/engine/error";

/** Returns when all that was written to the file is on disk. */
export type SyncFile = (fd: number) => Promise<void>;

export interface WalSync {
  /**
   * Call it after a commit. It works or it never works again: after a failure nobody knows what is on disk, and the kernel
   * would report success the next time. Opening the database again finds out.
   * @throws `ERR_STORAGE_UNAVAILABLE`
   */
  sync(): Promise<void>;
  /** Before anything is asked of the connection. @throws `ERR_STORAGE_UNAVAILABLE` once a sync has failed */
  check(): void;
  close(): void;
}

/** @param path - of the database; its log lies beside it */
export function openWalSync(path: string, syncFile: SyncFile = promisify(fdatasync)): WalSync {
  let fd: number | undefined;
  let failure: MilagroError | undefined;
  const check = (): void => {
    if (failure) throw failure;
  };
  return {
    check,
    async sync() {
      check();
      try {
        fd ??= openSync(`${path}-wal`, "r+"); // exists as long as somebody has the database open
        await syncFile(fd);
      } catch (cause) {
        failure = new MilagroError("ERR_STORAGE_UNAVAILABLE", "the disk failed in the middle of a commit; restart", {
          cause,
        });
        throw failure;
      }
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}
