/**
 * The channels of a service: what its ports hand over when a connection begins as one does.
 * @module
 */

import type { Socket } from "node:net";
import { errorFields, type Log } from "../log.ts";
import type { Channel } from "./channel.ts";
import type { ChannelSelf } from "./self.ts";
import { type ChannelServer, createServer, type ServerOptions } from "./server.ts";
import { acceptInvitation } from "./turned.ts";

export interface ServiceFrontOptions
  extends Pick<ServerOptions, "revoked" | "maxChannels" | "perSecondPerAddress" | "maxPendingPerAddress"> {
  /** Who the service is; undefined while it cannot prove itself: then connections end at once. */
  self(): ChannelSelf | undefined;
  /** Whether nobody in particular is let in too, beside everybody of the domain: for those who have no keys yet. */
  readonly anonymous: boolean;
  /** What happens while the service cannot prove itself: D-TAs may offer themselves (`turned`). Without it connections end at once. */
  readonly invited?: {
    /** Nobody. */
    readonly self: ChannelSelf;
    /** D-TAs of the domain. */
    readonly count: number;
    onChannel(channel: Channel, index: number): void;
  };
  readonly log: Log;
  onChannel(channel: Channel): void;
}

export interface ServiceFront {
  /** A connection that begins as a channel does. */
  accept(socket: Socket): void;
  /** Live ones. */
  readonly count: number;
  /** Lets nobody in any more, and ends what is not a channel yet. Channels live on, so that their requests can end. */
  stop(): void;
  /** Stops, and ends all channels. */
  close(): void;
}

/** That are being looked at, at once: each costs an agreement. */
const MAX_INVITATIONS = 16;

export function createServiceFront(options: ServiceFrontOptions): ServiceFront {
  const { log, onChannel } = options;
  /** One for each that the service has been: with a new descriptor it is another, and channels of before live on. */
  const servers = new Map<ChannelSelf, ChannelServer>();
  function serverFor(self: ChannelSelf): ChannelServer {
    const known = servers.get(self);
    if (known) return known;
    const allow = [`milagro:${self.domain.name}/*/**`, "dta:*", ...(options.anonymous ? ["anonymous"] : [])];
    const channels = createServer({ ...options, allow, self, allowHalfOpen: true, workers: 0 }, onChannel);
    channels.on("channelError", (error: Error, address: string) =>
      log.debug("a connection did not become a channel", { address, ...errorFields(error) }),
    );
    servers.set(self, channels);
    return channels;
  }
  let stopped = false;
  const inviting = new Set<Socket>();
  async function acceptInvited(socket: Socket, invited: NonNullable<ServiceFrontOptions["invited"]>): Promise<void> {
    socket.on("error", () => {});
    if (inviting.size >= MAX_INVITATIONS) return void socket.destroy();
    inviting.add(socket);
    try {
      const channel = await acceptInvitation(socket, invited);
      invited.onChannel(channel, channel.peer.index);
    } catch (error) {
      log.debug("a connection did not become an invitation", errorFields(error));
    } finally {
      inviting.delete(socket);
    }
  }
  const stop = (): void => {
    stopped = true;
    for (const server of servers.values()) server.close();
    for (const socket of inviting) socket.destroy();
  };
  return {
    accept(socket) {
      const self = stopped ? undefined : options.self();
      if (stopped) socket.destroy();
      else if (self) serverFor(self).emit("connection", socket);
      else if (options.invited) void acceptInvited(socket, options.invited);
      else socket.destroy();
    },
    get count() {
      return [...servers.values()].reduce((sum, { channels }) => sum + channels.size, 0);
    },
    stop,
    close() {
      stop();
      for (const server of servers.values()) server.closePeers(() => true);
    },
  };
}
