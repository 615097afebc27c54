import { MilagroError } from "@milagro/engine/error";
import { expect, test } from "vitest";
import { definitionOf, ERROR_CODES, isErrorCode } from "../src/error-codes.ts";
import { encodeProblem, errorOfProblem, parseProblem, problemOf } from "../src/problem.ts";
import { codeOf } from "./fixture.ts";

test("every code survives the wire", () => {
  for (const code of Object.keys(ERROR_CODES)) {
    const problem = problemOf(new MilagroError(code, "what happened"), "req-1");
    const back = errorOfProblem(parseProblem(JSON.parse(JSON.stringify(encodeProblem(problem)))));
    expect([back.code, back.message]).toEqual([code, "what happened"]);
    expect(problem.status).toBe(definitionOf(code).status);
  }
});

test("every code is spelt as promised and says what to do", () => {
  for (const [code, { status, exit, meaning, remedy }] of Object.entries(ERROR_CODES)) {
    expect(code).toMatch(/^ERR(_[A-Z0-9]+)+$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect([1, 2, 3]).toContain(exit);
    for (const text of [meaning, remedy]) expect(text).toMatch(/^[A-Z`].*\.$/);
  }
});

test("an unexpected error becomes ERR_INTERNAL and keeps its message to itself", () => {
  for (const error of [
    new Error("token=hunter2"),
    new TypeError("hunter2"),
    "hunter2",
    undefined,
    new MilagroError("ERR_OF_TOMORROW", "hunter2"),
  ]) {
    const problem = problemOf(error);
    expect(problem.code).toBe("ERR_INTERNAL");
    expect(JSON.stringify(problem)).not.toContain("hunter2");
  }
});

test("names of Object's own properties are not codes", () => {
  for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) expect(isErrorCode(name)).toBe(false);
});

test("a code of a newer version is kept, not understood", () => {
  const problem = {
    ...problemOf(new MilagroError("ERR_TIMEOUT", "late")),
    code: "ERR_OF_TOMORROW",
    type: "urn:milagro:error:ERR_OF_TOMORROW",
  };
  expect(errorOfProblem(parseProblem(problem)).code).toBe("ERR_OF_TOMORROW");
  expect(definitionOf("ERR_OF_TOMORROW")).toBe(ERROR_CODES.ERR_INTERNAL);
});

test.each([
  { status: 200 },
  { status: 399 },
  { code: "err" },
  { type: "about:blank" },
  { detail: "x".repeat(1025) },
  { stack: "at" },
])("refuses a problem with %j", (change) => {
  expect(codeOf(() => parseProblem({ ...problemOf(new MilagroError("ERR_TIMEOUT", "late")), ...change }))).toBe(
    "ERR_MESSAGE_INVALID",
  );
});
