/**
 * Attributes as people and programs read them.
 * @module
 */
import type { Attribute, AttributeSet } from "@milagro/crypto/attribute-set";
import { formatDay } from "@milagro/crypto/policy-date";

/** For people and programs: labels with their values as text. */
export function describeAttributes(set: AttributeSet): Readonly<Record<string, string>> {
  return Object.fromEntries(set.map((attribute) => [attribute.label, textOf(attribute)]));
}

function textOf(attribute: Attribute): string {
  if (attribute.kind === "texts") return attribute.values.join(", ");
  return attribute.type.kind === "date" ? formatDay(attribute.value) : String(attribute.value);
}
