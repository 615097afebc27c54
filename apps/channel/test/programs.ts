/**
 * Outside programs: started, waited for until they are ready, ended with the test.
 * @module
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { onTestFinished } from "vitest";
import { findProgram } from "../../../tests/support/needs.ts";
import { freePorts } from "../../../tests/support/ports.ts";

export interface Program {
  /** Everything it has said so far, on both outputs. */
  output(): string;
  write(text: string): void;
  /** Resolves when its output holds this; rejects when it ends before. */
  says(text: string): Promise<void>;
  readonly ended: Promise<void>;
}

export function start(name: string, ...args: readonly string[]): Program {
  const child: ChildProcessWithoutNullStreams = spawn(findProgram(name) ?? name, args);
  let output = "";
  const listeners = new Set<() => void>();
  const onText = (chunk: Buffer): void => {
    output += chunk.toString("latin1");
    for (const listener of listeners) listener();
  };
  child.stdout.on("data", onText);
  child.stderr.on("data", onText);
  child.stdin.on("error", () => {});
  const ended = once(child, "close").then(() => {});
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  return {
    output: () => output,
    write: (text) => void child.stdin.write(text),
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (output.includes(text)) resolve();
        };
        listeners.add(look);
        void ended.then(() => reject(new Error(`${name} ended: ${output.slice(-500)}`)));
        look();
      }),
    ended,
  };
}

/** A port that nobody listens at. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** Waits until something listens there. @throws after two minutes: a program that has not come by then has ended */
export async function listening(port: number): Promise<void> {
  const deadline = performance.now() + 120_000;
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const open = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    if (performance.now() > deadline) throw new Error(`nothing listens at port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
