/**
 * Writes docs/cli.md from the declarations of the commands, which also make `--help`. Run
 * `node --conditions=@milagro/source tools/cli-doc.ts` after changing one; a test fails while the page is behind.
 * @module
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type CommandSpec, isGroup } from "../clients/cli/src/command.ts";
import { COMMANDS } from "../clients/cli/src/commands.ts";
import type { OptionSpec } from "../clients/cli/src/option.ts";
import { ENVIRONMENT } from "../clients/cli/src/program.ts";
import { GLOBAL_OPTIONS } from "../clients/cli/src/settings.ts";

/** Where the page is. */
export const CLI_PAGE: URL = new URL("../docs/cli.md", import.meta.url);

const cell = (text: string) => text.replaceAll("|", "\\|");
const optionText = ({ text, choices, default: standard }: OptionSpec) =>
  [text, choices ? `one of ${choices.join(", ")}` : "", standard ? `default ${standard}` : ""]
    .filter(Boolean)
    .join("; ");

function table(rows: readonly (readonly [string, string])[]): string {
  return rows.length === 0
    ? ""
    : `\n| | |\n|---|---|\n${rows.map(([name, text]) => `| \`${cell(name)}\` | ${cell(text)} |`).join("\n")}\n`;
}

function section(spec: CommandSpec, path: string): string {
  const args = spec.arguments ?? [];
  const usage = [
    `milagro ${path}`,
    ...(spec.options?.length ? ["[options]"] : []),
    ...args.map(([syntax]) => syntax),
  ].join(" ");
  const details = spec.details === undefined ? "" : `\n${spec.details.replaceAll("\n", " ")}\n`;
  const examples = spec.examples.map(({ text, line }) => `# ${text}\n${line}`).join("\n\n");
  const options = (spec.options ?? []).map((option) => [option.flags, optionText(option)] as const);
  return `### milagro ${path}

${spec.summary.charAt(0).toUpperCase()}${spec.summary.slice(1)}.
${details}
\`\`\`text
${usage}
\`\`\`
${table([...args, ...options])}
\`\`\`sh
${examples}
\`\`\`
`;
}

export async function renderCliPage(): Promise<string> {
  const sections: string[] = [];
  for (const lazy of COMMANDS) {
    const node = await lazy.load();
    if (isGroup(node))
      sections.push(
        `## milagro ${node.name}: ${node.summary}\n`,
        ...node.commands.map((spec) => section(spec, `${node.name} ${spec.name}`)),
      );
    else sections.push(section(node, node.name).replace("###", "##"));
  }
  return `<!-- Made by tools/cli-doc.ts from clients/cli/src/commands. Do not edit. -->
# The command line

\`milagro\` does by hand everything that the services do for each other. In a checkout: \`npm run --silent milagro -- …\` or \`npx milagro …\`.

Data goes to stdout, everything about the run to stderr. A value is text, \`@file\`, or \`-\` for standard input; secrets belong into the last two.
Errors are one line with a code ([errors.md](errors.md)) and what to do; \`--debug\` adds the stack.

Options of every command:
${table(GLOBAL_OPTIONS.map((option) => [option.flags, optionText(option)] as const))}
\`\`\`text
${ENVIRONMENT.trim()}
\`\`\`

${sections.join("\n")}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(CLI_PAGE, await renderCliPage());
