import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { createWasmEngine } from "../src/wasm.ts";
import { compile } from "../src/webassembly.ts";
import { BUILDS, compileBuild, compileSource } from "../wasm/generate/compile.ts";
import { random } from "./fixtures.ts";

const folder = mkdtempSync(join(tmpdir(), "milagro-build-"));
afterAll(() => rmSync(folder, { recursive: true }));
const WHOLE_LIMIT = 35_000;
const G1_LIMIT = 15_000;

describe.each(BUILDS)("build $name", (build) => {
  test("the same sources give the same bytes, wherever and whenever, and few enough", async () => {
    const first = await compileBuild(build, join(folder, "one"));
    const second = await compileBuild(build, join(folder, "another", "place"));
    expect(Buffer.from(first).equals(Buffer.from(second))).toBe(true);
    expect(gzipSync(first, { level: 9 }).length).toBeLessThan(build.withG2 ? WHOLE_LIMIT : G1_LIMIT);
  });
});

test("a multiply-add that rounds twice is found out at load", async () => {
  const [fma] = BUILDS;
  if (!fma) throw new Error("no build");
  await compileBuild(fma, folder);
  const source = join(folder, "source", fma.name);
  const unfused = join(folder, "unfused");
  cpSync(source, unfused, { recursive: true });
  const field = readFileSync(join(source, "field.ts"), "utf8");
  const helper =
    "function unfusedMadd(a: v128, b: v128, c: v128): v128 {\n  return f64x2.add(f64x2.mul(a, b), c);\n}\n";
  writeFileSync(join(unfused, "field.ts"), `${field.replaceAll("f64x2.relaxed_madd(", "unfusedMadd(")}\n${helper}`);
  const module = await compile(new Uint8Array(await compileSource(join(unfused, "full.ts"), ["simd"])));
  expect(() => createWasmEngine({ random, tier: "fma", module }).selfTest()).toThrow(
    expect.objectContaining({ code: "ERR_ENGINE_SELF_TEST" }),
  );
});
