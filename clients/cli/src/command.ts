/**
 * What a command is: a declaration (from which help, completion and docs/cli.md are made) and one function.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import type { ExitStatus } from "./failure.ts";
import type { Io } from "./io.ts";
import type { OptionSpec } from "./option.ts";
import type { Result } from "./output.ts";
import type { Settings } from "./settings.ts";

export interface Example {
  readonly text: string;
  /** One line that can be pasted; a trailing `\` continues it. */
  readonly line: string;
}

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  /** More than the summary says, when there is more to know. */
  readonly details?: string;
  /** Commander's syntax, `<required>`, `[optional]`, `[many...]`, with what it means. */
  readonly arguments?: readonly (readonly [syntax: string, text: string])[];
  readonly options?: readonly OptionSpec[];
  readonly examples: readonly [Example, ...Example[]];
  /** `--home` is the folder of a service, not a profile: its `config.json` is not ours to read. */
  readonly serviceHome?: true;
  /** A result to print; a number to end with that status; nothing when the command printed by itself. */
  run(context: Context, invocation: Invocation): Promise<Result | ExitStatus | undefined>;
}

export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly CommandSpec[];
}

export type CommandNode = CommandSpec | CommandGroup;

/** A command by name. Its code is loaded when it is called: most need a part of the system only, and a person waits for the rest. */
export interface LazyCommand {
  readonly name: string;
  /** The same as the command's own, for the list of commands. */
  readonly summary: string;
  load(): Promise<CommandNode>;
}

/** What every command has at hand. */
export interface Context {
  readonly io: Io;
  readonly settings: Settings;
  /** All there are, for the commands that are about commands. */
  readonly commands: readonly LazyCommand[];
  /** Says what is going on, on stderr, when the work takes longer than a second. */
  progress<T>(label: string | (() => string), work: Promise<T>): Promise<T>;
  /** One line for a person, on stderr. Not printed with `--quiet`. */
  note(text: string): void;
  /** Runs when the command is stopped by a signal, and at its end. */
  readonly signal: AbortSignal;
}

/** The arguments and options of one call, as text; the command parses them into what they mean. */
export class Invocation {
  readonly #args: readonly (string | readonly string[] | undefined)[];
  readonly #options: Readonly<Record<string, unknown>>;

  constructor(args: readonly (string | readonly string[] | undefined)[], options: Readonly<Record<string, unknown>>) {
    this.#args = args;
    this.#options = options;
  }

  /** A required argument; Commander has refused the call without it. */
  argument(index: number): string {
    const value = this.#args[index];
    if (typeof value !== "string") throw new TypeError(`argument ${index} is not declared as required`);
    return value;
  }

  optionalArgument(index: number): string | undefined {
    const value = this.#args[index];
    return typeof value === "string" ? value : undefined;
  }

  /** A `[many...]` or `<many...>` argument. */
  rest(index: number): readonly string[] {
    const value = this.#args[index];
    return typeof value === "object" ? value : [];
  }

  text(name: string): string | undefined {
    const value = this.#options[name];
    return typeof value === "string" ? value : undefined;
  }

  /** @throws `ERR_USAGE` when the option is missing */
  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new MilagroError("ERR_USAGE", `--${kebab(name)} is needed`);
    return value;
  }

  flag(name: string): boolean {
    return this.#options[name] === true;
  }

  /** A `--no-…` option that was given. @param name - without the `no-` */
  negated(name: string): boolean {
    return this.#options[name] === false;
  }

  list(name: string): readonly string[] {
    const value = this.#options[name];
    return Array.isArray(value) ? value : [];
  }

  /** A whole number in a range. @throws `ERR_USAGE` */
  integer(name: string, range: { readonly min: number; readonly max: number }): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!/^\d{1,15}$/.test(text) || value < range.min || value > range.max) {
      throw new MilagroError("ERR_USAGE", `--${kebab(name)} is a whole number from ${range.min} to ${range.max}`);
    }
    return value;
  }
}

export function isGroup(node: CommandNode): node is CommandGroup {
  return "commands" in node;
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
