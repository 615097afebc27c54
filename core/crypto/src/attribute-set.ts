/**
 * The attributes of one key or one ciphertext, in the one order and encoding that everything is derived from.
 *
 *   set   = u16 n ‖ n attributes, by label in rising byte order, each label once
 *   attribute = len8 label ‖ u8 type ‖ content
 *     0  texts            u16 count ‖ count × len8 value, in rising byte order, no value twice
 *     1  negatable text   len8 value
 *     2  integer          u8 width ‖ u32 value
 *     3  date             u32 days since 1970-01-01
 *
 * A set becomes components, in the order of the set: each value of a text one `equal`, a negatable text also one `negation`, a
 * number all its prefixes, shortest first. A key or ciphertext has one point for each component.
 * @module
 */
import { type AttributeSchema, isWidth } from "./attribute-schema.ts";
import type { Brand } from "./brand.ts";
import { ByteReader, concat, lengthPrefixed, parseUtf8, u8, u16, u32, utf8 } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { isLabel, largestOf, type NumberType } from "./policy.ts";
import { dayOf } from "./policy-date.ts";
import { isPolicyValue } from "./policy-lexer.ts";
import { prefixesOf } from "./policy-prefix.ts";

/** One label with what its holder has of it. A negatable text has exactly one value. */
export type Attribute =
  | { readonly kind: "texts"; readonly label: string; readonly values: readonly string[]; readonly negatable: boolean }
  | { readonly kind: "number"; readonly label: string; readonly type: NumberType; readonly value: number };

/** In canonical order; made by `attributesOf` and `parseAttributes`. */
export type AttributeSet = Brand<readonly Attribute[], "AttributeSet">;

/** What people write: text, several texts, a number, a date as `YYYY-MM-DD`. */
export type AttributeValues = Readonly<Record<string, string | number | readonly string[]>>;

/** What one point is for. */
export type Component =
  | { readonly kind: "equal" | "negation"; readonly label: string; readonly value: string }
  | {
      readonly kind: "prefix";
      readonly label: string;
      readonly type: NumberType;
      readonly length: number;
      readonly bits: number;
    };

/** Components of one set; points cost memory and time at every authority. */
export const MAX_COMPONENTS = 1024;

const TYPES = { texts: 0, negatable: 1, integer: 2, date: 3 } as const;

function refuse(reason: string): never {
  throw new MilagroError("ERR_ATTRIBUTE_INVALID", reason);
}

/** Checks values against the schema of the domain. @throws `ERR_ATTRIBUTE_INVALID`: an unknown label, a value of the wrong kind, two values where one is allowed */
export function attributesOf(schema: AttributeSchema, values: AttributeValues): AttributeSet {
  return canonical(Object.entries(values).map(([label, value]) => attributeOf(schema, label, value)));
}

function attributeOf(schema: AttributeSchema, label: string, value: AttributeValues[string]): Attribute {
  const type = schema.labels.get(label);
  if (!type) return refuse("the schema has no such label");
  if (type.kind === "text") {
    const list = typeof value === "string" ? [value] : value;
    if (!Array.isArray(list)) return refuse("a text label has text values");
    if (type.values === "one" && list.length !== 1) refuse("this label has one value");
    if (list.some((each) => type.allowed && !type.allowed.has(each))) refuse("the schema does not list this value");
    return { kind: "texts", label, values: list, negatable: type.negatable };
  }
  const number = type.kind === "date" && typeof value === "string" ? dayOf(value) : value;
  if (typeof number !== "number") return refuse("an integer label has a number, a date label YYYY-MM-DD");
  return { kind: "number", label, type, value: number };
}

/** Sorts and checks. */
function canonical(attributes: readonly Attribute[]): AttributeSet {
  const sorted = attributes
    .map((each) => (each.kind === "texts" ? { ...each, values: [...each.values].sort(byBytes) } : each))
    .sort((a, b) => byBytes(a.label, b.label));
  return checked(sorted);
}

function checked(attributes: readonly Attribute[]): AttributeSet {
  if (attributes.length === 0) refuse("a set without attributes satisfies nothing");
  if (!rising(attributes.map(({ label }) => label))) refuse("a label twice");
  for (const attribute of attributes) {
    if (!isLabel(attribute.label)) refuse("a label is a letter, then letters, digits, _ . -, at most 63");
    if (attribute.kind === "texts") {
      const { values, negatable } = attribute;
      if (values.length === 0 || !values.every((value) => typeof value === "string" && isPolicyValue(value)))
        refuse("a value has 1 to 255 bytes, in form NFC, nothing invisible");
      if (!rising(values)) refuse("a value twice");
      if (negatable && values.length !== 1) refuse("a label that can be negated has one value");
    } else {
      const { type, value } = attribute;
      if (!Number.isInteger(value) || value < 0 || value > largestOf(type)) refuse("a number outside its width");
    }
  }
  const set = attributes as AttributeSet;
  if (componentsOf(set).length > MAX_COMPONENTS) refuse(`at most ${MAX_COMPONENTS} components`);
  return set;
}

const byBytes = (a: string, b: string): number => compareBytes(utf8(a), utf8(b));

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

const rising = (texts: readonly string[]): boolean =>
  texts.every((text, i) => i === 0 || byBytes(texts[i - 1] as string, text) < 0);

/** The points that a set stands for, in order. */
export function componentsOf(set: AttributeSet): readonly Component[] {
  return set.flatMap((attribute): Component[] => {
    const { label } = attribute;
    if (attribute.kind === "number") {
      const { type, value } = attribute;
      return prefixesOf(type, value).map((prefix) => ({ kind: "prefix", label, type, ...prefix }));
    }
    const equal = attribute.values.map((value): Component => ({ kind: "equal", label, value }));
    if (!attribute.negatable) return equal;
    return [...equal, { kind: "negation", label, value: attribute.values[0] as string }];
  });
}

/** Whether a set has points for negations: keys and ciphertexts with them are of version 2. */
export function hasNegation(set: AttributeSet): boolean {
  return set.some((attribute) => attribute.kind === "texts" && attribute.negatable);
}

/** The attribute of a label, if the set has it. */
export function attributeNamed(set: AttributeSet, label: string): Attribute | undefined {
  return set.find((attribute) => attribute.label === label);
}

/** The encoding of the header comment. */
export function encodeAttributes(set: AttributeSet): Uint8Array {
  return concat(u16(set.length), ...set.map(encodeAttribute));
}

function encodeAttribute(attribute: Attribute): Uint8Array {
  const head = (type: number): Uint8Array => concat(lengthPrefixed(8, utf8(attribute.label)), u8(type));
  if (attribute.kind === "number") {
    const { type, value } = attribute;
    if (type.kind === "date") return concat(head(TYPES.date), u32(value));
    return concat(head(TYPES.integer), u8(type.width), u32(value));
  }
  const values = attribute.values.map((value) => lengthPrefixed(8, utf8(value)));
  if (attribute.negatable) return concat(head(TYPES.negatable), ...values);
  return concat(head(TYPES.texts), u16(values.length), ...values);
}

/** From untrusted bytes, the canonical encoding only. @throws `ERR_ATTRIBUTE_INVALID` */
export function parseAttributes(bytes: Uint8Array): AttributeSet {
  const reader = new ByteReader(bytes, "ERR_ATTRIBUTE_INVALID");
  const count = reader.integer(16);
  const attributes: Attribute[] = [];
  for (let i = 0; i < count; i += 1) attributes.push(readAttribute(reader));
  reader.end();
  return checked(attributes);
}

function readAttribute(reader: ByteReader): Attribute {
  const label = readText(reader);
  const type = reader.integer(8);
  if (type === TYPES.negatable) return { kind: "texts", label, values: [readText(reader)], negatable: true };
  if (type === TYPES.texts) {
    const values: string[] = [];
    for (let i = reader.integer(16); i > 0; i -= 1) values.push(readText(reader));
    return { kind: "texts", label, values, negatable: false };
  }
  if (type === TYPES.date) return { kind: "number", label, type: { kind: "date" }, value: reader.integer(32) };
  if (type !== TYPES.integer) refuse("an unknown type of attribute");
  const width = reader.integer(8);
  if (!isWidth(width)) refuse("an integer has a width of 1 to 32 bits");
  return { kind: "number", label, type: { kind: "integer", width }, value: reader.integer(32) };
}

function readText(reader: ByteReader): string {
  const bytes = reader.prefixed(8);
  try {
    return parseUtf8(bytes);
  } catch {
    return refuse("not valid UTF-8");
  }
}
