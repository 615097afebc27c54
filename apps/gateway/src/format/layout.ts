/**
 * Where things are in a stored object: arithmetic on lengths, nothing else.
 *
 *   object  = part … ‖ sealed manifest ‖ u32 |sealed manifest|
 *   part    = segment …                                one for a simple upload, at least one segment each
 *   segment = AES-256-GCM of 64 KiB of plaintext, the last one of a part shorter, 16 bytes longer than that
 * @module
 */

/** Bytes of plaintext in every segment but the last of a part. */
export const SEGMENT_LENGTH = 64 * 1024;
/** Bytes that each segment grows by. */
export const TAG_LENGTH = 16;
/** Bytes of a segment at rest. */
export const SEALED_SEGMENT_LENGTH = SEGMENT_LENGTH + TAG_LENGTH;

/** How many segments a part of this many bytes has: an empty one has one. */
export function segmentCount(length: number): number {
  return Math.max(1, Math.ceil(length / SEGMENT_LENGTH));
}

/** Bytes at rest of a part. */
export function sealedLength(length: number): number {
  return length + TAG_LENGTH * segmentCount(length);
}

/** Neighbouring segments of one part. */
export interface SegmentRun {
  /** Index of the part, from 0. */
  readonly part: number;
  /** The part's length in plaintext. */
  readonly partLength: number;
  /** Index of the first segment in its part, from 0. */
  readonly first: number;
  /** Index of the last one, inclusive. */
  readonly last: number;
}

/** What to fetch for a range, and what to leave away of what comes out. */
export interface ReadPlan {
  /** First byte at rest. */
  readonly from: number;
  /** Bytes at rest, all in one piece. */
  readonly length: number;
  readonly runs: readonly SegmentRun[];
  /** Bytes of plaintext to drop at the front. */
  readonly skip: number;
  /** Bytes of plaintext that were asked for. */
  readonly take: number;
}

/**
 * The segments that hold bytes [from, from + length) of the plaintext. An empty object is its one empty segment, so that this too is authenticated.
 * @param parts - lengths of the parts in plaintext
 */
export function planRead(parts: readonly number[], from: number, length: number): ReadPlan {
  const runs: SegmentRun[] = [];
  let plain = 0;
  let sealed = 0;
  let start = -1;
  let end = 0;
  let skip = 0;
  parts.forEach((partLength, part) => {
    const [a, b] = [Math.max(from, plain), Math.min(from + length, plain + partLength)];
    const isEmptyObject = length === 0 && parts.length === 1 && partLength === 0;
    // Between parts that are read it is fetched as well: what is fetched is one piece.
    const isEmptyBetween = partLength === 0 && from < plain && plain < from + length;
    if (a < b || isEmptyObject || isEmptyBetween) {
      const first = Math.floor((a - plain) / SEGMENT_LENGTH);
      const last = partLength === 0 ? 0 : Math.floor((b - 1 - plain) / SEGMENT_LENGTH);
      if (start < 0) {
        start = sealed + first * SEALED_SEGMENT_LENGTH;
        skip = a - plain - first * SEGMENT_LENGTH;
      }
      const whole = last === segmentCount(partLength) - 1;
      end = sealed + (whole ? sealedLength(partLength) : (last + 1) * SEALED_SEGMENT_LENGTH);
      runs.push({ part, partLength, first, last });
    }
    plain += partLength;
    sealed += sealedLength(partLength);
  });
  return { from: Math.max(0, start), length: end - Math.max(0, start), runs, skip, take: length };
}
