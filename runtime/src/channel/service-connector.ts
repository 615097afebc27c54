/**
 * The way to the services of a domain: over channels, to whom the descriptor names.
 *
 *   milagro://host:port   the D-KMS or its bus, by its identity; a D-TA, when the descriptor gives it this address
 *   http://host:port      a D-TA of the descriptor: its port takes channels too, and plain HTTP there is for browsers on its own machine
 *   all else              none of ours: TLS with certificates, or plain as the caller decides
 *
 * @module
 */

import { kmsIdentity } from "@milagro/protocol/bus-token";
import { credentialName } from "@milagro/protocol/channel-credential";
import { CHANNEL_SCHEME, type Connector } from "../connector.ts";
import { connect } from "./connect.ts";
import type { ChannelSelf, PeerName } from "./self.ts";
import { createTicketCache } from "./tickets.ts";

/** What of a domain says whom an address leads to. */
export interface ServiceDomain {
  readonly name: string;
  readonly authorities: readonly { readonly entry: { readonly url: string } }[];
}

export interface ServiceConnectorOptions {
  /** The domain as it is known now. */
  domain(): ServiceDomain;
  /** Who we are towards this peer: with our identity where there is a key, else as nobody. */
  self(to: PeerName): ChannelSelf;
  /** Of setting one up. Default 10 s. */
  readonly timeoutMs?: number;
}

/** Whom an address leads to; undefined: to nobody that is reached over a channel. */
export function peerAt({ name, authorities }: ServiceDomain, url: URL): PeerName | undefined {
  const isChannel = url.protocol === CHANNEL_SCHEME;
  if (!isChannel && url.protocol !== "http:") return undefined;
  const index = authorities.findIndex(({ entry }) => samePlace(new URL(entry.url), url));
  if (index !== -1) return `dta:${index + 1}`;
  return isChannel ? kmsIdentity({ name }) : undefined;
}

/** Where a URL's channels are dialled. */
export function addressOf(url: URL): { readonly host: string; readonly port: number } {
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port: portOf(url) };
}

/** The same host and port, each with its scheme's own default. */
function samePlace(a: URL, b: URL): boolean {
  return a.protocol !== "https:" && a.hostname === b.hostname && portOf(a) === portOf(b);
}

function portOf(url: URL): number {
  return url.port === "" ? (url.protocol === CHANNEL_SCHEME ? DEFAULT_PORT : 80) : Number(url.port);
}

/** Of `milagro:` URLs without a port. */
const DEFAULT_PORT = 7400;

export function serviceConnector(options: ServiceConnectorOptions): Connector {
  const tickets = createTicketCache();
  return (url) => {
    const to = peerAt(options.domain(), url);
    if (to === undefined) return undefined;
    const self = options.self(to);
    const address = addressOf(url);
    return {
      key: `${address.host} ${address.port} ${to} ${credentialName(self.own().credential)}`,
      open: () => connect({ ...address, self, to, tickets, timeoutMs: options.timeoutMs }),
    };
  };
}
