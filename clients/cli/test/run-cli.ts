/**
 * Runs a command line in this process and reads what it prints.
 * @module
 */
import { Readable, Writable } from "node:stream";
import { COMMANDS } from "../src/commands.ts";
import type { Io } from "../src/io.ts";
import { runCli } from "../src/program.ts";

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly tty?: boolean;
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

export function fakeIo(options: RunOptions = {}): { readonly io: Io; stdout(): string; stderr(): string } {
  const stdout = collector();
  const stderr = collector();
  const tty = options.tty ?? false;
  const io: Io = {
    stdin: Readable.from(options.input === undefined ? [] : [Buffer.from(options.input)]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: { PATH: process.env["PATH"], MILAGRO_HOME: "/nonexistent/milagro", ...options.env },
    cwd: options.cwd ?? "/",
    isTty: { stdin: false, stdout: tty, stderr: tty },
  };
  return { io, stdout: stdout.text, stderr: stderr.text };
}

export async function run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { io, stdout, stderr } = fakeIo(options);
  const status = await runCli(COMMANDS, args, io);
  return { status, stdout: stdout(), stderr: stderr() };
}
