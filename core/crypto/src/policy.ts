/**
 * Policies: who may open something, said over attributes. The tree that text is parsed into, and its limits.
 *
 * A negation speaks about those who hold the label: `region != US` asks for another region, so nobody without a region satisfies
 * it. `not` over a group is moved to its conditions by De Morgan's rules; there is no complement of a set of people.
 * @module
 */
import type { Brand } from "./brand.ts";

/** Numbers are whole, 0 ≤ n < 2^width, width 1 to 32. A date is days since 1970-01-01, in 16 bits. */
export type NumberType = { readonly kind: "integer"; readonly width: number } | { readonly kind: "date" };

/** How a number may be compared. */
export type Comparison = "=" | "!=" | "<" | "<=" | ">" | ">=";

/** One statement about one label. */
export type Condition =
  | { readonly kind: "equal" | "differ"; readonly label: string; readonly value: string }
  | { readonly kind: "in" | "not-in"; readonly label: string; readonly values: readonly string[] }
  | {
      readonly kind: "compare";
      readonly label: string;
      readonly type: NumberType;
      readonly operator: Comparison;
      readonly value: number;
    }
  | {
      /** Both ends belong to the range. */
      readonly kind: "range";
      readonly label: string;
      readonly type: NumberType;
      readonly from: number;
      readonly to: number;
    };

/** A condition or a gate. `and`, `or` have two branches or more; of a threshold's n branches k must hold, 1 ≤ k ≤ n. */
export type PolicyNode =
  | Condition
  | { readonly kind: "and" | "or"; readonly of: readonly PolicyNode[] }
  | { readonly kind: "threshold"; readonly k: number; readonly of: readonly PolicyNode[] }
  | { readonly kind: "not"; readonly of: PolicyNode };

/** A tree within the limits, whose conditions can each be met by somebody. Made by `parsePolicy`. */
export type Policy = Brand<PolicyNode, "Policy">;

/** Bytes of a policy's text. */
export const MAX_POLICY_BYTES = 16 * 1024;
/** Nested brackets, thresholds and negations. */
export const MAX_POLICY_DEPTH = 32;
/** Rows that a policy becomes: one for each attribute it mentions, as many as a range needs prefixes. */
export const MAX_POLICY_ROWS = 512;
/** Bytes of a value. */
export const MAX_VALUE_BYTES = 255;

/** Where in a text something is; both count from 1, columns in characters. The `cause` of every `ERR_POLICY_INVALID` from a text. */
export interface PolicyPosition {
  readonly line: number;
  readonly column: number;
}

/** Words that are neither labels nor unquoted values. */
export const POLICY_KEYWORDS: ReadonlySet<string> = new Set(["and", "or", "not", "of", "in"]);

const LABEL = /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/;

/** Letters, digits, `_ . -`, starting with a letter, at most 63, without `..`; not a keyword. */
export function isLabel(text: string): boolean {
  return LABEL.test(text) && !text.includes("..") && !POLICY_KEYWORDS.has(text);
}

/** Bits of a number of this type. */
export function widthOf(type: NumberType): number {
  return type.kind === "date" ? 16 : type.width;
}

/** The largest number of this type. */
export function largestOf(type: NumberType): number {
  return 2 ** widthOf(type) - 1;
}

/** Whether two types are one. */
export function sameType(a: NumberType, b: NumberType): boolean {
  return a.kind === b.kind && widthOf(a) === widthOf(b);
}

/** The opposite comparison. */
export function oppositeOf(operator: Comparison): Comparison {
  return ({ "=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">" } as const)[operator];
}

/** The intervals, in rising order, of the numbers that meet a comparison; none, one or (for `!=`) two. */
export function intervalsOf(
  type: NumberType,
  operator: Comparison,
  value: number,
): readonly (readonly [number, number])[] {
  const last = largestOf(type);
  const all = {
    "=": [[value, value]],
    "!=": [
      [0, value - 1],
      [value + 1, last],
    ],
    "<": [[0, value - 1]],
    "<=": [[0, value]],
    ">": [[value + 1, last]],
    ">=": [[value, last]],
  } as const satisfies Record<Comparison, unknown>;
  return all[operator].filter(([from, to]) => from <= to);
}

/** The intervals of a condition on numbers, or of its negation. */
export function numberIntervals(
  condition: Extract<Condition, { kind: "compare" | "range" }>,
  negated: boolean,
): readonly (readonly [number, number])[] {
  const { type } = condition;
  if (condition.kind === "compare") {
    const operator = negated ? oppositeOf(condition.operator) : condition.operator;
    return intervalsOf(type, operator, condition.value);
  }
  if (!negated) return [[condition.from, condition.to]];
  return [...intervalsOf(type, "<", condition.from), ...intervalsOf(type, ">", condition.to)];
}
