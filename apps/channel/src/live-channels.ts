/**
 * What a program says about its channels on its control socket: names and numbers.
 * @module
 */
import { encoderOf, type Parsed, parserOf, strict, Version, type Wire } from "@milagro/protocol/wire";
import { createHttpServer, type HttpServer } from "@milagro/runtime/http-server";
import { silentLog } from "@milagro/runtime/log";
import Type from "typebox";

const Text = Type.String({ maxLength: 512 });
const Count = Type.Integer({ minimum: 0 });

export const LiveChannelsSchema = strict({
  v: Version,
  /** `listen`, `dial`, `forward`, `psk`, `vpn` */
  program: Text,
  pid: Count,
  identity: Text,
  channels: Type.Array(
    strict({
      peer: Text,
      /** Of the peer's key; absent for those that have none. */
      epoch: Type.Optional(Count),
      /** `agreement`, `ticket`; for a tunnel `wireguard`. */
      origin: Text,
      /** Unix seconds. */
      since: Count,
      received: Count,
      sent: Count,
      /** What there is more to say. */
      detail: Type.Optional(Text),
    }),
  ),
});
export type LiveChannels = Wire<typeof LiveChannelsSchema>;
export type ParsedLiveChannels = Parsed<typeof LiveChannelsSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseLiveChannels = parserOf("live channels", LiveChannelsSchema);
export const encodeLiveChannels = encoderOf("live channels", LiveChannelsSchema);

export type LiveChannel = LiveChannels["channels"][number];

/** What of a channel is counted. */
interface Counted {
  readonly peerName: string;
  readonly peer: { readonly kind: string; readonly epoch?: number };
  readonly origin: string;
  readonly sinceMs: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  once(event: "close", listener: () => void): unknown;
}

export interface ChannelRegistry {
  /** Listed until it closes. */
  add(channel: Counted, detail?: string): void;
  list(): readonly LiveChannel[];
}

export function createChannelRegistry(): ChannelRegistry {
  const live = new Map<Counted, string | undefined>();
  return {
    add(channel, detail) {
      live.set(channel, detail);
      channel.once("close", () => live.delete(channel));
    },
    list: () =>
      [...live].map(([{ peerName, peer, origin, sinceMs, bytesRead, bytesWritten }, detail]) => ({
        peer: peerName,
        ...(peer.epoch === undefined ? {} : { epoch: peer.epoch }),
        origin,
        since: Math.floor(sinceMs / 1000),
        received: bytesRead,
        sent: bytesWritten,
        ...(detail === undefined ? {} : { detail }),
      })),
  };
}

/** HTTP on a Unix socket that only its owner may open. @throws `ERR_ADDRESS_IN_USE`, `ERR_ADDRESS_UNAVAILABLE` */
export async function serveLiveChannels(
  socketPath: string,
  read: () => Promise<LiveChannels> | LiveChannels,
): Promise<HttpServer> {
  const server = await createHttpServer({ name: "milagro-channel", version: "1", log: silentLog, rateLimit: false });
  server.app.get("/v1/channels", { schema: { response: { 200: LiveChannelsSchema } } }, async () => read());
  await server.listen({ socketPath });
  return server;
}
