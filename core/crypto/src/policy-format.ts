/**
 * From a policy to text: for people, and compact for ciphertexts and keys. `parsePolicy(formatPolicy(p))` is `p` again.
 *
 * The compact form has no spaces where none is needed, signs instead of words, and each number's type: it needs no schema.
 * @module
 */
import type { Condition, NumberType, PolicyNode } from "./policy.ts";
import { POLICY_KEYWORDS } from "./policy.ts";
import { formatDay } from "./policy-date.ts";
import { isPolicyWord } from "./policy-lexer.ts";

/** How a policy is written. */
export interface PolicyFormat {
  /** For ciphertexts: as short as it gets. */
  readonly compact?: boolean;
  /** Numbers with their types, so that the text needs no schema. Always, in the compact form. */
  readonly types?: boolean;
}

/** One line of text. */
export function formatPolicy(policy: PolicyNode, format: PolicyFormat = {}): string {
  return node(policy, { compact: format.compact === true, types: format.types === true || format.compact === true }, 0);
}

/** One condition, as people write it. */
export function formatCondition(condition: Condition): string {
  return node(condition, { compact: false, types: false }, 0);
}

/** How tightly something binds: a branch that binds less tightly than its gate needs brackets, and so does its equal. */
const [OR, AND, NOT] = [1, 2, 3];

function node(policy: PolicyNode, format: Required<PolicyFormat>, within: number): string {
  switch (policy.kind) {
    case "and":
    case "or": {
      const own = policy.kind === "and" ? AND : OR;
      const sign = policy.kind === "and" ? "&" : "|";
      const text = policy.of
        .map((branch) => node(branch, format, own))
        .join(format.compact ? sign : ` ${policy.kind} `);
      return own <= within ? `(${text})` : text;
    }
    case "threshold": {
      const branches = policy.of.map((branch) => node(branch, format, 0));
      return format.compact ? `${policy.k} of(${branches.join(",")})` : `${policy.k} of (${branches.join(", ")})`;
    }
    case "not": {
      const text = node(policy.of, format, NOT);
      return format.compact ? `!${text}` : `not ${text}`;
    }
    default:
      return condition(policy, format);
  }
}

function condition(policy: Condition, { compact, types }: Required<PolicyFormat>): string {
  const gap = compact ? "" : " ";
  const binary = (sign: string, right: string): string => `${policy.label}${gap}${sign}${gap}${right}`;
  switch (policy.kind) {
    case "equal":
      return binary("=", value(policy.value));
    case "differ":
      return binary("!=", value(policy.value));
    case "in":
    case "not-in": {
      const set = `{${policy.values.map(value).join(compact ? "," : ", ")}}`;
      return `${policy.label} ${policy.kind === "in" ? "in" : "not in"}${gap}${set}`;
    }
    case "compare": {
      const left = `${policy.label}${types ? annotation(policy.type) : ""}`;
      return `${left}${gap}${policy.operator}${gap}${number(policy.type, policy.value)}`;
    }
    case "range": {
      const left = types ? `${policy.label}${annotation(policy.type)}${gap}` : `${policy.label} `;
      return `${left}in ${number(policy.type, policy.from)}..${number(policy.type, policy.to)}`;
    }
  }
}

const annotation = (type: NumberType): string => (type.kind === "date" ? "[date]" : `[${type.width}]`);
const number = (type: NumberType, n: number): string => (type.kind === "date" ? formatDay(n) : n.toString());

/** Bare where the text reads as one word and means nothing else; in quotes otherwise. */
function value(text: string): string {
  if (isPolicyWord(text) && !POLICY_KEYWORDS.has(text)) return text;
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
