import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAttributeSchema } from "../src/attribute-schema.ts";
import { attributesOf } from "../src/attribute-set.ts";
import { MilagroError } from "../src/error.ts";
import type { Policy, PolicyNode } from "../src/policy.ts";
import { formatPolicy } from "../src/policy-format.ts";
import { parsePolicy } from "../src/policy-parser.ts";
import { compilePolicy, rowHolder, type ShareNode } from "../src/policy-rows.ts";
import { satisfiesPolicy } from "../src/policy-satisfy.ts";
import { simplifyPolicy } from "../src/policy-simplify.ts";
import { arbAttributes, arbPolicy, schema } from "./policy-arbitraries.ts";

const parsed = (text: string): PolicyNode => parsePolicy(text, schema);

describe("text to policy and back", () => {
  test("parse ∘ format is the identity, for people with the schema and compact without one", () => {
    fc.assert(
      fc.property(arbPolicy, (policy) => {
        expect(parsePolicy(formatPolicy(policy), schema)).toEqual(policy);
        expect(parsePolicy(formatPolicy(policy, { types: true }))).toEqual(policy);
        expect(parsePolicy(formatPolicy(policy, { compact: true }))).toEqual(policy);
      }),
    );
  });

  test.each([
    ["a=x&b=y|m=z", "a = x and b = y or m = z"],
    ["a:x && b:y || m:z", "a = x and b = y or m = z"],
    ["a = x and (b = y or m = z)", "a = x and (b = y or m = z)"],
    ["a = x and (b = y and m = z)", "a = x and (b = y and m = z)"],
    ["not not a = x", "not not a = x"],
    ["! (a = x | b = y)", "not (a = x or b = y)"],
    ["2 of (a = x, b = y & m = z, n > 3)", "2 of (a = x, b = y and m = z, n > 3)"],
    ["n not in 2..5", "not n in 2..5"],
    ['a = "and"', 'a = "and"'],
    ['a = "x"', "a = x"],
    ["d >= 2024-02-29", "d >= 2024-02-29"],
    ["# who\na = x # only these\n and b in {y,z}", "a = x and b in {y, z}"],
    ["a not in {x, y}", "a not in {x, y}"],
    ["n[3] = 7", "n = 7"],
  ])("%s reads as %s", (text, formatted) => {
    expect(formatPolicy(parsed(text))).toBe(formatted);
  });

  test("the compact form has no needless space and says every type", () => {
    const text = "not (a = x or n in 1..2) and 2 of (b = y, d < 2000-01-01, m not in {z})";
    const compact = "!(a=x|n[3]in 1..2)&2 of(b=y,d[date]<2000-01-01,m not in{z})";
    expect(formatPolicy(parsed(text), { compact: true })).toBe(compact);
  });
});

describe("refusals say where", () => {
  test.each([
    ["", 1, 1, "expected a condition"],
    ["a", 1, 2, "expected a comparison"],
    ["a = ", 1, 5, "expected a value"],
    ["a = x b = y", 1, 7, "expected and, or"],
    ["a = x and\n  or b = y", 2, 3, "expected a condition"],
    ["a = x and\n(b = y", 2, 7, "closing bracket"],
    ["ü = x", 1, 1, "a label is a letter"],
    ['a = "ü", b', 1, 8, "expected and, or"],
    ["zz = x", 1, 1, "no such label"],
    ["a < 3", 1, 3, "not ordered"],
    ["a = and", 1, 5, "quotes"],
    ['a = "x', 1, 5, "not closed"],
    ['a = "x\\n"', 1, 5, "escape"],
    ["a = x ; b = y", 1, 7, "no meaning"],
    ["n = x", 1, 5, "expected a number"],
    ["n = 08", 1, 5, "expected a number"],
    ["n = 8", 1, 5, "does not fit"],
    ["n < 0", 1, 3, "no number"],
    ["n > 7", 1, 3, "no number"],
    ["not n >= 0", 1, 7, "no number"],
    ["not (a = x or n in 0..7)", 1, 20, "no number"],
    ["n in 5..3", 1, 6, "ends before"],
    ["n in {1}", 1, 6, "expected a number"],
    ["n[4] = 1", 1, 1, "another type"],
    ["n[33] = 1", 1, 3, "expected a width"],
    ["a[3] = 1", 1, 1, "another type"],
    ["d = 2023-02-29", 1, 5, "expected a date"],
    ["d = 2149-06-07", 1, 5, "expected a date"],
    ["d = 12", 1, 5, "expected a date"],
    ["a in {}", 1, 7, "expected a value"],
    ["a in {x, x}", 1, 10, "already"],
    ["a in {x y}", 1, 9, "comma or a closing brace"],
    ["a not = x", 1, 7, "expected in"],
    ["0 of (a = x)", 1, 1, "threshold"],
    ["3 of (a = x, b = y)", 1, 1, "threshold"],
    ["2 of a = x", 1, 6, "in brackets"],
    ["2 of (a = x; b = y)", 1, 12, "no meaning"],
    ["of = x", 1, 1, "expected a condition"],
    ["a = \u202ex", 1, 5, "no meaning"],
    ['a = "\u202ex"', 1, 5, "invisible"],
    ['a = "e\u0301"', 1, 5, "NFC"],
    ['a = ""', 1, 5, "1 to 255"],
    [`a = ${"x".repeat(256)}`, 1, 5, "1 to 255"],
    [`a = x and ${"(".repeat(33)}a = x${")".repeat(33)}`, 1, 43, "nested deeper"],
    ["!".repeat(33), 1, 33, "nested deeper"],
    [`a = x${" or a = x".repeat(512)}`, 1, 4609, "rows"],
    ["x".repeat(16 * 1024 + 1), 1, 1, "longer"],
    ["a = \ud800", 1, 1, "broken"],
  ])("refusal %#", (text, line, column, reason) => {
    let error: unknown;
    try {
      parsePolicy(text, schema);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(MilagroError);
    const { code, message, cause } = error as MilagroError;
    expect({ code, cause }).toEqual({ code: "ERR_POLICY_INVALID", cause: { line, column } });
    expect(message).toContain(reason);
    expect(message).toContain(`line ${line}, column ${column}`);
  });

  test("a label that the schema does not make negatable is not negated, however that is said", () => {
    const strict = parseAttributeSchema({
      v: 1,
      negation: true,
      labels: { a: { type: "text", values: "one" }, b: { type: "text", values: "many" } },
    });
    for (const text of ["a != x", "not a = x", "a not in {x}", "not (uid = x or b = y)", "not not b != x"]) {
      expect(() => parsePolicy(text, strict), text).toThrow("does not allow this label to be negated");
    }
    for (const text of ["not a != x", "not not a = x", "uid != x", "not b not in {x}"]) {
      expect(() => parsePolicy(text, strict), text).not.toThrow();
    }
  });

  test("a value outside the schema's list is refused", () => {
    const listed = parseAttributeSchema({
      v: 1,
      negation: false,
      labels: { region: { type: "text", values: "one", allowed: ["DE", "FR"] } },
    });
    expect(() => parsePolicy("region in {DE, FR}", listed)).not.toThrow();
    expect(() => parsePolicy("region in {DE, UK}", listed)).toThrow("line 1, column 16: the schema does not list");
    expect(() => parsePolicy("uid != x", listed)).toThrow("negated");
  });
});

describe("the simplifier", () => {
  test("changes nobody's access, leaves no not, and has nothing more to do the second time", () => {
    fc.assert(
      fc.property(arbPolicy, fc.array(arbAttributes, { minLength: 1, maxLength: 8 }), (policy, holders) => {
        const simple = simplifyPolicy(policy as Policy);
        for (const holder of holders) {
          expect(satisfiesPolicy(simple, holder)).toBe(satisfiesPolicy(policy as Policy, holder));
        }
        expect(formatPolicy(simple)).not.toMatch(/(^|[( ])not [^i]/);
        expect(simplifyPolicy(simple)).toEqual(simple);
        expect(compilePolicy(simple).rows.length).toBeLessThanOrEqual(compilePolicy(policy as Policy).rows.length);
      }),
    );
  });

  test.each([
    ["not (a = x or b = y)", "a != x and b != y"],
    ["not (a = x and not b = y)", "a != x or b = y"],
    ["not 2 of (a = x, b = y, m = z)", "2 of (a != x, b != y, m != z)"],
    ["1 of (a = x, b = y)", "a = x or b = y"],
    ["2 of (a = x, b = y)", "a = x and b = y"],
    ["a = x and (b = y and (m = z))", "a = x and b = y and m = z"],
    ["a = x or a = x", "a = x"],
    ["a = x or (a = x and b = y)", "a = x"],
    ["a = x and (a = x or b = y)", "a = x"],
    ["(a = x and b = y) or (a = x and b = y and m = z)", "a = x and b = y"],
    ["2 of (a = x, a = x, b = y)", "2 of (a = x, a = x, b = y)"],
    ["not n in 2..5", "n < 2 or n > 5"],
    ["not n in 0..5", "n > 5"],
    ["not n in 2..7", "n < 2"],
    ["not n >= 3", "n < 3"],
    ["a in {x}", "a = x"],
    ["not a in {x, y}", "a not in {x, y}"],
  ])("%s becomes %s", (before, after) => {
    expect(formatPolicy(simplifyPolicy(parsePolicy(before, schema)))).toBe(after);
  });
});

test("rows and conditions decide alike", () => {
  const holds = (node: ShareNode, holder: (index: number) => boolean): boolean =>
    node.kind === "row" ? holder(node.index) : node.of.filter((branch) => holds(branch, holder)).length >= node.k;
  fc.assert(
    fc.property(arbPolicy, fc.array(arbAttributes, { minLength: 1, maxLength: 8 }), (policy, holders) => {
      const compiled = compilePolicy(policy as Policy);
      for (const attributes of holders) {
        const holder = rowHolder(attributes);
        const byRows = holds(compiled.tree, (index) => holder(compiled.rows[index] as never) !== undefined);
        expect(byRows).toBe(satisfiesPolicy(policy as Policy, attributes));
      }
    }),
  );
});

test("the k-th row of an attribute, or of a negated label, has use k − 1", () => {
  const uses = (text: string): readonly number[] => compilePolicy(parsePolicy(text)).rows.map(({ use }) => use);
  expect(uses("a=x & b=y & (a=x | b=z)")).toEqual([0, 0, 1, 0]);
  expect(uses("a!=x & a!=y & a=x & b!=x")).toEqual([0, 1, 0, 0]);
  expect(uses("n[3]>=2 & n[3]<=5 & n[3]!=3")).toEqual([0, 0, 0, 0, 0, 0, 1]);
});

describe("CIRCL's policies", () => {
  interface Case {
    readonly policy: string;
    readonly success: boolean;
    readonly attributes: Readonly<Record<string, string>>;
  }
  const file = new URL("../../../vectors/published/cloudflare-circl/tkn20-policies.json", import.meta.url);
  const cases = JSON.parse(readFileSync(file, "utf8")) as readonly Case[];
  const labels = Object.fromEntries(
    ["region", "tier", "owner"].map((label) => [label, { type: "text", values: "one", negatable: true }]),
  );
  const circl = parseAttributeSchema({ v: 1, negation: true, labels });

  test.each(cases)("$policy: $success for $attributes", ({ policy, success, attributes }) => {
    const holder = attributesOf(circl, attributes);
    expect(satisfiesPolicy(parsePolicy(policy, circl), holder)).toBe(success);
    expect(satisfiesPolicy(simplifyPolicy(parsePolicy(policy, circl)), holder)).toBe(success);
  });
});
