/**
 * WireGuard's configuration protocol on its Unix socket, as wireguard-go and the other userspace implementations speak it: lines of
 * `key=value`, an empty line ends a message. Keys travel in hex, inside this machine, and never on a command line.
 * Source: https://www.wireguard.com/xplatform/, "Configuration Protocol".
 * @module
 */
import { createConnection } from "node:net";
import { MilagroError } from "@milagro/engine/error";
import { hexOf } from "./psk-file.ts";
import {
  type DeviceChange,
  type DeviceState,
  hostPort,
  type PeerChange,
  type PeerState,
  type WireguardControl,
} from "./wireguard-config.ts";

const TIMEOUT_MS = 5000;
/** Some 60,000 peers. */
const MAX_ANSWER_BYTES = 16 * 1_048_576;

export function uapiControl(socketPath: string): WireguardControl {
  return {
    async set(change) {
      const request = encodeUapiSet(change);
      try {
        expectOk(await exchange(socketPath, request));
      } finally {
        request.fill(0);
      }
    },
    get: async () => parseUapiState(await exchange(socketPath, Buffer.from("get=1\n\n"))),
  };
}

/** A `set=1` message. It holds keys: the caller wipes it. */
export function encodeUapiSet(change: DeviceChange): Buffer {
  const parts: Buffer[] = [];
  const line = (key: string, value: string | number | boolean): unknown => parts.push(Buffer.from(`${key}=${value}\n`));
  const secret = (key: string, bytes: Uint8Array): void => {
    if (bytes.length !== 32) throw new TypeError("a WireGuard key has 32 bytes");
    parts.push(Buffer.from(`${key}=`), hexOf(bytes), Buffer.from("\n"));
  };
  line("set", 1);
  if (change.privateKey) secret("private_key", change.privateKey);
  if (change.listenPort !== undefined) line("listen_port", change.listenPort);
  for (const peer of change.peers ?? []) peerLines(peer, line, secret);
  parts.push(Buffer.from("\n"));
  const message = Buffer.concat(parts);
  for (const part of parts) part.fill(0);
  return message;
}

function peerLines(
  peer: PeerChange,
  line: (key: string, value: string | number | boolean) => void,
  secret: (key: string, bytes: Uint8Array) => void,
): void {
  secret("public_key", peer.publicKey);
  if (peer.remove) {
    line("remove", true);
    return;
  }
  if (peer.presharedKey) secret("preshared_key", peer.presharedKey);
  if (peer.endpoint) line("endpoint", hostPort(peer.endpoint));
  if (peer.keepaliveSeconds !== undefined) line("persistent_keepalive_interval", peer.keepaliveSeconds);
  if (!peer.allowedIps) return;
  line("replace_allowed_ips", true);
  for (const network of peer.allowedIps) line("allowed_ip", network);
}

/** The answer to `get=1`. Keys that we do not use are passed over, the secret ones too. @throws `ERR_WIREGUARD_FAILED` */
export function parseUapiState(answer: Buffer): DeviceState {
  let listenPort = 0;
  const peers: { -readonly [K in keyof PeerState]: PeerState[K] }[] = [];
  const lines = expectOk(answer);
  for (const { key, value } of lines) {
    const peer = peers.at(-1);
    if (key === "public_key") {
      if (!/^[0-9a-f]{64}$/.test(value)) throw unreadable();
      peers.push({ key: value, lastHandshake: 0, receivedBytes: 0, sentBytes: 0, allowedIps: [] });
    } else if (key === "listen_port") listenPort = count(value);
    else if (peer && key === "last_handshake_time_sec") peer.lastHandshake = count(value);
    else if (peer && key === "rx_bytes") peer.receivedBytes = count(value);
    else if (peer && key === "tx_bytes") peer.sentBytes = count(value);
    else if (peer && key === "allowed_ip") peer.allowedIps = [...peer.allowedIps, value];
  }
  return { listenPort, peers };
}

/** @throws `ERR_WIREGUARD_FAILED` unless the message ends with `errno=0` */
function expectOk(answer: Buffer): readonly { readonly key: string; readonly value: string }[] {
  const text = answer.toString("latin1");
  const lines = text.split("\n").filter((line) => line !== "" && !/^(?:private|preshared)_key=/.test(line));
  const pairs = lines.map((line) => {
    const at = line.indexOf("=");
    if (at < 1) throw unreadable();
    return { key: line.slice(0, at), value: line.slice(at + 1) };
  });
  const last = pairs.pop();
  if (last?.key !== "errno" || !/^-?\d{1,6}$/.test(last.value)) throw unreadable();
  if (last.value !== "0")
    throw new MilagroError("ERR_WIREGUARD_FAILED", `the WireGuard interface refused the change (errno ${last.value})`);
  return pairs;
}

function count(value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw unreadable();
  return Number(value);
}

function unreadable(): MilagroError {
  return new MilagroError("ERR_WIREGUARD_FAILED", "the WireGuard interface answered something unreadable");
}

function exchange(socketPath: string, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let total = 0;
    const socket = createConnection({ path: socketPath });
    const fail = (message: string, cause?: unknown): void => {
      socket.destroy();
      reject(new MilagroError("ERR_WIREGUARD_FAILED", message, { cause }));
    };
    socket.setTimeout(TIMEOUT_MS, () => fail("the WireGuard interface does not answer"));
    socket.on("error", (cause) => fail("the WireGuard interface's socket cannot be used", cause));
    socket.on("close", () => fail("the WireGuard interface closed its socket"));
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      total += chunk.length;
      if (total > MAX_ANSWER_BYTES) return fail("the WireGuard interface answers without end");
      const answer = Buffer.concat(chunks);
      if (answer.subarray(-2).toString("latin1") !== "\n\n") return;
      socket.removeAllListeners("close");
      socket.destroy();
      resolve(answer);
    });
    socket.write(request);
  });
}
