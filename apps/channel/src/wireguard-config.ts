/**
 * What a WireGuard interface is told and what it tells: the words that both ways of driving one (its own socket, the `wg` tool) share.
 * Source: WireGuard, "Cross-platform userspace implementation", configuration protocol; `wg(8)`.
 * @module
 */
import { isIP } from "node:net";
import { MilagroError } from "@milagro/engine/error";

/** 32 bytes: an X25519 public key. */
export type WireguardPublicKey = Uint8Array;

/** A change of one peer; what is absent stays as it is. */
export interface PeerChange {
  readonly publicKey: WireguardPublicKey;
  /** 32 bytes; it counts from the next handshake on, sessions that stand go on. The caller wipes them. */
  readonly presharedKey?: Uint8Array;
  /** A numeric address: WireGuard looks nothing up. */
  readonly endpoint?: { readonly address: string; readonly port: number };
  /** Seconds, 0 for off, at most 65,535. */
  readonly keepaliveSeconds?: number;
  /** What may come from this peer and is sent to it; replaces what was there. */
  readonly allowedIps?: readonly string[];
  readonly remove?: true;
}

export interface DeviceChange {
  /** 32 bytes. The caller wipes them. */
  readonly privateKey?: Uint8Array;
  readonly listenPort?: number;
  readonly peers?: readonly PeerChange[];
}

export interface PeerState {
  /** Hex, 64 characters: what peers are looked up by. */
  readonly key: string;
  /** Unix seconds of the last handshake; 0 when there was none. */
  readonly lastHandshake: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly allowedIps: readonly string[];
}

export interface DeviceState {
  readonly listenPort: number;
  readonly peers: readonly PeerState[];
}

/** Configures one interface that exists. One change at a time: the caller waits for each. */
export interface WireguardControl {
  /** @throws `ERR_WIREGUARD_FAILED` when the interface refuses the change */
  set(change: DeviceChange): Promise<void>;
  /** @throws `ERR_WIREGUARD_FAILED` */
  get(): Promise<DeviceState>;
}

/** `address/prefix` of IPv4 or IPv6, the prefix within its range. @throws `ERR_CONFIG_INVALID` */
export function parseCidr(text: string): string {
  const [address = "", prefix = "", ...rest] = text.split("/");
  const family = isIP(address);
  const fits = /^(?:0|[1-9]\d{0,2})$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
  if (family === 0 || !fits || rest.length > 0 || address.includes("%"))
    throw new MilagroError("ERR_CONFIG_INVALID", "a network is address/prefix, such as 10.7.0.2/32 or fd00::2/128");
  return text;
}

/** What Linux takes as the name of an interface, and a path cannot misuse. @throws `ERR_CONFIG_INVALID` */
export function parseInterfaceName(text: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_-]{0,14}$/.test(text))
    throw new MilagroError("ERR_CONFIG_INVALID", "an interface name is 1 to 15 letters, digits, _ or -");
  return text;
}

export function hostPort({ address, port }: { readonly address: string; readonly port: number }): string {
  return `${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
}
