/**
 * Configuration: flags over environment over file over defaults, checked against one schema. Errors name the key and where it came from, never the value.
 * Secrets are not configuration: a value that looks like one is refused in the environment; give the path of a file instead.
 * @module
 */
import { readFileSync } from "node:fs";
import { MilagroError } from "@milagro/engine/error";
import type { Static, TObject, TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { Default } from "typebox/value";
import { isErrno } from "./atomic-file.ts";

export interface ConfigSources {
  /** From the command line, by schema key; `undefined` means not given. Nested objects as in the schema. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: {
    readonly values: Readonly<Record<string, string | undefined>>;
    /** `MILAGRO_DTA` makes `http.bodyLimitBytes` readable as `MILAGRO_DTA_HTTP_BODY_LIMIT_BYTES`. */
    readonly prefix: string;
    /** What to do with other variables that start with the prefix: "refuse" finds typing errors. Default "ignore". */
    readonly unknown?: "refuse" | "ignore";
  };
  /** Path of a JSON file. A missing file is an error unless `optionalFile`. */
  readonly file?: string | undefined;
  readonly optionalFile?: boolean;
}

type Tree = { [key: string]: unknown };
const SECRET_NAME = /(PASSPHRASE|PASSWORD|SECRET|TOKEN|PRIVATE_KEY|API_KEY|PIN)$/;
const MAX_FILE_BYTES = 1_048_576;

/**
 * Merges the sources and checks the result.
 * @param schema - a TypeBox object with `additionalProperties: false`; nested objects are merged key by key, arrays replaced whole
 * @throws `ERR_CONFIG_INVALID` naming the key, `ERR_CONFIG_MISSING` for an absent file, `ERR_CONFIG_SECRET` for a secret in the environment
 */
export function loadConfig<T extends TObject>(schema: T, sources: ConfigSources): Static<T> {
  const origins = new Map<string, string>();
  const merged: Tree = {};
  mergeInto(merged, fromFile(sources), "file", origins);
  if (sources.env) mergeInto(merged, fromEnv(schema, sources.env), "environment", origins);
  mergeInto(merged, fromFlags(schema, sources.flags ?? {}), "flags", origins);
  const complete = Default(schema, merged);
  const validator = Compile(schema);
  if (validator.Check(complete)) return complete as Static<T>;
  const problems = validator.Errors(complete);
  const first = problems.find((problem) => problem.keyword === "required") ?? problems[0];
  throw invalid(describe(first), origins);
}

/** `bodyLimitBytes` → `BODY_LIMIT_BYTES`. */
export function environmentName(prefix: string, path: readonly string[]): string {
  return [prefix, ...path.map((key) => key.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase())].join("_");
}

function fromFile(sources: ConfigSources): Tree {
  if (sources.file === undefined) return {};
  let text: string;
  try {
    const bytes = readFileSync(sources.file);
    if (bytes.length > MAX_FILE_BYTES)
      throw new MilagroError("ERR_CONFIG_INVALID", "the configuration file is larger than 1 MiB");
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    if (isErrno(cause, "ENOENT") && sources.optionalFile) return {};
    if (cause instanceof MilagroError) throw cause;
    throw new MilagroError("ERR_CONFIG_MISSING", `the configuration file ${sources.file} cannot be read`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // No cause: the parser quotes the text.
    throw new MilagroError("ERR_CONFIG_INVALID", "the configuration file is not JSON");
  }
  if (!isTree(value)) throw new MilagroError("ERR_CONFIG_INVALID", "the configuration file is not a JSON object");
  return value;
}

function fromEnv(schema: TObject, env: NonNullable<ConfigSources["env"]>): Tree {
  const tree: Tree = {};
  const known = new Set<string>();
  for (const { path, schema: leaf } of leaves(schema, [])) {
    const name = environmentName(env.prefix, path);
    known.add(name);
    const text = env.values[name];
    if (text === undefined) continue;
    refuseSecret(name, text);
    setPath(tree, path, coerce(leaf, text));
  }
  for (const [name, text] of Object.entries(env.values)) {
    if (!name.startsWith(`${env.prefix}_`) || known.has(name) || text === undefined) continue;
    refuseSecret(name, text);
    if (env.unknown === "refuse") {
      throw new MilagroError("ERR_CONFIG_INVALID", `environment variable ${name} is not a setting of this program`);
    }
  }
  return tree;
}

function fromFlags(schema: TSchema, flags: Readonly<Record<string, unknown>>): Tree {
  const properties = propertiesOf(schema) ?? {};
  const tree: Tree = {};
  for (const [key, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const leaf = properties[key];
    if (leaf && isTree(value)) tree[key] = fromFlags(leaf, value);
    else tree[key] = leaf && typeof value === "string" ? coerce(leaf, value) : value;
  }
  return tree;
}

function refuseSecret(name: string, text: string): void {
  if (SECRET_NAME.test(name)) {
    throw new MilagroError(
      "ERR_CONFIG_SECRET",
      `${name}: secrets are not taken from the environment; use ${name}_FILE with the path of a file`,
    );
  }
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/@]*:[^/@]+@/i.test(text)) {
    throw new MilagroError(
      "ERR_CONFIG_SECRET",
      `${name}: the URL holds a password; put it into the configuration file or a password file`,
    );
  }
}

function* leaves(schema: TSchema, path: readonly string[]): Generator<{ path: readonly string[]; schema: TSchema }> {
  for (const [key, child] of Object.entries(propertiesOf(schema) ?? {})) {
    if (propertiesOf(child)) yield* leaves(child, [...path, key]);
    else yield { path: [...path, key], schema: child };
  }
}

function propertiesOf(schema: TSchema): Record<string, TSchema> | undefined {
  return "properties" in schema && isTree(schema.properties)
    ? (schema.properties as Record<string, TSchema>)
    : undefined;
}

/** Text as the schema's type, where it has one reading; anything else is left for the schema to refuse. */
function coerce(schema: TSchema, text: string): unknown {
  const type = "type" in schema ? schema.type : undefined;
  if ((type === "integer" || type === "number") && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if (type === "array")
    return text === ""
      ? []
      : text.split(",").map((item) => coerce("items" in schema ? (schema.items as TSchema) : schema, item));
  return text;
}

function mergeInto(
  target: Tree,
  source: Tree,
  origin: string,
  origins: Map<string, string>,
  path: readonly string[] = [],
): void {
  for (const [key, value] of Object.entries(source)) {
    if (key === "__proto__" || value === undefined) continue;
    const here = [...path, key];
    const existing = target[key];
    if (isTree(value)) {
      const branch: Tree = isTree(existing) ? existing : {};
      target[key] = branch;
      mergeInto(branch, value, origin, origins, here);
    } else {
      target[key] = value;
    }
    origins.set(here.join("."), origin);
  }
}

function setPath(tree: Tree, path: readonly string[], value: unknown): void {
  let branch = tree;
  for (const key of path.slice(0, -1)) {
    const next = isTree(branch[key]) ? (branch[key] as Tree) : {};
    branch[key] = next;
    branch = next;
  }
  const last = path.at(-1);
  if (last !== undefined) branch[last] = value;
}

interface SchemaProblem {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message: string;
  readonly params: object;
}

function describe(problem: SchemaProblem | undefined): { key: string; what: string } {
  if (!problem) return { key: "", what: "is not as the schema says" };
  const path = problem.instancePath.split("/").slice(1);
  if (
    problem.keyword === "required" &&
    "requiredProperties" in problem.params &&
    Array.isArray(problem.params.requiredProperties)
  ) {
    return { key: [...path, String(problem.params.requiredProperties[0])].join("."), what: "is required" };
  }
  const what = problem.keyword === "boolean" ? "is not a setting of this program" : problem.message;
  return { key: path.join("."), what };
}

function invalid({ key, what }: { key: string; what: string }, origins: ReadonlyMap<string, string>): MilagroError {
  const origin = origins.get(key);
  return new MilagroError("ERR_CONFIG_INVALID", `setting "${key}"${origin ? ` (from ${origin})` : ""} ${what}`);
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
