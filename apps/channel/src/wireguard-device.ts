/**
 * A WireGuard interface for as long as we run: made, addressed, brought up, and gone afterwards. The kernel's own where it has one, else
 * wireguard-go as a child process. Needs the right to make interfaces (root, or CAP_NET_ADMIN).
 * @module
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { MilagroError } from "@milagro/engine/error";
import { sleep } from "@milagro/runtime/clock";
import { parseInterfaceName, type WireguardControl } from "./wireguard-config.ts";
import { toolControl } from "./wireguard-tool.ts";
import { uapiControl } from "./wireguard-uapi.ts";

export type WireguardKind = "kernel" | "wireguard-go";

export interface DeviceOptions {
  /** At most 15 characters; it must not exist yet. */
  readonly name: string;
  /** Its own addresses inside, `address/prefix`. */
  readonly addresses: readonly string[];
  /** Default: the kernel's where `ip link add … type wireguard` works, else wireguard-go. */
  readonly kind?: WireguardKind;
  /** Default 1420: what fits an Ethernet frame over IPv6. */
  readonly mtu?: number;
}

export interface WireguardDevice extends WireguardControl {
  readonly name: string;
  readonly kind: WireguardKind;
  /** Sends a network through the interface. Gone with it. */
  addRoute(network: string): Promise<void>;
  /** Resolves when the interface has gone without being asked to. */
  readonly lost: Promise<void>;
  /** Removes the interface. Idempotent. */
  close(): Promise<void>;
}

/** Where wireguard-go makes its socket: fixed at its build. */
const SOCKET_FOLDER = "/var/run/wireguard";
const START_MS = 10_000;
const STOP_MS = 5000;

/** @throws `ERR_WIREGUARD_FAILED` */
export async function openWireguard(options: DeviceOptions): Promise<WireguardDevice> {
  const name = parseInterfaceName(options.name);
  if ((await runIp(["link", "show", "dev", name])) === 0)
    throw new MilagroError("ERR_WIREGUARD_FAILED", `there is an interface ${name} already`);
  const kernel =
    options.kind !== "wireguard-go" && (await runIp(["link", "add", "dev", name, "type", "wireguard"])) === 0;
  if (options.kind === "kernel" && !kernel)
    throw new MilagroError("ERR_WIREGUARD_FAILED", "this kernel makes no WireGuard interface for us");
  const device = kernel ? kernelDevice(name) : await userspaceDevice(name);
  try {
    for (const address of options.addresses) await need(["address", "add", address, "dev", name]);
    await need(["link", "set", "dev", name, "mtu", String(options.mtu ?? 1420), "up"]);
    return device;
  } catch (error) {
    await device.close();
    throw error;
  }
}

function kernelDevice(name: string): WireguardDevice {
  let closed: Promise<void> | undefined;
  return {
    ...toolControl(name),
    name,
    kind: "kernel",
    addRoute: (network) => need(["route", "replace", network, "dev", name]),
    lost: new Promise(() => {}),
    close() {
      closed ??= runIp(["link", "delete", "dev", name]).then(() => {});
      return closed;
    },
  };
}

async function userspaceDevice(name: string): Promise<WireguardDevice> {
  const child = spawn("wireguard-go", ["--foreground", name], {
    stdio: "ignore",
    env: { PATH: process.env["PATH"] ?? "", LOG_LEVEL: "silent", WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD: "1" },
  });
  const ended = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("exit", () => resolve());
  });
  const orphan = (): unknown => child.kill("SIGTERM");
  process.once("exit", orphan);
  void ended.then(() => process.removeListener("exit", orphan));
  const socket = `${SOCKET_FOLDER}/${name}.sock`;
  const control = uapiControl(socket);
  await untilThere(child, ended, socket, control);
  let closed: Promise<void> | undefined;
  return {
    ...control,
    name,
    kind: "wireguard-go",
    addRoute: (network) => need(["route", "replace", network, "dev", name]),
    lost: ended,
    close() {
      closed ??= stop(child, ended);
      return closed;
    },
  };
}

async function untilThere(
  child: ChildProcess,
  ended: Promise<void>,
  socket: string,
  control: WireguardControl,
): Promise<void> {
  let gone = false;
  void ended.then(() => {
    gone = true;
  });
  const deadline = performance.now() + START_MS;
  for (;;) {
    if (existsSync(socket)) {
      // A socket that a killed one left behind answers nobody.
      const answers = await control.get().then(
        () => true,
        () => false,
      );
      if (answers) return;
    }
    if (gone)
      throw new MilagroError(
        "ERR_WIREGUARD_FAILED",
        "wireguard-go is not installed, or may not make an interface here",
      );
    if (performance.now() > deadline) {
      await stop(child, ended);
      throw new MilagroError("ERR_WIREGUARD_FAILED", "wireguard-go did not make its interface in time");
    }
    await sleep(20);
  }
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill("SIGTERM");
  const kill = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(kill);
}

async function need(args: readonly string[]): Promise<void> {
  if ((await runIp(args)) !== 0)
    throw new MilagroError(
      "ERR_WIREGUARD_FAILED",
      `ip ${args.slice(0, 2).join(" ")} failed: an address that is taken, or rights that are missing`,
    );
}

/** @returns the exit status, 127 when there is no such program */
function runIp(args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    execFile("ip", [...args], { timeout: START_MS }, (error) => {
      if (!error) resolve(0);
      else resolve(typeof error.code === "number" ? error.code : 127);
    });
  });
}
