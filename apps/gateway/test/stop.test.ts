/** A gateway that stops waits for requests that run, and for none of those who are only there: plainly, over TLS, over channels. */
import { writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { connect as connectNet, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { connect } from "@milagro/channel";
import { FORWARD_PROTOCOL } from "@milagro/channel/forward-messages";
import { expect, onTestFinished, test } from "vitest";
import { needs } from "../../../tests/support/needs.ts";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { makeCertificate } from "../../channel/test/certificate.ts";
import { makeWorld, party } from "../../channel/test/fixture.ts";
import { admitPeer } from "../src/access-keys.ts";
import { alice, GATEWAY, startWorld, type World } from "./world.ts";

const HALF = ["", "GET /", "GET / HTTP/1.1\r\nhost: x\r\n", "GET / HTTP/1.1\r\nhost: x\r\n\r\n"];
const portOf = (world: World): number => world.running.port;

async function worldOf(options: Parameters<typeof startWorld>[1]): Promise<World> {
  const home = await makeTempFolder();
  const world = await startWorld(home, options);
  onTestFinished(async () => {
    await world.close();
    await rm(home, { recursive: true, force: true });
  });
  return world;
}
/** Says so much and stays. */
function stay(socket: Socket, text: string): Promise<void> {
  socket.on("error", () => {}).resume();
  onTestFinished(() => void socket.destroy());
  return new Promise((resolve) => socket.once("ready", () => socket.write(text, () => resolve())));
}
/** Whom it waited for it would cut off after seven seconds. */
async function closesAtOnce(world: World): Promise<void> {
  const late = new AbortController();
  const six = sleep(6000, "six seconds", { signal: late.signal }).catch(() => {});
  expect(await Promise.race([world.close().then(() => "closed"), six])).toBe("closed");
  late.abort();
}
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

test("plainly and over channels, of which some are not set up and some have not said what they are for", async () => {
  const people = await makeWorld("example");
  const world = await worldOf({ self: party(GATEWAY, people), flags: { channelListen: "127.0.0.1:0" } });
  await world.accessKeys((store) => admitPeer(store, { identity: alice, attributes: { role: ["staff"] } }, Date.now()));
  const host = "127.0.0.1";
  for (const text of HALF) await stay(connectNet(portOf(world), host), text);
  const channels = { host, port: world.running.channelPort as number };
  for (const text of ["", "MLGC\x01\x01", "\x16\x03\x01"]) await stay(connectNet(channels), text);
  // The gateway looks once a second who may come in.
  const known = () => connect({ self: party(alice, people), to: GATEWAY, ...channels }).then((one) => one.destroy());
  const isKnown = () =>
    known()
      .then(() => true)
      .catch(() => false);
  await expect.poll(isKnown, { timeout: 20_000, interval: 100 }).toBe(true);
  const live = [];
  for (const [protocol, text] of [[FORWARD_PROTOCOL, ""], ...HALF.map((half) => ["http/1.1", half])] as const) {
    const channel = await connect({ self: party(alice, people), to: GATEWAY, ...channels, ALPNProtocols: [protocol] });
    channel.on("error", () => {}).resume();
    onTestFinished(() => void channel.destroy());
    if (text !== "") channel.write(text);
    live.push(channel);
  }
  await settled();
  expect(live.filter(({ closed }) => closed)).toEqual([]);
  await closesAtOnce(world);
});

needs("openssl")("over TLS, which some have not set up", async () => {
  const folder = await makeTempFolder();
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { cert, key } = makeCertificate();
  const [tlsCert, tlsKey] = [join(folder, "cert"), join(folder, "key")];
  writeFileSync(tlsCert, cert);
  writeFileSync(tlsKey, key, { mode: 0o600 });
  const world = await worldOf({ flags: { tlsCert, tlsKey } });
  for (const text of ["", "\x16\x03\x01"]) await stay(connectNet(portOf(world), "127.0.0.1"), text);
  for (const text of HALF)
    await stay(connectTls({ port: portOf(world), host: "127.0.0.1", rejectUnauthorized: false }), text);
  await settled();
  await closesAtOnce(world);
});
