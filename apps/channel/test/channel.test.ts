import type { MilagroError } from "@milagro/engine/error";
import type { CredentialClaim } from "@milagro/protocol/channel-credential";
import { startVerifyPool } from "@milagro/runtime/channel/verify-pool";
import { silentLog } from "@milagro/runtime/log";
import { expect, test } from "vitest";
import { connect, createTicketCache } from "../src/index.ts";
import { ALICE, ask, authority, BOB, codeOf, listen, makeWorld, nobody, party, world } from "./fixture.ts";

test("both ends know who is at the other, and derive the same keys", async () => {
  const { port, host, server } = await listen({});
  const accepted = new Promise<{ name: string; key: string }>((resolve) =>
    server.once("channel", (channel) =>
      resolve({ name: channel.peerName, key: channel.exportKey("test").toString("hex") }),
    ),
  );
  const channel = await connect({ self: party(ALICE), to: BOB, host, port });
  expect(channel.peerIdentity).toBe(BOB);
  expect(await ask(channel, "hello")).toBe("hello");
  const other = await accepted;
  expect(other.name).toBe(ALICE);
  expect(channel.exportKey("test").toString("hex")).toBe(other.key);
  expect(channel.exportKey("other").toString("hex")).not.toBe(other.key);
  channel.destroy();
});

test("nobody in particular can reach a server that lets anonymous peers in", async () => {
  const { port, host, server } = await listen({ allow: ["anonymous"] });
  const channel = await connect({ self: nobody(), to: BOB, host, port });
  expect(channel.peerIdentity).toBe(BOB);
  expect(await ask(channel, "hello")).toBe("hello");
  expect([...server.channels].map(({ peerName }) => peerName)).toEqual(["anonymous"]);
  channel.destroy();
});

test("signatures are checked in a worker thread, several at once, and a false one among them alone is refused", async () => {
  const { port, host, errors } = await listen({ workers: 1 });
  const liar = party(ALICE, { ...(await makeWorld()), domain: world.domain });
  const selves = [party(ALICE), liar, party(ALICE), party(ALICE)];
  const outcomes = await Promise.all(
    selves.map((self) =>
      codeOf(connect({ self, to: BOB, host, port }).then((channel) => channel.on("error", () => {}).end())),
    ),
  );
  expect(outcomes).toEqual(["ok", "ERR_CHANNEL_REFUSED", "ok", "ok"]);
  expect(errors.map((error) => (error as MilagroError).code)).toEqual(["ERR_CHANNEL_AGREEMENT"]);
});

test("where the worker threads do not start, signatures are checked without them, and false ones are still refused", async () => {
  const self = party(ALICE);
  const url = new URL("file:///no/such/module.js");
  const here = (claim: CredentialClaim) => self.verify(claim);
  const pool = startVerifyPool({ domain: world.domain, log: silentLog, size: 1, url, here });
  const own = self.own();
  if (!("sign" in own)) throw new TypeError("an identity signs");
  const message = new Uint8Array(32);
  const signature = await own.sign(message);
  const { credential } = own;
  expect(await pool.verify({ credential, message, signature })).toBe(true);
  expect(await pool.verify({ credential, message: Uint8Array.of(1), signature })).toBe(false);
  await pool.close();
});

test("a D-TA answers with its statement key", async () => {
  const { port, host } = await listen({ self: authority() });
  const channel = await connect({ self: party(ALICE), to: "dta:1", host, port });
  expect(channel.peerName).toBe("dta:1");
  expect(channel.peerIdentity).toBeUndefined();
  channel.destroy();
});

test("with a ticket the second channel needs no agreement", async () => {
  const { port, host, server } = await listen({});
  const tickets = createTicketCache();
  const self = party(ALICE);
  for (const origin of ["agreement", "ticket", "ticket"]) {
    const accepted = new Promise<string>((resolve) => server.once("channel", ({ peerName }) => resolve(peerName)));
    const channel = await connect({ self, to: BOB, host, port, tickets });
    expect(channel.origin).toBe(origin);
    expect(await accepted).toBe(ALICE);
    expect(await ask(channel, "hello")).toBe("hello");
    channel.destroy();
  }
});

test("whom the server does not let in is told so", async () => {
  const { port, host } = await listen({ allow: ["milagro:example.org/service/carol"] });
  expect(await codeOf(connect({ self: party(ALICE), to: BOB, host, port }))).toBe("ERR_CHANNEL_REFUSED");
  expect(await codeOf(connect({ self: party(ALICE), to: BOB, host, port, tickets: createTicketCache() }))).toBe(
    "ERR_CHANNEL_REFUSED",
  );
});

test("whoever answers in the place of another is not talked to", async () => {
  const { port, host } = await listen({});
  expect(await codeOf(connect({ self: party(ALICE), to: ALICE, host, port }))).toBe("ERR_CHANNEL_PEER");
});

test("one list of rules decides at both ends, each for itself", async () => {
  const rule = { effect: "allow", initiators: [ALICE], responders: [BOB] } as const;
  const { port, host } = await listen({ allow: undefined, policy: () => [rule] });
  const dial = (policy?: () => readonly (typeof rule)[]) =>
    codeOf(connect({ self: party(ALICE), to: BOB, host, port, policy }).then((channel) => channel.end()));
  expect(await dial()).toBe("ok");
  expect(await dial(() => [rule])).toBe("ok");
  expect(await dial(() => [])).toBe("ERR_CHANNEL_REFUSED");
  const carol = "milagro:example.org/service/carol" as typeof BOB;
  expect(await codeOf(connect({ self: party(carol), to: BOB, host, port }))).toBe("ERR_CHANNEL_REFUSED");
});

test("a responder that was revoked is not talked to", async () => {
  const { port, host } = await listen({});
  const outcome = connect({ self: party(ALICE), to: BOB, host, port, revoked: () => true });
  expect(await codeOf(outcome)).toBe("ERR_CHANNEL_REFUSED");
});
