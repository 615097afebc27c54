/**
 * STREAM: a long text in segments of 64 KiB, each authenticated, none movable.
 *
 *   segment i = AES-256-GCM(key, nonce = i (11 bytes, big-endian) ‖ last (0x00 or 0x01), aad = "", 64 KiB, the last one shorter)
 *
 * The counter refuses reordering, repetition and omission; the flag refuses cutting at a segment's end and appending. Only an empty
 * text has an empty segment, so there is one way to write each. No byte of a segment is handed out before its tag is checked.
 * Source: Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption (CRYPTO 2015); age-encryption.org/v1 (the layout).
 * @module
 */
import { AEAD_OVERHEAD, type AeadPort } from "./aead.ts";
import { u64 } from "./bytes.ts";
import { MilagroError } from "./error.ts";

/** Chunks of any length, as files and sockets give them. */
export type ByteStream = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Bytes of plaintext in every segment but the last. */
export const SEGMENT_LENGTH = 64 * 1024;

const NO_AAD = new Uint8Array(0);

/** Encrypts. The key must be used for this one stream only. */
export async function* sealStream(
  key: Uint8Array,
  source: ByteStream,
  aead: AeadPort,
): AsyncGenerator<Uint8Array, void> {
  let index = 0;
  for await (const { bytes, last } of inBlocks(source, SEGMENT_LENGTH)) {
    yield await aead.seal(key, segmentNonce(index, last), NO_AAD, bytes);
    index += 1;
  }
}

/** Decrypts segment by segment. @throws `ERR_ENVELOPE_CORRUPT`: changed, cut, reordered, repeated or appended to; what was yielded before is genuine */
export async function* openStream(
  key: Uint8Array,
  source: ByteStream,
  aead: AeadPort,
): AsyncGenerator<Uint8Array, void> {
  let index = 0;
  for await (const { bytes, last } of inBlocks(source, SEGMENT_LENGTH + AEAD_OVERHEAD)) {
    const plaintext = await openSegment(key, segmentNonce(index, last), bytes, aead);
    if (plaintext.length === 0 && index > 0) refuse();
    yield plaintext;
    index += 1;
  }
}

function segmentNonce(index: number, last: boolean): Uint8Array {
  const nonce = new Uint8Array(12);
  nonce.set(u64(index), 3);
  nonce[11] = last ? 0x01 : 0x00;
  return nonce;
}

async function openSegment(key: Uint8Array, nonce: Uint8Array, bytes: Uint8Array, aead: AeadPort): Promise<Uint8Array> {
  if (bytes.length < AEAD_OVERHEAD) refuse();
  try {
    return await aead.open(key, nonce, NO_AAD, bytes);
  } catch (cause) {
    return refuse(cause);
  }
}

function refuse(cause?: unknown): never {
  throw new MilagroError(
    "ERR_ENVELOPE_CORRUPT",
    "the file was changed or cut short: what came before this point is genuine, the rest is missing",
    cause === undefined ? undefined : { cause },
  );
}

/** Regroups chunks into blocks of `length`; the last one may be shorter, and is empty only for an empty source. */
async function* inBlocks(
  source: ByteStream,
  length: number,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly last: boolean }, void> {
  let block = new Uint8Array(length);
  let filled = 0;
  for await (const chunk of source) {
    let offset = 0;
    while (offset < chunk.length) {
      // A full block is held back until another byte shows that it is not the last one.
      if (filled === length) {
        yield { bytes: block, last: false };
        block = new Uint8Array(length);
        filled = 0;
      }
      const part = chunk.subarray(offset, offset + length - filled);
      block.set(part, filled);
      filled += part.length;
      offset += part.length;
    }
  }
  yield { bytes: block.subarray(0, filled), last: true };
}
