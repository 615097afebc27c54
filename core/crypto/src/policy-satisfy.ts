/**
 * Whether attributes satisfy a policy, said over its conditions. The schemes do not ask this: what opens is decided by their rows, and
 * a test holds the two together.
 * @module
 */
import { type AttributeSet, attributeNamed } from "./attribute-set.ts";
import { type Condition, numberIntervals, type Policy, type PolicyNode, sameType } from "./policy.ts";

/** Whether a key (cp) or ciphertext (kp) with these attributes satisfies the policy. */
export function satisfiesPolicy(policy: Policy, attributes: AttributeSet): boolean {
  return satisfies(policy, attributes, false);
}

function satisfies(policy: PolicyNode, attributes: AttributeSet, negated: boolean): boolean {
  switch (policy.kind) {
    case "not":
      return satisfies(policy.of, attributes, !negated);
    case "and":
    case "or":
    case "threshold": {
      const n = policy.of.length;
      const k = policy.kind === "threshold" ? policy.k : policy.kind === "and" ? n : 1;
      const met = policy.of.filter((branch) => satisfies(branch, attributes, negated)).length;
      return met >= (negated ? n - k + 1 : k);
    }
    default:
      return meetsCondition(policy, attributes, negated);
  }
}

/** Whether the attributes meet a condition, or its negation. Without the label they meet neither. */
export function meetsCondition(condition: Condition, attributes: AttributeSet, negated = false): boolean {
  const held = attributeNamed(attributes, condition.label);
  if (!held) return false;
  if (condition.kind === "compare" || condition.kind === "range") {
    if (held.kind !== "number" || !sameType(held.type, condition.type)) return false;
    const { value } = held;
    return numberIntervals(condition, negated).some(([from, to]) => from <= value && value <= to);
  }
  if (held.kind !== "texts") return false;
  const wanted = "values" in condition ? condition.values : [condition.value];
  const among = wanted.some((value) => held.values.includes(value));
  const differs = (condition.kind === "differ" || condition.kind === "not-in") !== negated;
  return differs ? held.negatable && !among : among;
}
