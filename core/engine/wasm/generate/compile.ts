/**
 * Generates and compiles the engine's WebAssembly modules: kernels and constants of a tier are put beside the
 * hand-written sources, and `asc` makes a module of them. The same sources give the same bytes.
 * @module
 */
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { emitConstants } from "./constants.ts";
import { curveFormulas, pairingFormulas } from "./curve-formulas.ts";
import { createFmaTier } from "./fma.ts";
import { proveHostCalls } from "./host-proofs.ts";
import { createScalarTier } from "./scalar.ts";
import { createSimdTier } from "./simd.ts";
import type { Tier } from "./tier.ts";
import { towerFormulas } from "./tower-formulas.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const assembly = join(here, "..", "assembly");

/** What is built: a tier's whole engine, or its G1 alone, which login clients load. */
export interface Build {
  readonly name: string;
  readonly create: () => Tier;
  readonly withG2: boolean;
}

export const BUILDS: readonly Build[] = [
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
export function generateField(tier: Tier, withG2: boolean): string {
  proveHostCalls(tier);
  const formulas = [
    ...towerFormulas(tier, withG2),
    ...curveFormulas(tier, withG2 ? ["g1", "g2"] : ["g1"]),
    ...(withG2 ? pairingFormulas(tier) : []),
  ].join("\n");
  const absent = withG2 ? "" : G2_ONLY.map((name) => `export function ${name}(${UNUSED}): void {}\n`).join("");
  return `import { enterFrame, leaveFrame } from "./memory";\n${tier.emitField()}\n${formulas}\n${absent}`;
}

/** @param out - folder for the generated sources, which stay for reading */
export async function compileBuild({ name, create, withG2 }: Build, out: string): Promise<Uint8Array> {
  const tier = create();
  const work = join(out, "source", name);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  cpSync(assembly, work, { recursive: true });
  writeFileSync(join(work, "field.ts"), generateField(tier, withG2));
  writeFileSync(join(work, "constants.ts"), emitConstants(tier, withG2));
  return compileSource(join(work, withG2 ? "full.ts" : "g1.ts"), tier.features);
}

/** @param entry - what it exports, the module exports */
export async function compileSource(entry: string, features: readonly string[]): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [
      entry,
      // shrink level 1 inlines less: a tenth smaller and as fast
      ...["--optimizeLevel", "3", "--shrinkLevel", "1"],
      ...["--runtime", "stub", "--noAssert", "--use", "abort="],
      ...(features.length > 0 ? ["--enable", features.join(",")] : []),
      ...["--baseDir", dirname(entry), "--outFile", "out.wasm"],
    ],
    {
      writeFile: (_name, contents) => {
        if (typeof contents !== "string") binary = contents;
      },
    },
  );
  if (error || !binary) throw new Error(`${entry}: ${error?.message ?? "no output"}\n${stderr.toString()}`);
  return binary;
}

/** A digest of everything that the result depends on. */
export function sourceDigest(): string {
  const hash = createHash("sha256");
  for (const folder of [here, assembly]) {
    for (const file of readdirSync(folder).sort()) hash.update(file).update(readFileSync(join(folder, file)));
  }
  return hash.update(asc.version).digest("hex");
}
