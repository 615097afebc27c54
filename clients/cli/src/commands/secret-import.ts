/**
 * `milagro secret import`: many secrets from one file.
 * @module
 */
import { putSecret } from "@milagro/client/secrets";
import { formatPolicy } from "@milagro/crypto/policy-format";
import { MilagroError } from "@milagro/engine/error";
import { parseSecretPath, type SecretPath } from "@milagro/protocol/secret-path";
import type { CommandSpec } from "../command.ts";
import { ACTING_OPTIONS } from "../options.ts";
import { asIdentity } from "../session.ts";
import { readText } from "../value.ts";
import { parseReaders, READER_OPTIONS } from "./secret-readers.ts";
import { recipientsIn } from "./secret-value.ts";

export const secretImport: CommandSpec = {
  name: "import",
  summary: "store many secrets from a .env or JSON file",
  details:
    "A line NAME=value becomes the secret <prefix>NAME; in JSON, an object of texts, nested objects become longer paths.\nEach is encapsulated here, one version each; what was stored is listed even when a later one fails.",
  arguments: [["<file>", "@file, a file name, or - for stdin"]],
  options: [
    ...ACTING_OPTIONS,
    ...READER_OPTIONS,
    { flags: "--prefix <path>", text: "put in front of every name, e.g. app/", default: "" },
  ],
  examples: [
    {
      text: "What an application had in its environment",
      line: "milagro secret import .env --prefix app/ --to endpoint/web-1",
    },
    {
      text: "To whoever has an attribute, told to one endpoint",
      line: "milagro secret import .env --prefix app/ --policy 'group = db' -t endpoint/db-1",
    },
    {
      text: "From another vault",
      line: "bao kv get -format=json -field=data secret/app | milagro secret import - --prefix app/ -t endpoint/web-1",
    },
  ],
  async run(context, invocation) {
    const file = invocation.argument(0);
    const text = await readText(context.io, file === "-" || file.startsWith("@") ? file : `@${file}`);
    const entries = parseImport(text, invocation.text("prefix") ?? "");
    return asIdentity(context, async (deps, { ring }) => {
      const readers = await parseReaders(context, invocation, deps.domain);
      const to = readers.policy && formatPolicy(readers.policy);
      const rows: { path: string; version: number; recipients: readonly string[]; policy?: string }[] = [];
      const work = async () => {
        for (const [path, value] of entries) {
          const { record, stored } = await putSecret(deps, ring, {
            path,
            ...readers,
            plaintext: new TextEncoder().encode(value),
            operation: "import",
          });
          const policy = to === undefined ? {} : { policy: to };
          rows.push({ path, version: stored.version, recipients: recipientsIn(record), ...policy });
        }
      };
      await context.progress(`storing ${entries.length} secrets`, work()).catch((error: unknown) => {
        for (const { path, version } of rows) context.note(`stored ${path}, version ${version}`);
        throw error;
      });
      return {
        data: rows,
        view: {
          kind: "rows",
          columns: ["secret", "version"],
          rows: rows.map(({ path, version }) => [path, String(version)]),
          empty: "nothing to import",
        },
      };
    });
  },
};

/** Paths are checked before anything is stored. @throws `ERR_VALUE_INVALID` naming the line, never a value; `ERR_PATH_INVALID` */
export function parseImport(text: string, prefix: string): readonly (readonly [SecretPath, string])[] {
  const pairs = text.trimStart().startsWith("{") ? fromJson(text) : fromLines(text);
  return pairs.map(([name, value]) => [parseSecretPath(`${prefix}${name}`), value] as const);
}

function fromJson(text: string): [string, string][] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MilagroError("ERR_VALUE_INVALID", "the file begins like JSON and is not");
  }
  const walk = (node: unknown, path: string): [string, string][] => {
    if (typeof node === "string") return [[path, node]];
    if (typeof node !== "object" || node === null || Array.isArray(node)) {
      throw new MilagroError("ERR_VALUE_INVALID", `${path} is neither text nor an object of texts`);
    }
    return Object.entries(node).flatMap(([name, child]) => walk(child, path === "" ? name : `${path}/${name}`));
  };
  return walk(value, "");
}

/** NAME=value, export NAME=value, NAME="value with \n", NAME='raw'; # comments. */
function fromLines(text: string): [string, string][] {
  return text.split("\n").flatMap((raw, i): [string, string][] => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return [];
    const match = /^(?:export\s+)?([A-Za-z0-9._/-]+)\s*=\s*(.*)$/s.exec(line);
    const [, name, value] = match ?? [];
    if (name === undefined || value === undefined)
      throw new MilagroError("ERR_VALUE_INVALID", `line ${i + 1} is not NAME=value`);
    return [[name, unquoted(value, i + 1)]];
  });
}

function unquoted(value: string, line: number): string {
  const quote = value[0];
  if (quote !== '"' && quote !== "'") return value;
  if (value.length < 2 || !value.endsWith(quote))
    throw new MilagroError("ERR_VALUE_INVALID", `line ${line}: the quote is not closed`);
  const inner = value.slice(1, -1);
  return quote === "'"
    ? inner
    : inner.replace(/\\([nrt"\\])/g, (_, letter: string) => ({ n: "\n", r: "\r", t: "\t" })[letter] ?? letter);
}
