/**
 * One invocation from arguments to exit status: Commander parses, the command runs, the result or the failure is printed.
 * @module
 */
import { Argument, Command, CommanderError, Option } from "commander";
import { type CommandNode, type CommandSpec, type Context, Invocation, isGroup, type LazyCommand } from "./command.ts";
import { EXIT_LOCAL, EXIT_OK, type ExitStatus, printFailure } from "./failure.ts";
import type { Io } from "./io.ts";
import type { OptionSpec } from "./option.ts";
import { type OUTPUT_FORMATS, printResult } from "./output.ts";
import { withProgress } from "./progress.ts";
import { GLOBAL_OPTIONS, resolveSettings } from "./settings.ts";
import { styleFor } from "./style.ts";

export const VERSION = "0.1.0";

const INTRODUCTION = `Keys from three independent authorities, held whole by nobody but their owner.

Secrets are encapsulated to identities; only the endpoint, person or service that an identity
belongs to can open them. Start with "milagro dev" to see all of it run on this machine.`;

/** Printed below the help of `milagro`, and in docs/cli.md. */
export const ENVIRONMENT = `
Environment:
  MILAGRO_HOME             the profile folder (--home), ~/.milagro by default
  MILAGRO_FORMAT           table or json (--format)
  MILAGRO_DOMAIN           the trust domain to use (--domain)
  MILAGRO_IDENTITY         the identity to act as (--id)
  MILAGRO_KMS              URL of the D-KMS API (--kms)
  MILAGRO_SOCKET           socket of the local endpoint daemon (--socket)
  MILAGRO_PASSPHRASE_FILE  a file with the key store's passphrase (--passphrase-file); never the passphrase itself
  NO_COLOR                 no colour

Flags win over the environment, the environment over <home>/config.json.

Exit status: 0 done, 1 local error, 2 remote error, 3 refused by policy.`;

/** Runs one command line. Never throws for what a user can cause. */
export async function runCli(
  commands: readonly LazyCommand[],
  argv: readonly string[],
  io: Io,
  signal: AbortSignal = new AbortController().signal,
): Promise<ExitStatus> {
  const state = { status: EXIT_OK as ExitStatus };
  const called = calledCommand(commands, argv);
  const program = await buildProgram(commands, io, called ? [called.name] : [], async (spec, invocation, raw) => {
    state.status = await execute(commands, spec, invocation, raw, io, signal);
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return state.status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_LOCAL;
    return printFailure(io, "table", false, error);
  }
}

type Execute = (spec: CommandSpec, invocation: Invocation, options: Readonly<Record<string, unknown>>) => Promise<void>;

/**
 * The tree for Commander; also what completion and docs/cli.md are made from.
 * @param loaded - the commands to load; the others are there by name only
 */
export async function buildProgram(
  commands: readonly LazyCommand[],
  io: Io,
  loaded: readonly string[] | "all",
  execute: Execute,
): Promise<Command> {
  const program = new Command("milagro");
  configure(program, io);
  program
    .description(INTRODUCTION)
    .version(VERSION, "-V, --version", "print the version")
    .addHelpText("after", ENVIRONMENT);
  for (const option of GLOBAL_OPTIONS) program.addOption(toOption(option));
  for (const lazy of commands) {
    const wanted = loaded === "all" || loaded.includes(lazy.name);
    program.addCommand(wanted ? build(await lazy.load(), io, execute) : new Command(lazy.name).summary(lazy.summary));
  }
  return program;
}

function build(node: CommandNode, io: Io, execute: Execute): Command {
  const command = new Command(node.name);
  configure(command, io);
  command.summary(node.summary).description(node.summary);
  if (isGroup(node)) {
    for (const child of node.commands) command.addCommand(build(child, io, execute));
    const first = node.commands[0]?.examples[0];
    if (first)
      command.addHelpText(
        "after",
        `\nExamples:\n${exampleText(first)}\n\nMore with: milagro ${node.name} <command> --help`,
      );
    return command;
  }
  if (node.details !== undefined) command.description(`${node.summary}\n\n${node.details}`);
  for (const [syntax, text] of node.arguments ?? []) command.addArgument(new Argument(syntax, text));
  for (const option of node.options ?? []) command.addOption(toOption(option));
  command.addHelpText("after", `\nExamples:\n${node.examples.map(exampleText).join("\n\n")}`);
  return command.action(async (...parameters: unknown[]) => {
    const self = parameters.at(-1) as Command;
    const args = parameters.slice(0, -2) as (string | string[] | undefined)[];
    const options = self.optsWithGlobals<Record<string, unknown>>();
    await execute(node, new Invocation(args, options), options);
  });
}

function configure(command: Command, io: Io): void {
  const style = styleFor(io, "stdout");
  command
    .exitOverride()
    .helpCommand(false)
    .helpOption("-h, --help", "show this help")
    .showHelpAfterError("Run with --help for usage and examples.")
    .configureHelp({
      showGlobalOptions: true,
      styleTitle: (text) => style.bold(text),
      helpWidth: 110,
      visibleGlobalOptions: (self) => {
        const own = new Set(self.options.map((option) => option.long));
        return ancestorsOf(self).flatMap((parent) =>
          parent.options.filter((option) => !own.has(option.long) && option.long !== "--version"),
        );
      },
    })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, `${styleFor(io, "stderr").red("milagro:")} `)),
    });
}

function ancestorsOf(command: Command): Command[] {
  return command.parent ? [command.parent, ...ancestorsOf(command.parent)] : [];
}

function toOption(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.text);
  if (spec.choices) option.choices(spec.choices);
  if (spec.default !== undefined) option.default(spec.default);
  if (spec.many)
    option.argParser((value: string, previous: readonly string[] | undefined) => [...(previous ?? []), value]);
  return option;
}

function exampleText({ text, line }: { readonly text: string; readonly line: string }): string {
  return `  # ${text}\n  ${line.replaceAll("\n", "\n  ")}`;
}

async function execute(
  commands: readonly LazyCommand[],
  spec: CommandSpec,
  invocation: Invocation,
  options: Readonly<Record<string, unknown>>,
  io: Io,
  signal: AbortSignal,
): Promise<ExitStatus> {
  const debug = options["debug"] === true;
  const shown = options["color"] === false ? { ...io, env: { ...io.env, NO_COLOR: "1" } } : io;
  let format: (typeof OUTPUT_FORMATS)[number] = options["format"] === "json" ? "json" : "table";
  try {
    const settings = resolveSettings(options, shown, spec.serviceHome);
    format = settings.format;
    const quiet = options["quiet"] === true;
    const context: Context = {
      io: shown,
      settings,
      commands,
      signal,
      progress: (label, work) => (quiet ? work : withProgress(shown, label, work)),
      note: (text) => {
        if (!quiet) shown.stderr.write(`${text}\n`);
      },
    };
    const outcome = await spec.run(context, invocation);
    if (typeof outcome === "number") return outcome;
    if (outcome) printResult(shown, format, outcome);
    return outcome?.exit ?? EXIT_OK;
  } catch (error) {
    return printFailure(shown, format, debug, error);
  }
}

/** The names of options before the command that take a value, so that it is not mistaken for the command. */
const WITH_VALUE = ["--home", "--format"];

/** The command that a command line calls, or undefined when it names none that exists. */
function calledCommand(commands: readonly LazyCommand[], argv: readonly string[]): LazyCommand | undefined {
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (WITH_VALUE.includes(word)) i++;
    else if (!word.startsWith("-")) return commands.find(({ name }) => name === word);
  }
  return undefined;
}
