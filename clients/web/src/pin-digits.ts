/**
 * The digits entered so far: a fixed buffer that is overwritten, never a string that would linger.
 * @module
 */

/** The longest PIN that M-Pin knows. */
export const LONGEST_PIN = 8;
const ASCII_ZERO = 0x30;

/** First characters of the decimal digits that keyboards of our languages type: ASCII, full width, Arabic, Persian. */
const ZEROES = [0x30, 0xff10, 0x0660, 0x06f0];

/** The value of a typed character, or undefined when it is no digit of a script we know. */
export function digitOf(key: string): number | undefined {
  if (key.length !== 1) return undefined;
  const code = key.charCodeAt(0);
  const zero = ZEROES.find((each) => code >= each && code <= each + 9);
  return zero === undefined ? undefined : code - zero;
}

export class PinDigits {
  readonly #digits = new Uint8Array(LONGEST_PIN);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** @param digit - 0 to 9 @returns false when it was not taken, because `longest` digits are there */
  add(digit: number, longest: number): boolean {
    if (this.#count >= Math.min(longest, LONGEST_PIN)) return false;
    this.#digits[this.#count++] = ASCII_ZERO + digit;
    return true;
  }

  removeLast(): boolean {
    if (this.#count === 0) return false;
    this.#digits[--this.#count] = 0;
    return true;
  }

  clear(): void {
    this.#digits.fill(0);
    this.#count = 0;
  }

  /** A copy of the digits for the caller to wipe; nothing stays here. */
  take(): Uint8Array {
    const digits = this.#digits.slice(0, this.#count);
    this.clear();
    return digits;
  }
}
