/**
 * Channels under the protocols that people use: servers of Node that take sockets from us, and clients that ask us for theirs.
 * @module
 */
import { Agent, type AgentOptions, type Server as HttpServer } from "node:http";
import type { Http2SecureServer, Http2Server } from "node:http2";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import { Server as TlsServer } from "node:tls";
import { type Address, type ConnectOptions, connect, type DialOptions } from "@milagro/runtime/channel/connect";
import type { ChannelServer } from "@milagro/runtime/channel/server";
import { createLazyStream } from "./lazy-stream.ts";

/** Servers that need not listen themselves. Those of `node:https` and `createSecureServer` do as well as plain ones, and need no certificate here. */
export interface Attached {
  /** For channels that agreed on `h2` by ALPN. */
  readonly http2?: Http2Server | Http2SecureServer;
  /** For all others. WebSocket servers hang on it by its event `upgrade`. */
  readonly http?: HttpServer | HttpsServer;
}

/**
 * Hands each channel to the server that speaks its protocol; `request.socket` is the channel, with `peerIdentity`. One that nobody speaks is closed.
 * The channel server's `ALPNProtocols` should name `h2` where there is an HTTP/2 server.
 */
export function attach(server: ChannelServer, { http, http2 }: Attached): void {
  server.on("channel", (channel) => {
    const target = channel.alpnProtocol === "h2" ? http2 : http;
    // A server that expects TLS gets a stream whose TLS is done.
    if (target) target.emit(target instanceof TlsServer ? "secureConnection" : "connection", channel);
    else channel.destroy();
  });
}

/** Where the peer of a URL's host and port is reached, and who it is. */
export type Resolve = (host: string, port: number) => ConnectOptions | Promise<ConnectOptions>;

/**
 * An agent for `http.request`, `https.request` and all that takes one (`ws` too): its connections are channels, whichever of the two the URL says.
 * @param options - whom to dial, for every URL; or who that is for each
 */
export function channelAgent(options: ConnectOptions | Resolve, agentOptions: AgentOptions = {}): Agent {
  const resolve = typeof options === "function" ? options : () => options;
  const createConnection = (
    { host, port }: { readonly host?: string | undefined; readonly port?: number | string | undefined },
    done: (error: Error | null, stream: Duplex) => void,
  ): undefined => {
    const dialled = (async () => connect(await resolve(host ?? "localhost", Number(port ?? 80))))();
    dialled.then(
      (channel) => done(null, channel),
      (error: Error) => done(error, undefined as never),
    );
  };
  // Without a protocol of its own an agent takes what the request's module expects.
  return Object.assign(new Agent({ keepAlive: true, ...agentOptions }), { createConnection, protocol: undefined });
}

/** What undici's `Agent({ connect })` takes, and so the global `fetch` with it. Set `allowH2` there and `ALPNProtocols` here for HTTP/2. */
export function channelConnector(options: ConnectOptions | Resolve) {
  const resolve = typeof options === "function" ? options : () => options;
  return (
    { hostname, port }: { readonly hostname: string; readonly port?: string | number },
    done: (error: Error | null, socket: never) => void,
  ): void => {
    const dialled = (async () => connect(await resolve(hostname, Number(port || 80))))();
    dialled.then(
      (channel) => done(null, channel as never),
      (error: Error) => done(error, null as never),
    );
  };
}

/**
 * A stream at once, that becomes a channel: for clients which want their socket on the spot (`mqtt`, `http2.connect`). What is written meanwhile waits.
 * It costs a copy for each chunk; where one can wait, `connect` is better.
 */
export function connectLazily(options: DialOptions & Address): Duplex {
  return createLazyStream(connect(options));
}
