import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { equalBytes, parseUtf8, utf8 } from "../src/bytes.ts";
import { decodePlainly, encodePlainly } from "../src/utf8.ts";

/** Every length, every edge between them, and what stands around the surrogates. */
const EDGES = "\u0000\u007F\u0080\u07FF\u0800\uD7FF\uE000\uFFFD\uFFFF\u{10000}\u{10FFFF}";

const arbText = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0x10000, max: 0x10ffff })), { maxLength: 40 })
  .map((points) => String.fromCodePoint(...points));

describe("UTF-8 in the language alone", () => {
  test("encodes and decodes as the platform does", () => {
    expect(encodePlainly(EDGES)).toEqual(new TextEncoder().encode(EDGES));
    expect(decodePlainly(encodePlainly(EDGES))).toBe(EDGES);
    fc.assert(
      fc.property(arbText, (text) => {
        expect(encodePlainly(text)).toEqual(new TextEncoder().encode(text));
        // Half a surrogate pair is not text: it comes back as U+FFFD.
        if (!text.startsWith("\uFEFF")) expect(decodePlainly(encodePlainly(text))).toBe(text.toWellFormed());
      }),
    );
  });

  test("half a surrogate pair becomes U+FFFD, as with the platform", () => {
    for (const text of ["\uD800", "a\uDC00b", "\uDC00\uD800"]) {
      expect(encodePlainly(text)).toEqual(new TextEncoder().encode(text));
    }
  });

  test.each([
    ["a byte order mark", [0xef, 0xbb, 0xbf, 0x61]],
    ["an overlong NUL", [0xc0, 0x80]],
    ["an overlong slash", [0xe0, 0x80, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["a tail alone", [0x80]],
    ["a lead alone", [0x61, 0xe2, 0x82]],
    ["a lead followed by a letter", [0xc3, 0x41]],
    ["more than U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
    ["a lead of five bytes", [0xf8, 0x88, 0x80, 0x80, 0x80]],
    ["0xFF", [0xff]],
  ])("%s does not come back as it was, with either decoder", (_, list) => {
    const bytes = Uint8Array.from(list);
    expect(equalBytes(encodePlainly(decodePlainly(bytes)), bytes)).toBe(false);
    expect(() => parseUtf8(bytes)).toThrow(expect.objectContaining({ code: "ERR_ENCODING_INVALID" }));
  });

  test("whatever comes back as it was is UTF-8", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => {
        const same = equalBytes(encodePlainly(decodePlainly(bytes)), bytes);
        let valid = true;
        try {
          parseUtf8(bytes);
        } catch {
          valid = false;
        }
        expect(same).toBe(valid);
      }),
    );
  });

  test("what is encoded is the caller's own, to be wiped", () => {
    const first = utf8("secret");
    first.fill(0);
    expect(utf8("secret")[0]).toBe(0x73);
  });
});
