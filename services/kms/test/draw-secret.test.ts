import { systemRandom } from "@milagro/runtime/random";
import { expect, test } from "vitest";
import { drawSecret } from "../src/draw-secret.ts";

const text = (length: number, alphabet: string) => ({ type: "text", length, alphabet }) as const;

test("bytes: as many as asked for, never the same", () => {
  const [a, b] = [1, 2].map(() => drawSecret(systemRandom, { type: "bytes", length: 32 }));
  expect(a).toHaveLength(32);
  expect(a).not.toEqual(b);
});

test("text: every character of the alphabet equally often, nothing else", () => {
  const alphabet = "abcdefghij";
  const counts = new Map<string, number>();
  const drawn = new TextDecoder().decode(drawSecret(systemRandom, text(20_000, alphabet)));
  for (const c of drawn) counts.set(c, (counts.get(c) ?? 0) + 1);
  expect([...counts.keys()].sort().join("")).toBe(alphabet);
  // 2000 each, standard deviation 42: seven of them either way
  for (const n of counts.values()) expect(Math.abs(n - 2000)).toBeLessThan(300);
});

test("text: bytes that would favour some characters are thrown away", () => {
  // 256 % 10 = 6: the bytes 250 to 255 must not become the first six characters.
  const stream = [255, 250, 251, 7, 252, 249, 0];
  let at = 0;
  const random = (length: number) => Uint8Array.from({ length }, () => stream[at++ % stream.length] as number);
  const drawn = new TextDecoder().decode(drawSecret(random, text(30, "0123456789")));
  expect(new Set(drawn)).toEqual(new Set(["7", "9", "0"]));
});

test.each([
  ["a repeated character", text(40, "abca")],
  ["too few bits", text(12, "0123456789")],
  ["nothing but two characters, twelve times", text(12, "01")],
])("refused: %s", (_, form) => {
  expect(() => drawSecret(systemRandom, form)).toThrow(expect.objectContaining({ code: "ERR_MESSAGE_INVALID" }));
});
