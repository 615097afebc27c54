import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { engine } from "../fixture.ts";
import { type Fields, runCase } from "./channel-runner.ts";

interface Case {
  readonly name: string;
  readonly operation: string;
  readonly input: Fields;
  readonly expect: string;
  readonly output?: Fields;
}
const file = new URL("../../../../vectors/milagro/channel.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { readonly cases: readonly Case[] };

describe("vectors/milagro/channel.json", () => {
  test.each(cases)("$operation: $name", async ({ operation, input, expect: expected, output }) => {
    const got = await runCase(engine, operation, input);
    expect(got.expect).toBe(expected);
    if (output) expect(got.output).toEqual(output);
  });

  test("refusals outnumber successes", () => {
    const refusals = cases.filter((one) => one.expect !== "ok").length;
    expect(refusals).toBeGreaterThan(cases.length / 2);
  });
});
