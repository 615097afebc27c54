/**
 * The front of a sealed file: a line that says what it is, then a header with its length. What follows are segments (stream.ts).
 *
 *   front = line ‖ u32 |header| ‖ header
 * @module
 */
import { ByteReader, concat, equalBytes } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import type { ByteStream } from "./stream.ts";

/** The chunks of a file that follow its header. */
export interface ChunkIterator extends AsyncIterable<Uint8Array> {
  next(): Promise<IteratorResult<Uint8Array, void>>;
  /** Closes the source. */
  return(): Promise<IteratorResult<Uint8Array, void>>;
  [Symbol.asyncIterator](): ChunkIterator;
}

/** 1024 recipients with identities of 255 bytes, and room. */
const MAX_HEADER_LENGTH = 512 * 1024;

/**
 * Reads line and header from the front of a stream, whose other chunks follow in `rest` (which must be read to its end, or
 * returned).
 * @param line - the bytes that the file must begin with
 * @param parse - takes the header apart; when it throws, the source is closed
 * @throws `ERR_ENVELOPE_INVALID`
 */
export async function readFront<Header>(
  source: ByteStream,
  line: Uint8Array,
  parse: (header: Uint8Array) => Header,
): Promise<{ readonly header: Header; readonly rest: ChunkIterator }> {
  const chunks = streamOf(source);
  const parts: Uint8Array[] = [];
  let filled = 0;
  const fill = async (length: number): Promise<Uint8Array> => {
    while (filled < length) {
      const { value, done } = await chunks.next();
      if (done) throw new MilagroError("ERR_ENVELOPE_INVALID", "not a sealed file, or cut short");
      parts.push(value);
      filled += value.length;
    }
    return concat(...parts);
  };
  try {
    const start = line.length + 4;
    const front = await fill(start);
    if (!equalBytes(front.subarray(0, line.length), line)) {
      throw new MilagroError("ERR_ENVELOPE_INVALID", "not a sealed file of this version");
    }
    const length = new ByteReader(front.slice(line.length, start), "ERR_ENVELOPE_INVALID").integer(32);
    if (length > MAX_HEADER_LENGTH) throw new MilagroError("ERR_ENVELOPE_INVALID", "the header is too long");
    const whole = await fill(start + length);
    const header = parse(whole.slice(start, start + length));
    return { header, rest: withFront(whole.slice(start + length), chunks) };
  } catch (cause) {
    await chunks.return();
    throw cause;
  }
}

async function* streamOf(source: ByteStream): AsyncGenerator<Uint8Array, void> {
  yield* source;
}

/** A stream with its first chunk put back; `return` closes what is behind it, also when nothing was read. */
function withFront(first: Uint8Array, chunks: AsyncGenerator<Uint8Array, void>): ChunkIterator {
  let front = first.length > 0 ? first : undefined;
  return {
    next: async () => {
      if (!front) return chunks.next();
      const value = front;
      front = undefined;
      return { value, done: false };
    },
    return: () => chunks.return(),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
