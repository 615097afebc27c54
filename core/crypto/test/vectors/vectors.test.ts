import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { engine as fastest } from "../abe-fixtures.ts";
import { engine as noble } from "../fixtures.ts";
import { OPERATION_NAMES, runCase, type VectorFile } from "./runner.ts";

const folder = new URL("../../../../vectors/milagro/", import.meta.url);
const OURS = [
  "identities",
  "issuance",
  "statements",
  "ibe",
  "envelopes",
  "files",
  "signatures",
  "signcryption",
  "key-agreement",
  "mpin-issuance",
  "mpin-login",
  "mpin-full",
  "mpin-update",
  "policy",
  "abe-cp",
  "abe-kp",
];
const read = (name: string): VectorFile => JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"));
const all = OURS.map(read);

/** A refusal mostly costs a pairing, and each has its unit test: every third one here, all of them with SLOW=1. */
const slow = process.env["SLOW"] === "1";
const chosen = (cases: VectorFile["cases"]) => cases.filter((entry, i) => slow || entry.expect === "ok" || i % 3 === 0);

describe.each(all)("vectors of $scheme", ({ scheme, cases }) => {
  // Attributes take dozens of multiplications a case; the generator has run them on noble.
  const engine = scheme.startsWith("abe") && !slow ? fastest : noble;
  test.each(chosen(cases))("$name: $expect", async ({ operation, input, expect: expected, output }) => {
    const got = await runCase(engine, operation, input);
    expect(got.expect).toBe(expected);
    if (expected === "ok") expect(got.output).toEqual(output ?? {});
  });

  test("refusals outnumber successes, and no two cases share a name", () => {
    const successes = cases.filter((entry) => entry.expect === "ok").length;
    expect(successes).toBeGreaterThan(0);
    expect(cases.length - successes).toBeGreaterThan(successes);
    expect(new Set(cases.map((entry) => entry.name)).size, scheme).toBe(cases.length);
  });
});

test("every file is there, and every operation has a vector", () => {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  for (const name of OURS) expect(names).toContain(`${name}.json`);
  const used = new Set(all.flatMap(({ cases }) => cases.map((entry) => entry.operation)));
  expect([...used].sort()).toEqual([...OPERATION_NAMES].sort());
});
