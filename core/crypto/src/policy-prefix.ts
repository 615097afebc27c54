/**
 * Numbers as prefixes: the holder of a number holds each prefix of its binary digits as an attribute, and an interval is the few
 * prefixes that cover it. To compare is then to hold one of a list, and whoever satisfies it uses a single row.
 * @module
 */
import { type NumberType, widthOf } from "./policy.ts";

/** The first `length` binary digits of a number, read as a number; 1 ≤ length ≤ width. */
export interface NumberPrefix {
  readonly length: number;
  readonly bits: number;
}

/** All prefixes of a number, shortest first. */
export function prefixesOf(type: NumberType, value: number): readonly NumberPrefix[] {
  const width = widthOf(type);
  return Array.from({ length: width }, (_, i) => ({ length: i + 1, bits: Math.floor(value / 2 ** (width - i - 1)) }));
}

/** The fewest prefixes (none of length 0) that cover the interval and nothing else, in the order of what they cover. */
export function coverOf(type: NumberType, [from, to]: readonly [number, number]): readonly NumberPrefix[] {
  const low: NumberPrefix[] = [];
  const high: NumberPrefix[] = [];
  let [length, first, last] = [widthOf(type), from, to];
  for (; length > 1 && first <= last; length -= 1) {
    if (first % 2 === 1) {
      low.push({ length, bits: first });
      first += 1;
    }
    if (first <= last && last % 2 === 0) {
      high.push({ length, bits: last });
      last -= 1;
    }
    first = Math.floor(first / 2);
    last = Math.floor(last / 2);
  }
  for (; first <= last; first += 1) low.push({ length, bits: first });
  return [...low, ...high.reverse()];
}

/** How many prefixes cover all intervals. */
export function coverLength(type: NumberType, intervals: readonly (readonly [number, number])[]): number {
  return intervals.reduce((sum, interval) => sum + coverOf(type, interval).length, 0);
}
