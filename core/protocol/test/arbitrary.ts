/**
 * Arbitrary wire messages, made from the schemas themselves, so that no message can be forgotten.
 * @module
 */
import fc from "fast-check";
import type { TSchema } from "typebox";

/** The keywords our schemas use. */
export interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly maxProperties?: number;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly description?: string;
}

const base64url = (minimum: number, maximum: number) =>
  fc.uint8Array({ minLength: minimum, maxLength: maximum }).map((bytes) => Buffer.from(bytes).toString("base64url"));

/** Leaves whose grammar is more than a pattern. */
const SAMPLES: Readonly<Record<string, readonly string[]>> = {
  Identity: [
    "milagro:example.org/person/alice",
    "milagro:a.b-c.example/service/eu/web-1",
    "milagro:example.org/person/zoë@x+y",
  ],
  "Identity pattern": [
    "milagro:example.org/*/**",
    "milagro:example.org/service/web*",
    "milagro:example.org/person/alice",
  ],
  "Domain name": ["example.org", "a", "x-1.example"],
  "http or https URL": ["https://kms.example.org", "http://127.0.0.1:8080/v1", "https://[::1]:8443/"],
  "Path of a secret": ["db/password", "a", "team-1/app.prod/api_key"],
  "Pattern over secret paths": ["db/*", "**", "team-1/app*/key"],
  "Bus URL": ["mqtts://bus.example.org:8883", "mqtt://127.0.0.1:1883"],
};

function text(schema: JsonSchema): fc.Arbitrary<string> {
  const { pattern, minLength = 0, maxLength = 64, description = "" } = schema;
  const sized = /: (\d+)(?: to (\d+))? bytes, base64url$/.exec(description);
  if (sized) return base64url(Number(sized[1]), Math.min(Number(sized[2] ?? sized[1]), Number(sized[1]) + 48));
  const samples = SAMPLES[description.split(/[:,]/)[0] ?? ""];
  if (samples) return fc.constantFrom(...samples);
  if (pattern === undefined) return fc.string({ minLength, maxLength: Math.min(maxLength, 24) });
  if (pattern.includes("\\p{")) return fc.constantFrom("Example Ltd", "CH", "Ünïcode & Söhne (EU)");
  const jwtLike = pattern.startsWith("^[A-Za-z0-9_\\-]+\\.");
  if (jwtLike) return fc.constant("eyJhbGciOiJFZERTQSJ9.e30.AAAA");
  return fc
    .stringMatching(new RegExp(pattern, "u"), { size: "-1" })
    .filter((value) => value.length >= minLength && value.length <= maxLength);
}

/** Values that the schema accepts. */
export function arbitraryOf(schema: TSchema | JsonSchema): fc.Arbitrary<unknown> {
  const node = schema as JsonSchema;
  if (node.const !== undefined) return fc.constant(node.const);
  if (node.enum) return fc.constantFrom(...node.enum);
  if (node.anyOf) return fc.oneof(...node.anyOf.map(arbitraryOf));
  if (node.patternProperties) {
    const [key = "", value = {}] = Object.entries(node.patternProperties)[0] ?? [];
    return fc.dictionary(fc.stringMatching(new RegExp(key, "u"), { size: "-1" }), arbitraryOf(value), {
      maxKeys: 3,
      noNullPrototype: true,
    });
  }
  if (node.properties) {
    const entries = Object.entries(node.properties).map(([key, value]) => [key, arbitraryOf(value)] as const);
    return fc.record(Object.fromEntries(entries), { requiredKeys: [...(node.required ?? [])], noNullPrototype: true });
  }
  if (node.items)
    return fc.array(arbitraryOf(node.items), {
      minLength: node.minItems ?? 0,
      maxLength: Math.min(node.maxItems ?? 3, Math.max(3, node.minItems ?? 0)),
    });
  if (node.type === "boolean") return fc.boolean();
  if (node.type === "integer")
    return fc.integer({ min: node.minimum ?? 0, max: Math.min(node.maximum ?? 1000, 2 ** 31 - 1) });
  if (node.type === "number") return fc.integer();
  return text(node);
}
