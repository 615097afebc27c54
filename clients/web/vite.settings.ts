/**
 * How pages are built: sources of all packages directly, nothing inlined into HTML, style or script, no request to other hosts.
 * @module
 */
import { globSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin, UserConfig } from "vite";

/** Every page of a folder. */
export const inputsOf = (folder: string): Record<string, string> =>
  Object.fromEntries(globSync("*.html", { cwd: folder }).map((file) => [basename(file, ".html"), join(folder, file)]));

/**
 * What every login loads and other parts use as well. Left alone, the bundler makes a file of each, and six small files cost more
 * requests and bytes than one.
 */
const OF_EVERY_LOGIN =
  /\/(?:core\/(?:engine\/src\/(?:error|short-hash)|crypto\/src\/(?:utf8|bytes|base64url|domain-id|epoch|identity|hash-tag|precomputed|usage|identity-input|mpin-identity)|protocol\/src\/canonical)|clients\/(?:sdk\/src\/mpin-(?:read|call)|web\/src\/(?:secure-random|record-seal|screen|texts-controller|language)))\.ts$/;

/** Vite puts every `import()` into a helper that loads the styles of what is imported first. Each page names its one style sheet itself. */
const plainImports: Plugin = {
  name: "plain-imports",
  enforce: "pre",
  load: (id) => (id === "\0vite/preload-helper.js" ? "export const __vitePreload = (load) => load();" : null),
};

export function settings(options: {
  readonly root: string;
  readonly outDir: string;
  readonly inputs: Record<string, string>;
}): UserConfig {
  return {
    root: options.root,
    base: "/",
    publicDir: false,
    plugins: [plainImports],
    resolve: {
      conditions: ["@milagro/source", "browser", "module", "import", "default"],
      alias: { "typebox/schema": fileURLToPath(new URL("./src/no-compiler.ts", import.meta.url)) },
    },
    build: {
      outDir: options.outDir,
      emptyOutDir: true,
      target: ["chrome123", "firefox128", "safari17.5"],
      assetsInlineLimit: 0,
      modulePreload: false,
      rolldownOptions: {
        input: options.inputs,
        output: { codeSplitting: { groups: [{ name: "base", test: OF_EVERY_LOGIN }] } },
      },
    },
  };
}
