/**
 * What two VPN programs say to each other inside a channel: one JSON object a line, four lines in all.
 *
 *   initiator → responder   offer      my WireGuard key, my UDP port
 *   responder → initiator   answer     mine; I have configured you
 *   initiator → responder   done       I have configured you
 *   responder → initiator   confirmed  the key that was before may be forgotten
 *
 * The channel says who the other is, and gives the preshared key; what may come through the tunnel is nobody's to claim, it is configured.
 * Source: docs/spec/vpn.md.
 * @module
 */
import { hkdfSync } from "node:crypto";
import { parseBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";
import { parseLineObject } from "./read-line.ts";

export interface VpnParty {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Where WireGuard listens, 1 to 65,535. */
  readonly port: number;
}

export type VpnMessage =
  | ({ readonly type: "offer" | "answer" } & VpnParty)
  | { readonly type: "done" }
  | { readonly type: "confirmed" };

/** The label under which the channel exports the secret. */
export const VPN_EXPORT_LABEL = "EXPORTER-milagro-vpn-v1";
const PSK_INFO = "milagro vpn psk v1";
/** Without the line feed. */
export const MAX_VPN_LINE = 256;

export function encodeVpnMessage(message: VpnMessage): string {
  const { type } = message;
  const party =
    "port" in message ? { key: Buffer.from(message.publicKey).toString("base64url"), port: message.port } : {};
  return `${JSON.stringify({ v: 1, type, ...party })}\n`;
}

/** @throws `ERR_PEER_INVALID` for every bad input, also for a message of another type than `expected` */
export function parseVpnMessage<T extends VpnMessage["type"]>(
  line: string,
  expected: T,
): VpnMessage & { readonly type: T } {
  const { v, type, key, port, ...rest } = parseLineObject(line);
  const known = v === 1 && type === expected && Object.keys(rest).length === 0;
  if (!known) throw invalid();
  if (expected === "done" || expected === "confirmed") {
    if (key !== undefined || port !== undefined) throw invalid();
    return { type: expected } as VpnMessage & { readonly type: T };
  }
  const fits =
    typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535 && typeof key === "string";
  if (!fits) throw invalid();
  return { type: expected, publicKey: keyOf(key), port } as VpnMessage & { readonly type: T };
}

function keyOf(text: string): Uint8Array {
  try {
    const bytes = parseBase64url(text);
    // All zero is the one key that WireGuard takes for "none".
    if (bytes.length === 32 && bytes.some((byte) => byte !== 0)) return bytes;
  } catch {}
  throw invalid();
}

function invalid(): MilagroError {
  return new MilagroError(
    "ERR_PEER_INVALID",
    "the peer sent something that is not the next message of the VPN protocol",
  );
}

/**
 * The preshared key of two WireGuard keys: 32 bytes, to be wiped.
 * @param exported - what the channel exports under `VPN_EXPORT_LABEL`: bound to both identities, both roles and this one agreement
 */
export function vpnPresharedKey(exported: Uint8Array, initiator: Uint8Array, responder: Uint8Array): Uint8Array {
  const info = Buffer.concat([Buffer.from(PSK_INFO), initiator, responder]);
  return new Uint8Array(hkdfSync("sha256", exported, new Uint8Array(0), info, 32));
}
