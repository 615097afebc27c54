/**
 * A value given on the command line: `-` reads stdin, `@file` reads a file, `@@text` is the text `@text`, anything else is itself.
 * @module
 */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Readable } from "node:stream";
import { MilagroError } from "@milagro/engine/error";
import type { Io } from "./io.ts";

/** Small values only: secrets, tokens, descriptors. Files to encrypt are streamed instead. */
const MAX_VALUE_BYTES = 1024 * 1024;

export async function readValue(io: Io, argument: string): Promise<Uint8Array<ArrayBuffer>> {
  if (argument === "-") return readAll(io.stdin);
  if (argument.startsWith("@@")) return bytesOf(argument.slice(1));
  if (argument.startsWith("@")) return limited(new Uint8Array(await readFile(resolve(io.cwd, argument.slice(1)))));
  return bytesOf(argument);
}

/** As `readValue`, as text. @throws `ERR_VALUE_INVALID` when the bytes are not UTF-8 */
export async function readText(io: Io, argument: string): Promise<string> {
  const bytes = await readValue(io, argument);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new MilagroError("ERR_VALUE_INVALID", "the value must be UTF-8 text", { cause });
  }
}

async function readAll(stream: Readable): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : (chunk as Uint8Array);
    length += bytes.length;
    if (length > MAX_VALUE_BYTES) throw tooLarge();
    chunks.push(bytes);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function limited(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (bytes.length > MAX_VALUE_BYTES) throw tooLarge();
  return bytes;
}

function tooLarge(): MilagroError {
  return new MilagroError(
    "ERR_VALUE_INVALID",
    `a value may have at most ${MAX_VALUE_BYTES} bytes; use "milagro encrypt" for files`,
  );
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(text));
}
