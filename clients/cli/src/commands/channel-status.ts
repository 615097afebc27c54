/**
 * `milagro channel status`: the channels and tunnels of the commands that run with this profile.
 * @module
 */
import { readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { type ParsedLiveChannels, parseLiveChannels } from "@milagro/channel/live-channels";
import { MilagroError } from "@milagro/engine/error";
import { createHttpClient } from "@milagro/runtime/http-client";
import { controlFolder } from "../channel-session.ts";
import type { CommandSpec } from "../command.ts";

const TIMEOUT_MS = 3000;

export const channelStatus: CommandSpec = {
  name: "status",
  summary: "show live channels: peers, epochs, bytes",
  details: "Asks every running `channel`, `forward`, `psk` and `vpn` command of this profile over its control socket.",
  examples: [
    { text: "At a glance", line: "milagro channel status" },
    { text: "For a monitor", line: "milagro channel status --format json" },
  ],
  async run({ settings }) {
    const programs = await Promise.all(socketsIn(controlFolder(settings.home)).map(askProgram));
    const known = programs.filter((program) => program !== undefined);
    const rows = known.flatMap(({ program, pid, identity, channels }) =>
      channels.map(({ peer, epoch, origin, since, received, sent, detail }) => [
        `${program} ${pid}`,
        identity,
        peer,
        epoch === undefined ? "" : String(epoch),
        origin,
        new Date(since * 1000).toISOString().replace(".000Z", "Z"),
        String(received),
        String(sent),
        detail ?? "",
      ]),
    );
    return {
      data: {
        programs: known.map(({ v: _v, channels, ...rest }) => ({
          ...rest,
          channels: channels.map((row) => ({ ...row })),
        })),
      },
      view: {
        kind: "rows",
        columns: ["program", "as", "peer", "epoch", "by", "since", "received", "sent", ""],
        rows,
        empty: known.length === 0 ? "No command with channels runs in this profile." : "No channel is open.",
      },
    };
  },
};

function socketsIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d{1,10}\.sock$/.test(name))
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** Undefined for a socket that nobody answers on any more: what a killed program left is removed. */
async function askProgram(socket: string): Promise<ParsedLiveChannels | undefined> {
  const client = createHttpClient({ url: `unix:${socket}`, retries: 0, timeoutMs: TIMEOUT_MS });
  try {
    return parseLiveChannels((await client.request({ path: "/v1/channels" })).body);
  } catch (error) {
    if (!(error instanceof MilagroError) || error.code !== "ERR_UNREACHABLE") throw error;
    try {
      unlinkSync(socket);
    } catch {}
    return undefined;
  } finally {
    client.close();
  }
}
