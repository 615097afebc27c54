/**
 * Files as streams, in and out. An output file appears under its name only when it is complete.
 * @module
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { AeadPort } from "@milagro/crypto/aead";
import { MilagroError } from "@milagro/engine/error";
import type { Io } from "./io.ts";

/** A file, or stdin for `-` and nothing. */
export function inputStream(io: Io, name: string | undefined): AsyncIterable<Uint8Array> {
  return name === undefined || name === "-" ? io.stdin : fileStream(resolve(io.cwd, name));
}

/** Opened when it is first read: a stream that fails while nobody listens would end the process. */
async function* fileStream(path: string): AsyncGenerator<Uint8Array, void> {
  yield* createReadStream(path, { highWaterMark: 65_536 });
}

/** A source that counts what goes by, and a label for its progress. */
export function counted(
  what: string,
  source: AsyncIterable<Uint8Array>,
): { readonly label: () => string; readonly source: AsyncIterable<Uint8Array> } {
  let total = 0;
  async function* counting(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of source) {
      total += chunk.length;
      yield chunk;
    }
  }
  return { label: () => `${what}, ${Math.floor(total / 1_000_000)} MB`, source: counting() };
}

/** Writes to a file (mode 0600), or to stdout for `-` and nothing; refuses binary output on a terminal. */
export async function writeStream(
  io: Io,
  name: string | undefined,
  source: AsyncIterable<Uint8Array>,
  options: { readonly force: boolean; readonly binary: boolean },
): Promise<number> {
  if (name === undefined || name === "-") {
    if (options.binary && io.isTty.stdout)
      throw new MilagroError("ERR_USAGE", "this would print binary data to your terminal: use -o FILE");
    let total = 0;
    for await (const chunk of source) {
      total += chunk.length;
      if (!io.stdout.write(chunk)) await new Promise<void>((ready) => io.stdout.once("drain", () => ready()));
    }
    return total;
  }
  const path = resolve(io.cwd, name);
  if (!options.force && (await exists(path)))
    throw new MilagroError("ERR_FILE_EXISTS", `${name} exists already; --force replaces it`);
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString("hex")}.tmp`);
  const handle = await open(temporary, "wx", 0o600);
  try {
    let total = 0;
    for await (const chunk of source) {
      total += chunk.length;
      await handle.write(chunk);
    }
    await handle.sync();
    await handle.close();
    await rename(temporary, path);
    return total;
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
}

/** SHA-512 of a stream. */
export async function digestStream(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const hash = createHash("sha512");
  for await (const chunk of source) hash.update(chunk);
  return new Uint8Array(hash.digest());
}

/** AES-256-GCM of the system: several times faster than the portable one. */
export const nodeAead: AeadPort = {
  seal(key, nonce, aad, plaintext) {
    const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(aad);
    return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  },
  open(key, nonce, aad, ciphertext) {
    const end = ciphertext.length - 16;
    if (end < 0) throw new Error("no tag");
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 }).setAAD(aad);
    decipher.setAuthTag(ciphertext.subarray(end));
    const start = decipher.update(ciphertext.subarray(0, end));
    return Buffer.concat([start, decipher.final()]);
  },
};

async function exists(path: string): Promise<boolean> {
  return open(path, "r").then(
    async (handle) => {
      await handle.close();
      return true;
    },
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
  );
}
