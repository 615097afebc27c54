import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { checkerOf } from "../src/checker.ts";
import { SealedRequestSchema } from "../src/issuance-messages.ts";
import { IdentityText } from "../src/wire.ts";

const GOOD = { v: 1, domainId: "A".repeat(43), index: 1, encapsulatedKey: "A".repeat(43), ciphertext: "A".repeat(64) };
const BAD: readonly unknown[] = [
  null,
  [],
  {},
  { ...GOOD, v: 2 },
  { ...GOOD, index: 0 },
  { ...GOOD, index: 1.5 },
  { ...GOOD, index: 33 },
  { ...GOOD, domainId: `${"A".repeat(42)}B` },
  { ...GOOD, domainId: "A".repeat(42) },
  { ...GOOD, ciphertext: "" },
  { ...GOOD, more: 1 },
  JSON.parse(`{"__proto__":1,${JSON.stringify(GOOD).slice(1)}`),
];

test("often used or not, the verdicts are the same", () => {
  const fresh = checkerOf(SealedRequestSchema);
  const verdicts = [GOOD, ...BAD].map(fresh);
  expect(verdicts).toEqual([true, ...BAD.map(() => false)]);
  const worn = checkerOf(SealedRequestSchema);
  for (let i = 0; i < 200; i++) worn(GOOD);
  expect([GOOD, ...BAD].map(worn)).toEqual(verdicts);
});

test("what a refinement refuses is refused when compiled, too", () => {
  const check = checkerOf(IdentityText);
  const good = "milagro:example.org/service/alice";
  for (let i = 0; i < 200; i++) expect(check(good)).toBe(true);
  for (const bad of ["milagro:example.org/service/../alice", "milagro:Example.org/service/alice", "alice", ""])
    expect(check(bad)).toBe(false);
});

test("without eval it goes on interpreting", () => {
  const module = new URL("../src/checker.ts", import.meta.url).href;
  const script = `Promise.all([import(${JSON.stringify(module)}), import("typebox")]).then(([m, { default: T }]) => {
    const check = m.checkerOf(T.String({ maxLength: 2 }));
    let right = 0;
    for (let i = 0; i < 100; i++) right += check("ab") && !check("abc") ? 1 : 0;
    console.log(right);
  })`;
  const flags = ["--disallow-code-generation-from-strings", "--conditions=@milagro/source", "--input-type=module"];
  const cwd = new URL("..", import.meta.url);
  expect(execFileSync(process.execPath, [...flags, "-e", script], { encoding: "utf8", cwd }).trim()).toBe("100");
});
