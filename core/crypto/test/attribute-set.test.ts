import { describe, expect, test } from "vitest";
import { parseAttributeSchema } from "../src/attribute-schema.ts";
import {
  type AttributeValues,
  attributesOf,
  componentsOf,
  encodeAttributes,
  hasNegation,
  parseAttributes,
} from "../src/attribute-set.ts";
import { encodeHex } from "../src/bytes.ts";
import { largestOf, type NumberType } from "../src/policy.ts";
import { dayOf, formatDay } from "../src/policy-date.ts";
import { coverOf, prefixesOf } from "../src/policy-prefix.ts";
import { codeOf, flip } from "./fixtures.ts";

const schema = parseAttributeSchema({
  v: 1,
  negation: true,
  labels: {
    region: { type: "text", values: "one", negatable: true, allowed: ["DE", "FR"] },
    group: { type: "text", values: "many" },
    level: { type: "integer", width: 3 },
    joined: { type: "date" },
  },
});

describe("the schema", () => {
  const labels = (label: unknown): unknown => ({ v: 1, negation: true, labels: { l: label } });
  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["a list", []],
    ["another version", { v: 2, negation: true, labels: {} }],
    ["no word on negation", { v: 1, labels: {} }],
    ["an unknown field", { v: 1, negation: true, labels: {}, strict: true }],
    ["labels as a list", { v: 1, negation: true, labels: [] }],
    ["uid redefined", { v: 1, negation: true, labels: { uid: { type: "date" } } }],
    ["epoch redefined", { v: 1, negation: true, labels: { epoch: { type: "date" } } }],
    ["a keyword as label", { v: 1, negation: true, labels: { and: { type: "date" } } }],
    ["a label with a blank", { v: 1, negation: true, labels: { "a b": { type: "date" } } }],
    ["a label with two dots", { v: 1, negation: true, labels: { "a..b": { type: "date" } } }],
    ["an unknown type", labels({ type: "float" })],
    ["width 0", labels({ type: "integer", width: 0 })],
    ["width 33", labels({ type: "integer", width: 33 })],
    ["width 2.5", labels({ type: "integer", width: 2.5 })],
    ["no width", labels({ type: "integer" })],
    ["a date with a width", labels({ type: "date", width: 16 })],
    ["a text without one or many", labels({ type: "text" })],
    ["negatable with many values", labels({ type: "text", values: "many", negatable: true })],
    ["negatable as a word", labels({ type: "text", values: "one", negatable: "yes" })],
    ["nothing allowed", labels({ type: "text", values: "one", allowed: [] })],
    ["a value allowed twice", labels({ type: "text", values: "one", allowed: ["x", "x"] })],
    ["an invisible value", labels({ type: "text", values: "one", allowed: ["\u200b"] })],
    [
      "negatable where there is no negation",
      { v: 1, negation: false, labels: { l: { type: "text", values: "one", negatable: true } } },
    ],
  ])("%s is refused", (_, value) => {
    expect(codeOf(() => parseAttributeSchema(value))).toBe("ERR_ATTRIBUTE_SCHEMA_INVALID");
  });
});

describe("attribute sets", () => {
  const full = attributesOf(schema, { region: "DE", group: ["b", "a"], level: 5, joined: "2024-02-29" });

  test("come in one order, whatever order they were given in", () => {
    const other = attributesOf(schema, { joined: "2024-02-29", level: 5, group: ["a", "b"], region: "DE" });
    expect(other).toEqual(full);
    expect(encodeHex(encodeAttributes(full))).toBe(
      "00040567726f75700000020161016206" +
        "6a6f696e65640300004d46" +
        "056c6576656c020300000005" +
        "06726567696f6e01024445",
    );
    expect(parseAttributes(encodeAttributes(full))).toEqual(full);
  });

  test("become a point a value, one more for a negatable label, and one a bit", () => {
    expect(componentsOf(full).map(({ kind, label }) => `${kind} ${label}`)).toEqual([
      "equal group",
      "equal group",
      ...Array.from({ length: 16 }, () => "prefix joined"),
      ...Array.from({ length: 3 }, () => "prefix level"),
      "equal region",
      "negation region",
    ]);
    expect(hasNegation(full)).toBe(true);
    expect(hasNegation(attributesOf(schema, { group: "a" }))).toBe(false);
  });

  test.each<[string, AttributeValues]>([
    ["nothing", {}],
    ["an unknown label", { other: "x" }],
    ["a value outside the list", { region: "UK" }],
    ["two values of a negatable label", { region: ["DE", "FR"] }],
    ["no value", { group: [] }],
    ["a value twice", { group: ["a", "a"] }],
    ["an empty value", { group: "" }],
    ["a value in another form", { group: "e\u0301" }],
    ["a value of 256 bytes", { group: "x".repeat(256) }],
    ["a number for a text", { group: 1 }],
    ["a text for a number", { level: "1" }],
    ["a number past its width", { level: 8 }],
    ["a negative number", { level: -1 }],
    ["half a number", { level: 1.5 }],
    ["a day that is not in the calendar", { joined: "2023-02-29" }],
    ["an object's own property", { constructor: "x" }],
  ])("%s is refused", (_, values) => {
    expect(codeOf(() => attributesOf(schema, values))).toBe("ERR_ATTRIBUTE_INVALID");
  });

  test("bytes that are cut, lengthened, reordered or not canonical are refused", () => {
    const bytes = encodeAttributes(full);
    for (let i = 0; i < bytes.length; i += 1) {
      expect(codeOf(() => parseAttributes(bytes.slice(0, i)))).toBe("ERR_ATTRIBUTE_INVALID");
    }
    expect(codeOf(() => parseAttributes(new Uint8Array([...bytes, 0])))).toBe("ERR_ATTRIBUTE_INVALID");
    const swapped = [...encodeAttributes(attributesOf(schema, { level: 5, region: "DE" }))];
    const reordered = [...swapped.slice(0, 2), ...swapped.slice(14), ...swapped.slice(2, 14)];
    expect(codeOf(() => parseAttributes(new Uint8Array(reordered)))).toBe("ERR_ATTRIBUTE_INVALID");
    const values = encodeAttributes(attributesOf(schema, { group: ["a", "b"] }));
    expect(codeOf(() => parseAttributes(flip(values, -1, 1)))).toBe("ERR_ATTRIBUTE_INVALID"); // b becomes `: "a" again
  });

  test("any other byte makes another set or none", () => {
    const bytes = encodeAttributes(full);
    for (let i = 0; i < bytes.length; i += 1) {
      let encoded: Uint8Array | undefined;
      if (codeOf(() => (encoded = encodeAttributes(parseAttributes(flip(bytes, i))))) === "ok") {
        expect(encoded).toEqual(flip(bytes, i));
      }
    }
  });
});

describe("numbers as prefixes", () => {
  test("an interval's cover holds a prefix of exactly its numbers, one each, and never the empty one", () => {
    for (const width of [1, 2, 3, 4, 5]) {
      const type: NumberType = { kind: "integer", width };
      const numbers = Array.from({ length: 2 ** width }, (_, i) => i);
      const held = numbers.map((n) => new Set(prefixesOf(type, n).map(({ length, bits }) => `${length}:${bits}`)));
      for (const from of numbers) {
        for (const to of numbers.slice(from)) {
          const cover = coverOf(type, [from, to]);
          expect(cover.length).toBeLessThanOrEqual(Math.max(2, 2 * width - 2));
          for (const n of numbers) {
            const hits = cover.filter(({ length, bits }) => held[n]?.has(`${length}:${bits}`)).length;
            expect(hits).toBe(from <= n && n <= to ? 1 : 0);
          }
        }
      }
    }
  });

  test("32 bits do not overflow", () => {
    const type: NumberType = { kind: "integer", width: 32 };
    const last = largestOf(type);
    expect(prefixesOf(type, last).at(-1)).toEqual({ length: 32, bits: 4294967295 });
    expect(coverOf(type, [last, last])).toEqual([{ length: 32, bits: 4294967295 }]);
    expect(coverOf(type, [1, last]).length).toBe(32);
    expect(coverOf(type, [0, last])).toEqual([
      { length: 1, bits: 0 },
      { length: 1, bits: 1 },
    ]);
  });
});

test("every date of 16 bits is the calendar's, and reads back", () => {
  for (let day = 0; day < 65_536; day += 1) {
    const text = new Date(day * 86_400_000).toISOString().slice(0, 10);
    if (formatDay(day) !== text || dayOf(text) !== day)
      expect([day, formatDay(day), dayOf(text)]).toEqual([day, text, day]);
  }
  for (const text of ["1969-12-31", "2149-06-07", "2100-02-29", "2024-13-01", "2024-00-10", "2024-01-00", "24-01-01"]) {
    expect(dayOf(text)).toBeUndefined();
  }
});
