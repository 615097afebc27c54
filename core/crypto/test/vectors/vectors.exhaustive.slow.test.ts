import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { buildVectors, formatVectors } from "./generate.ts";

test("the committed vectors are what the generator writes", async () => {
  for (const [name, file] of await buildVectors()) {
    const committed = readFileSync(new URL(`../../../../vectors/milagro/${name}`, import.meta.url), "utf8");
    expect(formatVectors(file), name).toBe(committed);
  }
});
