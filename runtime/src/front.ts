/**
 * One port for two kinds of connection: those that begin as a channel does, and plain ones. Plain ones are for this machine, or for a proxy
 * that has taken TLS off: from elsewhere they end at once, before a byte of theirs is understood.
 * @module
 */
import type { Server, Socket } from "node:net";
import { MilagroError } from "@milagro/engine/error";
import { isThisMachine } from "./plain.ts";

/** Who may speak plainly: programs on this machine, or whoever comes because a proxy or a private network protects the way. */
export type PlainFrom = "this-machine" | "anywhere";

export interface FrontOptions {
  /** Takes a connection that begins as a channel does; its first bytes are still in it. */
  channel?: ((socket: Socket) => void) | undefined;
  /** Default "this-machine". */
  readonly plain?: PlainFrom | undefined;
  /** How long a connection may stay silent before it is told apart. Default 10 s. */
  readonly silentMs?: number;
}

/** "MLGC" begins an agreement (core/protocol, channel-frame); a TLS record of a handshake begins with 0x16 (RFC 8446 §5.1). */
const CHANNEL_START: readonly number[] = [0x4d, 0x16];

/**
 * Refuses an address that others can reach when nothing would protect what they say there.
 * @throws `ERR_PLAIN_REFUSED`
 */
export function checkPlainListen(host: string, options: FrontOptions): void {
  if (isThisMachine(host) || options.channel || options.plain === "anywhere") return;
  throw new MilagroError(
    "ERR_PLAIN_REFUSED",
    `${host} can be reached from other machines, and this listener would speak without encryption there`,
  );
}

export interface Front {
  /** Ends connections that are not told apart yet. */
  close(): void;
}

/** Tells apart what a server accepts, before its own listener sees it. Call once, when that listener is on it. */
export function addFront(server: Server, options: FrontOptions): Front {
  const silent = new Set<Socket>();
  const listeners = server.listeners("connection") as ((this: Server, socket: Socket) => void)[];
  server.removeAllListeners("connection");
  const plain = (socket: Socket): void => {
    for (const listener of listeners) listener.call(server, socket);
  };
  const near = (socket: Socket): boolean =>
    // A Unix socket has no address.
    socket.remoteAddress === undefined || isThisMachine(socket.remoteAddress);
  server.on("connection", (socket: Socket) => {
    const plainAllowed = options.plain === "anywhere" || near(socket);
    if (!options.channel && plainAllowed) return plain(socket);
    if (!options.channel) return void socket.destroy();
    silent.add(socket);
    socket.once("close", () => silent.delete(socket));
    tellApart(socket, options.silentMs ?? 10_000, (first) => {
      silent.delete(socket);
      if (CHANNEL_START.includes(first)) options.channel?.(socket);
      else if (plainAllowed) plain(socket);
      else socket.destroy();
    });
  });
  return {
    close() {
      for (const socket of silent) socket.destroy();
    },
  };
}

function tellApart(socket: Socket, silentMs: number, decide: (first: number) => void): void {
  const give = (): void => void socket.destroy();
  const timer = setTimeout(give, silentMs);
  const finish = (): void => {
    clearTimeout(timer);
    socket.off("readable", onReadable).off("end", give).off("error", give).off("close", finish);
  };
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    finish();
    socket.unshift(chunk);
    decide(chunk[0] as number);
  };
  socket.on("readable", onReadable).on("end", give).on("error", give).on("close", finish);
}
