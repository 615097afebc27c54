/**
 * Attributes as people write them in arguments and settings: `label=value`, a label with many values once for each.
 * @module
 */
import type { AttributeSchema } from "@milagro/crypto/attribute-schema";
import type { AttributeValues } from "@milagro/crypto/attribute-set";
import { MilagroError } from "@milagro/engine/error";

/** @throws `ERR_USAGE` for text that is no pair, `ERR_ATTRIBUTE_INVALID` naming a label that the schema does not have or that came twice */
export function parseAttributePairs(schema: AttributeSchema, texts: readonly string[]): AttributeValues {
  const values: Record<string, string | number | readonly string[]> = {};
  for (const text of texts) {
    const [, label, value] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
    if (label === undefined || value === undefined)
      throw new MilagroError("ERR_USAGE", "an attribute is written label=value");
    const type = schema.labels.get(label);
    if (!type) throw new MilagroError("ERR_ATTRIBUTE_INVALID", `the schema has no label ${label}`);
    const before = values[label];
    if (type.kind === "text" && type.values === "many") {
      values[label] = [...(Array.isArray(before) ? (before as readonly string[]) : []), value];
      continue;
    }
    if (before !== undefined) throw new MilagroError("ERR_ATTRIBUTE_INVALID", `${label} has one value`);
    if (type.kind === "integer" && !/^\d{1,10}$/.test(value))
      throw new MilagroError("ERR_ATTRIBUTE_INVALID", `${label} is a whole number`);
    values[label] = type.kind === "integer" ? Number(value) : value;
  }
  return values;
}
