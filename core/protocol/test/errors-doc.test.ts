import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ERRORS_PAGE, renderErrorsPage } from "../../../tools/errors-doc.ts";
import { isErrorCode } from "../src/error-codes.ts";

test("docs/errors.md is current: else run tools/errors-doc.ts", () => {
  expect(readFileSync(ERRORS_PAGE, "utf8")).toBe(renderErrorsPage());
});

test("every code that any package throws is in the table", () => {
  const cwd = new URL("../../../", import.meta.url).pathname;
  const files = globSync("{core,services,clients}/*/src/**/*.ts", { cwd }).concat(
    globSync("runtime/src/**/*.ts", { cwd }),
  );
  expect(files.length).toBeGreaterThan(50);
  const unknown = files.flatMap((file) =>
    [...readFileSync(cwd + file, "utf8").matchAll(/"(ERR_[A-Z0-9_]+)"/g)]
      .map(([, code]) => code as string)
      .filter((code) => !isErrorCode(code) && !/^ERR_(HTTP2|JOSE|JW[ST])_/.test(code))
      .map((code) => `${file}: ${code}`),
  );
  expect(unknown).toEqual([]);
});
