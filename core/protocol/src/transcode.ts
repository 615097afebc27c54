/**
 * Walks a value along its schema and applies the codecs at the leaves: text to bytes and brands, and back. The walk is
 * laid out once per schema, as functions; TypeBox's own walk sorts all unions of the schema anew on every call, which cost
 * more than the curve arithmetic of some messages. Results share nothing with what they were made from.
 *
 * It checks nothing by itself, except which variant of a union a value is: that is the first one that fits.
 * @module
 */
import { IsArray, IsCodec, IsObject, IsRecord, IsUnion, type TSchema } from "typebox";
import { checkerOf } from "./checker.ts";

type Step = (value: unknown) => unknown;

export interface Transcoder {
  /** From a value that the schema accepts. */
  readonly decode: Step;
  /** What comes out is to be checked: the value may not be what the caller says. */
  readonly encode: Step;
}

const SAME: Step = (value) => value;
const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** @throws TypeError for a kind of schema that no message has: references, tuples, intersections, cycles */
export function transcoderOf(schema: TSchema): Transcoder {
  const structure = structureOf(schema);
  if (!IsCodec(schema)) return structure;
  const codec = schema["~codec"];
  return {
    decode: (value) => codec.decode(structure.decode(value) as never),
    encode: (value) => structure.encode(codec.encode(value as never)),
  };
}

function structureOf(schema: TSchema): Transcoder {
  if (IsObject(schema)) {
    const properties = new Map(Object.entries(schema.properties).map(([key, each]) => [key, transcoderOf(each)]));
    return both((direction) => (value) => mapObject(value, (key) => properties.get(key)?.[direction]));
  }
  if (IsRecord(schema)) {
    const values = Object.values(schema.patternProperties).map(transcoderOf);
    const [each] = values;
    if (each === undefined || values.length !== 1) throw new TypeError("a record with one kind of values");
    return both((direction) => (value) => mapObject(value, () => each[direction]));
  }
  if (IsArray(schema)) {
    const each = transcoderOf(schema.items);
    return both((direction) => (value) => (Array.isArray(value) ? value.map((item) => each[direction](item)) : value));
  }
  if (IsUnion(schema)) return unionOf(schema.anyOf);
  if ("$ref" in schema || "allOf" in schema || "$defs" in schema) throw new TypeError("no message is made like this");
  return { decode: SAME, encode: SAME };
}

const both = (make: (direction: keyof Transcoder) => Step): Transcoder => ({
  decode: make("decode"),
  encode: make("encode"),
});

function mapObject(value: unknown, stepFor: (key: string) => Step | undefined): unknown {
  if (!isPlainObject(value)) return value;
  const mapped: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const each = value[key];
    const item = each === undefined ? each : (stepFor(key) ?? SAME)(each);
    // Assigning is several times faster than defining, and does something else for this one name.
    if (key === "__proto__")
      Object.defineProperty(mapped, key, { value: item, enumerable: true, writable: true, configurable: true });
    else mapped[key] = item;
  }
  return mapped;
}

function unionOf(schemas: readonly TSchema[]): Transcoder {
  const variants = schemas.map((schema) => ({ fits: checkerOf(schema), ...transcoderOf(schema) }));
  return {
    decode: (value) => (variants.find(({ fits }) => fits(value))?.decode ?? SAME)(value),
    encode: (value) => {
      for (const { fits, encode } of variants) {
        const encoded = encode(value);
        if (fits(encoded)) return encoded;
      }
      return value;
    },
  };
}
