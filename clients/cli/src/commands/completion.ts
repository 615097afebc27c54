/**
 * `milagro completion`: prints a completion script.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import type { CommandSpec } from "../command.ts";
import { completionScript, SHELLS } from "../completion.ts";
import { buildProgram } from "../program.ts";

export const completion: CommandSpec = {
  name: "completion",
  summary: "print a completion script for your shell",
  arguments: [["<shell>", `one of: ${SHELLS.join(", ")}`]],
  examples: [
    { text: "Complete in this bash", line: "source <(milagro completion bash)" },
    { text: "Complete in every zsh", line: "milagro completion zsh > ~/.zfunc/_milagro" },
    { text: "Complete in every fish", line: "milagro completion fish > ~/.config/fish/completions/milagro.fish" },
  ],
  async run({ io, commands }, invocation) {
    const shell = SHELLS.find((known) => known === invocation.argument(0));
    if (!shell) throw new MilagroError("ERR_USAGE", `a shell is one of: ${SHELLS.join(", ")}`);
    const program = await buildProgram(commands, io, "all", async () => {});
    return {
      data: { shell, script: completionScript(shell, program) },
      view: { kind: "text", text: completionScript(shell, program).trimEnd() },
    };
  },
};
