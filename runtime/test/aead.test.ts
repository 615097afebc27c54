import { AEAD_OVERHEAD, nobleAead } from "@milagro/crypto/aead";
import { expect, test } from "vitest";
import { nativeAead } from "../src/aead.ts";
import { systemRandom as random } from "../src/random.ts";

const key = random(32);
const nonce = random(12);
const aad = random(34);

test("the same bytes as the portable one, also of nothing", async () => {
  for (const length of [0, 1, 16, 1000]) {
    const plaintext = random(length);
    const sealed = await nativeAead.seal(key, nonce, aad, plaintext);
    expect(sealed).toEqual(nobleAead.seal(key, nonce, aad, plaintext));
    expect(await nativeAead.open(key, nonce, aad, sealed)).toEqual(plaintext);
    expect(sealed.buffer.byteLength).toBe(length + AEAD_OVERHEAD);
  }
});

test.each<[string, (sealed: Uint8Array) => [Uint8Array, Uint8Array, Uint8Array, Uint8Array]]>([
  ["another key", (sealed) => [random(32), nonce, aad, sealed]],
  ["another nonce", (sealed) => [key, random(12), aad, sealed]],
  ["another header", (sealed) => [key, nonce, random(34), sealed]],
  ["a changed ciphertext", (sealed) => [key, nonce, aad, sealed.map((byte, i) => (i === 0 ? byte ^ 1 : byte))]],
  ["a shorter tag", (sealed) => [key, nonce, aad, sealed.subarray(0, -1)]],
  ["less than a tag", (sealed) => [key, nonce, aad, sealed.subarray(0, 15)]],
])("does not open with %s", async (_what, change) => {
  const sealed = await nativeAead.seal(key, nonce, aad, random(40));
  expect(() => nativeAead.open(...change(sealed))).toThrow();
});
