import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type DomainFields, openParties, runAttributeCase } from "./attribute-runner.ts";
import type { Fields } from "./channel-runner.ts";

interface Case {
  readonly name: string;
  readonly operation: string;
  readonly input: Fields;
  readonly expect: string;
  readonly output?: Fields;
}
const file = new URL("../../../../vectors/milagro/attribute-issuance.json", import.meta.url);
const { domain, cases } = JSON.parse(readFileSync(file, "utf8")) as {
  readonly domain: DomainFields;
  readonly cases: readonly Case[];
};
const parties = openParties(domain);

describe("vectors/milagro/attribute-issuance.json", () => {
  test.each(cases)("$operation: $name", async ({ operation, input, expect: expected, output }) => {
    const got = await runAttributeCase(parties, operation, input);
    expect(got.expect).toBe(expected);
    if (output) expect(got.output).toEqual(output);
  });

  test("refusals outnumber successes", () => {
    const refusals = cases.filter((one) => one.expect !== "ok").length;
    expect(refusals).toBeGreaterThan(cases.length / 2);
  });
});
