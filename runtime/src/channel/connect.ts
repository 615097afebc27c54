/**
 * Dialling: a TCP connection (or a Unix socket, or one that is there already), the agreement or a ticket, then TLS.
 * @module
 */
import { connect as connectNet, type NetConnectOpts, type Socket } from "node:net";
import { parseIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { type Credential, credentialName } from "@milagro/protocol/channel-credential";
import type { ChannelPsk } from "@milagro/protocol/channel-party";
import { type AccessOptions, decideBy } from "./access.ts";
import { type Decide, initiate } from "./agree.ts";
import { type Channel, type ChannelOrigin, toChannel } from "./channel.ts";
import type { ChannelSelf, PeerName } from "./self.ts";
import { initiatorPsk, type SokKeys } from "./sok.ts";
import type { TicketCache } from "./tickets.ts";
import { inTime, startTimeLimit } from "./time-limit.ts";
import { type Psk, tlsClient } from "./tls.ts";

/** Where: as `net.connect` takes it, or a connected socket, which is then the channel's. */
export type Address =
  | { readonly host?: string; readonly port: number; readonly localAddress?: string }
  | { readonly path: string }
  | { readonly socket: Socket };

export interface DialOptions extends Pick<AccessOptions, "policy" | "revoked"> {
  readonly self: ChannelSelf;
  /** Whom: the channel is with nobody else. */
  readonly to: PeerName;
  readonly ALPNProtocols?: readonly string[] | undefined;
  /** Until TLS is set up, in ms, whatever is waited for: the network, the peer, `revoked`. Default 10 000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Keeps and uses tickets; without it each channel begins with an agreement. */
  readonly tickets?: TicketCache | undefined;
  /** By SOK, without an agreement and without its properties: for devices. `self` then says domain and clock only. */
  readonly sok?: SokKeys | undefined;
  /** As `net.connect`: whether our side stays open when the other has ended. Default false. */
  readonly allowHalfOpen?: boolean | undefined;
}
export type ConnectOptions = DialOptions & Address;

const TIMEOUT_MS = 10_000;

/**
 * Dials. A ticket that the server does not take costs one more connection, in which both sides agree anew; whoever brought a `socket` has to bring another,
 * and is told so by `ERR_CHANNEL_TICKET`. The ticket is gone then.
 * @throws `ERR_UNREACHABLE`, `ERR_TIMEOUT`, `ERR_CHANNEL_PEER` (somebody else answered), `ERR_CHANNEL_REFUSED`, `ERR_CHANNEL_AGREEMENT`,
 *   `ERR_CHANNEL_BUSY`, `ERR_CHANNEL_MESSAGE`, `ERR_EPOCH_OUT_OF_WINDOW`, `ERR_DOMAIN_MISMATCH`, `ERR_KEY_MISSING`; the signal's reason
 */
export function connect(options: ConnectOptions): Promise<Channel> {
  return limited(options, (limit) => connectWithin(limit, options));
}

async function connectWithin(limit: AbortSignal, options: ConnectOptions): Promise<Channel> {
  const { self, tickets, to } = options;
  if (options.sok) return bySok(limit, options, options.sok);
  const own = self.own().credential;
  const ticket = tickets?.find(own, to, self.clock());
  if (ticket) {
    try {
      const refused = await decideOn(limit, options)(ticket.peer);
      if (refused) throw new MilagroError(refused, "the policy here does not allow this peer");
      return await dial(limit, options, (socket) => overTls(socket, options, ticket.psk, ticket.peer, "ticket"));
    } catch (error) {
      tickets?.drop(own, to);
      if (!(error instanceof MilagroError) || error.code !== "ERR_CHANNEL_TICKET" || "socket" in options) throw error;
    }
  }
  return dial(limit, options, (socket) => agreeOn(limit, socket, options, own));
}

async function bySok(limit: AbortSignal, options: ConnectOptions, keys: SokKeys): Promise<Channel> {
  const to = parseIdentity(options.to);
  const psk = initiatorPsk(keys, to, options.self.clock());
  const peer: Credential = { kind: "identity", identity: to, epoch: psk.epoch };
  const refused = await decideOn(limit, options)(peer);
  if (refused) throw new MilagroError(refused, "the policy here does not allow this peer");
  return dial(limit, options, (socket) => overTls(socket, options, psk, peer, "sok"));
}

/** A key for another program to use, and its name. */
export interface RequestedKey {
  readonly peer: Credential;
  /** The PSK identity, as TLS sends it: 1 to 255 bytes. */
  readonly identity: string;
  /** 32 bytes; the caller's to destroy. */
  readonly psk: ChannelPsk;
  readonly lifetimeSeconds: number;
}

/**
 * Agrees on a key for a program that speaks TLS-PSK itself: the server names it (a ticket, or what its `grant` says), and the connection ends.
 * @throws as `connect`; `ERR_CHANNEL_REFUSED` when the server names none
 */
export function requestKey(options: ConnectOptions): Promise<RequestedKey> {
  const purpose = { stream: false, grant: true };
  return limited(options, (limit) =>
    dial(limit, options, async (socket) => {
      const { peer, psk, grant } = await initiate(socket, options.self, purpose, decideOn(limit, options));
      psk.destroy();
      socket.end();
      if (!grant) throw new MilagroError("ERR_CHANNEL_REFUSED", "the other side gives this peer no key");
      return { peer, ...grant };
    }),
  );
}

async function agreeOn(limit: AbortSignal, socket: Socket, options: ConnectOptions, own: Credential): Promise<Channel> {
  const { self, tickets } = options;
  const purpose = { stream: true, grant: tickets !== undefined };
  const { peer, psk, pskName, grant } = await initiate(socket, self, purpose, decideOn(limit, options));
  if (grant) tickets?.keep(own, peer, grant, self.clock());
  const key = psk.use((bytes) => bytes.slice());
  psk.destroy();
  return overTls(socket, options, { identity: pskName, key }, peer, "agreement");
}

async function overTls(
  socket: Socket,
  options: ConnectOptions,
  psk: Psk,
  peer: Credential,
  origin: ChannelOrigin,
): Promise<Channel> {
  try {
    return toChannel(
      await tlsClient(socket, psk, { ...options, agreedJustNow: origin === "agreement" }),
      peer,
      origin,
      options.self.clock(),
    );
  } finally {
    psk.key.fill(0);
  }
}

/** The peer must be whom we dialled, and then what the policy says, in time. */
function decideOn(limit: AbortSignal, options: DialOptions): Decide {
  const decide = decideBy(options, "initiator", () => credentialName(options.self.own().credential));
  return (peer) => (credentialName(peer) === options.to ? inTime(limit, decide(peer)) : "ERR_CHANNEL_PEER");
}

/** Sees to it that the whole ends in time, or when the caller says so. */
async function limited<T>(options: ConnectOptions, use: (limit: AbortSignal) => Promise<T>): Promise<T> {
  options.signal?.throwIfAborted();
  const limit = startTimeLimit(options.timeoutMs ?? TIMEOUT_MS, options.signal);
  try {
    return await use(limit.signal);
  } catch (error) {
    if ("socket" in options) options.socket.destroy();
    throw limit.signal.aborted ? limit.signal.reason : error;
  } finally {
    limit.lift();
  }
}

/** Opens the connection; on failure, and when the time is over, nothing stays open. */
async function dial<T>(limit: AbortSignal, options: ConnectOptions, use: (socket: Socket) => Promise<T>): Promise<T> {
  const socket = "socket" in options ? options.socket : connectNet(netOptions(options));
  socket.setNoDelay?.(true); // the messages are small, and each waits for the last
  const onLimit = (): unknown => socket.destroy();
  if (limit.aborted) onLimit();
  limit.addEventListener("abort", onLimit, { once: true });
  const onError = (): void => {};
  socket.on("error", onError);
  try {
    await connected(socket);
    return await use(socket);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    limit.removeEventListener("abort", onLimit);
    socket.off("error", onError);
    if (socket.destroyed) socket.on("error", onError);
  }
}

function netOptions(options: Exclude<ConnectOptions, { readonly socket: Socket }>): NetConnectOpts {
  const allowHalfOpen = options.allowHalfOpen ?? false;
  if ("path" in options) return { path: options.path, allowHalfOpen };
  const { host, port, localAddress } = options;
  return { host: host ?? "localhost", port, ...(localAddress ? { localAddress } : {}), allowHalfOpen };
}

function connected(socket: Socket): Promise<void> {
  const unreachable = (): MilagroError => new MilagroError("ERR_UNREACHABLE", "nothing answers at this address");
  if (socket.destroyed) return Promise.reject(unreachable());
  if (!socket.connecting && !socket.pending) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const finish = (then: () => void) => (): void => {
      socket.off("connect", onConnect).off("error", onFail).off("close", onFail);
      then();
    };
    const onConnect = finish(resolve);
    const onFail = finish(() => reject(unreachable()));
    socket.on("connect", onConnect).on("error", onFail).on("close", onFail);
  });
}
