/**
 * Two digits on two screens: the person picks the number that the other screen shows out of three. A phisher who relays a code
 * from another place cannot make the victim's screen show the right one. A wrong pick ends the matter: three choices bear no retry.
 * @module
 */
import { equalBytes, utf8 } from "@milagro/crypto/bytes";
import type { RandomBytes } from "@milagro/engine/engine";

export interface MatchNumbers {
  readonly number: string;
  /** Three different ones, the right one among them, in random order. */
  readonly choices: readonly string[];
}

export function drawMatchNumbers(random: RandomBytes): MatchNumbers {
  const drawn = new Set<string>();
  while (drawn.size < 3) {
    const [byte = 255] = random(1);
    if (byte < 200) drawn.add(String(byte % 100).padStart(2, "0")); // 200 is a multiple of 100: unbiased
  }
  // Sorted, so that the order says nothing about which was drawn first.
  const [number = ""] = drawn;
  return { number, choices: [...drawn].sort() };
}

export const isSameNumber = (one: string, other: string): boolean => equalBytes(utf8(one), utf8(other));
