import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { beforeAll, expect, test } from "vitest";
import { inputsOf, settings } from "../vite.settings.ts";

/** What a person waits for on a phone: everything up to the PIN pad that answers. */
const LIMIT = 60_000;

interface Output {
  readonly fileName: string;
  readonly size: number;
  readonly imports: readonly string[];
  readonly text: string;
}
const files = new Map<string, Output>();
const root = fileURLToPath(new URL("../pages/", import.meta.url));

beforeAll(async () => {
  const made = await build({
    ...settings({ root, outDir: "unused", inputs: inputsOf(root) }),
    build: { ...settings({ root, outDir: "unused", inputs: inputsOf(root) }).build, write: false },
    configFile: false,
    logLevel: "error",
  });
  if (!("output" in made)) throw new Error("one build, one output");
  for (const each of made.output) {
    const text = each.type === "chunk" ? each.code : Buffer.from(each.source).toString();
    const imports = each.type === "chunk" ? each.imports : [];
    files.set(each.fileName, { fileName: each.fileName, imports, text, size: gzipSync(text, { level: 9 }).length });
  }
}, 60_000);

const file = (name: string): Output => {
  const found = files.get(name);
  if (!found) throw new Error(`no ${name} was built`);
  return found;
};
const named = (pattern: RegExp): readonly Output[] =>
  [...files.values()].filter(({ fileName }) => pattern.test(fileName));
const largest = (all: readonly Output[]): number => Math.max(...all.map(({ size }) => size));

/** The page, its styles and icon, its scripts with all that they import. */
function loadedBy(page: string): Set<string> {
  const loaded = new Set<string>([page]);
  const follow = (name: string): void => {
    if (loaded.has(name)) return;
    loaded.add(name);
    for (const each of file(name).imports) follow(each);
  };
  for (const [, path] of file(page).text.matchAll(/(?:src|href)="\/([^"]+)"/g)) follow(path as string);
  return loaded;
}

test("the login page loads at most 60 kB: script, style, page, one language and the one engine", () => {
  const sizes = [...loadedBy("login.html")].map((name) => file(name).size);
  const engine = largest(named(/(?:fma|simd|scalar)-g1-/));
  const language = largest(named(/assets\/(?:de|ja|ar)-/));
  const total = sizes.reduce((sum, size) => sum + size, 0) + engine + language;
  expect(engine).toBeGreaterThan(10_000);
  expect(total).toBeLessThanOrEqual(LIMIT);
});

test("enrolment, pairings, plain JavaScript arithmetic and QR codes are not part of it", () => {
  const names = [...loadedBy("login.html")].join(" ");
  for (const absent of [/enrol/, /noble/, /(?:fma|simd|scalar)-/, /handover/, /account/]) {
    expect(names).not.toMatch(absent);
    expect(named(absent).length).toBeGreaterThan(0);
  }
});

test("pages hold no script, style or handler of their own, and name no other host", () => {
  const pages = named(/\.html$/);
  expect(pages.length).toBe(5);
  for (const { text } of pages) {
    expect(text).not.toMatch(/<script(?![^>]*\bsrc=)/);
    expect(text).not.toMatch(/<style|\sstyle=|\son[a-z]+=/);
    expect(text).not.toMatch(/https?:\/\//);
  }
});

test("each page names its styles itself, and no script waits for any", () => {
  for (const { text } of named(/\.html$/)) expect(text).toMatch(/<link rel="stylesheet"[^>]*\.css"/);
  for (const { fileName, text } of named(/\.js$/)) expect(text, fileName).not.toMatch(/modulepreload|vite:preload/);
});

test("no script makes code from text, and none loads from another host", () => {
  const scripts = named(/\.js$/);
  expect(scripts.length).toBeGreaterThan(20);
  for (const { fileName, text } of scripts) {
    expect(text, fileName).not.toMatch(/\beval\(|\bnew Function\b|\bFunction\(["'`]/);
    expect(text, fileName).not.toMatch(/import\(\s*["'`]https?:/);
  }
});
