/**
 * A WireGuard tunnel by wireguard-go between two network namespaces that are made for it and go with it, and a transfer through it.
 * @module
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("stream-program.ts", import.meta.url));
const TURNS = 5;

const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

/** MiB a second, of several transfers; undefined where wireguard-go or the right to make namespaces is missing. */
export async function wireguardThroughput(folder: string, mebibytes: number): Promise<number[] | undefined> {
  const needed = ["/usr/bin/wireguard-go", "/usr/bin/wg"].every((file) => existsSync(file));
  if (!needed || process.getuid?.() !== 0) return undefined;
  const names = ["a", "b"].map((end) => `milagro-bench-${end}-${process.pid}`) as [string, string];
  const programs: ChildProcess[] = [];
  const inside = (end: 0 | 1, ...args: string[]): ChildProcess => {
    const child = spawn("ip", ["netns", "exec", names[end], ...args], { stdio: ["ignore", "pipe", "ignore"] });
    programs.push(child);
    return child;
  };
  try {
    connectNamespaces(names);
    await connectTunnel(names, folder, inside);
    const node = [process.execPath, "--conditions=@milagro/source", PROGRAM];
    const server = inside(1, ...node, "serve");
    const [port] = await once(server.stdout as NodeJS.ReadableStream, "data");
    const client = inside(0, ...node, "fetch", "10.98.0.2", String(port).trim(), String(mebibytes), String(TURNS));
    let output = "";
    client.stdout?.on("data", (chunk) => {
      output += chunk;
    });
    await once(client, "close");
    const values = output.split("\n").filter(Boolean).map(Number);
    return values.length === TURNS ? values : undefined;
  } catch {
    return undefined;
  } finally {
    for (const program of programs) program.kill();
    for (const name of names) {
      try {
        run("ip", "netns", "delete", name);
      } catch {
        // was never made
      }
    }
  }
}

function connectNamespaces(names: readonly [string, string]): void {
  for (const name of names) run("ip", "netns", "add", name);
  run("ip", "link", "add", "cable", "netns", names[0], "type", "veth", "peer", "name", "cable", "netns", names[1]);
  names.forEach((name, i) => {
    run("ip", "-n", name, "address", "add", `10.97.0.${i + 1}/24`, "dev", "cable");
    run("ip", "-n", name, "link", "set", "lo", "up");
    run("ip", "-n", name, "link", "set", "cable", "up");
  });
}

async function connectTunnel(
  names: readonly [string, string],
  folder: string,
  inside: (end: 0 | 1, ...args: string[]) => ChildProcess,
): Promise<void> {
  const privateKeys = names.map(() => run("wg", "genkey").trim());
  const publicKeys = privateKeys.map((key) => execFileSync("wg", ["pubkey"], { input: key, encoding: "utf8" }).trim());
  const psk = join(folder, "wireguard-psk");
  writeFileSync(psk, run("wg", "genpsk"), { mode: 0o600 });
  for (const end of [0, 1] as const) {
    const [name, device] = [names[end], `wgb${end}p${process.pid % 10_000}`];
    inside(end, "wireguard-go", "-f", device);
    const key = join(folder, `wireguard-${end}`);
    writeFileSync(key, `${privateKeys[end]}\n`, { mode: 0o600 });
    const other = 1 - end;
    await eventually(() => {
      run(
        "ip",
        "netns",
        "exec",
        name,
        "wg",
        "set",
        device,
        "listen-port",
        "51820",
        "private-key",
        key,
        "peer",
        publicKeys[other] as string,
        "preshared-key",
        psk,
        "endpoint",
        `10.97.0.${other + 1}:51820`,
        "allowed-ips",
        "10.98.0.0/24",
      );
    });
    run("ip", "-n", name, "address", "add", `10.98.0.${end + 1}/24`, "dev", device);
    run("ip", "-n", name, "link", "set", device, "up");
  }
}

async function eventually(attempt: () => void): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return attempt();
    } catch (error) {
      if (tries === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
