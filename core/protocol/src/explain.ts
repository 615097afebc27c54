/**
 * Says where a message is wrong and why, without repeating any of its values: messages hold evidence, tokens, shares.
 * @module
 */
import type { TSchema } from "typebox";
import { Errors } from "typebox/value";

/** One of the validator's findings. */
interface Finding {
  readonly keyword: string;
  readonly schemaPath: string;
  readonly instancePath: string;
  readonly message: string;
  readonly params: { readonly additionalProperties?: readonly string[] };
}

/** The parts of a JSON schema that matter for choosing between variants. */
interface Node {
  readonly anyOf?: readonly Node[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
}

/** Names are repeated only when they look like ours: letters, or a place in an array. Others may be somebody's secret. */
const shown = (name: string) => (/^(?:[A-Za-z]{1,24}|\d{1,5})$/.test(name) ? name : "?");

const lookUp = (root: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], root);

const parts = (pointer: string) => pointer.split("/").slice(1);

/** The variant that was meant: its constants agree with the value and, if that leaves several, it knows all the value's keys. */
function meantVariant(variants: readonly Node[], value: unknown): Node | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const own = value as Record<string, unknown>;
  const agreeing = variants.filter(({ properties = {} }) =>
    Object.entries(properties).every(([key, { const: wanted }]) => wanted === undefined || own[key] === wanted),
  );
  const knowing = agreeing.filter(({ properties = {} }) =>
    Object.keys(own).every((key) => Object.hasOwn(properties, key)),
  );
  return agreeing.length === 1 ? agreeing[0] : knowing.length === 1 ? knowing[0] : undefined;
}

function describe(finding: Finding, path: string): string {
  const where = path === "" ? "the message" : path;
  const unknown = finding.params.additionalProperties?.[0];
  if (unknown !== undefined) return `${where} has the unknown property ${shown(unknown)}`;
  if (finding.keyword === "pattern") return `${where} is not in its canonical form`;
  return `${where} ${finding.message}`;
}

/**
 * One sentence about the first thing that is wrong: `/keys/0/epoch must be >= 0`.
 * @param value - fails the check against the schema
 */
export function explain(schema: TSchema, value: unknown, prefix = ""): string {
  const findings = Errors(schema, value) as unknown as readonly Finding[];
  const finding = findings.find(({ keyword }) => keyword !== "boolean") ?? findings[0];
  if (finding === undefined) return "is malformed";
  const readable = (path: readonly string[]) => prefix + path.map((part) => `/${shown(part)}`).join("");
  const steps = parts(finding.schemaPath.replace(/^#/, ""));
  const union = finding.keyword === "anyOf" ? steps.length : steps.indexOf("anyOf");
  if (union === -1) return describe(finding, readable(parts(finding.instancePath)));
  // The instance path goes one step deeper for each property or item that the schema path enters.
  const toUnion = steps.slice(0, union);
  const depth = toUnion.filter(
    (step) => step === "properties" || step === "patternProperties" || step === "items",
  ).length;
  const path = parts(finding.instancePath).slice(0, depth);
  const node = lookUp(schema, toUnion) as Node | undefined;
  const inner = lookUp(value, path);
  const variant = meantVariant(node?.anyOf ?? [], inner);
  return variant === undefined
    ? `${readable(path) || "the message"} has none of the forms allowed here`
    : explain(variant as TSchema, inner, readable(path));
}
