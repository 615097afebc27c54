import { expect, test } from "vitest";
import { acceptsJson } from "../src/versions.ts";

test.each([
  [undefined, true],
  ["", true],
  ["*/*", true],
  ["application/json", true],
  ["APPLICATION/JSON; charset=utf-8", true],
  ["text/html, application/*;q=0.1", true],
  ["application/json;q=0, */*", false],
  ["*/*;q=0, application/json", true],
  ["text/html", false],
  ["application/xml", false],
  ["application/json;q=nan", false],
  ["application/json;q=2", false],
  ["application/jsonx", false],
  [`${"a/b,".repeat(300)}*/*`, false],
])("Accept: %s → %s", (accept, expected) => {
  expect(acceptsJson(accept)).toBe(expected);
});
