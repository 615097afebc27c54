/**
 * Where passphrases come from: a file only its owner can read, an open file descriptor, or a person at a terminal.
 * Never an argument or an environment variable: both are visible to other programs.
 * @module
 */
import { constants, fstatSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { Secret } from "@milagro/crypto/secret";
import { MilagroError } from "@milagro/engine/error";
import { readFileLimited } from "./atomic-file.ts";

export type Passphrase = Secret<"passphrase">;

const MAX_BYTES = 4096;

export interface PassphraseSources {
  readonly file?: string | undefined;
  /** An inherited descriptor. Read to its end. Of those that a launcher was given, only standard input (0) gets this far. */
  readonly fd?: number | undefined;
  /** Asks a person; given only when there is a terminal. The string it returns cannot be wiped. */
  readonly prompt?: (() => Promise<string>) | undefined;
}

/**
 * The first source that is given: file, then descriptor, then prompt.
 * @throws `ERR_PASSPHRASE_MISSING` when none is given, and what the source throws
 */
export async function readPassphrase(sources: PassphraseSources): Promise<Passphrase> {
  if (sources.file !== undefined) return readPassphraseFile(sources.file);
  if (sources.fd !== undefined) return readPassphraseDescriptor(sources.fd);
  if (sources.prompt !== undefined) return passphraseFromText(await sources.prompt());
  throw new MilagroError(
    "ERR_PASSPHRASE_MISSING",
    "a passphrase is needed: give a file that only you can read, or a terminal",
  );
}

/**
 * Reads a passphrase file. One line break at its end is not part of the passphrase.
 * @throws `ERR_PASSPHRASE_MODE` when others can read the file, `ERR_PASSPHRASE_INVALID`, `ERR_FILE_MISSING`, `ERR_FILE_UNREADABLE`
 */
export async function readPassphraseFile(path: string): Promise<Passphrase> {
  const handle = await open(path, constants.O_RDONLY).catch((cause: unknown) => {
    throw new MilagroError("ERR_FILE_MISSING", `the passphrase file ${path} cannot be opened`, { cause });
  });
  try {
    const info = await handle.stat();
    if (info.isFile() && (info.mode & 0o077) !== 0) {
      throw new MilagroError("ERR_PASSPHRASE_MODE", "others can read the passphrase file: chmod 600 it");
    }
  } finally {
    await handle.close();
  }
  return passphraseFromBytes(await readFileLimited(path, MAX_BYTES));
}

/** Reads an inherited descriptor to its end. @throws `ERR_PASSPHRASE_INVALID`, `ERR_FILE_UNREADABLE` */
export function readPassphraseDescriptor(fd: number): Passphrase {
  const buffer = new Uint8Array(MAX_BYTES + 1);
  let length = 0;
  try {
    fstatSync(fd);
    for (;;) {
      const read = readSync(fd, buffer, length, buffer.length - length, null);
      length += read;
      if (read === 0 || length > MAX_BYTES) break;
    }
  } catch (cause) {
    throw new MilagroError("ERR_FILE_UNREADABLE", "the passphrase descriptor cannot be read", { cause });
  }
  const bytes = buffer.slice(0, length);
  buffer.fill(0);
  return passphraseFromBytes(bytes);
}

/** Text as a person types it, brought to Unicode NFC so that every keyboard gives the same bytes. @throws `ERR_PASSPHRASE_INVALID` */
export function passphraseFromText(text: string): Passphrase {
  return passphraseFromBytes(new TextEncoder().encode(text));
}

/** Takes the bytes over and wipes them. @throws `ERR_PASSPHRASE_INVALID`: empty, longer than 4096 bytes, not UTF-8, or with a line break or NUL inside */
export function passphraseFromBytes(bytes: Uint8Array): Passphrase {
  try {
    let end = bytes.length;
    if (bytes[end - 1] === 0x0a) end--;
    if (bytes[end - 1] === 0x0d && end < bytes.length) end--;
    const body = bytes.subarray(0, end);
    if (body.length === 0) throw new MilagroError("ERR_PASSPHRASE_INVALID", "the passphrase is empty");
    if (body.length > MAX_BYTES)
      throw new MilagroError("ERR_PASSPHRASE_INVALID", `the passphrase is longer than ${MAX_BYTES} bytes`);
    if (body.some((byte) => byte === 0x0a || byte === 0x0d || byte === 0)) {
      throw new MilagroError("ERR_PASSPHRASE_INVALID", "the passphrase is more than one line");
    }
    // Only text outside ASCII has more than one spelling; a plain passphrase never becomes a string.
    return new Secret("passphrase", body.every((byte) => byte < 0x80) ? body.slice() : normalised(body));
  } finally {
    bytes.fill(0);
  }
}

function normalised(body: Uint8Array): Uint8Array {
  try {
    return new TextEncoder().encode(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body).normalize("NFC"),
    );
  } catch {
    throw new MilagroError("ERR_PASSPHRASE_INVALID", "the passphrase is not UTF-8 text");
  }
}
