/**
 * `milagro vpn up`: WireGuard between identities.
 * @module
 */
import type { AddressInfo } from "node:net";
import { type Channel, connect, createServer } from "@milagro/channel";
import { startVpn, type VpnEvent, type VpnPeer } from "@milagro/channel/vpn";
import { parseCidr } from "@milagro/channel/wireguard-config";
import { openWireguard } from "@milagro/channel/wireguard-device";
import { parseIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { CHANNEL_OPTIONS, parseHostPort, untilStopped, withChannels, withControl } from "../channel-session.ts";
import type { CommandGroup, CommandSpec, Context } from "../command.ts";
import { listen } from "./channel-listen.ts";

/** The protocol inside the channel. */
const ALPN = ["milagro-vpn/1"];

const vpnUp: CommandSpec = {
  name: "up",
  summary: "make a WireGuard interface whose peers are identities, until Ctrl-C",
  details:
    "Keys are agreed on over channels, and anew every few minutes; packets go by WireGuard. What may come from a peer is what --peer says\nhere, whatever the peer wants. Give a peer's address at one of the two ends only: that end dials. Needs root or CAP_NET_ADMIN.",
  options: [
    ...CHANNEL_OPTIONS,
    { flags: "--interface <name>", text: "the interface to make", default: "milagro0" },
    { flags: "--address <network>", text: "our address inside, such as 10.7.0.1/24; may be repeated", many: true },
    {
      flags: "--peer <peer>",
      text: "identity=network[,network][@host:port]: who, what belongs to it, and where it is dialled; may be repeated",
      many: true,
    },
    { flags: "--listen <host:port>", text: "where peers without an address dial us" },
    { flags: "--udp <port>", text: "WireGuard's port; a free one by default" },
    { flags: "--every <seconds>", text: "time between agreements", default: "150" },
    { flags: "--userspace", text: "wireguard-go, also where the kernel has WireGuard" },
  ],
  examples: [
    {
      text: "The end that waits",
      line: "milagro vpn up --id milagro:acme/endpoint/gate --address 10.7.0.1/24 --listen 0.0.0.0:7700 --peer milagro:acme/endpoint/laptop=10.7.0.2/32",
    },
    {
      text: "The end that dials",
      line: "milagro vpn up --id milagro:acme/endpoint/laptop --address 10.7.0.2/24 --peer milagro:acme/endpoint/gate=10.7.0.1/32,10.8.0.0/16@gate.example:7700",
    },
  ],
  async run(context, invocation) {
    const peers = invocation.list("peer").map(parseVpnPeer);
    const addresses = invocation.list("address").map(parseCidr);
    const listenText = invocation.text("listen");
    if (peers.length === 0 || addresses.length === 0)
      throw new MilagroError("ERR_USAGE", "--address and --peer are needed at least once");
    if (listenText === undefined && peers.some(({ address }) => !address))
      throw new MilagroError("ERR_USAGE", "--listen is needed: a peer without an address dials us");
    const intervalMs = (invocation.integer("every", { min: 2, max: 3600 }) ?? 150) * 1000;
    const udpPort = invocation.integer("udp", { min: 0, max: 65_535 }) ?? 0;
    return withChannels(context, invocation, async ({ self, identity }) => {
      const device = await openWireguard({
        name: invocation.text("interface") ?? "milagro0",
        addresses,
        ...(invocation.flag("userspace") ? { kind: "wireguard-go" as const } : {}),
      });
      const server = createServer({
        self,
        allow: peers.filter(({ address }) => !address).map((peer) => peer.identity),
        ALPNProtocols: ALPN,
        tickets: false, // each key comes from an agreement of its own
      });
      try {
        const vpn = await startVpn({
          device,
          udpPort,
          peers,
          intervalMs,
          dial: (peer, signal) => dialPeer(self, peer, signal),
          event: (event) => say(context, event),
        });
        try {
          server.on("channel", (channel) => void vpn.handle(channel));
          server.on("channelError", (error) =>
            context.note(`refused a connection (${error instanceof MilagroError ? error.code : "ERR_INTERNAL"})`),
          );
          if (listenText !== undefined) {
            const address = parseHostPort(listenText, 0);
            await listen(server, address);
            context.note(`${identity} waits for peers on ${address.host}:${(server.address() as AddressInfo).port}`);
          }
          context.note(`${device.name} is up (${device.kind}), UDP port ${vpn.udpPort}`);
          return await withControl(
            context,
            "vpn",
            identity,
            () => liveTunnels(vpn),
            async () => {
              const lost = device.lost.then(() => "lost" as const);
              if ((await Promise.race([untilStopped(context.signal), lost])) === "lost")
                throw new MilagroError("ERR_WIREGUARD_FAILED", `the interface ${device.name} is gone`);
              return 0;
            },
          );
        } finally {
          await vpn.close();
        }
      } finally {
        server.closePeers(() => true);
        server.close();
        await device.close();
      }
    });
  },
};

function dialPeer(self: Parameters<typeof connect>[0]["self"], peer: VpnPeer, signal: AbortSignal): Promise<Channel> {
  if (!peer.address) throw new TypeError("this peer dials us");
  return connect({ self, to: parseIdentity(peer.identity), ...peer.address, ALPNProtocols: ALPN, signal });
}

function say({ note }: Context, event: VpnEvent): void {
  if (event.kind === "agreed" && event.times === 1) note(`tunnel with ${event.identity}`);
  else if (event.kind === "failed") note(`${event.identity}: ${event.reason} (${event.code})`);
  else if (event.kind === "removed") note(`${event.identity}: removed, there was no new agreement for too long`);
}

async function liveTunnels(vpn: Awaited<ReturnType<typeof startVpn>>) {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return (await vpn.status()).map((peer) => ({
    peer: peer.identity,
    origin: "wireguard",
    since: nowSeconds - (peer.agreedSecondsAgo ?? 0),
    received: peer.receivedBytes,
    sent: peer.sentBytes,
    detail: [
      `${peer.agreements} ${peer.agreements === 1 ? "agreement" : "agreements"}`,
      peer.lastHandshake === 0 ? "no handshake yet" : `handshake ${Math.max(0, nowSeconds - peer.lastHandshake)} s ago`,
      ...(peer.problem === undefined ? [] : [peer.problem]),
    ].join(", "),
  }));
}

/** @throws `ERR_USAGE`, `ERR_IDENTITY_INVALID`, `ERR_CONFIG_INVALID` */
export function parseVpnPeer(text: string): VpnPeer {
  const at = text.lastIndexOf("=");
  const [networks = "", address, ...rest] = text.slice(at + 1).split("@");
  if (at < 1 || rest.length > 0)
    throw new MilagroError("ERR_USAGE", "--peer is identity=network[,network][@host:port]");
  return {
    identity: parseIdentity(text.slice(0, at)),
    allowedIps: networks.split(",").map(parseCidr),
    ...(address === undefined ? {} : { address: parseHostPort(address) }),
  };
}

export const vpn: CommandGroup = { name: "vpn", summary: "a VPN between identities", commands: [vpnUp] };
