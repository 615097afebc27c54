/**
 * `milagro channel listen`: waits for channels; standard input and output, or a program for each.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type Channel, createServer } from "@milagro/channel";
import { createChannelRegistry } from "@milagro/channel/live-channels";
import { MilagroError } from "@milagro/engine/error";
import { isErrno } from "@milagro/runtime/atomic-file";
import {
  ALLOW_OPTION,
  CHANNEL_OPTIONS,
  parseHostPort,
  untilStopped,
  withChannels,
  withControl,
} from "../channel-session.ts";
import type { CommandSpec, Context } from "../command.ts";
import { joinStdio } from "../stdio-stream.ts";

export const channelListen: CommandSpec = {
  name: "listen",
  summary: "wait for channels of those who are let in",
  details:
    "Without a program the first channel is standard input and output, and the command ends with it. With one, each channel gets its own\nprocess: its standard input and output are the channel, MILAGRO_RUN_PEER says who is at the other end.",
  arguments: [
    ["<host:port>", "where to listen; port 0 takes a free one"],
    ["[command...]", "a program for each channel, after --"],
  ],
  options: [...CHANNEL_OPTIONS, ALLOW_OPTION],
  examples: [
    {
      text: "Receive a file from one identity",
      line: "milagro channel listen 0.0.0.0:7443 --id milagro:acme/service/backup --allow milagro:acme/endpoint/web-1 > dump.tar",
    },
    {
      text: "A program for each channel",
      line: "milagro channel listen 127.0.0.1:7443 --id milagro:acme/service/clock --allow 'milagro:acme/*/**' -- sh -c 'date; echo for $MILAGRO_RUN_PEER'",
    },
  ],
  async run(context, invocation) {
    const address = parseHostPort(invocation.argument(0), 0);
    const command = invocation.rest(1);
    const allow = invocation.list("allow");
    if (allow.length === 0)
      throw new MilagroError("ERR_USAGE", "say who is let in: --allow milagro:<domain>/<kind>/<name>");
    return withChannels(context, invocation, async ({ self, identity }) => {
      const registry = createChannelRegistry();
      const server = createServer({ self, allow, allowHalfOpen: true });
      server.on("channelError", (error) => {
        const code = error instanceof MilagroError ? error.code : "ERR_INTERNAL";
        context.note(`refused a connection (${code})`);
      });
      try {
        return await withControl(context, "listen", identity, registry.list, async () => {
          const first = command.length === 0 ? once(server, "channel", { signal: context.signal }) : undefined;
          server.on("channel", (channel) => {
            registry.add(channel);
            if (command.length > 0) void runFor(context, channel, command);
            else if (registry.list().length > 1) channel.destroy(); // one at a time
          });
          await listen(server, address);
          const { port } = server.address() as AddressInfo;
          context.note(`${identity} listens on ${address.host}:${port}`);
          if (!first) await untilStopped(context.signal);
          else {
            const [channel] = (await first) as [Channel];
            context.note(`channel with ${channel.peerName}`);
            await joinStdio(context.io, channel, context.signal);
          }
          return 0;
        });
      } catch (error) {
        if (context.signal.aborted) return 130;
        throw error;
      } finally {
        server.closePeers(() => true);
        server.close();
      }
    });
  },
};

/** @throws `ERR_ADDRESS_IN_USE`, `ERR_ADDRESS_UNAVAILABLE` */
export async function listen(
  server: ReturnType<typeof createServer>,
  address: { readonly host: string; readonly port: number },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const net: NodeJS.EventEmitter = server;
    net.once("error", (cause) => {
      const code = isErrno(cause, "EADDRINUSE") ? "ERR_ADDRESS_IN_USE" : "ERR_ADDRESS_UNAVAILABLE";
      reject(new MilagroError(code, "this address cannot be listened on", { cause }));
    });
    server.listen(address, resolve);
  });
}

/** The channel is the program's standard input and output until both have ended. */
async function runFor(
  { io, note }: Context,
  channel: Channel,
  [program = "", ...args]: readonly string[],
): Promise<void> {
  const child = spawn(program, args, {
    cwd: io.cwd,
    env: {
      ...Object.fromEntries(Object.entries(io.env).filter(([name]) => !name.startsWith("MILAGRO_"))),
      MILAGRO_RUN_PEER: channel.peerName,
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  channel.on("error", () => {});
  child.on("error", () => {
    note(`${program} cannot be started`);
    channel.destroy();
  });
  child.stdin.on("error", () => {}); // it has stopped reading
  channel.pipe(child.stdin);
  child.stdout.pipe(channel);
  channel.once("close", () => child.kill("SIGTERM"));
}
