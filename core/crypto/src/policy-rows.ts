/**
 * A policy as rows and gates: what the schemes share secrets over. One row for each attribute that the policy mentions, from left to
 * right: `equal` one row, `in` one for each value under an `or`, `differ` one negated row, `not-in` one for each value under an `and`, a
 * number one for each prefix that covers its interval, under an `or`.
 *
 * The reuse rule: the k-th row of the same attribute, or of the same negated label, has use k (from 0), and rows of different use get
 * different randomness. With one randomness for all, `(u or x) and (u or y)` opens with `y` alone.
 * Source: Riepel, Wee: FABEO (CCS 2022), the function ρ.
 * @module
 */
import type { AttributeSet } from "./attribute-set.ts";
import { type Component, componentsOf } from "./attribute-set.ts";
import { type Condition, numberIntervals, type Policy, type PolicyNode, widthOf } from "./policy.ts";
import { coverOf } from "./policy-prefix.ts";

/** `negation` holds for another value than its own. */
export type Row = Component & { readonly use: number };

/** k of n branches, or a row by its index. */
export type ShareNode =
  | { readonly kind: "row"; readonly index: number }
  | { readonly kind: "gate"; readonly k: number; readonly of: readonly ShareNode[] };

/** A compiled policy. */
export interface PolicyRows {
  readonly tree: ShareNode;
  readonly rows: readonly Row[];
  /** How many different uses there are: 1 unless something is mentioned twice. */
  readonly uses: number;
  readonly hasNegation: boolean;
}

/** The rows of a policy as it stands; simplify it first for fewer. */
export function compilePolicy(policy: Policy): PolicyRows {
  const rows: Row[] = [];
  const seen = new Map<string, number>();
  const row = (component: Component): ShareNode => {
    // A negated row uses the points of its label, whatever its value.
    const key = component.kind === "negation" ? JSON.stringify(["negation", component.label]) : componentKey(component);
    const use = seen.get(key) ?? 0;
    seen.set(key, use + 1);
    rows.push({ ...component, use });
    return { kind: "row", index: rows.length - 1 };
  };
  const tree = compile(policy, false, row);
  const uses = Math.max(...seen.values());
  return { tree, rows, uses, hasNegation: rows.some(({ kind }) => kind === "negation") };
}

type MakeRow = (component: Component) => ShareNode;

function compile(policy: PolicyNode, negated: boolean, row: MakeRow): ShareNode {
  switch (policy.kind) {
    case "not":
      return compile(policy.of, !negated, row);
    case "and":
    case "or": {
      const all = (policy.kind === "and") !== negated;
      const of = policy.of.map((branch) => compile(branch, negated, row));
      return gate(all ? of.length : 1, of);
    }
    case "threshold": {
      const of = policy.of.map((branch) => compile(branch, negated, row));
      return gate(negated ? of.length - policy.k + 1 : policy.k, of);
    }
    default:
      return conditionRows(policy, negated, row);
  }
}

function conditionRows(condition: Condition, negated: boolean, row: MakeRow): ShareNode {
  const { label } = condition;
  if (condition.kind === "compare" || condition.kind === "range") {
    const { type } = condition;
    const prefixes = numberIntervals(condition, negated).flatMap((interval) => coverOf(type, interval));
    return gate(
      1,
      prefixes.map((prefix) => row({ kind: "prefix", label, type, ...prefix })),
    );
  }
  const differs = (condition.kind === "differ" || condition.kind === "not-in") !== negated;
  const values = "values" in condition ? condition.values : [condition.value];
  const of = values.map((value) => row({ kind: differs ? "negation" : "equal", label, value }));
  return gate(differs ? of.length : 1, of);
}

function gate(k: number, of: readonly ShareNode[]): ShareNode {
  return of.length === 1 ? (of[0] as ShareNode) : { kind: "gate", k, of };
}

/** Two components with one key share their point. */
export function componentKey(component: Component): string {
  const { kind, label } = component;
  if (kind !== "prefix") return JSON.stringify([kind, label, component.value]);
  const { type, length, bits } = component;
  return JSON.stringify([kind, label, type.kind, widthOf(type), length, bits]);
}

/** What a set of attributes holds: the index of the component that serves a row, if any. */
export function rowHolder(set: AttributeSet): (row: Row) => number | undefined {
  const components = componentsOf(set);
  const equal = new Map(components.map((component, index) => [componentKey(component), index]));
  const negations = new Map(
    components.flatMap((component, index) =>
      component.kind === "negation" ? [[component.label, { index, value: component.value }] as const] : [],
    ),
  );
  return (row) => {
    if (row.kind !== "negation") return equal.get(componentKey(row));
    const held = negations.get(row.label);
    return held && held.value !== row.value ? held.index : undefined;
  };
}
