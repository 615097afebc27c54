/**
 * Test pages, built as the real ones are.
 * @module
 */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { inputsOf, settings } from "../../vite.settings.ts";

const pages = fileURLToPath(new URL("../pages/", import.meta.url));
let built: Promise<string> | undefined;

/** The folder with the built pages of `test/pages`; `removeTestPages` belongs to it. */
export function builtTestPages(): Promise<string> {
  built ??= (async () => {
    const outDir = mkdtempSync(join(tmpdir(), "milagro-pages-"));
    await build({
      ...settings({ root: pages, outDir, inputs: inputsOf(pages) }),
      configFile: false,
      logLevel: "error",
    });
    return outDir;
  })();
  return built;
}

/** For `afterAll`. */
export async function removeTestPages(): Promise<void> {
  const folder = await built;
  built = undefined;
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}
