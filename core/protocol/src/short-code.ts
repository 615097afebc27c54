/**
 * Codes that a person reads in one place and types in another: eight characters of Crockford base32, `XXXX-XXXX`, 40 bits.
 * They hold only where guesses are counted.
 * Source: Crockford, Base 32 (alphabet; `I`, `L` read as 1, `O` as 0).
 * @module
 */
import type { RandomBytes } from "@milagro/engine/engine";
import { Type } from "typebox";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; // 32 characters: one byte & 31 is unbiased

/** The only form that is sent and compared. */
export const ShortCodeText = Type.String({
  pattern: "^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$",
  description: "Eight characters of Crockford base32",
});

/** A fresh code. */
export function generateShortCode(random: RandomBytes): string {
  const text = Array.from(random(8), (byte) => ALPHABET[byte & 31]).join("");
  return `${text.slice(0, 4)}-${text.slice(4)}`;
}

/** What a person types, in the form that is sent; `undefined` when it cannot be a code. Capitals, spaces and dashes do not matter. */
export function parseShortCode(typed: string): string | undefined {
  if (typed.length > 64) return undefined;
  const plain = typed
    .toUpperCase()
    .replace(/[\s\p{Pd}]/gu, "")
    .replace(/[IL]/g, "1")
    .replaceAll("O", "0");
  return /^[0-9A-HJKMNP-TV-Z]{8}$/.test(plain) ? `${plain.slice(0, 4)}-${plain.slice(4)}` : undefined;
}
