/**
 * TCP connections through channels: the near side listens on this machine (a port, or SOCKS 5) and opens a channel for each connection; the
 * far side connects to the target, when its rules allow that target to that identity.
 * @module
 */
import { createConnection, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { MilagroError } from "@milagro/engine/error";
import {
  encodeForwardAnswer,
  encodeForwardRequest,
  type ForwardRefusal,
  MAX_FORWARD_LINE,
  parseForwardAnswer,
  parseForwardRequest,
} from "./forward-messages.ts";
import { decideTarget, type Target, type TargetPattern } from "./forward-target.ts";
import { joinStreams } from "./join-streams.ts";
import { readLine } from "./read-line.ts";
import { acceptSocks, encodeSocksReply, SOCKS_REPLY, type SocksReply } from "./socks.ts";

const ANSWER_MS = 30_000;
const CONNECT_MS = 10_000;

/** What happened to a connection, for a log. */
export interface ForwardEvent {
  readonly kind: "opened" | "closed" | "failed";
  readonly identity: string | undefined;
  readonly target: Target | undefined;
  readonly code?: string;
}

export interface NearOptions {
  /** Opens a channel to the far side. */
  dial(): Promise<Duplex>;
  /** "socks": clients name the target; else every connection goes to this one, or to the far side's own when undefined. */
  readonly target: Target | "socks" | undefined;
  event?(event: ForwardEvent): void;
}

/** One connection from a local program. Never throws: what went wrong is an event, and the program sees its connection end. */
export async function forwardNear(client: Socket, options: NearOptions): Promise<void> {
  client.setNoDelay(true);
  client.on("error", () => {});
  let target = options.target === "socks" ? undefined : options.target;
  let channel: Duplex | undefined;
  const socks = options.target === "socks";
  try {
    if (socks) target = await acceptSocks(client);
    channel = await openForward(await options.dial(), target);
    if (socks) client.write(encodeSocksReply(SOCKS_REPLY.succeeded));
    options.event?.({ kind: "opened", identity: undefined, target });
    await joinStreams(client, channel);
    options.event?.({ kind: "closed", identity: undefined, target });
  } catch (error) {
    channel?.destroy();
    const code = error instanceof MilagroError ? error.code : "ERR_INTERNAL";
    if (socks && target && !client.destroyed) client.end(encodeSocksReply(replyTo(code)));
    else client.destroy();
    options.event?.({ kind: "failed", identity: undefined, target, code });
  }
}

/**
 * Asks for a target on a fresh channel. Afterwards the channel is the connection.
 * @throws `ERR_TARGET_REFUSED`, `ERR_TARGET_UNREACHABLE`, `ERR_TARGET_INVALID`, `ERR_PEER_INVALID`, `ERR_UNREACHABLE`, `ERR_TIMEOUT`
 */
export async function openForward(channel: Duplex, target: Target | undefined): Promise<Duplex> {
  channel.on("error", () => {});
  try {
    channel.write(encodeForwardRequest(target));
    const refusal = parseForwardAnswer(await readLine(channel, { maxBytes: MAX_FORWARD_LINE, timeoutMs: ANSWER_MS }));
    if (refusal) throw new MilagroError(refusal, WHY[refusal]);
    return channel;
  } catch (error) {
    channel.destroy();
    throw error;
  }
}

const WHY: Readonly<Record<ForwardRefusal, string>> = {
  ERR_TARGET_REFUSED: "the far side's rules do not allow this target to us",
  ERR_TARGET_UNREACHABLE: "the far side cannot connect to this target",
  ERR_TARGET_INVALID: "the far side takes no such target",
};

function replyTo(code: string): SocksReply {
  if (code === "ERR_TARGET_REFUSED") return SOCKS_REPLY.notAllowed;
  return code === "ERR_TARGET_UNREACHABLE" ? SOCKS_REPLY.hostUnreachable : SOCKS_REPLY.failed;
}

export interface FarOptions {
  /** Which targets an identity may reach. */
  targetsOf(identity: string): readonly TargetPattern[];
  /** Where a request without a target goes; allowed to whoever gets this far. */
  readonly target?: Target | undefined;
  event?(event: ForwardEvent): void;
}

/** One channel from a near side. Never throws. */
export async function forwardFar(channel: Duplex, identity: string, options: FarOptions): Promise<void> {
  channel.on("error", () => {});
  let target: Target | undefined;
  let socket: Socket | undefined;
  try {
    const asked = parseForwardRequest(await readLine(channel, { maxBytes: MAX_FORWARD_LINE, timeoutMs: ANSWER_MS }));
    target = asked ?? options.target;
    if (!target)
      throw new MilagroError("ERR_TARGET_INVALID", "the request names no target, and there is none by default");
    if (asked && !decideTarget(options.targetsOf(identity), asked))
      throw new MilagroError("ERR_TARGET_REFUSED", "no rule allows this target to this identity");
    socket = await connectTo(target);
    channel.write(encodeForwardAnswer(undefined));
    options.event?.({ kind: "opened", identity, target });
    await joinStreams(channel, socket);
    options.event?.({ kind: "closed", identity, target });
  } catch (error) {
    socket?.destroy();
    const code = error instanceof MilagroError ? error.code : "ERR_INTERNAL";
    const refusal = Object.hasOwn(WHY, code) && !socket ? (code as ForwardRefusal) : undefined;
    if (refusal && !channel.destroyed) channel.end(encodeForwardAnswer(refusal));
    else channel.destroy();
    options.event?.({ kind: "failed", identity, target, code });
  }
}

/**
 * The far side in a program that is the target itself: answers the near side, which must not name another. Afterwards the channel is the connection.
 * @throws `ERR_TARGET_REFUSED`, which the near side is told, `ERR_PEER_INVALID`, `ERR_UNREACHABLE`, `ERR_TIMEOUT`
 */
export async function acceptForward(channel: Duplex): Promise<void> {
  const line = await readLine(channel, { maxBytes: MAX_FORWARD_LINE, timeoutMs: ANSWER_MS });
  if (parseForwardRequest(line) === undefined) {
    channel.write(encodeForwardAnswer(undefined));
    return;
  }
  channel.end(encodeForwardAnswer("ERR_TARGET_REFUSED"));
  throw new MilagroError("ERR_TARGET_REFUSED", WHY.ERR_TARGET_REFUSED);
}

/** @throws `ERR_TARGET_UNREACHABLE` */
function connectTo({ host, port }: Target): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port, noDelay: true, allowHalfOpen: true });
    const fail = (cause?: unknown): void => {
      socket.destroy();
      reject(new MilagroError("ERR_TARGET_UNREACHABLE", "the target cannot be connected to", { cause }));
    };
    socket.setTimeout(CONNECT_MS, fail);
    socket.once("error", fail);
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.off("error", fail);
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}

/** A listener of the near side. The caller closes it. @throws `ERR_ADDRESS_IN_USE`, `ERR_ADDRESS_UNAVAILABLE` */
export async function listenNear(
  address: { readonly host: string; readonly port: number },
  options: NearOptions,
): Promise<Server> {
  const server = createServer(
    { allowHalfOpen: true, pauseOnConnect: true },
    (client) => void forwardNear(client, options),
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const code = cause.code === "EADDRINUSE" ? "ERR_ADDRESS_IN_USE" : "ERR_ADDRESS_UNAVAILABLE";
      reject(new MilagroError(code, "this address cannot be listened on", { cause }));
    });
    server.listen(address, resolve);
  });
  return server;
}
