/** When the launchers take the bundles of a checkout for those of its sources. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const { isCurrent, programsOf, stampOf } = (await import(new URL("../launch.js", import.meta.url).href)) as {
  isCurrent(root: string): boolean;
  programsOf(root: string): string[];
  stampOf(root: string): string;
};

const BUILT_AT = 1_700_000_000;
const FILES = [
  "clients/web/dist/pages/index.html",
  "core/pure/tsconfig.json",
  "core/pure/package.json",
  "core/pure/src/deep/part.ts",
  "core/engine/dist/wasm/stamp",
  "node_modules/.package-lock.json",
  "services/one/tsconfig.json",
  "services/one/package.json",
  "services/one/bin/one.js",
  "services/one/bundle/main.js",
  "services/one/src/main.ts",
  "tools/build.mjs",
  "tools/bundle.mjs",
];

let root: string;

function write(file: string, at: number): void {
  const path = join(root, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "");
  utimesSync(path, at, at);
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "milagro-launch-"));
  for (const file of FILES) write(file, BUILT_AT - 60);
  for (const folder of ["core/pure/src/deep", "core/pure/src", "services/one/src"]) {
    utimesSync(join(root, folder), BUILT_AT - 60, BUILT_AT - 60);
  }
  write("node_modules/.milagro-built", BUILT_AT);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test("bundles are current when everything that they are made of is older", () => {
  expect(stampOf(root)).toBe(join(root, "node_modules/.milagro-built"));
  expect(programsOf(root)).toEqual([join(root, "services/one")]);
  expect(isCurrent(root)).toBe(true);
});

test.each([
  ["a source of the program", "services/one/src/main.ts"],
  ["a source of a package that it may use, in a folder below", "core/pure/src/deep/part.ts"],
  ["a new source", "core/pure/src/new.ts"],
  ["a package's list of dependencies", "core/pure/package.json"],
  ["what is installed", "node_modules/.package-lock.json"],
  ["the engine's WebAssembly", "core/engine/dist/wasm/stamp"],
  ["the order of building", "tools/build.mjs"],
  ["the way of building", "tools/bundle.mjs"],
])("bundles are not current when %s is younger", (_what, file) => {
  write(file, BUILT_AT + 1);
  expect(isCurrent(root)).toBe(false);
});

test("what was written in the very moment of building may have been missed", () => {
  write("services/one/src/main.ts", BUILT_AT);
  expect(isCurrent(root)).toBe(false);
});

test("a source that was deleted makes bundles old", () => {
  rmSync(join(root, "core/pure/src/deep/part.ts")); // its folder is younger now
  expect(isCurrent(root)).toBe(false);
});

test.each([
  ["the stamp, as when building was cut short", "node_modules/.milagro-built"],
  ["the bundle of a program", "services/one/bundle/main.js"],
  ["the login server's pages", "clients/web/dist/pages/index.html"],
])("bundles are not current without %s", (_what, file) => {
  rmSync(join(root, file));
  expect(isCurrent(root)).toBe(false);
});

test("a program that has no bundle yet makes them all old", () => {
  for (const file of ["tsconfig.json", "package.json", "bin/two.js", "src/main.ts"]) {
    write(`services/two/${file}`, BUILT_AT - 60);
  }
  utimesSync(join(root, "services/two/src"), BUILT_AT - 60, BUILT_AT - 60);
  expect(isCurrent(root)).toBe(false);
});
