/**
 * `milagro channel dial`: standard input and output, over a channel.
 * @module
 */
import { connect } from "@milagro/channel";
import { createChannelRegistry } from "@milagro/channel/live-channels";
import { parseIdentity } from "@milagro/crypto/identity";
import { CHANNEL_OPTIONS, parseHostPort, withChannels, withControl } from "../channel-session.ts";
import type { CommandSpec } from "../command.ts";
import { joinStdio } from "../stdio-stream.ts";

export const channelDial: CommandSpec = {
  name: "dial",
  summary: "open a channel to an identity; standard input goes there, what comes is printed",
  details: "Ends when the other side does. The channel is with that identity or with nobody.",
  arguments: [
    ["<identity>", "whom to talk to"],
    ["<host:port>", "where it listens"],
  ],
  options: CHANNEL_OPTIONS,
  examples: [
    {
      text: "Send a file",
      line: "milagro channel dial milagro:acme/service/backup backup.example:7443 --id milagro:acme/endpoint/web-1 < dump.tar",
    },
  ],
  async run(context, invocation) {
    const to = parseIdentity(invocation.argument(0));
    const address = parseHostPort(invocation.argument(1));
    return withChannels(
      context,
      invocation,
      async ({ self, identity }) => {
        const channel = await connect({ self, to, ...address, allowHalfOpen: true, signal: context.signal });
        const registry = createChannelRegistry();
        registry.add(channel);
        return withControl(context, "dial", identity, registry.list, async () => {
          await joinStdio(context.io, channel, context.signal);
          return 0;
        });
      },
      "once",
    );
  },
};
