/**
 * A VPN without certificates, keys in files or a coordinator: WireGuard carries the packets, Milagro's channel says who may, and gives the two
 * ends a fresh preshared key every few minutes. Each agreement is a new channel: keys of the epoch are needed for it, so whoever is revoked
 * loses the tunnel when the last agreement is too old.
 *
 * WireGuard's own keys live in memory for one run. What may come from a peer (`allowedIps`) is configured here and never asked of the peer.
 * @module
 */
import { isIP } from "node:net";
import { wipe } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { sleep } from "@milagro/runtime/clock";
import { jitteredBackoffMs, systemRandom } from "@milagro/runtime/random";
import { nativeX25519 } from "@milagro/runtime/x25519";
import { type AgreedTunnel, answerTunnel, offerTunnel, type VpnChannel } from "./vpn-exchange.ts";
import type { PeerChange, PeerState } from "./wireguard-config.ts";
import type { WireguardDevice } from "./wireguard-device.ts";

export interface VpnPeer {
  readonly identity: string;
  /** What may come from it and goes to it: `address/prefix`. */
  readonly allowedIps: readonly string[];
  /** Where it is reached: then we dial. Absent: it dials us. */
  readonly address?: { readonly host: string; readonly port: number };
}

export interface VpnOptions {
  readonly device: WireguardDevice;
  /** Listens for WireGuard's UDP packets there; 0 takes a free port. */
  readonly udpPort?: number;
  readonly peers: readonly VpnPeer[];
  /** Opens a channel to a peer that has an address. The far address of its connection is where its UDP packets go. */
  dial(peer: VpnPeer, signal: AbortSignal): Promise<VpnChannel & { readonly remoteAddress?: string | undefined }>;
  /** Time between agreements. Default 150 s. */
  readonly intervalMs?: number;
  /** A peer without a new agreement for so long is removed. Default four intervals. */
  readonly maxAgeMs?: number;
  /** Something a person may want to know. */
  event?(event: VpnEvent): void;
}

export type VpnEvent =
  | { readonly kind: "agreed"; readonly identity: string; readonly times: number }
  | { readonly kind: "failed"; readonly identity: string; readonly code: string; readonly reason: string }
  | { readonly kind: "removed"; readonly identity: string };

export interface VpnPeerStatus {
  readonly identity: string;
  readonly allowedIps: readonly string[];
  /** How often the two have agreed on a key in this run. */
  readonly agreements: number;
  /** Seconds since the last agreement; undefined before the first. */
  readonly agreedSecondsAgo: number | undefined;
  /** Unix seconds, 0 for never. */
  readonly lastHandshake: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** Why the last attempt failed. */
  readonly problem: string | undefined;
}

export interface Vpn {
  readonly udpPort: number;
  /** A channel that came in. Never throws: what went wrong is an event. */
  handle(channel: VpnChannel): Promise<void>;
  status(): Promise<readonly VpnPeerStatus[]>;
  /** Stops agreeing and forgets the keys; the device is the caller's to close. */
  close(): Promise<void>;
}

/** What goes on about one peer. */
interface Tunnel {
  readonly peer: VpnPeer;
  /** What WireGuard is configured with; the key that was before stays until the new one is agreed at both ends. */
  current: AgreedTunnel | undefined;
  agreements: number;
  agreedMs: number;
  problem: string | undefined;
  /** One agreement at a time. */
  turn: Promise<unknown>;
}

const KEEPALIVE_SECONDS = 25;
const INTERVAL_MS = 150_000;
const RETRY_CAP_MS = 15_000;

/** @throws `ERR_CONFIG_INVALID`, `ERR_WIREGUARD_FAILED` */
export async function startVpn(options: VpnOptions): Promise<Vpn> {
  const { device } = options;
  const intervalMs = options.intervalMs ?? INTERVAL_MS;
  const maxAgeMs = options.maxAgeMs ?? 4 * intervalMs;
  const tunnels = tunnelsOf(options.peers);
  const privateKey = systemRandom(32);
  const publicKey = nativeX25519(privateKey).publicKey();
  try {
    await device.set({ privateKey, listenPort: options.udpPort ?? 0 });
  } finally {
    wipe(privateKey);
  }
  const { listenPort } = await device.get();
  const own = { publicKey, port: listenPort };
  for (const { peer } of tunnels.values()) for (const network of peer.allowedIps) await device.addRoute(network);
  const stopping = new AbortController();
  const { signal } = stopping;

  /** Puts what was agreed to work and returns what takes it back. */
  async function configure(
    tunnel: Tunnel,
    agreed: AgreedTunnel,
    endpoint?: PeerChange["endpoint"],
  ): Promise<() => Promise<void>> {
    signal.throwIfAborted();
    const taken = [...tunnels.values()].some(
      (other) => other !== tunnel && other.current && sameKey(other.current, agreed),
    );
    if (taken) throw new MilagroError("ERR_PEER_INVALID", "the peer shows the WireGuard key of another peer");
    const before = tunnel.current;
    await device.set({ peers: changesTo(tunnel, agreed, endpoint) });
    tunnel.current = agreed;
    return async () => {
      if (tunnel.current !== agreed) return;
      tunnel.current = before;
      wipe(agreed.presharedKey);
      await device.set({
        peers: before ? changesBack(tunnel, agreed, before) : [{ publicKey: agreed.peer.publicKey, remove: true }],
      });
    };
  }

  function settle(tunnel: Tunnel): void {
    tunnel.agreements++;
    tunnel.agreedMs = performance.now();
    tunnel.problem = undefined;
    options.event?.({ kind: "agreed", identity: tunnel.peer.identity, times: tunnel.agreements });
  }

  function failed(identity: string, tunnel: Tunnel | undefined, error: unknown): void {
    const known = error instanceof MilagroError;
    const [code, reason] = known ? [error.code, error.message] : ["ERR_INTERNAL", "unexpected"];
    if (tunnel) tunnel.problem = `${reason} (${code})`;
    options.event?.({ kind: "failed", identity, code, reason });
  }

  const inTurn = <T>(tunnel: Tunnel, work: () => Promise<T>): Promise<T> => {
    const run = tunnel.turn.then(work);
    tunnel.turn = run.catch(() => {});
    return run;
  };

  async function agree(tunnel: Tunnel): Promise<void> {
    const { peer } = tunnel;
    const channel = await options.dial(peer, signal);
    if (channel.peerIdentity !== peer.identity) {
      channel.destroy();
      throw new MilagroError("ERR_PEER_INVALID", "the channel leads to another identity");
    }
    const before = tunnel.current;
    const address = channel.remoteAddress ?? peer.address?.host ?? "";
    try {
      await offerTunnel(channel, own, async (agreed) => {
        if (isIP(address) === 0) throw new MilagroError("ERR_WIREGUARD_FAILED", "the peer's address is not known");
        await configure(tunnel, agreed, { address, port: agreed.peer.port });
      });
    } finally {
      if (before && tunnel.current !== before) wipe(before.presharedKey);
    }
    settle(tunnel);
  }

  async function keepAgreeing(tunnel: Tunnel): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      try {
        await inTurn(tunnel, () => agree(tunnel));
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        failed(tunnel.peer.identity, tunnel, error);
        await dropIfOld(tunnel);
      }
      const wait = failures === 0 ? intervalMs : 200 + jitteredBackoffMs(failures, 500, RETRY_CAP_MS);
      await sleep(wait, signal).catch(() => {});
    }
  }

  async function dropIfOld(tunnel: Tunnel): Promise<void> {
    const { current, peer } = tunnel;
    if (!current || performance.now() - tunnel.agreedMs < maxAgeMs) return;
    tunnel.current = undefined;
    wipe(current.presharedKey);
    await device.set({ peers: [{ publicKey: current.peer.publicKey, remove: true }] });
    options.event?.({ kind: "removed", identity: peer.identity });
  }

  const sweeper = setInterval(
    () => {
      for (const tunnel of tunnels.values())
        void inTurn(tunnel, () => dropIfOld(tunnel)).catch((error: unknown) =>
          failed(tunnel.peer.identity, tunnel, error),
        );
    },
    Math.max(100, Math.min(5000, maxAgeMs / 4)),
  );
  const loops = [...tunnels.values()].filter(({ peer }) => peer.address).map(keepAgreeing);

  return {
    udpPort: listenPort,
    async handle(channel) {
      const identity = channel.peerIdentity ?? "nobody";
      const tunnel = tunnels.get(identity);
      try {
        // Whom we dial does not dial us: two agreements at once could leave the two ends with different keys.
        if (!tunnel || signal.aborted)
          throw new MilagroError("ERR_POLICY_REFUSED", "no tunnel with this identity is configured here");
        if (tunnel.peer.address)
          throw new MilagroError("ERR_POLICY_REFUSED", "both ends dial: give the other's address at one end only");
        await inTurn(tunnel, async () => {
          const before = tunnel.current;
          await answerTunnel(channel, own, (agreed) => configure(tunnel, agreed));
          if (before) wipe(before.presharedKey);
          settle(tunnel);
        });
      } catch (error) {
        channel.on("error", () => {});
        channel.destroy();
        failed(identity, tunnel, error);
      }
    },
    async status() {
      const states = new Map((await device.get()).peers.map((peer) => [peer.key, peer]));
      return [...tunnels.values()].map((tunnel) => describe(tunnel, states));
    },
    async close() {
      clearInterval(sweeper);
      stopping.abort(new MilagroError("ERR_CANCELLED", "the VPN is going down"));
      await Promise.all(loops);
      for (const tunnel of tunnels.values()) {
        await tunnel.turn;
        if (tunnel.current) wipe(tunnel.current.presharedKey);
        tunnel.current = undefined;
      }
    },
  };
}

/** @throws `ERR_CONFIG_INVALID` when an identity or a network stands twice */
function tunnelsOf(peers: readonly VpnPeer[]): ReadonlyMap<string, Tunnel> {
  const tunnels = new Map<string, Tunnel>();
  const networks = new Set<string>();
  for (const peer of peers) {
    if (tunnels.has(peer.identity))
      throw new MilagroError("ERR_CONFIG_INVALID", `${peer.identity} is configured twice`);
    for (const network of peer.allowedIps) {
      if (networks.has(network)) throw new MilagroError("ERR_CONFIG_INVALID", `two peers are to have ${network}`);
      networks.add(network);
    }
    const fresh = { current: undefined, agreements: 0, agreedMs: 0, problem: undefined, turn: Promise.resolve() };
    tunnels.set(peer.identity, { peer, ...fresh });
  }
  return tunnels;
}

function sameKey(a: AgreedTunnel, b: AgreedTunnel): boolean {
  return Buffer.from(a.peer.publicKey).equals(b.peer.publicKey);
}

/** A peer that has started anew has a new WireGuard key: the old one goes in the same message. */
function changesTo(tunnel: Tunnel, agreed: AgreedTunnel, endpoint: PeerChange["endpoint"]): readonly PeerChange[] {
  const { current, peer } = tunnel;
  const same = current && sameKey(current, agreed);
  return [
    ...(current && !same ? [{ publicKey: current.peer.publicKey, remove: true } as const] : []),
    {
      publicKey: agreed.peer.publicKey,
      presharedKey: agreed.presharedKey,
      // Told again it would throw away where the peer has roamed to.
      ...(endpoint && !same ? { endpoint } : {}),
      ...(endpoint && !same ? { keepaliveSeconds: KEEPALIVE_SECONDS } : {}),
      ...(same ? {} : { allowedIps: peer.allowedIps }),
    },
  ];
}

function changesBack(tunnel: Tunnel, agreed: AgreedTunnel, before: AgreedTunnel): readonly PeerChange[] {
  const { publicKey } = before.peer;
  const same = sameKey(before, agreed);
  return [
    ...(same ? [] : [{ publicKey: agreed.peer.publicKey, remove: true } as const]),
    { publicKey, presharedKey: before.presharedKey, ...(same ? {} : { allowedIps: tunnel.peer.allowedIps }) },
  ];
}

function describe(tunnel: Tunnel, states: ReadonlyMap<string, PeerState>): VpnPeerStatus {
  const { peer, current, agreements, agreedMs, problem } = tunnel;
  const state = current && states.get(Buffer.from(current.peer.publicKey).toString("hex"));
  return {
    identity: peer.identity,
    allowedIps: peer.allowedIps,
    agreements,
    agreedSecondsAgo: agreements === 0 ? undefined : Math.round((performance.now() - agreedMs) / 1000),
    lastHandshake: state?.lastHandshake ?? 0,
    receivedBytes: state?.receivedBytes ?? 0,
    sentBytes: state?.sentBytes ?? 0,
    problem,
  };
}
