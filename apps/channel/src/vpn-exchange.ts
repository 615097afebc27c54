/**
 * One agreement about a tunnel, from either end. The responder configures first, so that whoever handshakes next finds both ends with the same
 * preshared key; sessions that stand are not touched by a new one, so no packet is lost. Until the initiator has said that it is done, the
 * responder goes back to the key that was before when the channel breaks.
 * @module
 */
import type { Duplex } from "node:stream";
import { MilagroError } from "@milagro/engine/error";
import { readLine } from "./read-line.ts";
import {
  encodeVpnMessage,
  MAX_VPN_LINE,
  parseVpnMessage,
  VPN_EXPORT_LABEL,
  type VpnMessage,
  type VpnParty,
  vpnPresharedKey,
} from "./vpn-messages.ts";

/** What of a channel the exchange needs. */
export interface VpnChannel extends Duplex {
  /** Whom the channel has authenticated. */
  readonly peerIdentity: string | undefined;
  /** 32 bytes, the same at both ends of this channel and nowhere else. */
  exportKey(label: string): Uint8Array;
}

export interface AgreedTunnel {
  readonly peer: VpnParty;
  /** 32 bytes. Whoever keeps it wipes it. */
  readonly presharedKey: Uint8Array;
}

/** For each line. */
const LINE_MS = 5000;

/**
 * Resolves when both ends use the new key.
 * @param configure - puts the tunnel to work; called once, after the peer has done so
 * @throws `ERR_PEER_INVALID`, `ERR_TIMEOUT`, `ERR_UNREACHABLE`: then it is unknown which key the peer will use, and another agreement is due at once
 */
export async function offerTunnel(
  channel: VpnChannel,
  own: VpnParty,
  configure: (tunnel: AgreedTunnel) => Promise<void>,
): Promise<void> {
  channel.on("error", () => {}); // whoever reads or waits is told
  try {
    send(channel, { type: "offer", ...own });
    const peer = await receive(channel, "answer");
    refuseOwnKey(own, peer);
    await configure({ peer, presharedKey: keyOf(channel, own.publicKey, peer.publicKey) });
    send(channel, { type: "done" });
    await receive(channel, "confirmed");
  } finally {
    endQuietly(channel);
  }
}

/**
 * @param configure - called once, before the peer knows our key; its result takes the change back
 * @throws as `offerTunnel`; the change has been taken back then
 */
export async function answerTunnel(
  channel: VpnChannel,
  own: VpnParty,
  configure: (tunnel: AgreedTunnel) => Promise<() => Promise<void>>,
): Promise<void> {
  channel.on("error", () => {});
  let undo: (() => Promise<void>) | undefined;
  try {
    const peer = await receive(channel, "offer");
    refuseOwnKey(own, peer);
    undo = await configure({ peer, presharedKey: keyOf(channel, peer.publicKey, own.publicKey) });
    send(channel, { type: "answer", ...own });
    await receive(channel, "done");
    undo = undefined;
    send(channel, { type: "confirmed" });
  } finally {
    try {
      await undo?.();
    } finally {
      endQuietly(channel);
    }
  }
}

function send(channel: VpnChannel, message: VpnMessage): void {
  channel.write(encodeVpnMessage(message));
}

async function receive<T extends VpnMessage["type"]>(channel: VpnChannel, type: T) {
  return parseVpnMessage(await readLine(channel, { maxBytes: MAX_VPN_LINE, timeoutMs: LINE_MS }), type);
}

function keyOf(channel: VpnChannel, initiator: Uint8Array, responder: Uint8Array): Uint8Array {
  const exported = channel.exportKey(VPN_EXPORT_LABEL);
  try {
    return vpnPresharedKey(exported, initiator, responder);
  } finally {
    exported.fill(0);
  }
}

function refuseOwnKey(own: VpnParty, peer: VpnParty): void {
  if (Buffer.from(own.publicKey).equals(peer.publicKey))
    throw new MilagroError("ERR_PEER_INVALID", "the peer shows our own WireGuard key");
}

function endQuietly(channel: VpnChannel): void {
  channel.end();
  setTimeout(() => channel.destroy(), 2000).unref();
}
