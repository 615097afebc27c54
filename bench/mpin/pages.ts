/**
 * The login server's pages, built as they are published, and what a browser loads of them, each file compressed by itself.
 * @module
 */
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { inputsOf, settings } from "../../clients/web/vite.settings.ts";
import type { Reporter } from "../harness/reporter.ts";

const GOAL_KB = 60;
/** What a login loads late: one engine for G1, and one language that is not English. The larger of each counts. */
const ENGINES = /\/(?:fma|simd|scalar)-g1-/;
const LANGUAGES = /\/(?:de|ja|ar)-/;
const ENROLMENT = /\/enrol-/;

interface File {
  readonly text: string;
  readonly kb: number;
  readonly imports: readonly string[];
}
export type Pages = ReadonlyMap<string, File>;

/** Into a folder, for a login server. */
export async function buildPages(outDir: string): Promise<Pages> {
  const root = fileURLToPath(new URL("../../clients/web/pages/", import.meta.url));
  const options = { configFile: false, logLevel: "error" } as const;
  const built = await build({ ...settings({ root, outDir, inputs: inputsOf(root) }), ...options });
  if (!("output" in built)) throw new TypeError("one build, one output");
  return new Map(
    built.output.map((each) => {
      const text = each.type === "chunk" ? each.code : Buffer.from(each.source).toString();
      const imports = each.type === "chunk" ? each.imports : [];
      return [each.fileName, { text, imports, kb: gzipSync(text, { level: 9 }).length / 1000 }];
    }),
  );
}

export function reportSizes(report: Reporter, pages: Pages): void {
  const page = loadedWith(pages, "login.html", linksOf(pages, "login.html"));
  const late = [ENGINES, LANGUAGES].map((pattern) => largest(pages, pattern));
  const login = loadedWith(pages, ...page, ...late);
  const enrolment = loadedWith(pages, ...login, largest(pages, ENROLMENT));
  const size = (names: Iterable<string>): number => [...names].reduce((sum, name) => sum + fileOf(pages, name).kb, 0);
  const goal = { peer: "goal", peerValue: GOAL_KB };
  report.add({ name: "bundle size, gzip: login page", value: size(login), unit: "kB", ...goal });
  report.add({ name: "bundle size, gzip: engine in it", value: size(late.slice(0, 1)), unit: "kB" });
  report.add({
    name: "bundle size, gzip: more for setting up a device",
    value: size(enrolment) - size(login),
    unit: "kB",
  });
}

function fileOf(pages: Pages, name: string): File {
  const file = pages.get(name);
  if (!file) throw new Error(`no ${name} was built`);
  return file;
}

const linksOf = (pages: Pages, page: string): readonly string[] =>
  [...fileOf(pages, page).text.matchAll(/(?:src|href)="\/([^"]+)"/g)].map(([, path]) => path as string);

function largest(pages: Pages, pattern: RegExp): string {
  const names = [...pages.keys()].filter((name) => pattern.test(name));
  const sorted = names.sort((a, b) => fileOf(pages, b).kb - fileOf(pages, a).kb);
  if (sorted[0] === undefined) throw new Error(`nothing was built like ${pattern}`);
  return sorted[0];
}

/** These files and all that they import at once. */
function loadedWith(pages: Pages, ...names: readonly (string | readonly string[])[]): ReadonlySet<string> {
  const loaded = new Set<string>();
  const follow = (name: string): void => {
    if (loaded.has(name)) return;
    loaded.add(name);
    for (const each of fileOf(pages, name).imports) follow(each);
  };
  for (const name of names.flat()) follow(name);
  return loaded;
}
