/**
 * Which policy an object gets, and who may write it where: the rules file, and the pure decisions on it.
 *
 *   { "v": 1, "location": { "region": "DE" },
 *     "buckets": { "records": { "names": "encrypted", "indexedTags": ["customer"] } },
 *     "rules": [ { "bucket": "records", "prefix": "hr/", "policy": "role = hr", "residency": "region in {DE, FR}", "write": "role = hr" } ] }
 *
 * The rule with the longest prefix that fits counts. Its policy, its residency and the object's own policy (a header) must all hold for readers; residency holds
 * for writers and for the place where the store is as well. Without a rule nothing is written.
 * @module
 */
import { type AttributeSchema, EPOCH_LABEL, UID_LABEL } from "@milagro/crypto/attribute-schema";
import { type AttributeSet, type AttributeValues, attributesOf } from "@milagro/crypto/attribute-set";
import type { Epoch } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import type { Policy } from "@milagro/crypto/policy";
import { formatPolicy } from "@milagro/crypto/policy-format";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import { satisfiesPolicy } from "@milagro/crypto/policy-satisfy";
import { MilagroError } from "@milagro/engine/error";
import { readFileLimited } from "@milagro/runtime/atomic-file";
import { type Static, Type } from "typebox";
import { Check } from "typebox/value";

const PolicyText = Type.String({ minLength: 1, maxLength: 16_384 });
const Value = Type.Union([Type.String(), Type.Integer(), Type.Array(Type.String())]);
const RuleSchema = Type.Object(
  {
    /** A bucket's name, or one with a `*` at its end. */
    bucket: Type.String({ pattern: "^(?:[a-z0-9.\\-]+\\*?|\\*)$", maxLength: 64 }),
    prefix: Type.String({ maxLength: 1024, default: "" }),
    /** Who may read. */
    policy: PolicyText,
    /** Where readers, writers and the store must be. */
    residency: Type.Optional(PolicyText),
    /** Who may write and delete; everybody with an access key, otherwise. */
    write: Type.Optional(PolicyText),
  },
  { additionalProperties: false },
);
const BucketSchema = Type.Object(
  {
    names: Type.Enum(["plain", "encrypted"], { default: "plain" }),
    /** Keys of tags that are encrypted deterministically, so that the store can search for equal ones. */
    indexedTags: Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { default: [], maxItems: 10 }),
  },
  { additionalProperties: false },
);
const RulesSchema = Type.Object(
  {
    v: Type.Literal(1),
    /** Attributes of the place where the store keeps what it gets. */
    location: Type.Record(Type.String(), Value, { default: {} }),
    buckets: Type.Record(Type.String(), BucketSchema, { default: {} }),
    rules: Type.Array(RuleSchema, { maxItems: 1000 }),
  },
  { additionalProperties: false },
);
type RulesFile = Static<typeof RulesSchema>;

export interface Rule {
  readonly bucket: string;
  readonly prefix: string;
  readonly policy: Policy;
  readonly residency?: Policy;
  readonly write?: Policy;
}

export interface BucketSettings {
  readonly names: "plain" | "encrypted";
  readonly indexedTags: readonly string[];
}

export interface Rules {
  readonly schema: AttributeSchema;
  readonly location: AttributeSet | undefined;
  readonly rules: readonly Rule[];
  bucket(name: string): BucketSettings;
}

/** Who asks: what their access key says. */
export interface Caller {
  readonly identity: Identity;
  readonly attributes: AttributeValues;
}

export type WriteDecision =
  | { readonly kind: "allow"; readonly policy: string }
  | { readonly kind: "refuse"; readonly code: "ERR_POLICY_UNSATISFIED" | "ERR_RESIDENCY" | "ERR_NO_RULE" };

const PLAIN: BucketSettings = { names: "plain", indexedTags: [] };
const MAX_FILE_BYTES = 1_048_576;

/** @throws `ERR_CONFIG_INVALID`, `ERR_POLICY_INVALID` naming the rule */
export async function readRules(path: string, schema: AttributeSchema): Promise<Rules> {
  const text = new TextDecoder().decode(await readFileLimited(path, MAX_FILE_BYTES));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MilagroError("ERR_CONFIG_INVALID", "the rules file is not JSON");
  }
  return parseRules(value, schema);
}

/** @throws `ERR_CONFIG_INVALID`, `ERR_POLICY_INVALID` naming the rule */
export function parseRules(value: unknown, schema: AttributeSchema): Rules {
  const complete = withDefaults(value);
  if (!Check(RulesSchema, complete))
    throw new MilagroError("ERR_CONFIG_INVALID", "the rules file is not as docs/operate/gateway.md says");
  const file: RulesFile = complete;
  const policy = (text: string, index: number, what: string): Policy => {
    try {
      return parsePolicy(text, schema);
    } catch (cause) {
      if (!(cause instanceof MilagroError)) throw cause;
      throw new MilagroError(cause.code, `rule ${index + 1}, ${what}: ${cause.message}`, { cause });
    }
  };
  return {
    schema,
    location: Object.keys(file.location).length === 0 ? undefined : attributesOf(schema, file.location),
    rules: file.rules.map((rule, i) => ({
      bucket: rule.bucket,
      prefix: rule.prefix,
      policy: policy(rule.policy, i, "policy"),
      ...(rule.residency === undefined ? {} : { residency: policy(rule.residency, i, "residency") }),
      ...(rule.write === undefined ? {} : { write: policy(rule.write, i, "write") }),
    })),
    bucket: (name) => (Object.hasOwn(file.buckets, name) ? (file.buckets[name] as BucketSettings) : PLAIN),
  };
}

function withDefaults(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const file = value as Record<string, unknown>;
  const fill = (entry: unknown, defaults: object): unknown =>
    typeof entry === "object" && entry !== null && !Array.isArray(entry) ? { ...defaults, ...entry } : entry;
  const buckets = file["buckets"] ?? {};
  return {
    location: {},
    ...file,
    buckets:
      typeof buckets === "object" && buckets !== null
        ? Object.fromEntries(Object.entries(buckets).map(([name, entry]) => [name, fill(entry, PLAIN)]))
        : buckets,
    rules: Array.isArray(file["rules"]) ? file["rules"].map((rule) => fill(rule, { prefix: "" })) : file["rules"],
  };
}

/** The rule for a place: of those that fit the one with the longest prefix, then the one with the longest bucket. */
export function ruleFor(rules: Rules, bucket: string, key: string): Rule | undefined {
  const fits = ({ bucket: pattern, prefix }: Rule): boolean =>
    (pattern.endsWith("*") ? bucket.startsWith(pattern.slice(0, -1)) : bucket === pattern) && key.startsWith(prefix);
  return rules.rules
    .filter(fits)
    .toSorted((a, b) => b.prefix.length - a.prefix.length || b.bucket.length - a.bucket.length)[0];
}

/** The caller's attributes as the language sees them, in an epoch. @throws `ERR_ATTRIBUTE_INVALID` */
export function attributesOfCaller(schema: AttributeSchema, caller: Caller, epoch: Epoch): AttributeSet {
  return attributesOf(schema, { ...caller.attributes, [UID_LABEL]: caller.identity, [EPOCH_LABEL]: epoch });
}

/**
 * Whether a caller may write (or delete) here, and the policy of what is written.
 * @param own - the object's own policy, from its header: it can narrow and not widen
 * @throws `ERR_POLICY_INVALID` for an own policy that does not parse
 */
export function decideWrite(
  rules: Rules,
  bucket: string,
  key: string,
  caller: AttributeSet,
  own: string | undefined,
): WriteDecision {
  const rule = ruleFor(rules, bucket, key);
  if (!rule) return { kind: "refuse", code: "ERR_NO_RULE" };
  if (rule.residency) {
    const stored = rules.location !== undefined && satisfiesPolicy(rule.residency, rules.location);
    if (!stored || !satisfiesPolicy(rule.residency, caller)) return { kind: "refuse", code: "ERR_RESIDENCY" };
  }
  if (rule.write && !satisfiesPolicy(rule.write, caller)) return { kind: "refuse", code: "ERR_POLICY_UNSATISFIED" };
  const parts = [rule.policy, rule.residency, own === undefined ? undefined : parsePolicy(own, rules.schema)];
  const texts = parts.filter((part) => part !== undefined).map((part) => formatPolicy(part, { compact: true }));
  return {
    kind: "allow",
    policy: texts.length === 1 ? (texts[0] as string) : texts.map((text) => `(${text})`).join("&"),
  };
}
