/**
 * `milagro channel`: channels by hand.
 * @module
 */
import type { CommandGroup } from "../command.ts";
import { channelDial } from "./channel-dial.ts";
import { channelListen } from "./channel-listen.ts";
import { channelStatus } from "./channel-status.ts";

export const channel: CommandGroup = {
  name: "channel",
  summary: "talk to an identity over a secure channel",
  commands: [channelListen, channelDial, channelStatus],
};
