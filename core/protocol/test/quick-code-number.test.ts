import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { MilagroError } from "@milagro/engine/error";
import fc from "fast-check";
import { expect, test } from "vitest";
import { commitQuickCode, openedQuickCodeNumber, quickCodeNumber } from "../src/quick-code-number.ts";

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const matter = fc.record({ requestHash: bytes32, label: fc.string({ minLength: 1, maxLength: 64 }) });

/** The transcript as docs/spec/conventions.md spells it, on node:crypto alone. */
function digest(label: string, ...fields: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256").update(Uint8Array.of(label.length)).update(label);
  for (const field of fields) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(field.length);
    hash.update(length).update(field);
  }
  return hash.digest();
}

test("commitment and number are what the specification says", () =>
  fc.assert(
    fc.property(matter, bytes32, bytes32, ({ requestHash, label }, own, other) => {
      const text = Buffer.from(label.toWellFormed());
      const of = { requestHash, label: label.toWellFormed() };
      expect(Buffer.from(commitQuickCode(of, own))).toEqual(
        digest("MILAGRO-V1-QUICK-CODE-COMMITMENT", requestHash, text, own),
      );
      const value = digest("MILAGRO-V1-QUICK-CODE-NUMBER", requestHash, text, own, other).readBigUInt64BE();
      expect(quickCodeNumber(of, own, other)).toBe(String(value % 10_000_000n).padStart(7, "0"));
      expect(openedQuickCodeNumber(of, commitQuickCode(of, own), own, other)).toBe(quickCodeNumber(of, own, other));
    }),
  ));

test("both sides' nonces, the request and the label all change the number", () => {
  const of = { requestHash: new Uint8Array(32), label: "Phone" };
  const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const numbers = [
    quickCodeNumber(of, a, b),
    quickCodeNumber(of, b, a),
    quickCodeNumber(of, a, a),
    quickCodeNumber({ ...of, label: "Phones" }, a, b),
    quickCodeNumber({ ...of, requestHash: a }, a, b),
  ];
  expect(new Set(numbers).size).toBe(numbers.length);
});

test("what was not committed to does not open", () =>
  fc.assert(
    fc.property(matter, matter, bytes32, bytes32, bytes32, (one, two, own, forged, other) => {
      fc.pre(Buffer.compare(own, forged) !== 0 && one.label.toWellFormed() !== two.label.toWellFormed());
      const commitment = commitQuickCode(one, own);
      expect(() => openedQuickCodeNumber(one, commitment, forged, other)).toThrow("reveals another nonce");
      expect(() => openedQuickCodeNumber(two, commitment, own, other)).toThrow("reveals another nonce");
    }),
  ));

interface Case {
  readonly name: string;
  readonly input: Readonly<Record<"requestHash" | "label" | "newNonce" | "oldNonce" | "commitment", string>>;
  readonly expect: string;
  readonly output?: { readonly number: string };
}
const { cases } = JSON.parse(
  readFileSync(new URL("../../../vectors/milagro/quick-code.json", import.meta.url), "utf8"),
) as { readonly cases: readonly Case[] };

test.each(cases)("vector: $name → $expect", ({ input, expect: expected, output }) => {
  const [requestHash, own, other, commitment] = [
    input.requestHash,
    input.newNonce,
    input.oldNonce,
    input.commitment,
  ].map((hex) => new Uint8Array(Buffer.from(hex, "hex"))) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const opened = () => openedQuickCodeNumber({ requestHash, label: input.label }, commitment, own, other);
  if (expected === "ok") return expect(opened()).toBe(output?.number);
  expect(opened).toThrow(expect.objectContaining({ code: expected }));
  expect(opened).toThrow(MilagroError);
});
