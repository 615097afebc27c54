import { expect, test } from "vitest";
import { isOutage, isQuickCodeRefusal, nextAfter, stepsAfter } from "../src/enrol-answer.ts";
import { texts as setup } from "../src/setup-texts/en.ts";
import { texts } from "../src/texts/en.ts";

const AUTHORITIES = [
  { index: 1, name: "alpine" },
  { index: 2, name: "pacific" },
  { index: 3, name: "nordic" },
];
const [, pacific, nordic] = AUTHORITIES as [unknown, (typeof AUTHORITIES)[0], (typeof AUTHORITIES)[0]];
const refused = { outcome: "refused", refusals: [{ ...pacific, code: "ERR_EVIDENCE_INVALID" }] } as const;
const waiting = {
  outcome: "waiting",
  missing: [
    { ...pacific, code: "ERR_UNREACHABLE" },
    { ...nordic, code: "ERR_SEALED" },
  ],
} as const;
const said = (next: ReturnType<typeof nextAfter>) => ("said" in next ? next.said?.(setup, texts) : undefined);

test.each(["email", "openid", "activation", "quick-code"] as const)("by %s: three parts lead to the PIN", (way) => {
  expect(nextAfter({ outcome: "issued" }, way)).toEqual({ name: "choose" });
});

test.each([
  ["email", undefined],
  ["activation", setup.activationRefused],
  ["quick-code", setup.quickCodeRefused],
] as const)("by %s: what was refused is asked for again, and said where no field says it", (way, text) => {
  const next = nextAfter(refused, way);
  expect(next).toMatchObject({ name: "evidence", refused: [2] });
  expect(said(next)).toBe(text);
});

test.each([refused, { outcome: "declined" } as const])(
  "a login elsewhere that is $outcome is of no further use",
  (progress) => {
    const next = nextAfter(progress, "openid");
    expect(next.name).toBe("who");
    expect(said(next)).toBe(setup.openIdRefused);
  },
);

test("who does not answer is named, and only that", () => {
  const next = nextAfter(waiting, "email");
  expect(next.name).toBe("offline");
  expect(said(next)).toContain("pacific, nordic");
  expect(said(next)).not.toContain("alpine");
});

test("each authority's mark is its own answer's", () => {
  const marks = (progress: Parameters<typeof stepsAfter>[0]) => [...stepsAfter(progress, AUTHORITIES).values()];
  expect(marks({ outcome: "issued" })).toEqual(["checked", "checked", "checked"]);
  expect(marks(refused)).toEqual(["checked", "failed", "checked"]);
  expect(marks(waiting)).toEqual(["checked", "failed", "failed"]);
});

test("out of reach can be tried again; anything else cannot", () => {
  for (const code of ["ERR_UNREACHABLE", "ERR_TIMEOUT", "ERR_OVERLOADED", "ERR_SEALED"])
    expect(isOutage(code)).toBe(true);
  for (const code of ["ERR_INTERNAL", "ERR_PROOF_INVALID", ""]) expect(isOutage(code)).toBe(false);
});

test("only what was typed wrong, or is over, lets another QuickCode be typed", () => {
  for (const code of ["ERR_ENCODING_INVALID", "ERR_QUICK_CODE_UNKNOWN"]) expect(isQuickCodeRefusal(code)).toBe(true);
  for (const code of ["ERR_UNREACHABLE", "NOT_ERR_QUICK_CODE"]) expect(isQuickCodeRefusal(code)).toBe(false);
});
