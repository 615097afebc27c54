import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalBytes, canonicalText, hashCanonical } from "../src/canonical.ts";

test("RFC 8785 §3.2.2–3.2.4: the example", () => {
  const input = JSON.parse(
    '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
  );
  expect(canonicalText(input)).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

test("RFC 8785 §3.2.3: keys are sorted by UTF-16 code unit", () => {
  const keys = ["\u20ac", "\r", "\ufb33", "1", "\ud83d\ude00", "\u0080", "\u00f6"];
  const text = canonicalText(Object.fromEntries(keys.map((key) => [key, 0])));
  expect(Object.keys(JSON.parse(text)).filter((key) => key !== "1")).toEqual([
    "\r",
    "\u0080",
    "\u00f6",
    "\u20ac",
    "\ud83d\ude00",
    "\ufb33",
  ]);
});

test("the order of keys does not matter, everything else does", () =>
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), (value) => {
      const reversed = Object.fromEntries(Object.entries(value).reverse());
      expect(canonicalText(reversed)).toBe(canonicalText(value));
      expect(JSON.parse(canonicalText(value))).toEqual(JSON.parse(JSON.stringify(value)));
      expect(hashCanonical([value])).not.toEqual(hashCanonical(value));
    }),
  ));

test.each([undefined, Number.NaN, Number.POSITIVE_INFINITY, "\ud800", 1n, () => 0])("%s is not JSON", (value) => {
  expect(() => canonicalBytes(value)).toThrow(TypeError);
});
