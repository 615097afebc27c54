/**
 * Secure channels between two identities of a Milagro domain: TLS 1.3 without certificates, and without anybody in the path.
 *
 * ```ts
 * import { connect, createServer, identitySelf } from "@milagro/channel";
 *
 * const self = identitySelf({ engine, random, clock, domain, keys: store.ring });
 *
 * const server = createServer({ self, allow: ["milagro:example.org/service/*"] }, (channel) => {
 *   channel.write(`hello ${channel.peerIdentity}\n`);      // a TLSSocket in all else
 * });
 * server.listen(7443);
 *
 * const channel = await connect({ self, to: parseIdentity("milagro:example.org/service/b"), host: "10.0.0.2", port: 7443 });
 * channel.peerIdentity;                                    // milagro:example.org/service/b, proven
 * channel.exportKey("wireguard");                          // 32 bytes that both ends can derive
 * ```
 *
 * - `connect(options)` resolves when TLS is set up; `to` is an identity, or `dta:<index>`. With `tickets` (from `createTicketCache()`) later
 *   channels to the same peer need no agreement.
 * - `requestKey(options)` agrees on a key for another program that speaks TLS-PSK; the server names it by `grant`.
 * - `createServer(options, onChannel)` is a `net.Server` with the events `channel` and `channelError`; `allow` or `policy` says who is let in.
 * - `identitySelf`, `anonymousSelf`, `authoritySelf`, `personSelf` say who one is.
 * - A `Channel` is a `TLSSocket` with `peerIdentity`, `peerName`, `peer`, `origin`, `sinceMs`, `exportKey(label)`.
 *
 * - `tlsClient` and `tlsServer` are the TLS of channels alone, for a peer that holds such a key and is no channel: stunnel, Mosquitto, openssl.
 * - `attach(server, { http, http2 })`, `channelAgent`, `channelConnector` (undici, fetch) and `connectLazily` (MQTT) put other protocols on channels;
 *   examples/channels has a program for each.
 *
 * The protocol is in docs/spec/channel.md, how to run it in docs/operate/channel.md.
 * @module
 */
export type { Credential } from "@milagro/protocol/channel-credential";
export type { ChannelRule } from "@milagro/protocol/channel-policy";
export type { AccessOptions } from "@milagro/runtime/channel/access";
export type { AdmissionLimits } from "@milagro/runtime/channel/admission";
export type { Channel, ChannelInfo, ChannelOrigin } from "@milagro/runtime/channel/channel";
export {
  type Address,
  type ConnectOptions,
  connect,
  type DialOptions,
  type RequestedKey,
  requestKey,
} from "@milagro/runtime/channel/connect";
export {
  anonymousSelf,
  authoritySelf,
  type ChannelSelf,
  identitySelf,
  type PeerName,
  personSelf,
  type SelfDeps,
  type SigningKeys,
} from "@milagro/runtime/channel/self";
export {
  type ChannelServer,
  type ChannelServerEvents,
  createServer,
  type GrantKey,
  type ServerOptions,
} from "@milagro/runtime/channel/server";
export type { SokKeys } from "@milagro/runtime/channel/sok";
export {
  createTicketCache,
  createTicketKeys,
  sharedTicketKeys,
  type TicketCache,
  type TicketKeys,
} from "@milagro/runtime/channel/tickets";
export { type Psk, tlsClient, tlsServer } from "@milagro/runtime/channel/tls";
export { type Attached, attach, channelAgent, channelConnector, connectLazily, type Resolve } from "./attach.ts";
