/**
 * Clients over Milagro channels: the identity that a channel has proven takes the place of an access key. `milagro forward -L … --to <gateway>` is the client's
 * side for programs that know S3 only; programs that open channels themselves speak HTTP on them at once.
 * @module
 */
import type { AddressInfo } from "node:net";
import { acceptForward } from "@milagro/channel/forward";
import { FORWARD_PROTOCOL } from "@milagro/channel/forward-messages";
import { MilagroError } from "@milagro/engine/error";
import { isErrno } from "@milagro/runtime/atomic-file";
import type { Channel } from "@milagro/runtime/channel/channel";
import type { ChannelSelf } from "@milagro/runtime/channel/self";
import { createServer } from "@milagro/runtime/channel/server";
import { errorFields, type Log } from "@milagro/runtime/log";
import type { AccessKeys } from "./access-keys.ts";
import type { RunningServer } from "./server.ts";

export interface ChannelsOptions {
  /** Who the gateway is on its channels. */
  readonly self: ChannelSelf;
  readonly listen: { readonly host: string; readonly port: number };
  readonly accessKeys: Pick<AccessKeys, "findPeer">;
  readonly server: Pick<RunningServer, "accept">;
  readonly log: Log;
}

export interface RunningChannels {
  readonly port: number;
  /** Takes no more; resolves when the last channel has ended, of which those that carry requests are the server's to end. */
  close(): Promise<void>;
}

/** @throws `ERR_ADDRESS_IN_USE`, `ERR_ADDRESS_UNAVAILABLE` */
export async function listenForChannels(options: ChannelsOptions): Promise<RunningChannels> {
  const { self, listen, accessKeys, server, log } = options;
  /** Have not said yet what they are for. */
  const arriving = new Set<Channel>();
  const channels = createServer(
    {
      self,
      log,
      allow: [`milagro:${self.domain.name}/*/**`],
      // Asked for each channel, also one by ticket: who is not let in learns it before a request.
      revoked: async (peer) => peer.kind !== "identity" || (await accessKeys.findPeer(peer.identity)) === undefined,
      ALPNProtocols: [FORWARD_PROTOCOL, "http/1.1"],
      allowHalfOpen: true,
    },
    async (channel) => {
      arriving.add(channel);
      await take(channel, server, log);
      arriving.delete(channel);
    },
  );
  channels.on("channelError", (error: Error, address: string) =>
    log.info("a connection did not become a channel", { address, ...errorFields(error) }),
  );
  await new Promise<void>((resolve, reject) => {
    channels.once("error", (cause: unknown) => {
      const code = isErrno(cause, "EADDRINUSE") ? "ERR_ADDRESS_IN_USE" : "ERR_ADDRESS_UNAVAILABLE";
      reject(new MilagroError(code, "channels cannot be listened for on this address", { cause }));
    });
    channels.listen(listen, resolve);
  });
  return {
    port: (channels.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        channels.close(() => resolve());
        for (const channel of arriving) channel.destroy();
      }),
  };
}

async function take(channel: Channel, server: Pick<RunningServer, "accept">, log: Log): Promise<void> {
  const { peerIdentity, origin } = channel;
  channel.on("error", () => {});
  try {
    if (peerIdentity === undefined) throw new MilagroError("ERR_CHANNEL_REFUSED", "only identities are let in");
    if (channel.alpnProtocol === FORWARD_PROTOCOL) await acceptForward(channel);
    server.accept(channel, { identity: peerIdentity, origin });
  } catch (error) {
    log.info("a channel was not taken", { identity: peerIdentity, ...errorFields(error) });
    if (!channel.writableEnded) channel.destroy();
  }
}
