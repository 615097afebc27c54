/**
 * Telling sealed files apart by their first line, without taking anything from the stream.
 * @module
 */
import { ATTRIBUTE_FILE_MAGIC, POLICY_FILE_MAGIC } from "@milagro/crypto/abe-file";
import { concat, equalBytes, utf8 } from "@milagro/crypto/bytes";
import type { ByteStream } from "@milagro/crypto/stream";

/** To identities, to a policy, to attributes. Whatever is none of the others counts as the first: its parser says what is wrong. */
export type FileKind = "identities" | "policy" | "attributes";

const LINES = [
  ["policy", utf8(POLICY_FILE_MAGIC)],
  ["attributes", utf8(ATTRIBUTE_FILE_MAGIC)],
] as const;
const LONGEST = Math.max(...LINES.map(([, line]) => line.length));

/** @returns the kind, and the whole stream again; the given one must not be read any more */
export async function fileKindOf(
  source: ByteStream,
): Promise<{ readonly kind: FileKind; readonly source: AsyncIterable<Uint8Array> }> {
  const chunks = streamOf(source);
  const parts: Uint8Array[] = [];
  for (let filled = 0; filled < LONGEST; ) {
    const { value, done } = await chunks.next();
    if (done) break;
    parts.push(value);
    filled += value.length;
  }
  const front = concat(...parts);
  const kind = LINES.find(([, line]) => equalBytes(front.subarray(0, line.length), line))?.[0] ?? "identities";
  return { kind, source: withFront(front, chunks) };
}

async function* streamOf(source: ByteStream): AsyncGenerator<Uint8Array, void> {
  yield* source;
}

async function* withFront(front: Uint8Array, rest: AsyncGenerator<Uint8Array, void>): AsyncGenerator<Uint8Array, void> {
  try {
    if (front.length > 0) yield front;
    yield* rest;
  } finally {
    await rest.return();
  }
}
