import { describe, expect, test } from "vitest";
import { checkWeights, chooseRows, shareSecret } from "../src/abe-sharing.ts";
import { attributesOf } from "../src/attribute-set.ts";
import { parsePolicy } from "../src/policy-parser.ts";
import { compilePolicy, type PolicyRows, rowHolder } from "../src/policy-rows.ts";
import { satisfiesPolicy } from "../src/policy-satisfy.ts";
import { engine, schema } from "./abe-fixtures.ts";
import {
  everyHolder,
  everyNaming,
  holding,
  LEAF_NAMES as NAMES,
  opensByAlgebra,
  policyText,
  rowsOf,
  shapesOf,
  sharingMatrix,
  subsetsOf,
} from "./policy-trees.ts";

const { scalars } = engine;
const draw = () => scalars.random();

test("there are 1, 2, 11, 74 trees of gates with 1 to 4 leaves", () => {
  expect([1, 2, 3, 4].map((leaves) => shapesOf(leaves).length)).toEqual([1, 2, 11, 74]);
});

test("whoever satisfies a policy has coefficients that give the secret; whoever does not has none", () => {
  for (const shape of [1, 2, 3, 4].flatMap(shapesOf)) {
    const text = policyText(
      shape,
      NAMES.map((name) => `${name} = 1`),
    );
    const policy = parsePolicy(text, schema);
    const rows = compilePolicy(policy);
    const secret = draw();
    const shares = shareSecret(engine, rows, secret, draw);
    for (const names of subsetsOf(NAMES.slice(0, rows.rows.length))) {
      const holder = rowHolder(holding(names));
      const chosen = chooseRows(engine, rows, (row) => holder(row) !== undefined);
      expect(chosen !== undefined).toBe(satisfiesPolicy(policy, holding(names)));
      const sum = chosen?.reduce((rest, { index, coefficient }) => {
        const share = shares[index] as typeof secret;
        return scalars.subtract(rest, coefficient ? scalars.multiply(coefficient, share) : share);
      }, secret);
      expect(sum === undefined || scalars.isZero(sum)).toBe(true);
    }
  }
});

test("the cheapest branch is taken: fewer rows, and first uses before others", () => {
  const chosen = (text: string, names: readonly string[]): readonly number[] | undefined => {
    const holder = rowHolder(holding(names));
    return chooseRows(engine, rowsOf(text), (row) => holder(row) !== undefined)?.map(({ index }) => index);
  };
  expect(chosen("(u = 1 and v = 1) or w = 1", ["u", "v", "w"])).toEqual([2]);
  expect(chosen("u = 1 and (u = 1 or v = 1)", ["u", "v"])).toEqual([0, 2]);
  expect(chosen("2 of ((u = 1 and v = 1), w = 1, x = 1)", ["u", "v", "w", "x"])).toEqual([2, 3]);
});

describe("no combination of rows opens for a set that does not satisfy the policy", () => {
  test("every tree of up to 4 leaves, every pattern of equal leaves, every set of attributes", () => {
    const refused = [1, 2, 3, 4].reduce((sum, leaves) => sum + everyNaming(leaves), 0);
    expect(refused).toBeGreaterThan(3000);
  });

  test("negations: every tree of up to 2 leaves over two labels, every holder", () => {
    const conditions = ["role = a", "role = b", "role != a", "role != b", "region = DE", "region != DE"];
    expect(everyHolder(2, conditions)).toBeGreaterThan(400);
  });

  test("the published code's flaw: with one randomness for all uses, (u or x) and (u or y) opens with y alone", () => {
    const policy = rowsOf("(u = 1 or x = 1) and (u = 1 or y = 1)");
    const matrix = sharingMatrix(policy);
    expect(policy.rows.map(({ use }) => use)).toEqual([0, 0, 1, 0]);
    expect(opensByAlgebra(matrix, policy.rows, holding(["y"]))).toBe(false);
    const flawed = policy.rows.map((row) => ({ ...row, use: 0 }));
    expect(opensByAlgebra(matrix, flawed, holding(["y"]))).toBe(true);
    expect(opensByAlgebra(matrix, flawed, holding(["x"]))).toBe(true);
    expect(opensByAlgebra(matrix, flawed, holding([]))).toBe(false);
  });

  test("the same flaw with a negated label: two negations under one randomness open for the wrong value", () => {
    const policy = rowsOf("(role != a or x = 1) and (role != a or y = 1)");
    const holder = attributesOf(schema, { role: "a", y: "1" });
    const matrix = sharingMatrix(policy);
    expect(opensByAlgebra(matrix, policy.rows, holder)).toBe(false);
    const flawed = policy.rows.map((row) => ({ ...row, use: 0 }));
    expect(opensByAlgebra(matrix, flawed, holder)).toBe(true);
  });

  test("CIRCL's old AND: a gate that gives one branch everything opens with that branch", () => {
    const policy = rowsOf("u = 1 and v = 1");
    expect(opensByAlgebra([[1], [0]], policy.rows, holding(["u"]))).toBe(true);
    for (const attributes of [holding(["u"]), holding(["v"])]) {
      expect(opensByAlgebra(sharingMatrix(policy), policy.rows, attributes)).toBe(false);
    }
  });
});

describe("weights that check a sharing", () => {
  const sum = (policy: PolicyRows, shares: readonly ReturnType<typeof draw>[], secret: ReturnType<typeof draw>) => {
    const total = draw();
    const weights = checkWeights(engine, policy, total, draw);
    return shares.reduce(
      (rest, share, i) => scalars.subtract(rest, scalars.multiply(weights[i] as typeof share, share)),
      scalars.multiply(total, secret),
    );
  };

  test("accept every honest sharing and no other: each share wrong by one, and each secret, in every tree of 4 leaves", () => {
    for (const shape of shapesOf(4)) {
      const policy = rowsOf(
        policyText(
          shape,
          NAMES.map((name) => `${name} = 1`),
        ),
      );
      const secret = draw();
      const shares = shareSecret(engine, policy, secret, draw);
      expect(scalars.isZero(sum(policy, shares, secret))).toBe(true);
      expect(scalars.isZero(sum(policy, shares, scalars.add(secret, scalars.one)))).toBe(false);
      for (const wrong of shares.keys()) {
        const changed = shares.map((share, i) => (i === wrong ? scalars.add(share, scalars.one) : share));
        expect(scalars.isZero(sum(policy, changed, secret))).toBe(false);
      }
    }
  });
});
