/** The public port takes channels, and proves by the statement key whose it is. */

import { once } from "node:events";
import { type AddressInfo, connect as connectNet, createServer } from "node:net";
import { utf8 } from "@milagro/crypto/bytes";
import type { Identity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { kmsIdentity } from "@milagro/protocol/bus-token";
import { encodeSealedRequest } from "@milagro/protocol/issuance-messages";
import { statementBytes } from "@milagro/protocol/statement";
import type { Channel } from "@milagro/runtime/channel/channel";
import { connect } from "@milagro/runtime/channel/connect";
import { anonymousSelf, type PeerName } from "@milagro/runtime/channel/self";
import { serviceConnector } from "@milagro/runtime/channel/service-connector";
import { acceptInvitation } from "@milagro/runtime/channel/turned";
import { createHttpPort } from "@milagro/runtime/http-port";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import {
  ALICE,
  cleanUp,
  engine,
  foundDomain,
  random,
  request,
  startHome,
  stop,
  type TestDomain,
  type TestDta,
} from "./support.ts";

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
  const { status } = await http({ method: "GET", url, headers: {}, timeoutMs: 5000, idempotent: false });
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

test("while the bus does not take it, it offers itself there, for the D-KMS's own keys and nothing else", async () => {
  const accepted: Promise<Channel>[] = [];
  const nobody = self();
  const listener = createServer((socket) => {
    // First it comes as it always does.
    socket
      .on("error", () => {})
      .once("data", (chunk) => {
        const isInvitation = chunk[5] === 8;
        socket.pause();
        socket.unshift(chunk);
        if (isInvitation) accepted.push(acceptInvitation(socket, { self: nobody, count: 2 }));
        else socket.destroy();
      });
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const dta = world.dtas[0] as TestDta;
  await stop(dta);
  const busUrl = `milagro://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  const offering = await startHome(dta.home, world.clock, { config: { busUrl, listen: "none" } });
  try {
    while (accepted.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const channel = (await accepted[0]) as Channel;
    expect(channel.peerName).toBe("dta:1");
    let given = false;
    const http = createHttpPort({
      retries: 0,
      connector: () => ({
        key: "invited",
        async open() {
          if (given) throw new TypeError("there is one connection");
          given = true;
          return channel;
        },
      }),
    });
    onTestFinished(() => http.close());
    const ask = async (path: string, identity?: Identity) => {
      const requests = identity ? (await request(world, { identity })).requests : [];
      const [sealed] = requests;
      const { status, body } = await http({
        method: sealed ? "POST" : "GET",
        url: `http://127.0.0.1${path}`,
        headers: { "content-type": "application/json" },
        ...(sealed ? { body: utf8(JSON.stringify(encodeSealedRequest(sealed))) } : {}),
        timeoutMs: 5000,
        idempotent: false,
      });
      return { status, body: JSON.parse(Buffer.from(body).toString()) };
    };
    expect(await ask("/v1/issue", ALICE)).toMatchObject({ status: 400, body: { code: "ERR_IDENTITY_INVALID" } });
    // Its own request is a request: no policy allows it yet, says a signed answer.
    expect(await ask("/v1/issue", kmsIdentity(world.domain))).toMatchObject({
      status: 200,
      body: { refusal: { code: "ERR_POLICY_REFUSED" } },
    });
    for (const path of ["/v1/dta", "/v1/log", "/v1/descriptor"]) expect((await ask(path)).status).toBe(404);
  } finally {
    await stop(offering);
    listener.close();
  }
});

test("sealed it proves nothing and takes no channel", async () => {
  await world.dtas[1]?.running.context.issuer.call("seal", null);
  expect(await codeOf(dial("dta:2", 2))).toBe("ERR_UNREACHABLE");
});
