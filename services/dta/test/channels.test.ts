/** The public port takes channels, and proves by the statement key whose it is. */

import { once } from "node:events";
import { connect as connectNet } from "node:net";
import { utf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { statementBytes } from "@milagro/protocol/statement";
import { connect } from "@milagro/runtime/channel/connect";
import { anonymousSelf, type PeerName } from "@milagro/runtime/channel/self";
import { serviceConnector } from "@milagro/runtime/channel/service-connector";
import { createHttpPort } from "@milagro/runtime/http-port";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { cleanUp, engine, foundDomain, random, type TestDomain } from "./support.ts";

let world: TestDomain;
beforeAll(async () => {
  world = await foundDomain(2);
});
afterAll(cleanUp);

const self = () => anonymousSelf({ engine, random, clock: world.clock.read, domain: world.domain });
const portOf = (index: number): number => Number(new URL(world.dtas[index - 1]?.running.url ?? "").port);
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "ok",
    (error: unknown) => (error instanceof MilagroError ? error.code : String(error)),
  );
async function dial(to: PeerName, index: number): Promise<string> {
  const channel = await connect({ self: self(), to, host: "127.0.0.1", port: portOf(index) });
  const { peerName } = channel;
  channel.destroy();
  return peerName;
}

test("whoever has the descriptor reaches this very D-TA, nameless, and its API over the channel", async () => {
  expect(await dial("dta:1", 1)).toBe("dta:1");
  const named = {
    name: world.domain.name,
    authorities: world.dtas.map(({ running }) => ({ entry: { url: running.url ?? "" } })),
  };
  const nobody = self();
  const http = createHttpPort({ connector: serviceConnector({ domain: () => named, self: () => nobody }) });
  onTestFinished(() => http.close());
  const url = `${world.dtas[1]?.running.url}/v1/dta`;
  const { status } = await http({ method: "GET", url, headers: {}, timeoutMs: 20_000, idempotent: false });
  expect(status).toBe(200);
});

test("another D-TA in its place is noticed", async () => {
  expect(await codeOf(dial("dta:1", 2))).toBe("ERR_CHANNEL_PEER");
});

test("the issuer signs for a channel nothing that is not about one", async () => {
  const { issuer } = world.dtas[0]?.running.context ?? {};
  const body = { v: 1, role: "responder", index: 1, binding: "x" };
  await expect(issuer?.call("channel", { message: statementBytes("channel", body) })).resolves.toHaveLength(48);
  for (const message of [
    statementBytes("receipt", body),
    statementBytes("descriptor", body),
    utf8("channel"),
    new Uint8Array(0),
  ])
    await expect(issuer?.call("channel", { message })).rejects.toThrow();
});

test("what is no agreement ends, and the D-TA goes on", async () => {
  for (const text of ["MLGC", "M", "\x16\x03\x01\x00\x05hello", "MOVE / HTTP/1.1\r\n\r\n"]) {
    const socket = connectNet({ host: "127.0.0.1", port: portOf(1) });
    socket.on("error", () => {});
    socket.end(text, "latin1");
    socket.resume();
    await once(socket, "close");
  }
  expect(await dial("dta:1", 1)).toBe("dta:1");
});

test("sealed it proves nothing and takes no channel", async () => {
  await world.dtas[1]?.running.context.issuer.call("seal", null);
  expect(await codeOf(dial("dta:2", 2))).toBe("ERR_UNREACHABLE");
});
