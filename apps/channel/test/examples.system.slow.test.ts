/** The programs of examples/channels: real servers and clients of these libraries, over channels. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { ChannelSelf, ChannelServer, PeerName } from "../src/index.ts";
import { ALICE, BOB, EVERYBODY, party } from "./fixture.ts";

interface Example {
  serve(self: ChannelSelf, allow: readonly string[]): ChannelServer | Promise<ChannelServer>;
  call(self: ChannelSelf, to: PeerName, address: { readonly host: string; readonly port: number }): Promise<string>;
}

test.each([
  ["http", `hello ${ALICE}`],
  ["http2", `hello ${ALICE}`],
  ["fetch", `hello ${ALICE} by h2`],
  ["websocket", `hello ${ALICE}`],
  ["grpc", "hello yourself"],
  ["mqtt", `hello ${ALICE}`],
  ["programs", `hello ${ALICE}`],
])("%s runs over a channel", async (name, answer) => {
  const { serve, call } = (await import(`../../../examples/channels/${name}.js`)) as Example;
  const server = await serve(party(BOB), EVERYBODY);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    for (const channel of server.channels) channel.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  expect(await call(party(ALICE), BOB, { host: "127.0.0.1", port })).toBe(answer);
});
