/**
 * UTF-8 in both directions. The platform's coder where there is one; a few lines of the language where there is none, as in the bare
 * shells of JavaScript engines.
 * Source: RFC 3629 §3 (definition of the encoding).
 * @module
 */

interface Platform {
  readonly TextEncoder?: new () => { encode(text: string): Uint8Array };
  readonly TextDecoder?: new () => { decode(bytes: Uint8Array): string };
}
const { TextEncoder, TextDecoder } = globalThis as unknown as Platform;
const encoder = TextEncoder && new TextEncoder();
const decoder = TextDecoder && new TextDecoder();
/** What stands for anything that is no character; also what the platform's coders put there. */
const REPLACEMENT = 0xfffd;
const BYTE_ORDER_MARK = 0xfeff;

/** A fresh array. Half a surrogate pair becomes U+FFFD: callers look before. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder ? encoder.encode(text).slice() : encodePlainly(text);
}

/** Lenient, and without a byte order mark at the start: callers encode the text again and compare. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder ? decoder.decode(bytes) : decodePlainly(bytes);
}

/** `encodeUtf8` in the language alone. */
export function encodePlainly(text: string): Uint8Array {
  const out: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0) as number;
    const code = isSurrogate(point) ? REPLACEMENT : point;
    if (code < 0x80) out.push(code);
    else if (code < 0x800) out.push(0xc0 | (code >> 6), tail(code));
    else if (code < 0x10000) out.push(0xe0 | (code >> 12), tail(code >> 6), tail(code));
    else out.push(0xf0 | (code >> 18), tail(code >> 12), tail(code >> 6), tail(code));
  }
  return Uint8Array.from(out);
}

/** `decodeUtf8` in the language alone. Bytes that are no encoding give text that encodes to other bytes. */
export function decodePlainly(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i] as number;
    const more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    let code = more === 0 ? lead : lead & (0x3f >> more);
    for (let j = 1; j <= more; j += 1) code = (code << 6) | ((bytes[i + j] ?? 0) & 0x3f);
    const sound = code <= 0x10ffff && !isSurrogate(code);
    if (i > 0 || code !== BYTE_ORDER_MARK) parts.push(String.fromCodePoint(sound ? code : REPLACEMENT));
    i += more + 1;
  }
  return parts.join("");
}

function tail(code: number): number {
  return 0x80 | (code & 0x3f);
}

function isSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdfff;
}
