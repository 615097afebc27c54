/**
 * Listening on TCP or on a Unix socket whose permissions are right from its first moment.
 * @module
 */
import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import type { Server } from "node:http";
import { type AddressInfo, createConnection } from "node:net";
import { MilagroError } from "@milagro/engine/error";
import { isErrno } from "./atomic-file.ts";

export type ListenAddress =
  | { readonly host: string; readonly port: number }
  /** `mode` defaults to 0600: whoever may open the file is the operator. */
  | { readonly socketPath: string; readonly mode?: number };

export interface Listening {
  /** `http://127.0.0.1:1234`, or `unix:/path`. */
  readonly url: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** Accepts nothing more and resolves when the last connection has ended: `http-drain` sees to it that they do. */
  stop(): Promise<void>;
}

/** What `sun_path` holds on Linux, without its final zero; macOS has four less. */
const MAX_SOCKET_PATH = 104;

/** `host:port`, `[v6]:port` or `unix:/path`. @throws `ERR_CONFIG_INVALID` */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith("unix:") && text.length > 5) return { socketPath: text.slice(5) };
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port <= 65_535))
    throw new MilagroError("ERR_CONFIG_INVALID", "a listen address is host:port or unix:/path");
  return { host, port };
}

/** @throws `ERR_ADDRESS_IN_USE`, `ERR_ADDRESS_UNAVAILABLE` */
export async function listenOn(server: Server, address: ListenAddress): Promise<Listening> {
  if ("socketPath" in address) await prepareSocketPath(address.socketPath);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    const listening = (): void => {
      server.off("error", reject);
      resolve();
    };
    if (!("socketPath" in address)) return void server.listen({ host: address.host, port: address.port }, listening);
    // The socket is bound before `listen` returns, so the umask is narrow for exactly that call: nobody can connect before the chmod.
    const before = process.umask(0o177);
    try {
      server.listen({ path: address.socketPath }, listening);
    } finally {
      process.umask(before);
    }
  }).catch((cause: unknown) => {
    if (isErrno(cause, "EADDRINUSE"))
      throw new MilagroError("ERR_ADDRESS_IN_USE", "another program listens on this address", { cause });
    throw new MilagroError("ERR_ADDRESS_UNAVAILABLE", "this address cannot be listened on", { cause });
  });
  if ("socketPath" in address && address.mode !== undefined && address.mode !== 0o600)
    chmodSync(address.socketPath, address.mode);
  const bound = server.address();
  return {
    url: urlOf(address, bound),
    port: typeof bound === "object" && bound ? bound.port : 0,
    stop: () => stop(server),
  };
}

/** Removes a socket that a killed process left behind; one that still answers, or a file of another kind, is an error. */
async function prepareSocketPath(path: string): Promise<void> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    throw new MilagroError(
      "ERR_ADDRESS_UNAVAILABLE",
      `the path of a Unix socket is longer than ${MAX_SOCKET_PATH} bytes`,
    );
  }
  const info = lstatSync(path, { throwIfNoEntry: false });
  if (!info) return;
  if (!info.isSocket()) throw new MilagroError("ERR_ADDRESS_IN_USE", "something that is not a socket is in its place");
  const alive = await new Promise<boolean>((resolve) => {
    const probe = createConnection({ path }, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on("error", (error) => resolve(!isErrno(error, "ECONNREFUSED") && !isErrno(error, "ENOENT")));
  });
  if (alive) throw new MilagroError("ERR_ADDRESS_IN_USE", "another program listens on this socket");
  unlinkSync(path);
}

function urlOf(address: ListenAddress, bound: AddressInfo | string | null): string {
  if ("socketPath" in address) return `unix:${address.socketPath}`;
  const port = typeof bound === "object" && bound ? bound.port : address.port;
  return `http://${address.host.includes(":") ? `[${address.host}]` : address.host}:${port}`;
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve()); // an error only says that it was closed already
  });
}
