import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CLI_PAGE, renderCliPage } from "../../../tools/cli-doc.ts";

test("docs/cli.md is current: else run tools/cli-doc.ts", async () => {
  expect(readFileSync(CLI_PAGE, "utf8")).toBe(await renderCliPage());
});
