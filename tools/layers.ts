/**
 * The layer check over the whole tree: `npm run layers`, and in CI. The rules are in `layer-table.ts`.
 * @module
 */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { findCircles } from "./circles.ts";
import { checkFile, LAYERS } from "./layer-table.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

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
const texts = new Map<string, string>();
for (const place of packagesOnDisk()) {
  const layer = LAYERS[place];
  if (!layer) {
    problems.push(`${place}: no row in the layer table of tools/layers.ts`);
    continue;
  }
  const own = (JSON.parse(readFileSync(join(root, place, "package.json"), "utf8")) as { name: string }).name;
  for (const file of globSync(`${place}/src/**/*.ts`, { cwd: root })) {
    const path = file.split(sep).join("/");
    const text = readFileSync(join(root, file), "utf8");
    texts.set(path, text);
    problems.push(...checkFile(place, own, layer, path, text));
  }
}
for (const files of findCircles(texts)) problems.push(`these import each other in a loop: ${files.join(", ")}`);
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(
  problems.length === 0 ? `layers: ${texts.size} files follow the table\n` : `layers: ${problems.length} violations\n`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
