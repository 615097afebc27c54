/**
 * The version of this program, from its package.
 * @module
 */
import { readFileSync } from "node:fs";

const PACKAGE: { version: string } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

export const VERSION = PACKAGE.version;
