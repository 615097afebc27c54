/**
 * Bytes, big-endian integers, and the one injective encoding for composite hash inputs.
 *
 * `transcript(label, f1 … fk)` = u8 |label| ‖ label ‖ u32 |f1| ‖ f1 ‖ … ‖ u32 |fk| ‖ fk. Two different calls never give the
 * same bytes, so a hash over a transcript binds each field and where it ends.
 * @module
 */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { MilagroError } from "./error.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** A fresh array holding all parts one after the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** UTF-8 of well-formed text. @throws `ERR_ENCODING_INVALID` for a lone surrogate, which UTF-8 cannot carry */
export function utf8(text: string): Uint8Array {
  if (!text.isWellFormed()) throw new MilagroError("ERR_ENCODING_INVALID", "text holds half of a surrogate pair");
  return encodeUtf8(text);
}

/** Text of valid UTF-8, nothing replaced or dropped (a byte order mark is refused). @throws `ERR_ENCODING_INVALID` */
export function parseUtf8(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  if (!equalBytes(encodeUtf8(text), bytes)) throw new MilagroError("ERR_ENCODING_INVALID", "not valid UTF-8");
  return text;
}

/** Lower-case hexadecimal; for public values in vectors and messages. */
export function encodeHex(bytes: Uint8Array): string {
  return bytesToHex(bytes);
}

/** @throws `ERR_ENCODING_INVALID` for an odd length or another character; capitals are refused, so that there is one way to write bytes */
export function parseHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) {
    throw new MilagroError("ERR_ENCODING_INVALID", "not lower-case hexadecimal");
  }
  return hexToBytes(text);
}

function integer(value: number, width: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value > max)
    throw new TypeError(`not a ${width}-bit unsigned integer`);
}

/** One byte. */
export function u8(value: number): Uint8Array {
  integer(value, 8, 0xff);
  return Uint8Array.of(value);
}

/** Two bytes, big-endian. */
export function u16(value: number): Uint8Array {
  integer(value, 16, 0xffff);
  return Uint8Array.of(value >>> 8, value & 0xff);
}

/** Four bytes, big-endian. */
export function u32(value: number): Uint8Array {
  integer(value, 32, 0xffff_ffff);
  // No `DataView`: it would take the four bytes out of the heap.
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** Eight bytes, big-endian. @param value - a non-negative safe integer: the top eleven bits are always 0 */
export function u64(value: number): Uint8Array {
  integer(value, 64, Number.MAX_SAFE_INTEGER);
  return concat(u32(Math.floor(value / 2 ** 32)), u32(value >>> 0));
}

/** `lenN ‖ bytes` with an N-bit big-endian length. @throws TypeError when the bytes do not fit the prefix */
export function lengthPrefixed(bits: 8 | 16 | 32, bytes: Uint8Array): Uint8Array {
  const prefix = bits === 8 ? u8 : bits === 16 ? u16 : u32;
  return concat(prefix(bytes.length), bytes);
}

/** The injective encoding of the header comment. @param label - 1 to 255 ASCII characters, unique to the place it is used @throws TypeError for another label, and for a field of 2³² bytes or more */
export function transcript(label: string, ...fields: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(fields.reduce((length, field) => length + 4 + field.length, 1 + label.length));
  out.set(u8(label.length));
  for (let i = 0; i < label.length; i++) {
    const code = label.charCodeAt(i);
    integer(code, 7, 0x7f);
    out[i + 1] = code;
  }
  let at = 1 + label.length;
  for (const field of fields) {
    integer(field.length, 32, 0xffff_ffff);
    for (let shift = 24; shift >= 0; shift -= 8) out[at++] = field.length >>> shift;
    out.set(field, at);
    at += field.length;
  }
  return out;
}

/** Whether two byte strings are equal, in time that depends on their lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i += 1) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** `a ⊕ b`. @throws TypeError when the lengths differ */
export function xorBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length !== b.length) throw new TypeError("lengths differ");
  return a.map((byte, i) => byte ^ (b[i] as number));
}

/** Overwrites with zeros. Best effort: the JavaScript engine may have moved the buffer before. */
export function wipe(...buffers: readonly Uint8Array[]): void {
  for (const buffer of buffers) buffer.fill(0);
}

/** Reads one value after the other from untrusted bytes; every way of running short gives the same error. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #code: string;
  #offset = 0;

  /** @param code - the error code for truncated input and for bytes left over */
  constructor(bytes: Uint8Array, code: string) {
    this.#bytes = bytes;
    this.#code = code;
  }

  /** A copy of the next `length` bytes. */
  take(length: number): Uint8Array {
    if (this.#bytes.length - this.#offset < length) throw new MilagroError(this.#code, "the input ends too early");
    const out = new Uint8Array(length); // not `slice`, which of Node's Buffer is no copy
    out.set(this.#bytes.subarray(this.#offset, this.#offset + length));
    this.#offset += length;
    return out;
  }

  /** An unsigned big-endian integer. */
  integer(bits: 8 | 16 | 32): number {
    return this.take(bits / 8).reduce((value, byte) => value * 256 + byte, 0);
  }

  /** A 64-bit unsigned big-endian integer that must be a safe one. */
  u64(): number {
    const value = new DataView(this.take(8).buffer).getBigUint64(0);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new MilagroError(this.#code, "an integer is out of range");
    return Number(value);
  }

  /** The counterpart of `lengthPrefixed`. */
  prefixed(bits: 8 | 16 | 32): Uint8Array {
    return this.take(this.integer(bits));
  }

  /** How many bytes have not been read. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** Refuses anything left over. */
  end(): void {
    if (this.remaining !== 0) throw new MilagroError(this.#code, "bytes follow the end of the input");
  }
}
