/**
 * Random policies and attribute sets over a few labels, so that they often have to do with each other.
 * @module
 */
import fc from "fast-check";
import { parseAttributeSchema } from "../src/attribute-schema.ts";
import { type AttributeSet, attributesOf } from "../src/attribute-set.ts";
import { type Condition, type NumberType, numberIntervals, type PolicyNode } from "../src/policy.ts";

export const schema = parseAttributeSchema({
  v: 1,
  negation: true,
  labels: {
    a: { type: "text", values: "one", negatable: true },
    b: { type: "text", values: "one", negatable: true },
    m: { type: "text", values: "one", negatable: true },
    n: { type: "integer", width: 3 },
    d: { type: "date" },
  },
});

const TYPES: Readonly<Record<string, NumberType>> = { n: { kind: "integer", width: 3 }, d: { kind: "date" } };
/** Values that try the quoting: a keyword, blanks, quotes, dots, another script. */
const VALUES = ["x", "y", "and", "two words", 'a"b\\c', "1..2", "3", "Ünï/code", "#no"];

const arbValue = fc.constantFrom(...VALUES);
const arbTextLabel = fc.constantFrom("a", "b", "m");
const arbText: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({ kind: fc.constantFrom("equal" as const, "differ" as const), label: arbTextLabel, value: arbValue }),
  fc.record({
    kind: fc.constantFrom("in" as const, "not-in" as const),
    label: arbTextLabel,
    values: fc.uniqueArray(arbValue, { minLength: 1, maxLength: 4 }),
  }),
);
const arbNumber: fc.Arbitrary<Condition> = fc
  .tuple(fc.constantFrom("n", "d"), fc.constantFrom("=", "!=", "<", "<=", ">", ">=", ".."), fc.nat(7), fc.nat(7))
  .map(([label, operator, x, y]): Extract<Condition, { kind: "compare" | "range" }> => {
    const type = TYPES[label] as NumberType;
    if (operator === "..") return { kind: "range", label, type, from: Math.min(x, y), to: Math.max(x, y) };
    return { kind: "compare", label, type, operator: operator as "=", value: x };
  })
  // Somebody must be able to meet it, and its negation.
  .filter((condition) => [true, false].every((negated) => numberIntervals(condition, negated).length > 0));

export const arbPolicy: fc.Arbitrary<PolicyNode> = fc.letrec<{ node: PolicyNode }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    arbText,
    arbNumber,
    fc.record({
      kind: fc.constantFrom("and" as const, "or" as const),
      of: fc.array(tie("node"), { minLength: 2, maxLength: 3 }),
    }),
    fc
      .tuple(fc.array(tie("node"), { minLength: 1, maxLength: 4 }), fc.nat())
      .map(([of, k]): PolicyNode => ({ kind: "threshold", k: (k % of.length) + 1, of })),
    tie("node").map((of): PolicyNode => ({ kind: "not", of })),
  ),
})).node;

export const arbAttributes: fc.Arbitrary<AttributeSet> = fc
  .record(
    {
      a: arbValue,
      b: arbValue,
      m: arbValue,
      n: fc.nat(7),
      d: fc.constantFrom("1970-01-01", "1970-01-04", "1970-01-08", "2020-02-29"),
    },
    { requiredKeys: ["a"] },
  )
  .map((values) => attributesOf(schema, values as Record<string, string | number>));
