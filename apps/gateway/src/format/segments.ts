/**
 * Sealing and opening parts, segment by segment, by OpenSSL.
 *
 *   part key  = deriveKey(DEK, "MILAGRO-V1-GATEWAY-PART", salt (16))
 *   segment i = AES-256-GCM(part key, nonce = i (11 bytes, big-endian) ‖ last (0x00 or 0x01), aad = "", 64 KiB)
 *
 * The STREAM of core's `stream.ts`, one per part. Node's cipher hands out plaintext before it has checked the tag; here no byte leaves before.
 * Source: Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption (CRYPTO 2015).
 * @module
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { deriveKey } from "@milagro/crypto/kdf";
import type { Secret } from "@milagro/crypto/secret";
import { MilagroError } from "@milagro/engine/error";
import {
  type ReadPlan,
  SEALED_SEGMENT_LENGTH,
  SEGMENT_LENGTH,
  sealedLength,
  segmentCount,
  TAG_LENGTH,
} from "./layout.ts";

/** Chunks of any length. */
export type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
/** The key of one object. */
export type Dek = Secret<"object key">;
/** Bytes of the salt that makes a part's key its own. */
export const PART_SALT_LENGTH = 16;

/** Segments that are handled at a time: fewer, larger writes. */
const BATCH = 8;
/** Bytes of plaintext that are sealed at a time. */
export const BLOCK_LENGTH: number = BATCH * SEGMENT_LENGTH;

/** The key of one part. */
export function partKey(dek: Dek, salt: Uint8Array): KeyObject {
  const bytes = dek.use((key) => deriveKey(key, "MILAGRO-V1-GATEWAY-PART", salt));
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}

export interface SealOptions {
  /** A block to fill, of `BLOCK_LENGTH` bytes; default: a new one. May be shared memory. */
  block?(): Promise<Uint8Array> | Uint8Array;
  /** Gets every block once it is sealed, and owns it from then on: for digests. */
  onPlaintext?(block: Uint8Array, length: number): Promise<void> | void;
  /** Runs before the last chunk comes out: what throws here keeps the part from being whole. */
  beforeLast?(): Promise<void>;
  /** A chunk is good until the one after the next is asked for: see `ahead`. */
  readonly reusesChunks?: boolean;
}

/** Seals a part. Each chunk that comes out is one segment or several. */
export async function* sealPart(
  key: KeyObject,
  source: Chunks,
  options: SealOptions = {},
): AsyncGenerator<Uint8Array, void> {
  const fresh = options.block ?? (() => Buffer.allocUnsafeSlow(BLOCK_LENGTH));
  const reused: Uint8Array[] = [];
  const seal = (block: Uint8Array, index: number, isEnd: boolean): Uint8Array => {
    const turn = (index / BATCH) % 2;
    const out = reused[turn] ?? Buffer.allocUnsafeSlow(sealedLength(block.length));
    if (options.reusesChunks && !isEnd) reused[turn] = out;
    return sealBlock(key, index, block, isEnd, out);
  };
  let block = await fresh();
  let filled = 0;
  let index = 0;
  for await (const chunk of source) {
    let offset = 0;
    while (offset < chunk.length) {
      // A full block is held back until another byte shows that it is not the last one.
      if (filled === BLOCK_LENGTH) {
        yield seal(block, index, false);
        await options.onPlaintext?.(block, filled);
        block = await fresh();
        index += BATCH;
        filled = 0;
      }
      const part = chunk.subarray(offset, offset + BLOCK_LENGTH - filled);
      block.set(part, filled);
      filled += part.length;
      offset += part.length;
    }
  }
  const sealed = seal(block.subarray(0, filled), index, true);
  await options.onPlaintext?.(block, filled);
  await options.beforeLast?.();
  yield sealed;
}

/** Seals the segments of a block. @param isEnd - whether its last segment is the last one of the part */
function sealBlock(key: KeyObject, index: number, block: Uint8Array, isEnd: boolean, out: Uint8Array): Uint8Array {
  const count = segmentCount(block.length);
  for (let i = 0; i < count; i += 1) {
    const plaintext = block.subarray(i * SEGMENT_LENGTH, (i + 1) * SEGMENT_LENGTH);
    const cipher = createCipheriv("aes-256-gcm", key, segmentNonce(index + i, isEnd && i === count - 1));
    const at = i * SEALED_SEGMENT_LENGTH;
    out.set(cipher.update(plaintext), at);
    cipher.final();
    out.set(cipher.getAuthTag(), at + plaintext.length);
  }
  return out.subarray(0, block.length + count * TAG_LENGTH);
}

/**
 * Opens what a plan says to fetch, and drops what was not asked for.
 * @param keyOf - the key of a part, by its index
 * @throws `ERR_OBJECT_CORRUPT`: changed, cut, reordered or swapped; every byte that came out before is genuine
 */
export async function* openPlan(
  keyOf: (part: number) => KeyObject,
  plan: ReadPlan,
  source: Chunks,
): AsyncGenerator<Uint8Array, void> {
  const reader = new BlockReader(source);
  try {
    let { skip, take } = plan;
    for (const run of plan.runs) {
      const key = keyOf(run.part);
      const count = segmentCount(run.partLength);
      for (let index = run.first; index <= run.last; index += 1) {
        const isLast = index === count - 1;
        const sealed = await reader.take(
          isLast ? run.partLength - index * SEGMENT_LENGTH + TAG_LENGTH : SEALED_SEGMENT_LENGTH,
        );
        const opened = openSegment(key, index, sealed, isLast);
        const wanted = skip === 0 && take >= opened.length ? opened : opened.subarray(skip, skip + take);
        skip = Math.max(0, skip - opened.length);
        take -= wanted.length;
        if (wanted.length > 0) yield wanted;
      }
    }
  } finally {
    await reader.close();
  }
}

/** What OpenSSL gives is handed on as it is: another copy would cost a tenth of the time. */
function openSegment(key: KeyObject, index: number, segment: Uint8Array, isLast: boolean): Uint8Array {
  const end = segment.length - TAG_LENGTH;
  try {
    const nonce = segmentNonce(index, isLast);
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_LENGTH });
    decipher.setAuthTag(segment.subarray(end));
    const plaintext = decipher.update(segment.subarray(0, end));
    decipher.final();
    return plaintext;
  } catch (cause) {
    return corrupt(cause);
  }
}

function segmentNonce(index: number, last: boolean): Uint8Array {
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setUint32(3, Math.floor(index / 2 ** 32));
  view.setUint32(7, index % 2 ** 32);
  nonce[11] = last ? 0x01 : 0x00;
  return nonce;
}

/** @throws always */
export function corrupt(cause?: unknown): never {
  throw new MilagroError(
    "ERR_OBJECT_CORRUPT",
    "the stored object was changed, cut short or swapped",
    cause === undefined ? undefined : { cause },
  );
}

/** Hands out exactly as many bytes as asked for, without a copy where a chunk has them all. */
class BlockReader {
  readonly #chunks: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);

  constructor(source: Chunks) {
    this.#chunks = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  async take(length: number): Promise<Uint8Array> {
    if (this.#chunk.length >= length) return this.#cut(length);
    const out = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      if (this.#chunk.length === 0) {
        const { value, done } = await this.#chunks.next();
        if (done) corrupt();
        this.#chunk = value;
        continue;
      }
      const part = this.#cut(Math.min(this.#chunk.length, length - filled));
      out.set(part, filled);
      filled += part.length;
    }
    return out;
  }

  #cut(length: number): Uint8Array {
    const part = this.#chunk.subarray(0, length);
    this.#chunk = this.#chunk.subarray(length);
    return part;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
