/**
 * Builds the engine's WebAssembly into `dist/wasm`: a `.wasm` file of each build, and the same packed into a JavaScript
 * module that Node, browsers and bundlers load without being told how; `…-sync.js` is the same unpacked, for those who
 * cannot wait for a decompressor.
 *
 *     node wasm/generate/build.ts [--out DIR] [--if-changed]
 * @module
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { BUILDS, compileBuild, sourceDigest } from "./compile.ts";

const { values } = parseArgs({ options: { out: { type: "string" }, "if-changed": { type: "boolean" } } });
const out = values.out ?? fileURLToPath(new URL("../../dist/wasm", import.meta.url));
const stamp = join(out, "stamp");
const digest = sourceDigest();
const outputs = BUILDS.flatMap(({ name }) => [`${name}.wasm`, `${name}.js`, `${name}-sync.js`]);
const isCurrent =
  existsSync(stamp) &&
  readFileSync(stamp, "utf8") === digest &&
  outputs.every((output) => existsSync(join(out, output)));
if (!values["if-changed"] || !isCurrent) {
  mkdirSync(out, { recursive: true });
  for (const build of BUILDS) {
    const binary = await compileBuild(build, out);
    const packed = gzipSync(binary, { level: 9 });
    writeFileSync(join(out, `${build.name}.wasm`), binary);
    writeFileSync(join(out, `${build.name}.js`), `export const wasm = "${packed.toString("base64")}";\n`);
    writeFileSync(
      join(out, `${build.name}-sync.js`),
      `export const wasm = "${Buffer.from(binary).toString("base64")}";\n`,
    );
    process.stderr.write(`${build.name}: ${binary.length} bytes, ${packed.length} compressed\n`);
  }
  writeFileSync(stamp, digest);
}
