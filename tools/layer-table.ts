/**
 * Who may import whom: the one table, and the check of one file against it. `layers.ts` runs it over the tree.
 * A violation names file, line and rule.
 * @module
 */
import { posix } from "node:path";
import { importsOf, lineOf } from "./imports.ts";

export interface Layer {
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
export const LAYERS: Readonly<Record<string, Layer>> = {
  "core/engine": { packages: [], modules: ["@noble/"], forbidden: AMBIENT },
  "core/crypto": { packages: ENGINE, modules: ["@noble/", "hpke"], forbidden: AMBIENT },
  "core/protocol": {
    packages: [...ENGINE, "@milagro/crypto"],
    modules: ["@noble/hashes/", "typebox", "typebox/", "canonicalize", "structured-headers"],
    forbidden: AMBIENT,
  },
  runtime: { packages: CORE, modules: ANY, forbidden: [] },
  "services/dta": { packages: SHELL, modules: ANY, forbidden: [] },
  "services/kms": { packages: SHELL, modules: ANY, forbidden: [] },
  "services/auth": { packages: SHELL, modules: ANY, forbidden: [] },
  "clients/sdk": { packages: CORE, modules: [], forbidden: AMBIENT },
  "clients/web": {
    packages: [...CORE, "@milagro/client"],
    modules: ["@noble/hashes/", "lit", "lit/", "uqr"],
    forbidden: [],
  },
  "apps/channel": { packages: SHELL, modules: ANY, forbidden: [] },
  "clients/endpoint": { packages: [...SHELL, "@milagro/client"], modules: ANY, forbidden: [] },
  "clients/cli": {
    packages: [...SHELL, "@milagro/client", "@milagro/endpoint", "@milagro/channel", "@milagro/gateway"],
    modules: ANY,
    forbidden: [],
  },
  "apps/gateway": {
    packages: [...SHELL, "@milagro/client", "@milagro/endpoint", "@milagro/channel"],
    modules: ANY,
    forbidden: [],
  },
};

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

/** @param own - the package's own name: a generated module is reached through its own exports */
export function checkFile(place: string, own: string, layer: Layer, file: string, text: string): string[] {
  const problems: string[] = [];
  for (const { specifier, line } of importsOf(text)) {
    const at = `${file}:${line}`;
    if (specifier.startsWith(".")) {
      const target = posix.join(posix.dirname(file), specifier);
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
