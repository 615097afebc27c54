/** `vite build`: the pages that a login server serves, into `dist/pages`. @module */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { inputsOf, settings } from "./vite.settings.ts";

const pages = fileURLToPath(new URL("./pages/", import.meta.url));
const outDir = fileURLToPath(new URL("./dist/pages/", import.meta.url));

export default defineConfig(settings({ root: pages, outDir, inputs: inputsOf(pages) }));
