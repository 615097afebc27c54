/**
 * Builds the engine's WebAssembly: generates kernels and constants for each tier, puts them beside the hand-written
 * sources, and compiles. Everything goes to `dist/wasm`; the same sources give the same bytes.
 *
 *     node wasm/generate/build.ts [--out DIR] [--if-changed]
 * @module
 */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import asc from "assemblyscript/asc";
import { emitConstants } from "./constants.ts";
import { curveFormulas, pairingFormulas } from "./curve-formulas.ts";
import { createFmaTier } from "./fma.ts";
import { createScalarTier } from "./scalar.ts";
import { createSimdTier } from "./simd.ts";
import type { Tier } from "./tier.ts";
import { towerFormulas } from "./tower-formulas.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const assembly = join(here, "..", "assembly");

/** What is built: a tier's whole engine, or its G1 alone. */
const BUILDS: readonly { readonly name: string; readonly create: () => Tier; readonly withG2: boolean }[] = [
  { name: "fma", create: createFmaTier, withG2: true },
  { name: "simd", create: createSimdTier, withG2: true },
  { name: "scalar", create: createScalarTier, withG2: true },
  { name: "fma-g1", create: createFmaTier, withG2: false },
  { name: "simd-g1", create: createSimdTier, withG2: false },
  { name: "scalar-g1", create: createScalarTier, withG2: false },
];

/** What the hand-written sources name but a build of G1 alone never calls, and so leaves out. */
const G2_ONLY = ["conjugate", "normFp2", "g2Add", "g2AddAffine", "g2Double"];
const UNUSED = "d: usize, a: usize, b: usize = 0";

/** The generated module: kernels, then the formulas that call them. The constants of both are complete only at the end. */
function generateField(tier: Tier, withG2: boolean): string {
  const formulas = [
    ...towerFormulas(tier, withG2),
    ...curveFormulas(tier, withG2 ? ["g1", "g2"] : ["g1"]),
    ...(withG2 ? pairingFormulas(tier) : []),
  ].join("\n");
  const absent = withG2 ? "" : G2_ONLY.map((name) => `export function ${name}(${UNUSED}): void {}\n`).join("");
  return `import { enterFrame, leaveFrame } from "./memory";\n${tier.emitField()}\n${formulas}\n${absent}`;
}

async function compile(name: string, tier: Tier, withG2: boolean, out: string): Promise<Uint8Array> {
  const work = join(out, "source", name);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  cpSync(assembly, work, { recursive: true });
  writeFileSync(join(work, "field.ts"), generateField(tier, withG2));
  writeFileSync(join(work, "constants.ts"), emitConstants(tier, withG2));
  const { error, binary, stderr } = await run(
    [
      join(work, withG2 ? "full.ts" : "g1.ts"),
      // shrink level 1 inlines less: a tenth smaller and as fast
      "--optimizeLevel",
      "3",
      "--shrinkLevel",
      "1",
      "--runtime",
      "stub",
      "--noAssert",
      "--use",
      "abort=",
      ...(tier.features.length > 0 ? ["--enable", tier.features.join(",")] : []),
    ],
    work,
  );
  if (error || !binary) throw new Error(`${name}: ${error?.message ?? "no output"}\n${stderr}`);
  return binary;
}

async function run(args: string[], base: string) {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main([...args, "--baseDir", base, "--outFile", "out.wasm"], {
    writeFile: (_name, contents) => {
      if (typeof contents !== "string") binary = contents;
    },
  });
  return { error, binary, stderr: stderr.toString() };
}

/** A digest of everything that the result depends on. */
function sourceDigest(): string {
  const hash = createHash("sha256");
  for (const folder of [here, assembly]) {
    for (const file of readdirSync(folder).sort()) hash.update(file).update(readFileSync(join(folder, file)));
  }
  return hash.update(asc.version).digest("hex");
}

const { values } = parseArgs({ options: { out: { type: "string" }, "if-changed": { type: "boolean" } } });
const out = values.out ?? join(here, "..", "..", "dist", "wasm");
const stamp = join(out, "stamp");
const digest = sourceDigest();
if (!(values["if-changed"] && existsSync(stamp) && readFileSync(stamp, "utf8") === digest)) {
  mkdirSync(out, { recursive: true });
  for (const { name, create, withG2 } of BUILDS) {
    const binary = await compile(name, create(), withG2, out);
    const packed = gzipSync(binary, { level: 9 });
    writeFileSync(join(out, `${name}.wasm`), binary);
    writeFileSync(join(out, `${name}.js`), `export const wasm = "${packed.toString("base64")}";\n`);
    process.stderr.write(`${name}: ${binary.length} bytes, ${packed.length} compressed\n`);
  }
  writeFileSync(stamp, digest);
}
