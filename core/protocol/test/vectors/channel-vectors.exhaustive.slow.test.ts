import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { buildChannelVectors, formatVectors } from "./generate.ts";

test("the committed vectors of channels are what the generator writes", async () => {
  const file = new URL("../../../../vectors/milagro/channel.json", import.meta.url);
  expect(formatVectors(await buildChannelVectors())).toBe(readFileSync(file, "utf8"));
});
