/**
 * Machines for one test: network namespaces with an Ethernet cable between them, gone afterwards. Nothing of the host's network is touched.
 * Needs root (or CAP_NET_ADMIN and CAP_SYS_ADMIN) and `ip`.
 * @module
 */
import { type ChildProcess, execFile, type SpawnOptions, spawn } from "node:child_process";
import { promisify } from "node:util";
import { expect } from "vitest";

const run = promisify(execFile);

export interface Machine {
  /** The name of its namespace. */
  readonly name: string;
  /** Its address on the cable. */
  readonly address: string;
  /** Arguments in front of a program's own: `ip netns exec NAME`. */
  readonly enter: readonly string[];
  /** Runs a program to its end. @returns what it printed on stdout; throws when its status is not 0 */
  run(program: string, ...args: readonly string[]): Promise<string>;
  spawn(program: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
}

export interface Cable {
  readonly a: Machine;
  readonly b: Machine;
  /** Removes both with everything in them; processes inside are the test's to end. */
  cut(): Promise<void>;
}

let count = 0;

/** Two machines, 10.99.0.1 and 10.99.0.2. Names hold the process id: several test runs do not meet. */
export async function connectMachines(): Promise<Cable> {
  const tag = `${process.pid}-${++count}`;
  const names = [`milagro-a-${tag}`, `milagro-b-${tag}`] as const;
  const ip = (...args: readonly string[]) => run("ip", [...args]);
  await cutAll(names);
  for (const name of names) await ip("netns", "add", name);
  await ip("link", "add", "cable", "netns", names[0], "type", "veth", "peer", "name", "cable", "netns", names[1]);
  for (const [i, name] of names.entries()) {
    await ip("-n", name, "address", "add", `10.99.0.${i + 1}/24`, "dev", "cable");
    await ip("-n", name, "link", "set", "lo", "up");
    await ip("-n", name, "link", "set", "cable", "up");
  }
  return { a: machine(names[0], "10.99.0.1"), b: machine(names[1], "10.99.0.2"), cut: () => cutAll(names) };
}

function machine(name: string, address: string): Machine {
  const enter = ["netns", "exec", name];
  return {
    name,
    address,
    enter: ["ip", ...enter],
    async run(program, ...args) {
      const { stdout } = await run("ip", [...enter, program, ...args], { timeout: 120_000, maxBuffer: 16 * 1_048_576 });
      return stdout;
    },
    spawn: (program, args, options) => spawn("ip", [...enter, program, ...args], options ?? {}),
  };
}

async function cutAll(names: readonly string[]): Promise<void> {
  for (const name of names) await run("ip", ["netns", "delete", name]).catch(() => {});
}

/** Whether this kernel has WireGuard. A container cannot change that, so no test may insist. */
export async function hasKernelWireguard(): Promise<boolean> {
  const name = `milagro-wg-${process.pid}`;
  try {
    await run("ip", ["netns", "add", name]);
    await run("ip", ["-n", name, "link", "add", "dev", "wg0", "type", "wireguard"]);
    return true;
  } catch {
    return false;
  } finally {
    await cutAll([name]);
  }
}

/** Whether namespaces can be made here. In CI they must. */
export async function canMakeNamespaces(): Promise<boolean> {
  const name = `milagro-try-${process.pid}`;
  const made = await run("ip", ["netns", "add", name]).then(
    () => true,
    () => false,
  );
  if (made) await run("ip", ["netns", "delete", name]);
  if (!made && process.env["CI"] === "true") expect.fail("network namespaces cannot be made: CI must run as root");
  return made;
}
