/**
 * Running our own commands inside `milagro dev`: the very code that a person's command line runs, with its output read
 * instead of shown.
 * @module
 */
import { Readable, Writable } from "node:stream";
import { MilagroError } from "@milagro/engine/error";
import type { Context } from "../command.ts";
import { EXIT_OK } from "../failure.ts";
import type { Io } from "../io.ts";
import { runCli } from "../program.ts";

export interface InnerCommand {
  readonly args: readonly string[];
  /** Given on standard input. */
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

export interface InnerResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runInner(
  outer: Pick<Context, "commands" | "io" | "signal">,
  command: InnerCommand,
): Promise<InnerResult> {
  const stdout = collector();
  const stderr = collector();
  const { PATH, TMPDIR } = outer.io.env;
  const io: Io = {
    stdin: Readable.from(command.input === undefined ? [] : [Buffer.from(command.input)]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    // Nothing of the caller's settings: the commands that are shown work without them.
    env: { PATH, ...(TMPDIR === undefined ? {} : { TMPDIR }), NO_COLOR: "1", ...command.env },
    cwd: outer.io.cwd,
    isTty: { stdin: false, stdout: false, stderr: false },
  };
  const status = await runCli(outer.commands, command.args, io, outer.signal);
  return { status, stdout: stdout.text(), stderr: stderr.text() };
}

/** As `runInner` with `--format json`. @throws the command's own code and message */
export async function runInnerJson(
  outer: Pick<Context, "commands" | "io" | "signal">,
  command: InnerCommand,
): Promise<Readonly<Record<string, unknown>>> {
  const { status, stdout, stderr } = await runInner(outer, {
    ...command,
    args: ["--format", "json", ...command.args],
  });
  if (status !== EXIT_OK) throw innerFailure(command, stderr);
  const value: unknown = stdout.trim() === "" ? {} : JSON.parse(stdout);
  return value as Readonly<Record<string, unknown>>;
}

function innerFailure({ args }: InnerCommand, stderr: string): MilagroError {
  for (const line of stderr.split("\n").reverse()) {
    try {
      const { error } = JSON.parse(line) as { readonly error: { readonly code: string; readonly message: string } };
      return new MilagroError(error.code, `milagro ${args.slice(0, 2).join(" ")}: ${error.message}`);
    } catch {
      // not the line with the error
    }
  }
  return new MilagroError(
    "ERR_DEV_FAILED",
    `milagro ${args.slice(0, 2).join(" ")} failed: ${stderr.trim().slice(0, 500)}`,
  );
}

function collector(): { readonly stream: Writable; text(): string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}
