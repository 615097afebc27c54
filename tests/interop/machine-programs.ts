/**
 * `milagro` and other programs of ours on one of two machines, as one of the people who have a profile there.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, test } from "vitest";
import {
  type Cable,
  canMakeNamespaces,
  connectMachines,
  hasKernelWireguard,
  type Machine,
} from "../support/namespaces.ts";
import { needs } from "../support/needs.ts";
import { makeTempFolder } from "../support/temp-folder.ts";
import { enrolPeople, type People } from "./machine-people.ts";

const CLI = fileURLToPath(new URL("../../clients/cli/src/main.ts", import.meta.url));
/** `on-machine.ts`, which serves and calls as an identity of a profile. */
export const RUNNER = fileURLToPath(new URL("./on-machine.ts", import.meta.url));
const NODE = ["--conditions=@milagro/source"];
const able = process.getuid?.() === 0 && (await canMakeNamespaces());
const kernel = able && (await hasKernelWireguard());

/** `needs` of a test on two machines: those programs, and the right to make machines. */
export const needsMachines = (...programs: readonly string[]): ReturnType<typeof needs> =>
  able ? needs("ip", ...programs) : needs("the right to make network namespaces");

/** The same for the kernel's own WireGuard: where it has none the test is skipped, in CI too, and says so. */
export const needsKernelWireguard = (...programs: readonly string[]): ReturnType<typeof needs> =>
  able && kernel ? needs("ip", ...programs) : (name) => test.skip(`${name} (this kernel has no WireGuard)`, () => {});

export interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Resolves when what it has printed matches. */
  until(pattern: RegExp): Promise<void>;
  stop(): Promise<void>;
}

export interface Finished {
  readonly status: number | null;
  readonly output: string;
}

export interface Machines {
  readonly cable: Cable;
  readonly people: People;
  /** A program of ours: arguments of `node`. */
  start(machine: Machine, args: readonly string[]): Running;
  /** `milagro` with the profile of `name`. */
  milagro(machine: Machine, name: string, ...args: readonly string[]): Running;
  /** The same to the end. */
  finish(machine: Machine, args: readonly string[], input?: string): Promise<Finished>;
  finishMilagro(machine: Machine, name: string, args: readonly string[], input?: string): Promise<Finished>;
  /** It is gone and need not be stopped. */
  forget(one: Running): void;
}

/** Two machines for the tests of a file, with the profiles of these people; what still runs after a test is stopped. */
export function useMachines(names: readonly string[]): Machines {
  let folder = "";
  let people: People;
  let cable: Cable;
  const running = new Set<Running>();
  beforeAll(async () => {
    if (!able) return;
    folder = await makeTempFolder();
    [people, cable] = await Promise.all([enrolPeople(folder, names), connectMachines()]);
  });
  afterEach(async () => {
    await Promise.all([...running].map((one) => one.stop()));
  });
  afterAll(async () => {
    await cable?.cut();
    if (folder !== "") await rm(folder, { recursive: true, force: true });
  });

  const environment = () => ({
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? join(folder, "cache"),
    NO_COLOR: "1",
    MILAGRO_PASSPHRASE_FILE: people.passphraseFile,
  });

  function start(machine: Machine, args: readonly string[]): Running {
    const child = spawn(machine.enter[0] as string, [...machine.enter.slice(1), process.execPath, ...NODE, ...args], {
      env: environment(),
      stdio: ["pipe", "pipe", "pipe"],
    });
    let output = "";
    const listeners = new Set<() => void>();
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => {
        output += chunk;
        for (const listener of listeners) listener();
      });
    let over = false;
    const ended = once(child, "close").then(() => {
      over = true;
      for (const listener of listeners) listener();
    });
    const one: Running = {
      child,
      output: () => output,
      async until(pattern) {
        while (!pattern.test(output)) {
          if (over) throw new Error(`it ended: ${output}`);
          await new Promise<void>((resolve) => {
            const listener = (): void => {
              listeners.delete(listener);
              resolve();
            };
            listeners.add(listener);
          });
        }
      },
      async stop() {
        child.kill("SIGTERM");
        await ended;
        running.delete(one);
      },
    };
    running.add(one);
    return one;
  }

  async function finish(machine: Machine, args: readonly string[], input = ""): Promise<Finished> {
    const one = start(machine, args);
    one.child.stdin?.on("error", () => {}).end(input);
    const [status] = (await once(one.child, "close")) as [number | null];
    running.delete(one);
    return { status, output: one.output() };
  }

  return {
    get cable() {
      return cable;
    },
    get people() {
      return people;
    },
    start,
    finish,
    milagro: (machine, name, ...args) => start(machine, [CLI, ...args, "--home", people.home(name)]),
    finishMilagro: (machine, name, args, input) => finish(machine, [CLI, ...args, "--home", people.home(name)], input),
    forget: (one) => void running.delete(one),
  };
}
