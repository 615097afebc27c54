import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeBase64url, parseBase64url } from "../src/base64url.ts";
import { codeOf } from "./fixtures.ts";

test("agrees with the platform's base64url, both ways", () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const text = Buffer.from(bytes).toString("base64url");
      expect(encodeBase64url(bytes)).toBe(text);
      expect(parseBase64url(text)).toEqual(bytes);
    }),
  ));

test("what parses is the only way to write it", () =>
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), (text) => {
      if (codeOf(() => parseBase64url(text)) === "ok") expect(encodeBase64url(parseBase64url(text))).toBe(text);
    }),
  ));

test.each(["A", "AAAAA", "AA==", "AB", "AAB", "A A", "AA\n", "+/8", "éé", "AA=A"])("refuses %j", (text) => {
  expect(codeOf(() => parseBase64url(text))).toBe("ERR_ENCODING_INVALID");
});
