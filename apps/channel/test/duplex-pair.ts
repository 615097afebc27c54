/**
 * Two ends of one stream in this process, with what a channel has beside it.
 * @module
 */
import { type Duplex, duplexPair } from "node:stream";
import type { VpnChannel } from "../src/vpn-exchange.ts";

/** Both ends export the same key, as those of one agreement do. */
export function channelPair(exported = new Uint8Array(32).fill(1), identities = ["a", "b"] as const) {
  const [left, right] = duplexPair();
  const exportKey = (label: string): Uint8Array => {
    const key = exported.slice();
    key[0] = (key[0] as number) ^ label.length;
    return key;
  };
  const end = (stream: Duplex, peerIdentity: string): VpnChannel => Object.assign(stream, { peerIdentity, exportKey });
  return { initiator: end(left, identities[1]), responder: end(right, identities[0]) };
}
