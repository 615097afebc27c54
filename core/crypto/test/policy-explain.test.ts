import { describe, expect, test } from "vitest";
import { attributesOf } from "../src/attribute-set.ts";
import { explainPolicy } from "../src/policy-explain.ts";
import { parsePolicy } from "../src/policy-parser.ts";
import { schema } from "./abe-fixtures.ts";

const holders = [
  { name: "ann", attributes: attributesOf(schema, { role: "analyst", region: "DE", clearance: 5 }) },
  { name: "ben", attributes: attributesOf(schema, { role: "boss", region: "US", group: ["a", "b"] }) },
  { name: "cyd", attributes: attributesOf(schema, { joined: "2020-01-01" }) },
];
const explain = (text: string) => explainPolicy(parsePolicy(text, schema), holders);
const missing = (text: string): readonly string[][] =>
  explain(text).holders.map(({ missing }) => missing.map((set) => set.map(({ condition }) => condition).join(" + ")));

describe("why somebody cannot open", () => {
  test("says what is missing, and what is there instead", () => {
    expect(explain("role = analyst and region in {DE, FR} and clearance >= 6").holders).toEqual([
      { name: "ann", opens: false, missing: [[{ condition: "clearance >= 6", has: "5" }]] },
      {
        name: "ben",
        opens: false,
        missing: [
          [
            { condition: "role = analyst", has: "boss" },
            { condition: "region in {DE, FR}", has: "US" },
            { condition: "clearance >= 6", has: undefined },
          ],
        ],
      },
      {
        name: "cyd",
        opens: false,
        missing: [
          [
            { condition: "role = analyst", has: undefined },
            { condition: "region in {DE, FR}", has: undefined },
            { condition: "clearance >= 6", has: undefined },
          ],
        ],
      },
    ]);
  });

  test("names the smallest sets only, all of them up to five", () => {
    expect(missing("(role = x and group = c) or joined > 2021-01-01 or clearance = 1")).toEqual([
      ["joined > 2021-01-01", "clearance = 1"],
      ["joined > 2021-01-01", "clearance = 1"],
      ["joined > 2021-01-01", "clearance = 1"],
    ]);
    expect(missing("2 of (role = boss, group = a, u = 1)")).toEqual([
      ["role = boss + group = a", "role = boss + u = 1", "group = a + u = 1"],
      [],
      ["role = boss + group = a", "role = boss + u = 1", "group = a + u = 1"],
    ]);
    expect(missing("u = 1 or u = 2 or u = 3 or u = 4 or u = 5 or u = 6")[0]).toHaveLength(5);
  });

  test("counts a condition that serves twice once", () => {
    expect(missing("(u = 1 or v = 1) and (u = 1 or w = 1)")[0]).toEqual(["u = 1"]);
  });

  test("a negation is missing for its value and for lack of the label", () => {
    expect(explain("region != DE").holders.map(({ opens, missing }) => [opens, missing[0]?.[0]?.has])).toEqual([
      [false, "DE"],
      [true, undefined],
      [false, undefined],
    ]);
  });

  test("says what the policy costs", () => {
    const { policy, rows, uses } = explain("(u = 1 or clearance >= 8) or (u = 1 and clearance >= 8)");
    expect({ policy, rows, uses }).toEqual({ policy: "u = 1 or clearance >= 8", rows: 2, uses: 1 });
  });

  test("sixty alternatives of three conditions do not explode", () => {
    const any = (label: string): string => `(${Array.from({ length: 20 }, (_, i) => `${label} = ${i}`).join(" or ")})`;
    const [first] = explain(`${any("u")} and ${any("v")} and ${any("w")}`).holders;
    expect(first?.missing).toHaveLength(5);
    expect(first?.missing.every((set) => set.length === 3)).toBe(true);
  });
});
