/**
 * From text to a policy. Grammar (docs/spec/policy.md has it in full):
 *
 *   policy    = all *(("or" / "|") all)                      all = one *(("and" / "&") one)
 *   one       = ("not" / "!") one / "(" policy ")" / k "of" "(" policy *("," policy) ")" / condition
 *   condition = label ("=" / "!=") value / label ["not"] "in" "{" value *("," value) "}"
 *             / label [type] comparison number / label [type] ["not"] "in" number ".." number
 *   type      = "[" (width / "date") "]"
 *
 * With a schema each label's type is looked up, and what the text says must agree. Without one (a policy that comes with a ciphertext
 * says all its types) a label without a type is text.
 * @module
 */
import { type AttributeSchema, isWidth, type LabelType, type TextType } from "./attribute-schema.ts";
import {
  type Comparison,
  type Condition,
  isLabel,
  largestOf,
  MAX_POLICY_DEPTH,
  MAX_POLICY_ROWS,
  type NumberType,
  numberIntervals,
  POLICY_KEYWORDS,
  type Policy,
  type PolicyNode,
  type PolicyPosition,
  sameType,
} from "./policy.ts";
import { dayOf } from "./policy-date.ts";
import { isPolicyValue, type PolicyToken, readTokens, refusePolicy } from "./policy-lexer.ts";
import { coverLength } from "./policy-prefix.ts";

const COMPARISONS: ReadonlySet<string> = new Set<Comparison>(["=", "!=", "<", "<=", ">", ">="]);
const ANY_TEXT: TextType = { kind: "text", values: "one", negatable: true, allowed: undefined };

/**
 * @param schema - of the domain; leave it out for a policy that states its own types
 * @throws `ERR_POLICY_INVALID`: the message has line and column, `cause` has them as `PolicyPosition`
 */
export function parsePolicy(text: string, schema?: AttributeSchema): Policy {
  const parser = new Parser(readTokens(text), schema);
  return parser.whole();
}

/** Recursive descent. `negated` is true below an odd number of `not`s: there `=` needs what `!=` needs elsewhere. */
class Parser {
  readonly #tokens: readonly PolicyToken[];
  readonly #schema: AttributeSchema | undefined;
  #next = 0;
  #depth = 0;
  #rows = 0;

  constructor(tokens: readonly PolicyToken[], schema: AttributeSchema | undefined) {
    this.#tokens = tokens;
    this.#schema = schema;
  }

  whole(): Policy {
    const node = this.#any(false);
    const { kind, at } = this.#peek();
    if (kind !== "end") refusePolicy(at, "expected and, or, or the end");
    return node as Policy;
  }

  #any(negated: boolean): PolicyNode {
    return this.#chain("or", "|", () => this.#chain("and", "&", () => this.#one(negated)));
  }

  #chain(kind: "and" | "or", sign: string, branch: () => PolicyNode): PolicyNode {
    const of = [branch()];
    while (this.#accept("word", kind) || this.#accept("sign", sign)) of.push(branch());
    return of.length === 1 ? (of[0] as PolicyNode) : { kind, of };
  }

  #one(negated: boolean): PolicyNode {
    const token = this.#peek();
    if (this.#accept("word", "not") || this.#accept("sign", "!")) {
      return this.#nested(token.at, () => ({ kind: "not", of: this.#one(!negated) }));
    }
    if (this.#accept("sign", "(")) {
      return this.#nested(token.at, () => {
        const inner = this.#any(negated);
        this.#expect(")", "expected and, or, or a closing bracket");
        return inner;
      });
    }
    const following = this.#tokens[this.#next + 1];
    if (token.kind === "word" && /^[0-9]+$/.test(token.text) && following?.kind === "word" && following.text === "of") {
      this.#next += 2;
      return this.#nested(token.at, () => this.#threshold(token, negated));
    }
    return this.#condition(negated);
  }

  #threshold({ text, at }: PolicyToken, negated: boolean): PolicyNode {
    this.#expect("(", "expected the branches in brackets");
    const of = [this.#any(negated)];
    while (this.#accept("sign", ",")) of.push(this.#any(negated));
    this.#expect(")", "expected a comma or a closing bracket");
    const k = Number(text);
    if (!/^[1-9][0-9]{0,3}$/.test(text) || k > of.length) {
      refusePolicy(at, "a threshold lies between 1 and the number of its branches");
    }
    return { kind: "threshold", k, of };
  }

  #condition(negated: boolean): Condition | PolicyNode {
    const start = this.#peek();
    if (start.kind !== "word" || POLICY_KEYWORDS.has(start.text)) refusePolicy(start.at, "expected a condition");
    if (!isLabel(start.text)) refusePolicy(start.at, "a label is a letter, then letters, digits, _ . -, at most 63");
    this.#next += 1;
    const label = start.text;
    const type = this.#typeOf(label, start.at, this.#annotation());
    const sign = this.#peek();
    if (this.#accept("word", "not")) {
      if (!this.#accept("word", "in")) refusePolicy(this.#peek().at, "expected in");
      if (type.kind === "text") return this.#set(label, type, "not-in", negated);
      return { kind: "not", of: this.#range(label, type, !negated) };
    }
    if (this.#accept("word", "in")) {
      return type.kind === "text" ? this.#set(label, type, "in", negated) : this.#range(label, type, negated);
    }
    if (sign.kind !== "sign" || !COMPARISONS.has(sign.text)) refusePolicy(sign.at, "expected a comparison or in");
    this.#next += 1;
    if (type.kind !== "text") return this.#comparison(label, type, sign, negated);
    if (sign.text !== "=" && sign.text !== "!=") {
      refusePolicy(sign.at, "texts are not ordered: only integers and dates can be compared so");
    }
    const kind = sign.text === "=" ? "equal" : "differ";
    this.#negatable(type, (kind === "differ") !== negated, sign.at);
    this.#count(1, start.at);
    return { kind, label, value: this.#value(type) };
  }

  #comparison(label: string, type: NumberType, sign: PolicyToken, negated: boolean): Condition {
    const value = this.#number(type);
    return this.#numeric({ kind: "compare", label, type, operator: sign.text as Comparison, value }, negated, sign.at);
  }

  #range(label: string, type: NumberType, negated: boolean): Condition {
    const { at } = this.#peek();
    const from = this.#number(type);
    this.#expect("..", "expected two dots and the end of the range");
    const to = this.#number(type);
    if (from > to) refusePolicy(at, "a range that ends before it starts");
    return this.#numeric({ kind: "range", label, type, from, to }, negated, at);
  }

  #numeric<C extends Extract<Condition, { kind: "compare" | "range" }>>(
    condition: C,
    negated: boolean,
    at: PolicyPosition,
  ): C {
    const intervals = numberIntervals(condition, negated);
    if (intervals.length === 0) refusePolicy(at, "no number can meet this condition");
    this.#count(coverLength(condition.type, intervals), at);
    return condition;
  }

  #set(label: string, type: TextType, kind: "in" | "not-in", negated: boolean): Condition {
    const { at } = this.#peek();
    this.#negatable(type, (kind === "not-in") !== negated, at);
    this.#expect("{", "expected values in braces");
    const values: string[] = [];
    do {
      const before = this.#peek();
      const value = this.#value(type);
      if (values.includes(value)) refusePolicy(before.at, "this value is already in the set");
      values.push(value);
      this.#count(1, before.at);
    } while (this.#accept("sign", ","));
    this.#expect("}", "expected a comma or a closing brace");
    return { kind, label, values };
  }

  #value(type: TextType): string {
    const token = this.#peek();
    const { kind, text, at } = token;
    if (kind !== "word" && kind !== "quoted") refusePolicy(at, "expected a value");
    if (kind === "word" && POLICY_KEYWORDS.has(text)) refusePolicy(at, "put this word in quotes to use it as a value");
    if (!isPolicyValue(text)) refusePolicy(at, "a value has 1 to 255 bytes, in form NFC, nothing invisible");
    if (type.allowed && !type.allowed.has(text)) refusePolicy(at, "the schema does not list this value");
    this.#next += 1;
    return text;
  }

  #number(type: NumberType): number {
    const { kind, text, at } = this.#peek();
    const expected = type.kind === "date" ? "expected a date: YYYY-MM-DD, 1970 to 2149-06-06" : "expected a number";
    if (kind !== "word") refusePolicy(at, expected);
    const isNumber = /^(?:0|[1-9][0-9]{0,9})$/.test(text);
    const number = type.kind === "date" ? dayOf(text) : isNumber ? Number(text) : undefined;
    if (number === undefined) return refusePolicy(at, expected);
    if (number > largestOf(type)) refusePolicy(at, "a number that does not fit the width of its label");
    this.#next += 1;
    return number;
  }

  #annotation(): NumberType | undefined {
    if (!this.#accept("sign", "[")) return undefined;
    const { kind, text, at } = this.#peek();
    const date = kind === "word" && text === "date";
    const width = kind === "word" && /^[1-9][0-9]?$/.test(text) ? Number(text) : 0;
    if (!date && !isWidth(width)) refusePolicy(at, "expected a width of 1 to 32, or date");
    this.#next += 1;
    this.#expect("]", "expected a closing bracket");
    return date ? { kind: "date" } : { kind: "integer", width };
  }

  #typeOf(label: string, at: PolicyPosition, stated: NumberType | undefined): LabelType {
    if (!this.#schema) return stated ?? ANY_TEXT;
    const known = this.#schema.labels.get(label);
    if (!known) return refusePolicy(at, "the schema has no such label");
    if (stated && (known.kind === "text" || !sameType(known, stated))) {
      refusePolicy(at, "the schema has another type for this label");
    }
    return known;
  }

  #negatable(type: TextType, negation: boolean, at: PolicyPosition): void {
    if (negation && !type.negatable) refusePolicy(at, "the schema does not allow this label to be negated");
  }

  #count(rows: number, at: PolicyPosition): void {
    this.#rows += rows;
    if (this.#rows > MAX_POLICY_ROWS) refusePolicy(at, `the policy needs more than ${MAX_POLICY_ROWS} rows`);
  }

  #nested<T>(at: PolicyPosition, parse: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_POLICY_DEPTH) refusePolicy(at, `nested deeper than ${MAX_POLICY_DEPTH}`);
    const node = parse();
    this.#depth -= 1;
    return node;
  }

  #peek(): PolicyToken {
    return this.#tokens[this.#next] as PolicyToken;
  }

  #accept(kind: PolicyToken["kind"], text: string): boolean {
    const token = this.#peek();
    if (token.kind !== kind || token.text !== text) return false;
    this.#next += 1;
    return true;
  }

  #expect(sign: string, reason: string): void {
    if (!this.#accept("sign", sign)) refusePolicy(this.#peek().at, reason);
  }
}
