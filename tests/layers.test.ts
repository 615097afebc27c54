import { describe, expect, test } from "vitest";
import { findCircles } from "../tools/circles.ts";
import { checkFile, LAYERS } from "../tools/layer-table.ts";

const check = (place: string, text: string, own = "@milagro/own") =>
  checkFile(place, own, LAYERS[place] as (typeof LAYERS)[string], `${place}/src/file.ts`, text);

describe("the layer check refuses", () => {
  test.each([
    ["core/engine", 'import { x } from "@milagro/crypto/x";', "may not import @milagro/crypto"],
    ["core/crypto", 'import { readFileSync } from "node:fs";', "may not import node:fs"],
    ["core/crypto", 'const x = await import("node:fs");', "may not import node:fs"],
    ["core/crypto", 'import "fastify";', "may not import fastify"],
    ["core/crypto", 'export { x } from "@milagro/protocol/x";', "may not import @milagro/protocol"],
    ["core/protocol", "const now = Date.now();", "may not use Date"],
    ["core/protocol", "const now = new Date();", "may not use Date"],
    ["core/engine", 'console.log("x");', "may not use console"],
    ["clients/sdk", 'await fetch("http://127.0.0.1");', "may not use fetch"],
    ["clients/sdk", "const r = Math.random();", "may not use Math.random"],
    ["clients/cli", 'import { main } from "@milagro/dta/main";', "may not import @milagro/dta"],
    ["services/kms", 'import { x } from "@milagro/client";', "may not import @milagro/client"],
    ["services/kms", 'import { x } from "@milagro/dta/store";', "may not import @milagro/dta"],
    ["services/kms", 'import { x } from "../../dta/src/store.ts";', "leaves services/kms/src"],
    ["core/crypto", 'import {\n  a,\n  b,\n} from "node:crypto";', "may not import node:crypto"],
  ])("in %s: %s", (place, text, reason) => {
    expect(check(place, text).join("\n")).toContain(reason);
  });
});

describe("the layer check allows", () => {
  test.each([
    ["core/crypto", 'import { x } from "@milagro/engine/engine";\nimport { y } from "./y.ts";'],
    ["core/crypto", '// Date.now() is not used here\nconst word = "fetch(x)";'],
    ["core/engine", 'import { x } from "@milagro/own/wasm/fma";'],
    ["runtime", 'import { readFileSync } from "node:fs";\nconst now = Date.now();'],
    ["clients/cli", 'import { enrol } from "@milagro/client";'],
  ])("in %s: %s", (place, text) => {
    expect(check(place, text)).toEqual([]);
  });
});

describe("files that import each other", () => {
  const circles = (files: Record<string, string>) => findCircles(new Map(Object.entries(files)));

  test("a loop is found however long, through types, re-exports and dynamic imports, and once", () => {
    expect(
      circles({
        "p/src/a.ts": 'import type { B } from "./deep/b.ts";',
        "p/src/deep/b.ts": 'export { c } from "../c.ts";',
        "p/src/c.ts": 'const a = await import("./a.ts");',
        "p/src/d.ts": 'import { a } from "./a.ts";',
      }),
    ).toEqual([["p/src/a.ts", "p/src/c.ts", "p/src/deep/b.ts"]]);
  });

  test("two ways to the same file are no loop, nor is what a comment says", () => {
    expect(
      circles({
        "p/src/a.ts": 'import { b } from "./b.ts";\nimport { c } from "./c.ts";',
        "p/src/b.ts": 'import { c } from "./c.ts";',
        "p/src/c.ts": '// import { a } from "./a.ts";\nimport { x } from "outside";',
      }),
    ).toEqual([]);
  });
});
