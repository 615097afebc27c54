/**
 * The attributes of a trust domain: which labels there are and what their values look like. D-TAs, writers and readers share one
 * schema per domain; it catches misspelt labels and impossible comparisons before anything is encrypted.
 *
 *   { "v": 1, "negation": true, "labels": {
 *       "region":    { "type": "text", "values": "one", "negatable": true, "allowed": ["DE", "FR", "US"] },
 *       "group":     { "type": "text", "values": "many" },
 *       "clearance": { "type": "integer", "width": 4 },
 *       "joined":    { "type": "date" } } }
 *
 * Two labels are there without being named: `uid`, the identity of the key's holder (text, one value, negatable), and `epoch`, the
 * epoch of a key that is not bound to one (integer, width 32). `negation: false` makes no label negatable, `uid` included.
 * @module
 */
import type { Brand } from "./brand.ts";
import { MilagroError } from "./error.ts";
import { isLabel, type NumberType } from "./policy.ts";
import { isPolicyValue } from "./policy-lexer.ts";

/** Text: one value a holder or many; only a label with one value can be negated. */
export interface TextType {
  readonly kind: "text";
  readonly values: "one" | "many";
  readonly negatable: boolean;
  /** The only values, where they are listed. */
  readonly allowed: ReadonlySet<string> | undefined;
}
/** What a label's values are. */
export type LabelType = TextType | NumberType;

/** A checked schema. */
export type AttributeSchema = Brand<
  { readonly negation: boolean; readonly labels: ReadonlyMap<string, LabelType> },
  "AttributeSchema"
>;

/** The label of the holder's identity. */
export const UID_LABEL = "uid";
/** The label of the epoch that a key was issued for. */
export const EPOCH_LABEL = "epoch";
/** 2³² epochs. */
export const EPOCH_TYPE: NumberType = { kind: "integer", width: 32 };

const MAX_LABELS = 1024;

function refuse(reason: string): never {
  throw new MilagroError("ERR_ATTRIBUTE_SCHEMA_INVALID", reason);
}

/** @param value - the parsed JSON of the header comment @throws `ERR_ATTRIBUTE_SCHEMA_INVALID` */
export function parseAttributeSchema(value: unknown): AttributeSchema {
  const schema = fieldsOf(value, ["v", "negation", "labels"]);
  if (schema["v"] !== 1) refuse("a schema has v: 1");
  const { negation } = schema;
  if (typeof negation !== "boolean") refuse("say negation: true or false");
  const entries = Object.entries(fieldsOf(schema["labels"]));
  if (entries.length > MAX_LABELS) refuse(`at most ${MAX_LABELS} labels`);
  const labels = new Map<string, LabelType>([
    [UID_LABEL, { kind: "text", values: "one", negatable: negation, allowed: undefined }],
    [EPOCH_LABEL, EPOCH_TYPE],
  ]);
  for (const [label, type] of entries) {
    if (!isLabel(label)) refuse("a label is a letter, then letters, digits, _ . -, at most 63");
    if (labels.has(label)) refuse("uid and epoch are always there and cannot be redefined");
    labels.set(label, labelType(type, negation));
  }
  return { negation, labels } as unknown as AttributeSchema;
}

function labelType(value: unknown, negation: boolean): LabelType {
  const { type } = fieldsOf(value);
  if (type === "date") {
    fieldsOf(value, ["type"]);
    return { kind: "date" };
  }
  if (type === "integer") {
    const { width } = fieldsOf(value, ["type", "width"]);
    if (typeof width !== "number" || !isWidth(width)) refuse("an integer has a width of 1 to 32 bits");
    return { kind: "integer", width };
  }
  if (type !== "text") refuse("a label's type is text, integer or date");
  const { values, negatable = false, allowed } = fieldsOf(value, ["type", "values", "negatable", "allowed"]);
  if (values !== "one" && values !== "many") refuse("a text has values: one or many");
  if (typeof negatable !== "boolean") refuse("negatable is true or false");
  if (negatable && values !== "one") refuse("only a label with one value can be negated");
  if (negatable && !negation) refuse("this schema says negation: false");
  if (allowed === undefined) return { kind: "text", values, negatable, allowed: undefined };
  if (!Array.isArray(allowed) || allowed.length === 0 || !allowed.every(isValue)) refuse("allowed lists values");
  const set = new Set<string>(allowed);
  if (set.size !== allowed.length) refuse("allowed lists a value twice");
  return { kind: "text", values, negatable, allowed: set };
}

/** Whether a number of bits is one an integer may have. */
export function isWidth(width: number): boolean {
  return Number.isInteger(width) && width >= 1 && width <= 32;
}

const isValue = (value: unknown): value is string => typeof value === "string" && isPolicyValue(value);

function fieldsOf(value: unknown, known?: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse("an object is missing");
  if (known && Object.keys(value).some((key) => !known.includes(key))) refuse("a field that has no meaning");
  return value as Readonly<Record<string, unknown>>;
}
