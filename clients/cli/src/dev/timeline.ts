/**
 * The timeline that `milagro dev` prints: what happens, when, by which command, and what each party got to see.
 * @module
 */
import type { Io } from "../io.ts";
import { type Json, printable } from "../output.ts";
import { type Style, styleFor } from "../style.ts";

export interface Timeline {
  readonly style: Style;
  /** A chapter; its time is the moment it begins. */
  chapter(title: string): void;
  /** A command, as one would type it. */
  command(line: string): void;
  /** What came of it: a short name and a sentence. */
  fact(name: string, text: string): void;
  /** Something that was checked and is so. */
  check(text: string): void;
  /** Something that went wrong while the rest goes on. */
  warn(text: string): void;
  plain(text: string): void;
  /** Seconds since the beginning. */
  elapsed(): number;
  /** Everything said so far, for `--format json`. */
  readonly record: readonly Json[];
}

const MARGIN = "          ";
const NAME_WIDTH = 12;

/** @param silent - record only */
export function createTimeline(io: Io, silent: boolean): Timeline {
  const started = performance.now();
  const style = styleFor(io, "stdout");
  const record: Json[] = [];
  const elapsed = () => Math.round((performance.now() - started) / 100) / 10;
  const say = (kind: string, entry: Readonly<Record<string, string>>, line: string): void => {
    record.push({ seconds: elapsed(), kind, ...entry });
    if (!silent) io.stdout.write(`${line}\n`);
  };
  return {
    style,
    elapsed,
    record,
    chapter(title) {
      const time = `${elapsed().toFixed(1)} s`.padStart(7);
      say("chapter", { title }, `\n${style.cyan(time)}   ${style.bold(title)}`);
    },
    command: (line) => say("command", { line }, `${MARGIN}${style.dim(`$ ${line}`)}`),
    fact: (name, text) =>
      say("fact", { name, text: printable(text) }, `${MARGIN}${name.padEnd(NAME_WIDTH)} ${printable(text)}`),
    check: (text) => say("check", { text }, `${MARGIN}${style.green("✓")} ${printable(text)}`),
    warn: (text) => say("warning", { text }, `${MARGIN}${style.yellow("!")} ${printable(text)}`),
    plain: (text) => say("text", { text }, text),
  };
}
