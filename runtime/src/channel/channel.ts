/**
 * A channel: the `TLSSocket` that Node knows, and who is at the other end of it.
 * @module
 */
import type { TLSSocket } from "node:tls";
import type { Identity } from "@milagro/crypto/identity";
import { type Credential, credentialName } from "@milagro/protocol/channel-credential";

/** How the key came about: by an agreement on this very stream, by an earlier one's ticket, or by SOK without any message. */
export type ChannelOrigin = "agreement" | "ticket" | "sok";

export interface ChannelInfo {
  /** Who it is: `kind`, and what belongs to it. */
  readonly peer: Credential;
  /** The identity, `dta:<index>`, or `anonymous`. */
  readonly peerName: string;
  /** There for identities and persons. */
  readonly peerIdentity: Identity | undefined;
  readonly origin: ChannelOrigin;
  /** When TLS was set up, in ms since 1970. */
  readonly sinceMs: number;
}

/** Everything that a `TLSSocket` is, with the peer's proven name. `authorized` says nothing here: do not look at it. */
export interface Channel extends TLSSocket, ChannelInfo {
  /**
   * A key that both ends can derive and nobody else (RFC 8446 §7.5).
   * @param label - what it is for; another label gives an unrelated key
   * @param options.length - bytes, 1 to 255 (default 32)
   */
  exportKey(label: string, options?: { readonly length?: number; readonly context?: Uint8Array }): Buffer;
}

/** @param tls - set up, by a key that belongs to this peer */
export function toChannel(tls: TLSSocket, peer: Credential, origin: ChannelOrigin, nowMs: number): Channel {
  const info: ChannelInfo = {
    peer,
    peerName: credentialName(peer),
    peerIdentity: peer.kind === "identity" || peer.kind === "mpin" ? peer.identity : undefined,
    origin,
    sinceMs: nowMs,
  };
  const exportKey: Channel["exportKey"] = (label, { length = 32, context = new Uint8Array(0) } = {}) =>
    tls.exportKeyingMaterial(length, `MILAGRO-V1-CHANNEL ${label}`, Buffer.from(context));
  return Object.assign(tls, info, { exportKey });
}
