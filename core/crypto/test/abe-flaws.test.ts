/**
 * Two published flaws, run in the groups: with the flaw a key opens what it must not, with the rule it does not.
 */
import type { G1, Gt, Scalar } from "@milagro/engine/engine";
import { expect, test } from "vitest";
import { abePoints, targetOf } from "../src/abe-points.ts";
import { maskRows } from "../src/abe-rows.ts";
import { shareSecret } from "../src/abe-sharing.ts";
import { componentsOf } from "../src/attribute-set.ts";
import { parsePolicy } from "../src/policy-parser.ts";
import { compilePolicy, type PolicyRows } from "../src/policy-rows.ts";
import { cpKey, engine, makeAbeDomain, schema } from "./abe-fixtures.ts";

const { g1, g2, scalars } = engine;
const domain = makeAbeDomain("cp");
const points = abePoints(engine, domain.scope());

/** The rows of a policy in the groups, with T^s, which only those who satisfy it should find. */
function encrypt(policy: PolicyRows, uses: readonly Scalar[], shares: (s: Scalar) => readonly Scalar[]) {
  const s = scalars.random();
  const rows = maskRows(engine, points, policy, shares(s), uses, points.baseTable.multiplySecret);
  return {
    rows,
    s2: g2.multiplySecret(g2.generator, s),
    target: engine.gt.powerSecret(targetOf(engine, domain.publicKey), s),
  };
}

/** e(sk3, s·g2)·e(held, r·g2) / e(rows, sk1), whatever the coefficients: what any attacker with this key can form. */
function combine(key: ReturnType<typeof cpKey>, s2: ReturnType<typeof g2.add>, rows: G1, held: G1, r: Scalar): Gt {
  return key.use(({ g1: [sk3], g2: [sk1] }) =>
    engine.finalExponentiation(
      engine.millerProduct([
        [sk3 as G1, s2],
        [held, g2.multiplySecret(g2.generator, r)],
        [g1.negate(rows), sk1 as typeof s2],
      ]),
    ),
  );
}

const holder = cpKey(domain, { y: "1" });
const componentFor = (label: string): G1 => {
  const index = componentsOf(holder.entitlement.attributes).findIndex((component) => component.label === label);
  return holder.use(({ g1: [, ...components] }) => components[index] as G1);
};
const twice = (point: G1): G1 => g1.add(point, point);

test("attribute reuse: with one randomness for all rows, (u or x) and (u or y) opens with y alone; with the rule it does not", () => {
  const policy = compilePolicy(parsePolicy("(u = 1 or x = 1) and (u = 1 or y = 1)", schema));
  const attempt = (rule: boolean): boolean => {
    const uses = policy.rows.map(() => scalars.random());
    const flawed = { ...policy, rows: policy.rows.map((row) => ({ ...row, use: 0 })) };
    const sent = encrypt(rule ? policy : flawed, uses, (s) => shareSecret(engine, policy, s, scalars.random));
    // Shares are v, v, s − v, s − v: the two rows of u differ by (2v − s)·B, and twice the row of y adds 2(s − v)·B.
    const [ofU, , againU, ofY] = sent.rows as [G1, G1, G1, G1];
    const rows = g1.add(g1.subtract(ofU, againU), twice(ofY));
    const found = combine(holder, sent.s2, rows, twice(componentFor("y")), uses[0] as Scalar);
    return engine.gt.equals(found, sent.target);
  };
  expect(attempt(false)).toBe(true);
  expect(attempt(true)).toBe(false);
});

test("CIRCL's old AND: where one branch gets the whole share, its attribute opens alone; here it does not", () => {
  const policy = compilePolicy(parsePolicy("y = 1 and u = 1", schema));
  const attempt = (shares: (s: Scalar) => readonly Scalar[]): boolean => {
    const r = scalars.random();
    const sent = encrypt(policy, [r], shares);
    const found = combine(holder, sent.s2, sent.rows[0] as G1, componentFor("y"), r);
    return engine.gt.equals(found, sent.target);
  };
  expect(attempt((s) => [s, scalars.zero])).toBe(true);
  expect(attempt((s) => shareSecret(engine, policy, s, scalars.random))).toBe(false);
});
