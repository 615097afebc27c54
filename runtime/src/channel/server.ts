/**
 * Answering: a `net.Server` whose connections become channels. One port takes agreements and tickets; the first byte tells them apart.
 *
 *   connection → admission → first byte "M": agreement, then TLS | 0x16: TLS by ticket | else: closed → "channel"
 *
 * Who is refused costs little: places and rates are counted first, form and domain come before keys, the policy before signatures.
 * @module
 */
import { createServer as createNetServer, Server as NetServer, type Server, type Socket } from "node:net";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import { MilagroError } from "@milagro/engine/error";
import { type ChannelDomain, type Credential, credentialName } from "@milagro/protocol/channel-credential";
import { isFrameStart } from "@milagro/protocol/channel-frame";
import type { MpinResponder } from "@milagro/protocol/channel-mpin";
import type { ChannelGrant, ChannelPsk } from "@milagro/protocol/channel-party";
import { sealTicket } from "@milagro/protocol/channel-ticket";
import { signingEndMs, type TrustDomain } from "@milagro/protocol/trust-domain";
import { nativeAead } from "../aead.ts";
import { type Log, silentLog } from "../log.ts";
import { type AccessOptions, decideBy } from "./access.ts";
import { type AdmissionLimits, createAdmission } from "./admission.ts";
import { type Decide, respond } from "./agree.ts";
import { type Channel, type ChannelOrigin, toChannel } from "./channel.ts";
import { readSome } from "./frame-stream.ts";
import { openPresentedKey, type PresentedKey } from "./presented-key.ts";
import type { ChannelSelf } from "./self.ts";
import { createSokPeers, type SokKeys } from "./sok.ts";
import { createTicketKeys, TICKET_SECONDS, type TicketKeys } from "./tickets.ts";
import { inTime, startTimeLimit } from "./time-limit.ts";
import { tlsServer } from "./tls.ts";
import { startVerifyPool } from "./verify-pool.ts";

export interface ServerOptions extends AccessOptions, AdmissionLimits {
  readonly self: ChannelSelf;
  readonly ALPNProtocols?: readonly string[] | undefined;
  /** From the first byte until TLS is set up and all callbacks have answered, in ms. Default 10 000. Who is not through by then is ended with `ERR_TIMEOUT`. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Where ticket keys come from; `false`: no tickets. Default: keys of this process. */
  readonly tickets?: TicketKeys | false | undefined;
  /** Default 600. A ticket never outlives the epoch of its holder's key. */
  readonly ticketSeconds?: number | undefined;
  /** Names keys for programs that are not this server (`milagro psk`), in place of tickets. */
  readonly grant?: GrantKey | undefined;
  /** Lets devices in that agree on nothing: docs/spec/channel.md says what they do without. `self` must be the same identity. */
  readonly sok?: SokKeys | undefined;
  /** Lets persons in. */
  readonly mpin?: MpinResponder | undefined;
  readonly allowHalfOpen?: boolean | undefined;
  /**
   * Threads that check the signatures of peers and the answers of persons; they start with the first agreement and end with the server. 0: `self` checks them here,
   * as is right where it has workers of its own. Default 1.
   */
  readonly workers?: number | undefined;
  readonly log?: Log | undefined;
}
export type GrantKey = (
  peer: Credential,
  psk: ChannelPsk,
) => Omit<ChannelGrant, "psk"> | undefined | Promise<Omit<ChannelGrant, "psk"> | undefined>;

export interface ChannelServerEvents {
  channel: [channel: Channel];
  /** A connection that did not become a channel; the server goes on. */
  channelError: [error: Error, address: string];
}

/**
 * A `net.Server` with two more events, `channel` and `channelError`; `connection` is for nobody. `close` also ends connections that are being set up: after it nobody
 * comes in any more. Channels live on.
 */
export interface ChannelServer extends Server {
  /** Live ones. */
  readonly channels: ReadonlySet<Channel>;
  /** Connections that are being set up. */
  readonly pending: number;
  /** Ends the channels of those that match, at once: after a revocation, say. Returns how many. */
  closePeers(match: (peer: Credential) => boolean): number;
  on<K extends keyof ChannelServerEvents>(event: K, listener: (...args: ChannelServerEvents[K]) => void): this;
  on(event: string, listener: (...args: never[]) => void): this;
  once<K extends keyof ChannelServerEvents>(event: K, listener: (...args: ChannelServerEvents[K]) => void): this;
  once(event: string, listener: (...args: never[]) => void): this;
}

const HANDSHAKE_MS = 10_000;
const TLS_HANDSHAKE = 0x16;

/**
 * @param onChannel - listens to `channel`
 * @throws TypeError without `allow` or `policy`: a server that lets everybody in says so with patterns
 */
export function createServer(options: ServerOptions, onChannel?: (channel: Channel) => void): ChannelServer {
  const { handshakeTimeoutMs = HANDSHAKE_MS, maxChannels = Number.POSITIVE_INFINITY, workers = 1 } = options;
  if (!options.allow && !options.policy) throw new TypeError("say who is let in: `allow` or `policy`");
  const { domain } = options.self;
  const pool =
    workers > 0 && isWholeDomain(domain)
      ? startVerifyPool({
          domain,
          log: options.log ?? silentLog,
          size: workers,
          here: (claim) => options.self.verify(claim),
          persons: options.mpin,
        })
      : undefined;
  const self = pool ? { ...options.self, verify: pool.verify } : options.self;
  const admission = createAdmission(options);
  const channels = new Set<Channel>();
  const settingUp = new Set<Socket>();
  let closed = false;
  const mpin = options.mpin && pool ? { ...options.mpin, check: pool.checkPerson } : options.mpin;
  const establish = establisher({ ...options, self, mpin });

  const onConnection = (socket: Socket): void => {
    const address = socket.remoteAddress ?? "local";
    socket.on("error", ignore);
    const leave = !closed && channels.size < maxChannels ? admission.enter(address, self.clock()) : undefined;
    if (!leave) {
      socket.destroy();
      return;
    }
    settingUp.add(socket);
    socket.setNoDelay(true);
    const limit = startTimeLimit(handshakeTimeoutMs);
    limit.signal.addEventListener("abort", () => socket.destroy(), { once: true });
    establish(socket, limit.signal)
      .then(
        (channel) => {
          if (!channel) return;
          channels.add(channel);
          channel.once("close", () => channels.delete(channel));
          socket.off("error", ignore);
          server.emit("channel", channel);
          // Of an end that came while a verdict was waited for, nobody has heard who listens only now.
          if (channel.readableEnded) channel.emit("end");
        },
        (error: unknown) => {
          // What was written, a refusal, still goes out.
          if (socket.writableEnded) socket.destroySoon();
          else socket.destroy();
          server.emit("channelError", limit.signal.aborted ? limit.signal.reason : error, address);
        },
      )
      .finally(() => {
        limit.lift();
        settingUp.delete(socket);
        leave();
      });
  };

  const net = createNetServer({ allowHalfOpen: options.allowHalfOpen ?? false }, onConnection);
  const server = Object.defineProperties(net, {
    close: {
      value(done?: (error?: Error) => void) {
        closed = true;
        for (const socket of settingUp) socket.destroy();
        return NetServer.prototype.close.call(net, done);
      },
    },
    channels: { value: channels },
    pending: { get: () => admission.pending },
    closePeers: {
      value: (match: (peer: Credential) => boolean): number => {
        const gone = [...channels].filter(({ peer }) => match(peer));
        for (const channel of gone) channel.destroy();
        return gone.length;
      },
    },
  }) as ChannelServer;
  if (onChannel) server.on("channel", onChannel);
  if (pool) net.once("close", () => void pool.close());
  return server;
}

const ignore = (): void => {};

/** A service that gives a part of the domain only has its own place where signatures are verified. */
function isWholeDomain(domain: ChannelDomain): domain is TrustDomain {
  return "publicKey" in domain && "descriptor" in domain;
}

/** What turns a connection into a channel; undefined: the connection was about a key only, and is done. */
function establisher(options: ServerOptions): (socket: Socket, limit: AbortSignal) => Promise<Channel | undefined> {
  const { self, ticketSeconds = TICKET_SECONDS } = options;
  const own = (): Credential => self.own().credential;
  const decideEver = decideBy(options, "responder", () => credentialName(own()));
  const decideIn =
    (limit: AbortSignal): Decide =>
    (peer) =>
      inTime(limit, decideEver(peer));
  const tickets =
    options.tickets === false
      ? undefined
      : (options.tickets ?? createTicketKeys({ ...self, lifetimeSeconds: ticketSeconds }));
  const sok = options.sok ? createSokPeers(options.sok) : undefined;
  const { domain, clock, random } = self;

  const ticketFor: GrantKey = (peer, psk) => {
    try {
      if (!tickets) return undefined;
      const lifetimeSeconds = Math.floor(Math.min(ticketSeconds, keySecondsLeft(peer)));
      if (lifetimeSeconds < 1) return undefined;
      const expires = Math.floor(clock() / 1000) + lifetimeSeconds;
      const identity = sealTicket(nativeAead, random, tickets.current(), own(), { psk, expires, peer });
      return identity === undefined ? undefined : { identity, lifetimeSeconds };
    } finally {
      psk.destroy();
    }
  };

  /** How long the peer's key still counts. */
  function keySecondsLeft(peer: Credential): number {
    const epoch = peer.kind === "identity" ? peer.epoch : peer.kind === "mpin" ? peer.permitEpoch : NO_EXPIRY;
    return epoch === NO_EXPIRY ? ticketSeconds : (signingEndMs(domain, epoch) - clock()) / 1000;
  }

  const grantEver = options.grant ?? (tickets ? ticketFor : undefined);

  async function byAgreement(socket: Socket, begun: Buffer, limit: AbortSignal): Promise<Channel | undefined> {
    const mpin = options.mpin && mpinIn(limit, options.mpin);
    const grant: GrantKey | undefined = grantEver && ((peer, psk) => inTime(limit, grantEver(peer, psk)));
    const { agreed, purpose } = await respond(socket, self, { decide: decideIn(limit), mpin, grant, begun });
    if (!purpose.stream) {
      agreed.psk.destroy();
      socket.destroySoon(); // the other side may keep its end open as long as it likes
      return undefined;
    }
    const key = agreed.psk.use((bytes) => bytes.slice());
    agreed.psk.destroy();
    try {
      const find = (identity: string) => (identity === agreed.pskName ? key : undefined);
      return channelOf(await tlsServer(socket, find, { ...options, agreedJustNow: true }), agreed.peer, "agreement");
    } finally {
      key.fill(0);
    }
  }

  async function byPresentedKey(socket: Socket, limit: AbortSignal): Promise<Channel> {
    const decide = decideIn(limit);
    let presented: PresentedKey | undefined;
    let refused: unknown;
    const find = (text: string): Uint8Array | undefined => {
      try {
        presented = openPresentedKey({ self, decide, tickets, sok }, text);
        return presented.key;
      } catch (error) {
        refused = error;
        return undefined;
      }
    };
    try {
      const tls = await tlsServer(socket, find, options).catch((error: unknown) => {
        throw refused ?? error;
      });
      tls.on("error", ignore); // nobody else listens while the verdict takes its time
      const late = await presented?.verdict;
      if (tls.destroyed) throw new MilagroError("ERR_UNREACHABLE", "the connection ended before it was a channel");
      tls.off("error", ignore);
      if (late === undefined && presented) return channelOf(tls, presented.peer, presented.origin);
      tls.destroy();
      throw new MilagroError(late ?? "ERR_CHANNEL_TICKET", "this peer is not let in");
    } finally {
      presented?.key.fill(0);
    }
  }

  const channelOf = (tls: Parameters<typeof toChannel>[0], peer: Credential, origin: ChannelOrigin): Channel =>
    toChannel(tls, peer, origin, clock());

  return async (socket, limit) => {
    const begun = await readSome(socket);
    if (isFrameStart(begun[0] as number)) return byAgreement(socket, begun, limit);
    if (begun[0] === TLS_HANDSHAKE) {
      socket.unshift(begun);
      return byPresentedKey(socket, limit);
    }
    throw new MilagroError("ERR_CHANNEL_MESSAGE", "neither an agreement nor TLS");
  };
}

/** The time limit on what the application is asked about a person. */
function mpinIn(limit: AbortSignal, mpin: MpinResponder): MpinResponder {
  return {
    ...mpin,
    attempt: (identity) => inTime(limit, mpin.attempt(identity)),
    subject: (identity, permitEpoch) => inTime(limit, mpin.subject(identity, permitEpoch)),
    outcome: (identity, accepted) => inTime(limit, mpin.outcome(identity, accepted)),
  };
}
