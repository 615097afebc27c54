/** A person at a server: M-Pin Full inside the agreement. */

import { utf8 } from "@milagro/crypto/bytes";
import { type Epoch, epochAt, NO_EXPIRY } from "@milagro/crypto/epoch";
import { mpinIdentity, mpinInput, permitInput } from "@milagro/crypto/mpin-identity";
import { combineClientSecretShares, issueClientSecretShare } from "@milagro/crypto/mpin-key";
import { loginSubject } from "@milagro/crypto/mpin-login";
import { combineServerSecretShares, issueServerSecretShare } from "@milagro/crypto/mpin-server-key";
import { parsePin, type Unlock } from "@milagro/crypto/mpin-token";
import { createToken } from "@milagro/crypto/mpin-token-making";
import { combineTimePermitShares, issueTimePermitShares } from "@milagro/crypto/time-permit";
import { type MpinResponder, mpinInitiator } from "@milagro/protocol/channel-mpin";
import { expect, test } from "vitest";
import { connect, createTicketCache, personSelf } from "../src/index.ts";
import { ask, BOB, codeOf, EPOCH_SECONDS, engine, listen, random, until, world } from "./fixture.ts";
import { record } from "./recorder.ts";

const { masters, domain, clock } = world;
const PERSON = mpinIdentity({ domain: "example.org", service: "shop", user: "eve", device: "d1" });
const epoch = epochAt(world.nowMs, EPOCH_SECONDS);
const input = mpinInput(domain.domainId, PERSON, NO_EXPIRY);
const pin = (digits: string): Unlock => ({ pin: parsePin(utf8(digits)) });
const secret = combineClientSecretShares(engine, [issueClientSecretShare(engine, masters.mpin, input).share]);
const token = createToken(engine, secret, pin("1234"));
const serverSecret = combineServerSecretShares(engine, [issueServerSecretShare(engine, masters.mpin)]);

function permitFor(at: Epoch) {
  const { shares } = issueTimePermitShares(engine, masters.mpin, [permitInput(input, at)]);
  return combineTimePermitShares(engine, shares);
}

function person(digits = "1234", permit?: ReturnType<typeof permitFor>) {
  const unlock = (): Unlock => pin(digits);
  const initiator = mpinInitiator(engine, random, { token, permit, unlock });
  return personSelf({ engine, random, clock, domain, person: initiator });
}

function responder(change: Partial<MpinResponder> = {}) {
  const outcomes: boolean[] = [];
  const mpin: MpinResponder = {
    engine,
    random,
    serverSecret,
    attempt: () => undefined,
    subject: (identity, permitEpoch) =>
      loginSubject(
        mpinInput(domain.domainId, identity, NO_EXPIRY),
        permitEpoch === NO_EXPIRY ? undefined : permitEpoch,
      ),
    outcome: (_, accepted) => void outcomes.push(accepted),
    ...change,
  };
  return { mpin, outcomes };
}

test("with the right PIN there is a channel, and the server knows the person", async () => {
  const { mpin, outcomes } = responder();
  const { host, port, server } = await listen({ mpin });
  const channel = await connect({ self: person(), to: BOB, host, port });
  expect(await ask(channel, "hello")).toBe("hello");
  expect([...server.channels].map(({ peerIdentity }) => peerIdentity)).toEqual([PERSON]);
  expect(outcomes).toEqual([true]);
  channel.destroy();
});

test("with a time permit, and by ticket afterwards without the PIN", async () => {
  const { mpin, outcomes } = responder();
  const { host, port } = await listen({ mpin });
  const tickets = createTicketCache();
  for (const origin of ["agreement", "ticket"]) {
    const channel = await connect({ self: person("1234", permitFor(epoch)), to: BOB, host, port, tickets });
    expect(channel.origin).toBe(origin);
    channel.destroy();
  }
  expect(outcomes).toEqual([true]);
});

test("pairings are made in the server's worker, not where its channels run; a wrong PIN is refused there too", async () => {
  const busy = { ...engine };
  for (const name of Object.keys(busy).filter((one) => /pair/i.test(one)))
    Object.assign(busy, { [name]: () => expect.fail(`${name} was called where channels run`) });
  expect(Object.keys(busy).filter((one) => /pair/i.test(one)).length).toBeGreaterThan(1);
  const { mpin, outcomes } = responder({ engine: busy });
  const { host, port } = await listen({ mpin, workers: 1 });
  (await connect({ self: person(), to: BOB, host, port })).destroy();
  (await connect({ self: person("1234", permitFor(epoch)), to: BOB, host, port })).destroy();
  expect(await codeOf(connect({ self: person("1235"), to: BOB, host, port }))).toBe("ERR_CHANNEL_REFUSED");
  expect(outcomes).toEqual([true, true, false]);
  // Without a worker they would be made here.
  const here = await listen({ mpin, workers: 0 });
  await expect(connect({ self: person(), to: BOB, host: here.host, port: here.port })).rejects.toThrow();
  expect(outcomes).toHaveLength(3);
});

test("with a wrong PIN there is none, and the server has counted it", async () => {
  const { mpin, outcomes } = responder();
  const { host, port, server } = await listen({ mpin });
  expect(await codeOf(connect({ self: person("1235"), to: BOB, host, port }))).toBe("ERR_CHANNEL_REFUSED");
  expect(outcomes).toEqual([false]);
  expect(server.channels.size).toBe(0);
});

test("with a permit that is not the person's of this epoch there is none", async () => {
  const { mpin, outcomes } = responder({
    subject: (identity) => loginSubject(mpinInput(domain.domainId, identity, NO_EXPIRY), epoch),
  });
  const { host, port } = await listen({ mpin });
  const old = permitFor((epoch - 1) as Epoch);
  expect(await codeOf(connect({ self: person("1234", old), to: BOB, host, port }))).toBe("ERR_CHANNEL_REFUSED");
  expect(await codeOf(connect({ self: person(), to: BOB, host, port }))).toBe("ERR_CHANNEL_REFUSED");
  expect(outcomes).toEqual([false, false]);
});

test("an attempt that is not allowed costs the server no point", async () => {
  let asked = 0;
  const { mpin } = responder({
    attempt: () => "ERR_CHANNEL_REFUSED",
    subject: () => {
      asked += 1;
      throw new TypeError("not asked");
    },
  });
  const { host, port } = await listen({ mpin });
  expect(await codeOf(connect({ self: person(), to: BOB, host, port }))).toBe("ERR_CHANNEL_REFUSED");
  expect(asked).toBe(0);
});

test("a server without the server secret does not get a channel, nor anything to test PINs with", async () => {
  const foreign = combineServerSecretShares(engine, [
    issueServerSecretShare(engine, (await import("./fixture.ts").then((f) => f.makeWorld())).masters.mpin),
  ]);
  const { mpin } = responder({ serverSecret: foreign });
  const { host, port, errors } = await listen({ mpin });
  expect(await codeOf(connect({ self: person(), to: BOB, host, port }))).toBe("ERR_CHANNEL_REFUSED");
  await until(() => errors.length === 1);
});

test("the PIN is asked for only when the server has been verified", async () => {
  let asked = 0;
  const unlock = (): Unlock => {
    asked += 1;
    return pin("1234");
  };
  const self = personSelf({
    engine,
    random,
    clock,
    domain,
    person: mpinInitiator(engine, random, { token, permit: undefined, unlock }),
  });
  const { host, port } = await listen({ mpin: responder().mpin });
  const to = "milagro:example.org/service/carol" as typeof BOB;
  expect(await codeOf(connect({ self, to, host, port }))).toBe("ERR_CHANNEL_PEER");
  expect(asked).toBe(0);
});

test("nothing on the wire says who logs in", async () => {
  const recorder = await record(await listen({ mpin: responder().mpin }));
  (await connect({ self: person(), to: BOB, host: recorder.host, port: recorder.port })).destroy();
  const everything = Buffer.concat([recorder.sent(), recorder.received()]).toString("latin1");
  // None so short that random bytes would spell it now and then.
  for (const text of [PERSON, "shop/", "/eve/", "mpin/"]) expect(everything).not.toContain(text);
});
