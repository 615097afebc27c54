/**
 * A program of few commands: what all of them do alike with their words. `--help` and `--version` belong to every program; values are of no concern
 * here, each program looks at its own.
 * @module
 */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { MilagroError } from "@milagro/engine/error";
import { runProgram } from "./program.ts";

export type FlagOptions = NonNullable<ParseArgsConfig["options"]>;
/** What was given, by name; nothing for what was not. */
export type Flags<O extends FlagOptions> = ReturnType<
  typeof parseArgs<{ args: string[]; options: O; allowPositionals: true }>
>["values"];

/** What a program understands. */
export interface CommandLine<O extends FlagOptions> {
  readonly program: string;
  readonly version: string;
  readonly usage: string;
  readonly options: O;
  readonly commands: Readonly<Record<string, (flags: Flags<O>) => Promise<void>>>;
}

const COMMON = { help: { type: "boolean", short: "h" }, version: { type: "boolean" } } as const;

/** Runs the command that the program's arguments name, as `runProgram` does. */
export function runCommands<const O extends FlagOptions>(line: CommandLine<O>): Promise<void> {
  return runProgram(line.program, (args) => obey(line, args));
}

/** @throws `ERR_USAGE` for words that are not understood; what the command throws */
export async function obey<const O extends FlagOptions>(line: CommandLine<O>, args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(line, args);
  if (values.version) return void process.stdout.write(`${line.version}\n`);
  const [name, ...rest] = positionals;
  if (values.help || name === undefined) return void process.stdout.write(line.usage);
  if (rest.length > 0) throw misused(line.program, "too many arguments");
  const command = Object.hasOwn(line.commands, name) ? line.commands[name] : undefined;
  if (!command) throw misused(line.program, `the command is ${Object.keys(line.commands).join(" or ")}`);
  return command(values as Flags<O>);
}

function parse(
  { program, options }: CommandLine<FlagOptions>,
  args: readonly string[],
): {
  readonly values: { readonly help?: boolean; readonly version?: boolean };
  readonly positionals: readonly string[];
} {
  try {
    return parseArgs({ args: [...args], options: { ...options, ...COMMON }, allowPositionals: true });
  } catch {
    // Node's message quotes what was given.
    throw misused(program, "an option is unknown or lacks its value");
  }
}

/** The value of a flag that must be there. @throws `ERR_USAGE` */
export function needFlag<O extends FlagOptions, K extends keyof Flags<O> & string>(
  { program }: { readonly program: string },
  flags: Flags<O>,
  name: K,
): string {
  const value = (flags as Readonly<Record<string, unknown>>)[name];
  if (typeof value !== "string" || value === "") throw misused(program, `--${name} is needed`);
  return value;
}

const misused = (program: string, what: string): MilagroError =>
  new MilagroError("ERR_USAGE", `${what}; see ${program} --help`);
