/** Services that are told to stop while peers of every unhelpful kind hang on them: each ends in its time, in order, with status 0. */
import { once } from "node:events";
import { connect as connectNet, type Socket } from "node:net";
import { putSecret } from "@milagro/client/secrets";
import { utf8 } from "@milagro/crypto/bytes";
import { connect as connectChannel } from "@milagro/runtime/channel/connect";
import { anonymousSelf } from "@milagro/runtime/channel/self";
import { systemClock } from "@milagro/runtime/clock";
import { systemRandom as random } from "@milagro/runtime/random";
import { expect, onTestFinished, test } from "vitest";
import { PATH } from "./kills.ts";
import { createWorld, engine, type World, who } from "./world.ts";

/** What a peer has said when it falls silent. */
const SAID: readonly (readonly [string, string])[] = [
  ["nothing", ""],
  ["half a request line", "GET /v1"],
  ["half of its headers", "GET /v1/x HTTP/1.1\r\nhost: "],
  [
    "half of its body",
    "POST /v1/issue HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
  ],
  ["a request, and it keeps the connection", "GET /health HTTP/1.1\r\nhost: x\r\n\r\n"],
  ["half the header of a frame", "MLGC"],
  ["half an offer", `MLGC\x01\x01\x05\x02${"x".repeat(600)}`],
  ["half a ClientHello", `\x16\x03\x01\x02\x00\x01${"x".repeat(100)}`],
  ["half of an MQTT packet", "\x10\x20\x00\x04MQ"],
];

/** Peers that have said all that at a port, and still are there. */
async function hangOn(port: number, halfOpen: boolean): Promise<void> {
  for (const [, text] of SAID) {
    const socket = connectNet({ host: "127.0.0.1", port, allowHalfOpen: true }).on("error", () => {});
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    if (halfOpen) socket.end(Buffer.from(text, "latin1"));
    else if (text !== "") socket.write(Buffer.from(text, "latin1"));
    socket.resume();
  }
}

/** Channels that are set up and carry nothing, or half a request. */
async function holdChannels(
  world: World,
  to: "dta:1" | ReturnType<typeof who>,
  port: number,
): Promise<readonly Socket[]> {
  const self = anonymousSelf({ engine, random, clock: systemClock, domain: world.domain });
  const channels = [];
  for (const text of ["", "GET /v1", "GET /health HTTP/1.1\r\nhost: x\r\n\r\n"]) {
    const channel = await connectChannel({ self, to, host: "127.0.0.1", port });
    channel.on("error", () => {}).resume();
    if (text !== "") channel.write(text);
    channels.push(channel);
    onTestFinished(() => void channel.destroy());
  }
  return channels;
}

const portOf = (url = ""): number => Number(new URL(url).port);

test("endpoint, D-KMS and D-TA stop in their time, whoever hangs on them, with status 0; and serve as before when they are started again", async () => {
  const world = await createWorld({ over: "channels" });
  onTestFinished(() => world.close());
  const alice = await world.person("alice");
  const endpoint = await world.endpoint("web");
  const { kms } = world.domain.descriptor;
  if (!kms) throw new TypeError("this domain has a D-KMS");
  const [apiPort, busPort] = [portOf(kms.url), portOf(kms.busUrl)];
  const [dta] = world.dtas;
  const dtaPort = portOf(world.domain.descriptor.authorities[0]?.url);
  for (const port of [apiPort, busPort, dtaPort]) for (const halfOpen of [false, true]) await hangOn(port, halfOpen);
  const channels = [
    ...(await holdChannels(world, who("service/kms"), apiPort)),
    ...(await holdChannels(world, "dta:1", dtaPort)),
  ];
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(channels.filter(({ destroyed }) => destroyed)).toEqual([]);
  expect(await endpoint.end("SIGTERM")).toBe(0);
  expect(await world.kms.end("SIGTERM")).toBe(0);
  expect(await dta?.end("SIGTERM")).toBe(0);
  for (const { output } of [endpoint, world.kms, dta as typeof endpoint]) expect(output).not.toContain("deadline");
  await dta?.start();
  await world.kms.start();
  await putSecret(world.deps, alice, {
    path: PATH,
    recipients: [who("endpoint/web")],
    plaintext: utf8("x"),
    version: 1,
  });
}, 240_000);
