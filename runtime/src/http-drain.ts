/**
 * How an HTTP server stops: running requests end, and nothing else is waited for. Node waits for connections that have said nothing yet, or half a request, as long as
 * their time-outs last, and a channel's last connection hangs on them.
 *
 *   begin → each connection ends with its last request → after `graceMs` all are cut off → what still works on a request has `lingerMs` → stores may be closed
 *
 * The last step is for those whose client has gone, by the cut or by itself: their connection says nothing about them any more.
 * @module
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

export interface Drain {
  /** What works on a request, to be waited for even when its connection has gone. Returns it. */
  work<T>(work: Promise<T>): Promise<T>;
  /**
   * Ends every connection without a running request, now and as soon as one has none left; those that still run after `graceMs` are cut off. Call the result when the
   * server has closed: it waits for work, `lingerMs` at most, and says how much is left.
   */
  begin(): () => Promise<number>;
}

export interface DrainTimes {
  /** Default 7000. */
  readonly graceMs?: number;
  /** Default 1500. */
  readonly lingerMs?: number;
}

/** Together below the ten seconds that a service has for all of its parts (runtime/lifecycle). */
const GRACE_MS = 7000;
const LINGER_MS = 1500;
const SWEEP_MS = 50;

/**
 * Call once, when the server's own listeners are on it and before `addFront` is.
 * @param event - what brings streams with HTTP in them
 */
export function addDrain(
  server: Server,
  event: "connection" | "secureConnection" = "connection",
  { graceMs = GRACE_MS, lingerMs = LINGER_MS }: DrainTimes = {},
): Drain {
  const works = new Set<Promise<unknown>>();
  /** How many requests run on each stream. */
  const running = new Map<Duplex, number>();
  const onRequest = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    running.set(socket, (running.get(socket) ?? 0) + 1);
    response.once("close", () => {
      const requests = running.get(socket);
      if (requests !== undefined) running.set(socket, requests - 1);
    });
  };
  server.prependListener("request", onRequest);
  // A listener of ours alone would keep Node from telling clients to continue.
  if (server.listenerCount("checkContinue") > 0) server.prependListener("checkContinue", onRequest);
  server.on(event, (stream: Duplex) => {
    running.set(stream, 0);
    stream.once("close", () => running.delete(stream));
  });
  const unsecured = event === "secureConnection" ? trackUnsecured(server) : new Map<string, Socket>();
  const sweep = (): void => {
    for (const [stream, requests] of running) if (requests === 0) endSoon(stream);
    for (const socket of unsecured.values()) socket.destroy();
  };
  return {
    work(work) {
      works.add(work);
      const done = (): unknown => works.delete(work);
      work.then(done, done);
      return work;
    },
    begin() {
      sweep();
      const sweeping = setInterval(sweep, SWEEP_MS);
      const cutting = setTimeout(() => {
        for (const stream of running.keys()) stream.destroy();
      }, graceMs);
      return async () => {
        clearInterval(sweeping);
        clearTimeout(cutting);
        await settled(works, lingerMs);
        return works.size;
      };
    },
  };
}

/** Resolves when all have settled, or the time is over. */
async function settled(works: ReadonlySet<Promise<unknown>>, withinMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, withinMs);
  });
  await Promise.race([Promise.allSettled(works), late]);
  clearTimeout(timer);
}

/** Connections on which TLS is not set up. Nothing but the address tells which of them a TLS stream is on. */
function trackUnsecured(server: Server): Map<string, Socket> {
  const sockets = new Map<string, Socket>();
  const nameOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
  server.on("connection", (socket: Socket) => {
    const name = nameOf(socket);
    sockets.set(name, socket);
    socket.once("close", () => sockets.delete(name));
  });
  server.on("secureConnection", (stream: Socket) => sockets.delete(nameOf(stream)));
  return sockets;
}

/** What was answered still goes out. */
function endSoon(stream: Duplex): void {
  if ("destroySoon" in stream) (stream as Socket).destroySoon();
  else stream.destroy();
}
