import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { buildAttributeVectors } from "./build-attributes.ts";
import { buildChannelVectors, formatVectors } from "./generate.ts";

test.each([
  ["channel", buildChannelVectors],
  ["attribute-issuance", buildAttributeVectors],
])("the committed vectors of %s are what the generator writes", async (name, build) => {
  const file = new URL(`../../../../vectors/milagro/${name}.json`, import.meta.url);
  expect(formatVectors(await build())).toBe(readFileSync(file, "utf8"));
});
