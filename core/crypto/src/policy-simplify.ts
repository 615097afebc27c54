/**
 * The same policy in its simplest shape: no `not` but in conditions, no gate in a gate of its own kind, nothing said twice.
 *
 * Steps: negations move to the conditions (De Morgan); a threshold of 1 is `or`, of all is `and`; nested `and`s and `or`s merge;
 * of equal branches one stays; a branch that another one implies is dropped (`a or (a and b)` is `a`). Thresholds keep equal branches,
 * because they count twice. What satisfied the policy before satisfies it after, and nothing else.
 * @module
 */
import { type Condition, largestOf, type NumberType, oppositeOf, type Policy, type PolicyNode } from "./policy.ts";
import { formatPolicy } from "./policy-format.ts";

/** @returns a policy without `not`, each of whose gates has two branches or more */
export function simplifyPolicy(policy: Policy): Policy {
  return simplify(policy, false) as Policy;
}

function simplify(policy: PolicyNode, negated: boolean): PolicyNode {
  switch (policy.kind) {
    case "not":
      return simplify(policy.of, !negated);
    case "and":
    case "or":
      return gate((policy.kind === "and") !== negated ? "and" : "or", branches(policy.of, negated));
    case "threshold": {
      // Not k of n: n − k + 1 of the opposites.
      const k = negated ? policy.of.length - policy.k + 1 : policy.k;
      const of = branches(policy.of, negated);
      if (k === 1) return gate("or", of);
      return k === of.length ? gate("and", of) : { kind: "threshold", k, of };
    }
    default:
      return negated ? opposite(policy) : normal(policy);
  }
}

function branches(of: readonly PolicyNode[], negated: boolean): readonly PolicyNode[] {
  return of.map((branch) => simplify(branch, negated));
}

/** A branch with what it is compared by: its text, and the texts of its own branches where it is a gate of the other kind. */
interface Entry {
  readonly branch: PolicyNode;
  readonly text: string;
  readonly parts: ReadonlySet<string> | undefined;
}

function gate(kind: "and" | "or", of: readonly PolicyNode[]): PolicyNode {
  const inner = kind === "or" ? "and" : "or";
  const entries = new Map<string, Entry>();
  for (const branch of of.flatMap((each) => (each.kind === kind ? each.of : [each]))) {
    const text = textOf(branch);
    entries.set(text, { branch, text, parts: branch.kind === inner ? new Set(branch.of.map(textOf)) : undefined });
  }
  const all = [...entries.values()];
  const left = all.filter((entry) => !all.some((other) => other !== entry && isImplied(entry, other)));
  return left.length === 1 ? (left[0] as Entry).branch : { kind, of: left.map(({ branch }) => branch) };
}

/** Whether `other` makes the branch superfluous: in an `or`, an `and` that has all of other's conditions and more; dually. */
function isImplied({ parts }: Entry, other: Entry): boolean {
  if (!parts) return false;
  const needed = other.parts ?? [other.text];
  for (const part of needed) if (!parts.has(part)) return false;
  return (other.parts?.size ?? 1) < parts.size;
}

function normal(condition: Condition): Condition {
  if (condition.kind !== "in" && condition.kind !== "not-in") return condition;
  const [value] = condition.values;
  if (condition.values.length > 1 || value === undefined) return condition;
  return { kind: condition.kind === "in" ? "equal" : "differ", label: condition.label, value };
}

function opposite(condition: Condition): PolicyNode {
  switch (condition.kind) {
    case "equal":
      return { ...condition, kind: "differ" };
    case "differ":
      return { ...condition, kind: "equal" };
    case "in":
      return normal({ ...condition, kind: "not-in" });
    case "not-in":
      return normal({ ...condition, kind: "in" });
    case "compare":
      return { ...condition, operator: oppositeOf(condition.operator) };
    case "range":
      return outside(condition.label, condition.type, condition.from, condition.to);
  }
}

function outside(label: string, type: NumberType, from: number, to: number): PolicyNode {
  const below: Condition = { kind: "compare", label, type, operator: "<", value: from };
  const above: Condition = { kind: "compare", label, type, operator: ">", value: to };
  if (from === 0) return above;
  return to === largestOf(type) ? below : { kind: "or", of: [below, above] };
}

const textOf = (policy: PolicyNode): string => formatPolicy(policy, { compact: true });
