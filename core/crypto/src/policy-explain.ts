/**
 * Who among some holders could open something, and what the others lack.
 * @module
 */
import { type Attribute, type AttributeSet, attributeNamed } from "./attribute-set.ts";
import type { Condition, Policy, PolicyNode } from "./policy.ts";
import { formatDay } from "./policy-date.ts";
import { formatCondition, formatPolicy } from "./policy-format.ts";
import { compilePolicy } from "./policy-rows.ts";
import { meetsCondition } from "./policy-satisfy.ts";
import { simplifyPolicy } from "./policy-simplify.ts";

/** Somebody whose attributes are known. */
export interface PolicyHolder {
  readonly name: string;
  readonly attributes: AttributeSet;
}

/** A condition that is not met, and what its holder has of the label instead. */
export interface MissingCondition {
  readonly condition: string;
  /** Undefined when the holder does not have the label. */
  readonly has: string | undefined;
}

/** What the policy says to one holder. */
export interface HolderExplanation {
  readonly name: string;
  readonly opens: boolean;
  /** The smallest sets of conditions that would have to be met as well, at most five; empty for whoever opens. */
  readonly missing: readonly (readonly MissingCondition[])[];
}

/** A policy explained. */
export interface PolicyExplanation {
  /** Simplified. */
  readonly policy: string;
  /** What it costs: rows are points of a ciphertext, each use after the first one a pairing more. */
  readonly rows: number;
  readonly uses: number;
  readonly holders: readonly HolderExplanation[];
}

/** Sets of conditions kept at a gate, the smallest ones: more would explode in policies of many alternatives. */
const MAX_SETS = 64;
const MAX_SHOWN = 5;

type Missing = ReadonlyMap<string, Condition>;

/** Explains a policy to people. Whoever could open could do so whatever this says; this only says it. */
export function explainPolicy(policy: Policy, holders: readonly PolicyHolder[]): PolicyExplanation {
  const simple = simplifyPolicy(policy);
  const { rows, uses } = compilePolicy(simple);
  return {
    policy: formatPolicy(simple),
    rows: rows.length,
    uses,
    holders: holders.map(({ name, attributes }) => {
      const sets = missingSets(simple, attributes);
      const least = sets[0]?.size ?? 0;
      const shown = sets.filter(({ size }) => size === least && size > 0).slice(0, MAX_SHOWN);
      return { name, opens: least === 0, missing: shown.map((set) => describe(set, attributes)) };
    }),
  };
}

/** Sets of unmet conditions, none within another, smallest first. The policy is simplified: it has no `not`. */
function missingSets(policy: PolicyNode, attributes: AttributeSet): readonly Missing[] {
  switch (policy.kind) {
    case "and":
      return all(policy.of.map((branch) => missingSets(branch, attributes)));
    case "or":
      return smallest(policy.of.flatMap((branch) => missingSets(branch, attributes)));
    case "threshold":
      return ofThreshold(
        policy.k,
        policy.of.map((branch) => missingSets(branch, attributes)),
      );
    case "not":
      throw new TypeError("simplify the policy first");
    default:
      return meetsCondition(policy, attributes) ? [new Map()] : [new Map([[formatCondition(policy), policy]])];
  }
}

function all(branches: readonly (readonly Missing[])[]): readonly Missing[] {
  return branches.reduce<readonly Missing[]>(
    (sets, branch) => smallest(sets.flatMap((set) => branch.map((other) => new Map([...set, ...other])))),
    [new Map()],
  );
}

/** `chosen[j]`: the sets for j of the branches seen so far. */
function ofThreshold(k: number, branches: readonly (readonly Missing[])[]): readonly Missing[] {
  let chosen: (readonly Missing[])[] = [[new Map()], ...Array.from({ length: k }, () => [])];
  for (const branch of branches) {
    chosen = chosen.map((without, j) => smallest([...without, ...(j > 0 ? all([chosen[j - 1] ?? [], branch]) : [])]));
  }
  return chosen[k] ?? [];
}

function smallest(sets: readonly Missing[]): readonly Missing[] {
  const kept: Missing[] = [];
  for (const set of [...sets].sort((a, b) => a.size - b.size)) {
    if (kept.length === MAX_SETS) break;
    if (!kept.some((other) => [...other.keys()].every((key) => set.has(key)))) kept.push(set);
  }
  return kept;
}

function describe(set: Missing, attributes: AttributeSet): readonly MissingCondition[] {
  return [...set].map(([condition, { label }]) => ({ condition, has: valueText(attributeNamed(attributes, label)) }));
}

function valueText(attribute: Attribute | undefined): string | undefined {
  if (!attribute) return undefined;
  if (attribute.kind === "texts") return attribute.values.join(", ");
  return attribute.type.kind === "date" ? formatDay(attribute.value) : attribute.value.toString();
}
