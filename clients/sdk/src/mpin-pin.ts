/**
 * Which PINs are too easy. The server never sees a PIN, so only the client can say. What is wrong is told as a code; the words are
 * the page's.
 *
 * With a handful of attempts at the server, what counts is how many people share the most frequent PINs. N. Berry, "PIN analysis"
 * (DataGenetics, 2012): 20 of the 10 000 cover 26.83 % of 3.4 million four-digit codes; then come years, couplets and figures on the
 * key pad. All these are refused, about one PIN in twenty; the rest is left to choose from, since long lists drive people to the next
 * obvious thing. Dates without a year, and of six digits, are not: they are a tenth of all, and whose date it is no client knows.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import { type Pin, parsePin } from "@milagro/crypto/mpin-token";

/** How many digits the service wants: 4 ≤ min ≤ max ≤ 8. */
export interface PinPolicy {
  readonly min: number;
  readonly max: number;
}

/**
 * - `length`: too few or too many digits for the service
 * - `repeated`: one group of digits over and over (1111, 1212, 123123), or each digit twice or more in a row (1122)
 * - `run`: counting up or down by one step (1234, 9753, 7890)
 * - `pattern`: a figure on the key pad (2580, 1397, 159357)
 * - `year`: from 1900 to 2059, alone or as a date of eight digits
 * - `common`: among the most frequent of all, for no reason above
 */
export type PinWeakness = "length" | "repeated" | "run" | "pattern" | "year" | "common";

/** Those of Berry's lists that no rule covers. */
const COMMON: readonly string[] = ["1004", "1221", "0007", "0070", "112358", "520131"];

/** Rows, columns and diagonals of 1 2 3 / 4 5 6 / 7 8 9, each also backwards. */
const LINES = bothWays(["123", "456", "789", "147", "258", "369", "159", "357"]);
/** Figures of four keys: the one line of four, and the squares of neighbouring keys. */
const FIGURES = bothWays(["2580", ...["1254", "2365", "4587", "5698"].flatMap(turns)]);
/** Around the edge of the pad, more than once. */
const EDGE = bothWays(["1236987412369874"]);
const CORNERS = "1379";
const CROSS = "2468";

/** Why this PIN is too easy, or undefined. The PIN is only looked at. */
export function pinWeakness(pin: Pin, policy: PinPolicy): PinWeakness | undefined {
  return pin.use((digits) => {
    if (digits.length < policy.min || digits.length > policy.max) return "length";
    const values = Array.from(digits, (byte) => byte - 0x30);
    if (isRepeated(values)) return "repeated";
    if (isRun(values)) return "run";
    if (isPattern(values)) return "pattern";
    if (isYear(values)) return "year";
    return COMMON.some((known) => reads(values, 0, known) && known.length === values.length) ? "common" : undefined;
  });
}

/** For what destroys the PIN it is given. The caller destroys the copy, too. */
export const copyPin = (pin: Pin): Pin => pin.use((digits) => parsePin(digits.slice()));

/** Whether two entries of a new PIN are the same; neither is destroyed. */
export function samePin(a: Pin, b: Pin): boolean {
  return a.use((first) => b.use((second) => equalBytes(first, second)));
}

function isRepeated(values: readonly number[]): boolean {
  for (let period = 1; period <= values.length / 2; period += 1) {
    if (values.every((value, i) => value === values[i % period])) return true;
  }
  return values.every((value, i) => value === values[i - 1] || value === values[i + 1]);
}

function isRun(values: readonly number[]): boolean {
  const step = at(values, 1) - at(values, 0) + 10;
  return values.slice(1).every((value, i) => (value - at(values, i) + 10) % 10 === step % 10);
}

function isPattern(values: readonly number[]): boolean {
  if (values.length === 4) {
    if (FIGURES.some((figure) => reads(values, 0, figure))) return true;
    if (holds(values, CORNERS) || holds(values, CROSS)) return true;
  }
  if (EDGE.some((edge) => [0, 1, 2, 3, 4, 5, 6, 7].some((start) => reads(values, 0, edge.slice(start, start + 8))))) {
    return true;
  }
  if (values.length < 6) return false;
  const lineAt = (from: number): boolean => LINES.some((line) => reads(values, from, line));
  return lineAt(0) && lineAt(3) && (values.length === 6 || lineAt(6));
}

function isYear(values: readonly number[]): boolean {
  const number = (from: number, length: number): number =>
    values.slice(from, from + length).reduce((sum, value) => sum * 10 + value, 0);
  const year = (from: number): boolean => number(from, 4) >= 1900 && number(from, 4) <= 2059;
  if (values.length === 4) return year(0);
  if (values.length !== 8) return false;
  const dayAndMonth = (from: number): boolean => {
    const [first, second] = [number(from, 2), number(from + 2, 2)];
    return first >= 1 && second >= 1 && Math.min(first, second) <= 12 && Math.max(first, second) <= 31;
  };
  return (year(0) && dayAndMonth(4)) || (dayAndMonth(0) && year(4));
}

/** Whether the digits from one place on are the text's, as far as both go. */
function reads(values: readonly number[], from: number, text: string): boolean {
  const part = values.slice(from, from + text.length);
  return part.every((value, i) => value === Number(text[i]));
}

/** Whether the digits are these, each once, in any order. */
function holds(values: readonly number[], digits: string): boolean {
  return [...digits].every((digit) => values.includes(Number(digit)));
}

function bothWays(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => [text, [...text].reverse().join("")]);
}

function turns(square: string): readonly string[] {
  return [0, 1, 2, 3].map((start) => square.slice(start) + square.slice(0, start));
}

function at(values: readonly number[], i: number): number {
  return values[i] as number;
}
