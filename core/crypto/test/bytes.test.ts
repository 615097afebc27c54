import fc from "fast-check";
import { expect, test } from "vitest";
import {
  ByteReader,
  concat,
  encodeHex,
  equalBytes,
  lengthPrefixed,
  parseHex,
  parseUtf8,
  transcript,
  u8,
  u16,
  u32,
  u64,
  utf8,
  wipe,
  xorBytes,
} from "../src/bytes.ts";
import { codeOf } from "./fixtures.ts";

const arbFields = fc.array(fc.uint8Array({ maxLength: 5 }), { maxLength: 4 });

test("transcripts are injective: equal bytes only for equal label and fields", () =>
  fc.assert(
    fc.property(arbFields, arbFields, (a, b) => {
      const same = a.length === b.length && a.every((field, i) => equalBytes(field, b[i] as Uint8Array));
      expect(equalBytes(transcript("X", ...a), transcript("X", ...b))).toBe(same);
      expect(equalBytes(transcript("X", ...a), transcript("Y", ...a))).toBe(false);
    }),
  ));

test("a transcript cannot be shifted between label and fields, or between fields", () => {
  expect(transcript("AB", utf8("C"))).not.toEqual(transcript("A", utf8("BC")));
  expect(transcript("A", utf8("BC"), utf8("D"))).not.toEqual(transcript("A", utf8("B"), utf8("CD")));
  expect(transcript("A", utf8(""))).not.toEqual(transcript("A"));
});

test("labels that would not be told apart are refused: others than ASCII, and longer ones than their length can say", () => {
  for (const label of ["A\u0080", "\u0141", "😀", "\ud800", "A".repeat(256)])
    expect(() => transcript(label)).toThrow(TypeError);
  expect(transcript("A".repeat(255)).length).toBe(256);
});

test("the layout of a transcript is as written", () => {
  expect(encodeHex(transcript("AB", Uint8Array.of(7), new Uint8Array(0)))).toBe("024142000000010700000000");
});

test("integers are big-endian and refuse what does not fit", () => {
  expect(concat(u8(255), u16(0x0102), u32(0x01020304), u64(2 ** 40))).toEqual(
    parseHex("ff0102010203040000010000000000"),
  );
  for (const bad of [-1, 256, 1.5, Number.NaN]) expect(() => u8(bad)).toThrow(TypeError);
  for (const bad of [-1, 65536]) expect(() => u16(bad)).toThrow(TypeError);
  for (const bad of [-1, 2 ** 32]) expect(() => u32(bad)).toThrow(TypeError);
  for (const bad of [-1, 2 ** 53, Number.POSITIVE_INFINITY]) expect(() => u64(bad)).toThrow(TypeError);
});

test("a length prefix refuses bytes that are too long for it", () => {
  expect(() => lengthPrefixed(8, new Uint8Array(256))).toThrow(TypeError);
  expect(() => lengthPrefixed(16, new Uint8Array(65536))).toThrow(TypeError);
});

test("UTF-8 comes back as it went in, and nothing else does", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(parseUtf8(utf8(text))).toBe(text);
    }),
  );
  for (const bad of ["80", "c080", "eda080", "f4908080", "efbbbf", "ff", "e282"]) {
    expect(codeOf(() => parseUtf8(parseHex(bad)))).toBe("ERR_ENCODING_INVALID");
  }
  expect(codeOf(() => utf8("\ud800"))).toBe("ERR_ENCODING_INVALID");
});

test("hexadecimal is lower-case and whole", () => {
  for (const bad of ["0", "AB", "0g", " 00", "0x00"]) expect(codeOf(() => parseHex(bad))).toBe("ERR_ENCODING_INVALID");
});

test("a reader refuses to run short, to leave a rest, and to lose precision", () => {
  const reader = (hex: string): ByteReader => new ByteReader(parseHex(hex), "ERR_TEST");
  expect(reader("0002abcd").prefixed(16)).toEqual(parseHex("abcd"));
  expect(reader("00000000000000ff").u64()).toBe(255);
  expect(codeOf(() => reader("0003abcd").prefixed(16))).toBe("ERR_TEST");
  expect(codeOf(() => reader("00").take(2))).toBe("ERR_TEST");
  expect(codeOf(() => reader("00").end())).toBe("ERR_TEST");
  expect(codeOf(() => reader("0020000000000000").u64())).toBe("ERR_TEST");
});

test("equalBytes, xorBytes and wipe do what they say", () => {
  expect(equalBytes(parseHex("00"), parseHex("0000"))).toBe(false);
  expect(equalBytes(parseHex("0001"), parseHex("0000"))).toBe(false);
  expect(xorBytes(parseHex("0ff0"), parseHex("ffff"))).toEqual(parseHex("f00f"));
  expect(() => xorBytes(parseHex("00"), parseHex("0000"))).toThrow(TypeError);
  const key = parseHex("010203");
  wipe(key);
  expect(key).toEqual(new Uint8Array(3));
});

test("a reader copies what it takes, also from a Buffer, whose own slice is no copy", () => {
  const source = Buffer.from([0, 0, 0, 0, 0, 0, 0, 7, 9]);
  const reader = new ByteReader(source, "ERR_TEST");
  expect(reader.u64()).toBe(7);
  const taken = reader.take(1);
  source[8] = 1;
  expect(taken).toEqual(Uint8Array.of(9));
});
