/**
 * WireGuard by the `wg` tool: the way to an interface of the kernel, whose own interface (netlink) Node cannot speak. Secrets go to its
 * standard input, one a call; what is on its command line is public.
 * Source: `wg(8)`: `set`, `show … dump`.
 * @module
 */
import { execFile } from "node:child_process";
import { MilagroError } from "@milagro/engine/error";
import { type DeviceState, hostPort, type PeerChange, type WireguardControl } from "./wireguard-config.ts";

const TIMEOUT_MS = 5000;

/** @param program - the `wg` binary */
export function toolControl(name: string, program = "wg"): WireguardControl {
  const run = (args: readonly string[], secret?: Uint8Array): Promise<string> => runTool(program, args, secret);
  return {
    async set(change) {
      if (change.listenPort !== undefined) await run(["set", name, "listen-port", String(change.listenPort)]);
      if (change.privateKey) await run(["set", name, "private-key", "/dev/stdin"], change.privateKey);
      for (const peer of change.peers ?? []) {
        const args = ["set", name, "peer", base64Of(peer.publicKey), ...peerArguments(peer)];
        await run(args, peer.presharedKey);
      }
    },
    get: async () => parseDump(await run(["show", name, "dump"])),
  };
}

function peerArguments(peer: PeerChange): readonly string[] {
  if (peer.remove) return ["remove"];
  return [
    ...(peer.presharedKey ? ["preshared-key", "/dev/stdin"] : []),
    ...(peer.endpoint ? ["endpoint", hostPort(peer.endpoint)] : []),
    ...(peer.keepaliveSeconds === undefined ? [] : ["persistent-keepalive", String(peer.keepaliveSeconds)]),
    ...(peer.allowedIps ? ["allowed-ips", peer.allowedIps.join(",")] : []),
  ];
}

/** `wg show NAME dump`: the interface in the first line, a peer a line after it, fields by tabs. @throws `ERR_WIREGUARD_FAILED` */
export function parseDump(text: string): DeviceState {
  const [device = "", ...peers] = text.split("\n").filter((line) => line !== "");
  const port = device.split("\t")[2];
  if (port === undefined || !/^\d{1,5}$/.test(port)) throw unreadable();
  return {
    listenPort: Number(port),
    peers: peers.map((line) => {
      const fields = line.split("\t");
      const [publicKey = "", , , networks = ""] = fields;
      const [handshake, received, sent] = fields.slice(4, 7).map(Number);
      const key = Buffer.from(publicKey, "base64").toString("hex");
      if (key.length !== 64 || ![handshake, received, sent].every(Number.isSafeInteger)) throw unreadable();
      return {
        key,
        lastHandshake: handshake as number,
        receivedBytes: received as number,
        sentBytes: sent as number,
        allowedIps: networks === "(none)" ? [] : networks.split(","),
      };
    }),
  };
}

function unreadable(): MilagroError {
  return new MilagroError("ERR_WIREGUARD_FAILED", "wg printed something unreadable");
}

function runTool(program: string, args: readonly string[], secret: Uint8Array | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    // Node's pipes are sockets, which cannot be opened as /dev/stdin: `cat` makes one that can.
    const command = ["-c", secret === undefined ? 'exec "$0" "$@"' : 'cat | "$0" "$@"', program, ...args];
    const child = execFile("sh", command, { timeout: TIMEOUT_MS, encoding: "utf8" }, (error, stdout) => {
      if (!error) return resolve(stdout);
      const why = error.code === 127 ? "the program wg is not installed" : `wg ${args[0]} failed`;
      // Not the error itself: it quotes what the tool printed.
      reject(new MilagroError("ERR_WIREGUARD_FAILED", why));
    });
    child.stdin?.on("error", () => {}); // it ended first: its status says why
    child.stdin?.end(secret === undefined ? undefined : `${base64Of(secret)}\n`);
  });
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}
