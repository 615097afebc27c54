/** A D-TA that the bus does not take offers itself there: a D-KMS without keys gets them so. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { utf8 } from "@milagro/crypto/bytes";
import type { Identity } from "@milagro/crypto/identity";
import { kmsIdentity } from "@milagro/protocol/bus-token";
import { encodeSealedRequest } from "@milagro/protocol/issuance-messages";
import type { Channel } from "@milagro/runtime/channel/channel";
import { anonymousSelf } from "@milagro/runtime/channel/self";
import { acceptInvitation } from "@milagro/runtime/channel/turned";
import { createHttpPort } from "@milagro/runtime/http-port";
import { afterAll, expect, onTestFinished, test } from "vitest";
import {
  ALICE,
  cleanUp,
  engine,
  foundDomain,
  logged,
  random,
  request,
  startHome,
  stop,
  type TestDta,
} from "./support.ts";

afterAll(cleanUp);

test("while the bus does not take it, it offers itself there, for the D-KMS's own keys and nothing else, and again when it is cut off", async () => {
  const world = await foundDomain(1);
  const accepted = Promise.withResolvers<Channel>();
  let invitations = 0;
  const nobody = anonymousSelf({ engine, random, clock: world.clock.read, domain: world.domain });
  const listener = createServer((socket) => {
    // First it comes as it always does.
    socket
      .on("error", () => {})
      .once("data", (chunk) => {
        const isInvitation = chunk[5] === 8;
        socket.pause();
        socket.unshift(chunk);
        if (!isInvitation) return void socket.destroy();
        // The first is cut as soon as the D-TA takes it for good. One that comes to nothing is followed by another.
        const isFirst = ++invitations === 1;
        acceptInvitation(socket, { self: nobody, count: 1 }).then(
          async (channel) => {
            if (!isFirst) return accepted.resolve(channel);
            channel.on("error", () => {});
            while (!logged.some((line) => line.includes("invited a D-KMS"))) await pause(1);
            socket.resetAndDestroy();
          },
          () => {},
        );
      });
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const dta = world.dtas[0] as TestDta;
  await stop(dta);
  const busUrl = `milagro://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  const offering = await startHome(dta.home, world.clock, { config: { busUrl, listen: "none" } });
  try {
    const channel = await accepted.promise;
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
        timeoutMs: 60_000,
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
