import { expect, test } from "vitest";
import { decapsulateWithAttributes, encapsulateToPolicy } from "../src/abe-cp.ts";
import { combineAbeKeyShares, makeShare } from "../src/abe-key.ts";
import { componentsOf } from "../src/attribute-set.ts";
import { parsePolicy } from "../src/policy-parser.ts";
import { satisfiesPolicy } from "../src/policy-satisfy.ts";
import { CONTEXT, cpEntitlement, cpKey, engine, makeAbeDomain, random, schema } from "./abe-fixtures.ts";
import { codeOf } from "./fixtures.ts";
import { everyHolder, everyNaming, LEAF_NAMES, policyText, shapesOf, subsetsOf } from "./policy-trees.ts";

test("no combination of rows opens: every tree of 5 leaves, every pattern of equal leaves, every set", () => {
  expect(everyNaming(5)).toBeGreaterThan(100_000);
});

test("no combination of rows opens: every tree of 3 leaves over two labels with negations, every holder", () => {
  const conditions = ["role = a", "role != a", "role != b", "region = DE", "region != DE"];
  expect(everyHolder(3, conditions)).toBeGreaterThan(5000);
});

test("in the groups: every tree of up to 4 leaves, every set; who lacks something and says otherwise fails", () => {
  const domain = makeAbeDomain("cp");
  const names = LEAF_NAMES.slice(0, 4);
  const valuesOf = (held: readonly string[]) => ({
    group: "g",
    ...Object.fromEntries(held.map((name) => [name, "1"])),
  });
  const everything = cpEntitlement(domain, valuesOf(names));
  const wanted = componentsOf(everything.attributes);
  const holders = subsetsOf(names).map((held) => {
    const key = cpKey(domain, valuesOf(held));
    const own = componentsOf(key.entitlement.attributes);
    const points = key.use(({ g1, g2 }) => {
      // What is missing is replaced by a component that is there.
      const filled = wanted.map(({ label }) => {
        const at = own.findIndex((component) => component.label === label);
        return g1[at < 0 ? 1 : at + 1] as (typeof g1)[number];
      });
      return { g2, g1: [g1[0] as (typeof g1)[number], ...filled] };
    });
    return { held, key, liar: combineAbeKeyShares(engine, [makeShare<"cp">(engine, everything, points)]) };
  });
  let refused = 0;
  for (const shape of [1, 2, 3, 4].flatMap(shapesOf)) {
    const text = policyText(
      shape,
      names.map((name) => `${name} = 1`),
    );
    const policy = parsePolicy(text, schema);
    const { ciphertext } = encapsulateToPolicy(engine, random, domain.publicKey, domain.scope(), policy, CONTEXT);
    for (const { held, key, liar } of holders) {
      const attempt = (of: typeof key): string =>
        codeOf(() => decapsulateWithAttributes(engine, of, domain.publicKey, ciphertext, CONTEXT));
      if (satisfiesPolicy(policy, key.entitlement.attributes)) {
        expect([text, held, attempt(key)]).toEqual([text, held, "ok"]);
      } else {
        expect([text, held, attempt(key)]).toEqual([text, held, "ERR_POLICY_UNSATISFIED"]);
        expect([text, held, attempt(liar)]).toEqual([text, held, "ERR_DECAPSULATION_FAILED"]);
        refused += 1;
      }
    }
  }
  expect(refused).toBeGreaterThan(500);
});
