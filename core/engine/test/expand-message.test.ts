import { expand_message_xmd } from "@noble/curves/abstract/hash-to-curve.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { expect, test } from "vitest";
import { expandMessage } from "../src/expand-message.ts";
import { hex, random } from "./fixtures.ts";

/** RFC 9380 appendix K.1. */
const TAG = "QUUX-V01-CS02-with-expander-SHA256-128";

test("RFC 9380 K.1", () => {
  expect(hex(expandMessage(new Uint8Array(0), TAG, 32))).toBe(
    "68a985b87eb6b46952128911f2a4412bbc302a9d759667f87f7a21d803f07235",
  );
  expect(hex(expandMessage(new TextEncoder().encode("abc"), TAG, 32))).toBe(
    "d8ccab23b5985ccea865c6c97b6e5b8350e794e603b4b97902f53a8a0d605615",
  );
});

test.each([32, 128, 256])("agrees with another implementation for %i bytes", (length) => {
  for (const size of [0, 1, 31, 32, 63, 64, 65, 200]) {
    const message = random(size);
    const tag = "T".repeat(1 + (size % 255));
    expect(expandMessage(message, tag, length)).toEqual(expand_message_xmd(message, tag, length, sha256));
  }
});

test.each(["", "T".repeat(256), "tag\u00e9", "tag\n"])("refuses the tag %j", (tag) => {
  expect(() => expandMessage(new Uint8Array(1), tag, 128)).toThrow(TypeError);
});
