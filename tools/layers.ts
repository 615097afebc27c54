/**
 * The layer check: who may import whom, from the one table below. Run by `npm run layers` and in CI.
 * Reads import and export-from specifiers of every `src` file as text; a violation names file, line and rule.
 * @module
 */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

interface Layer {
  /** Workspace packages that may be imported, by name. */
  readonly packages: readonly string[];
  /** Outside modules that may be imported: a prefix ending in `/` or `:` allows everything below it. */
  readonly modules: readonly string[];
  /** Names that may not appear as free identifiers: I/O and ambient state that a pure layer gets as arguments. */
  readonly forbidden: readonly string[];
}

const AMBIENT = ["Date", "fetch", "console", "process", "setTimeout", "setInterval", "performance", "Math.random"];
const ENGINE = ["@milagro/engine"];
const CORE = [...ENGINE, "@milagro/crypto", "@milagro/protocol"];
const SHELL = [...CORE, "@milagro/runtime"];
const ANY = ["*"];

/** The table of docs/architecture.md. A package that is missing here fails the check. */
const LAYERS: Readonly<Record<string, Layer>> = {
  "core/engine": { packages: [], modules: ["@noble/"], forbidden: AMBIENT },
  "core/crypto": { packages: ENGINE, modules: ["@noble/", "hpke", "@panva/hpke-noble"], forbidden: AMBIENT },
  "core/protocol": {
    packages: [...ENGINE, "@milagro/crypto"],
    modules: ["@noble/hashes/", "typebox", "typebox/", "canonicalize", "structured-headers"],
    forbidden: AMBIENT,
  },
  runtime: { packages: CORE, modules: ANY, forbidden: [] },
  "services/dta": { packages: SHELL, modules: ANY, forbidden: [] },
  "services/kms": { packages: SHELL, modules: ANY, forbidden: [] },
  "clients/sdk": { packages: CORE, modules: [], forbidden: AMBIENT },
  "clients/endpoint": { packages: [...SHELL, "@milagro/client"], modules: ANY, forbidden: [] },
  "clients/cli": { packages: [...SHELL, "@milagro/client", "@milagro/endpoint"], modules: ANY, forbidden: [] },
};

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const SPECIFIER =
  /(?:^|[\s;}])(?:import|export)\b[^"';]*?from\s*["']([^"']+)["']|\bimport\s*\(\s*["']([^"']+)["']\s*\)|(?:^|[\s;])import\s*["']([^"']+)["']/g;

function allowedModule(layer: Layer, specifier: string): boolean {
  return layer.modules.some(
    (entry) => entry === "*" || entry === specifier || (/[/:]$/.test(entry) && specifier.startsWith(entry)),
  );
}

/** Code without comments and string contents, line structure kept, so that a word in a comment is not a use. */
function codeOnly(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, (part) =>
    part.replace(/[^\n]/g, " "),
  );
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

/** @param own - the package's own name: a generated module is reached through its own exports */
export function checkFile(place: string, own: string, layer: Layer, file: string, text: string): string[] {
  const problems: string[] = [];
  const withoutComments = text
    .replace(/\/\*[\s\S]*?\*\//g, (part) => part.replace(/[^\n]/g, " "))
    .replace(/^\s*\/\/[^\n]*/gm, "");
  for (const match of withoutComments.matchAll(SPECIFIER)) {
    const specifier = match[1] ?? match[2] ?? match[3] ?? "";
    const at = `${file}:${lineOf(withoutComments, match.index)}`;
    if (specifier.startsWith(".")) {
      const target = relative(root, join(root, dirname(file), specifier))
        .split(sep)
        .join("/");
      if (!target.startsWith(`${place}/src/`)) problems.push(`${at}: ${specifier} leaves ${place}/src`);
      continue;
    }
    const [scope, name] = specifier.split("/");
    if (scope === "@milagro") {
      const wanted = `${scope}/${name}`;
      if (wanted !== own && !layer.packages.includes(wanted)) problems.push(`${at}: ${place} may not import ${wanted}`);
    } else if (!allowedModule(layer, specifier)) {
      problems.push(`${at}: ${place} may not import ${specifier}`);
    }
  }
  const code = codeOnly(text);
  for (const word of layer.forbidden) {
    const use = new RegExp(
      `(?<![\\w.$])${word.replace(".", "\\.")}(?=[\\s]*[.(])|\\bnew\\s+${word.replace(".", "\\.")}\\b`,
    ).exec(code);
    if (use) problems.push(`${file}:${lineOf(code, use.index)}: ${place} is pure and may not use ${word}`);
  }
  return problems;
}

function packagesOnDisk(): string[] {
  return globSync(
    [
      "core/*/package.json",
      "runtime/package.json",
      "services/*/package.json",
      "clients/*/package.json",
      "apps/*/package.json",
    ],
    { cwd: root },
  )
    .map((file) => dirname(file).split(sep).join("/"))
    .sort();
}

const problems: string[] = [];
let files = 0;
for (const place of packagesOnDisk()) {
  const layer = LAYERS[place];
  if (!layer) {
    problems.push(`${place}: no row in the layer table of tools/layers.ts`);
    continue;
  }
  const own = (JSON.parse(readFileSync(join(root, place, "package.json"), "utf8")) as { name: string }).name;
  for (const file of globSync(`${place}/src/**/*.ts`, { cwd: root })) {
    files++;
    problems.push(...checkFile(place, own, layer, file.split(sep).join("/"), readFileSync(join(root, file), "utf8")));
  }
}
for (const problem of problems) console.error(problem);
console.log(
  problems.length === 0 ? `layers: ${files} files follow the table` : `layers: ${problems.length} violations`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
