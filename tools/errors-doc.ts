/**
 * Writes docs/errors.md from the one table of error codes. Run `node --conditions=@milagro/source tools/errors-doc.ts`
 * after changing the table; a test fails while the page is behind.
 * @module
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ERROR_CODES, type ErrorDefinition } from "../core/protocol/src/error-codes.ts";

/** Where the page is. */
export const ERRORS_PAGE: URL = new URL("../docs/errors.md", import.meta.url);

const EXITS = { 1: "1 local", 2: "2 remote", 3: "3 refused" } as const;
const cell = (text: string) => text.replaceAll("|", "\\|");

/** The page, sorted by code. */
export function renderErrorsPage(codes: Readonly<Record<string, ErrorDefinition>> = ERROR_CODES): string {
  const rows = Object.entries(codes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, { status, exit, meaning, remedy }]) =>
        `| \`${code}\` | ${status} | ${EXITS[exit]} | ${cell(meaning)} | ${cell(remedy)} |`,
    );
  return `<!-- Made by tools/errors-doc.ts from core/protocol/src/error-codes.ts. Do not edit. -->
# Error codes

Codes are API: programs branch on them, and they do not change their meaning. Texts may change. Services answer with
\`application/problem+json\` (RFC 9457): \`type\` is \`urn:milagro:error:<code>\`, \`code\` is the code, \`instance\` the request id to look
for in the log. \`milagro\` ends with the exit status given here. No error holds a secret, a key, a token or what was sent.

| Code | HTTP | Exit | Meaning | What to do |
|---|---|---|---|---|
${rows.join("\n")}
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(ERRORS_PAGE, renderErrorsPage());
