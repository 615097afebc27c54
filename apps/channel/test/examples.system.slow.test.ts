/** The programs of examples/channels: real servers and clients of these libraries, over channels. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import {
  type ChannelOrigin,
  type ChannelSelf,
  type ChannelServer,
  createTicketCache,
  type PeerName,
  type TicketCache,
} from "../src/index.ts";
import { ALICE, BOB, EVERYBODY, party } from "./fixture.ts";

interface Address {
  readonly host: string;
  readonly port: number;
  readonly tickets: TicketCache;
}

interface Example {
  serve(self: ChannelSelf, allow: readonly string[]): ChannelServer | Promise<ChannelServer>;
  call(self: ChannelSelf, to: PeerName, address: Address): Promise<string>;
}

test.each([
  ["http", `hello ${ALICE}`],
  ["https", `hello ${ALICE}`],
  ["http2", `hello ${ALICE}`],
  ["fetch", `hello ${ALICE} by h2`],
  ["websocket", `hello ${ALICE}`],
  ["grpc", "hello yourself"],
  ["mqtt", `hello ${ALICE}`],
  ["programs", `hello ${ALICE}`],
])(
  "%s runs over a channel, then by ticket; a server that does not know the ticket costs an agreement and nothing else",
  async (name, answer) => {
    const { serve, call } = (await import(`../../../examples/channels/${name}.js`)) as Example;
    const tickets = createTicketCache();
    /** A new server of Bob's, with ticket keys of its own. */
    const restarted = async () => {
      const server = await serve(party(BOB), EVERYBODY);
      const origins: ChannelOrigin[] = [];
      server.on("channel", ({ origin }) => void origins.push(origin));
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      onTestFinished(async () => {
        for (const channel of server.channels) channel.destroy();
        await new Promise((resolve) => server.close(resolve));
      });
      const { port } = server.address() as AddressInfo;
      return { origins, ask: () => call(party(ALICE), BOB, { host: "127.0.0.1", port, tickets }) };
    };
    const first = await restarted();
    expect(await first.ask()).toBe(answer);
    expect(await first.ask()).toBe(answer);
    // The key for a program is asked for each time, and the program always comes with a ticket.
    const isProgram = name === "programs";
    expect(first.origins).toEqual(isProgram ? ["ticket", "ticket"] : ["agreement", "ticket"]);
    const second = await restarted();
    expect(await second.ask()).toBe(answer);
    expect(second.origins).toEqual(isProgram ? ["ticket"] : ["agreement"]);
  },
);
