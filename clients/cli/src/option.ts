/**
 * An option as it is declared: help, completion, Commander and docs/cli.md are made from it.
 * @module
 */

export interface OptionSpec {
  /** Commander's syntax: `-o, --out <file>`, `--force`. The long name, camel-cased, is how the command reads it. */
  readonly flags: string;
  readonly text: string;
  /** May be given more than once; read with `list`. */
  readonly many?: true;
  readonly choices?: readonly string[];
  readonly default?: string;
}
