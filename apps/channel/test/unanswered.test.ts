/**
 * Callbacks of the application that never answer, or too late. The time of handshakes passes when the test says so, so nothing here depends on who is faster.
 */
import { once } from "node:events";
import { Socket } from "node:net";
import { utf8 } from "@milagro/crypto/bytes";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import { mpinIdentity, mpinInput } from "@milagro/crypto/mpin-identity";
import { combineClientSecretShares, issueClientSecretShare } from "@milagro/crypto/mpin-key";
import { loginSubject } from "@milagro/crypto/mpin-login";
import { combineServerSecretShares, issueServerSecretShare } from "@milagro/crypto/mpin-server-key";
import { parsePin } from "@milagro/crypto/mpin-token";
import { createToken } from "@milagro/crypto/mpin-token-making";
import { type MpinResponder, mpinInitiator } from "@milagro/protocol/channel-mpin";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { type Channel, connect, createTicketCache, personSelf, requestKey, type ServerOptions } from "../src/index.ts";
import { cutShort } from "./cutter.ts";
import { ALICE, ask, BOB, codeOf, engine, type Listening, listen, party, random, world } from "./fixture.ts";

const LIMIT_MS = 10_000;
const self = party(ALICE);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

/** A question that is answered when the test wants: `asked` says that it has been put. */
function question<T>() {
  const { promise: answer, resolve, reject } = Promise.withResolvers<T>();
  const { promise: asked, resolve: reach } = Promise.withResolvers<void>();
  const ask = (): Promise<T> => {
    reach();
    return answer;
  };
  return { asked, ask, resolve, reject };
}

/** One place in all, and what comes of it. */
async function onePlace(options: Partial<ServerOptions>) {
  const channels: Channel[] = [];
  const listening = await listen({ maxPending: 1, handshakeTimeoutMs: LIMIT_MS, ...options }, (channel) => {
    channels.push(channel.on("error", () => {}));
    channel.pipe(channel);
  });
  return { ...listening, channels };
}

/** What is rejected without anybody to hear it. */
function unheard(): unknown[] {
  const heard: unknown[] = [];
  const onUnhandled = (reason: unknown): unknown => heard.push(reason);
  process.on("unhandledRejection", onUnhandled);
  onTestFinished(() => void process.off("unhandledRejection", onUnhandled));
  return heard;
}

/** A channel that has come and gone, and left a ticket. */
async function ticketFrom({ server, channels, host, port }: Awaited<ReturnType<typeof onePlace>>) {
  const tickets = createTicketCache();
  const channel = await connect({ self, to: BOB, host, port, tickets });
  await until(() => channels.length === 1);
  channel.destroy();
  await until(() => server.channels.size === 0 && server.pending === 0);
  return tickets;
}

async function isOver({ server, errors }: Listening): Promise<void> {
  await until(() => errors.length === 1);
  expect(errors).toMatchObject([{ code: "ERR_TIMEOUT" }]);
  await until(() => server.pending === 0);
}

const LATE: readonly [string, (revoked: ReturnType<typeof question<boolean>>) => void][] = [
  ["never", () => {}],
  ["too late: no", ({ resolve }) => resolve(false)],
  ["too late: yes", ({ resolve }) => resolve(true)],
  ["too late: an error", ({ reject }) => reject(new Error("the database is gone"))],
];

for (const origin of ["agreement", "ticket"] as const)
  test.each(LATE)(
    `by ${origin}, \`revoked\` answers %s: the place is free when the time is over, and there is no channel`,
    async (_, answer) => {
      const rejected = unheard();
      const revoked = question<boolean>();
      let asks = origin === "agreement" ? 1 : 0;
      const server = await onePlace({ revoked: () => (asks++ === 1 ? revoked.ask() : false) });
      const tickets = origin === "ticket" ? await ticketFrom(server) : undefined;
      const options = { self, to: BOB, ...server, timeoutMs: 10 * LIMIT_MS };
      const already = server.channels.length;
      const dialled = connect({ ...options, tickets });
      const ended = dialled.then((channel) => once(channel.on("error", () => {}).resume(), "close"), String);
      await revoked.asked;
      // By ticket TLS is set up meanwhile, on both sides.
      if (origin === "ticket") await dialled;
      for (let i = 0; i < 50; i++) await turn();
      expect(server.server.pending).toBe(1);
      vi.advanceTimersByTime(LIMIT_MS);
      await isOver(server);
      await ended;
      answer(revoked);
      const channel = await connect(options);
      expect(await ask(channel, "a place")).toBe("a place");
      expect(server.channels.length).toBe(already + 1);
      expect([server.errors.length, rejected]).toEqual([1, []]);
      channel.destroy();
    },
  );

test("who shows a ticket, hangs up, and was being looked up in a database that fails: nothing breaks", async () => {
  const rejected = unheard();
  const revoked = question<boolean>();
  let asks = 0;
  const server = await onePlace({ revoked: () => (asks++ === 1 ? revoked.ask() : false) });
  const tickets = await ticketFrom(server);
  const cutter = await cutShort(server, { messages: 1, bytes: 0, when: "at once", how: "resets" });
  const gone = connect({ self, to: BOB, ...cutter, tickets }).catch(() => {});
  await revoked.asked;
  await cutter.gone;
  await until(() => server.server.pending === 0);
  revoked.reject(new Error("the database is gone"));
  await gone;
  await turn();
  expect(rejected).toEqual([]);
});

test("a `grant` that never answers: likewise", async () => {
  const grant = question<undefined>();
  const server = await onePlace({ grant: grant.ask });
  const ended = codeOf(requestKey({ self, to: BOB, ...server, timeoutMs: 10 * LIMIT_MS }));
  await grant.asked;
  vi.advanceTimersByTime(LIMIT_MS);
  await isOver(server);
  expect(await ended).toBe("ERR_UNREACHABLE");
});

const { masters, domain, clock } = world;
const PERSON = mpinIdentity({ domain: "example.org", service: "shop", user: "eve", device: "d1" });

test.each(["attempt", "subject", "outcome"] as const)(
  "of a person, an `%s` that never answers: likewise",
  async (callback) => {
    const input = mpinInput(domain.domainId, PERSON, NO_EXPIRY);
    const secret = combineClientSecretShares(engine, [issueClientSecretShare(engine, masters.mpin, input).share]);
    const pin = () => ({ pin: parsePin(utf8("1234")) });
    const token = createToken(engine, secret, pin());
    const person = mpinInitiator(engine, random, { token, permit: undefined, unlock: pin });
    const never = question<never>();
    const mpin: MpinResponder = {
      engine,
      random,
      serverSecret: combineServerSecretShares(engine, [issueServerSecretShare(engine, masters.mpin)]),
      attempt: () => undefined,
      subject: () => loginSubject(input, undefined),
      outcome: () => {},
      [callback]: never.ask,
    };
    const server = await onePlace({ mpin });
    const eve = personSelf({ engine, random, clock, domain, person });
    const ended = codeOf(connect({ self: eve, to: BOB, ...server, timeoutMs: 10 * LIMIT_MS }));
    await never.asked;
    vi.advanceTimersByTime(LIMIT_MS);
    await isOver(server);
    expect(await ended).toBe("ERR_UNREACHABLE");
  },
);

for (const origin of ["agreement", "ticket"] as const) {
  /** A client that asks, and how it ends. */
  async function asking(signal?: AbortSignal) {
    const revoked = question<boolean>();
    const server = await onePlace({});
    const tickets = origin === "ticket" ? await ticketFrom(server) : undefined;
    const options = { self, to: BOB, ...server, tickets, timeoutMs: LIMIT_MS, signal };
    const ended = connect({ ...options, revoked: revoked.ask });
    ended.catch(() => {});
    await revoked.asked;
    return { server, ended };
  }

  test(`by ${origin}, \`revoked\` of who dials never answers: ERR_TIMEOUT, and the server has its place back`, async () => {
    const { server, ended } = await asking();
    vi.advanceTimersByTime(LIMIT_MS);
    expect(await codeOf(ended)).toBe("ERR_TIMEOUT");
    await until(() => server.server.pending === 0);
  });

  test(`by ${origin}, who dials stops while \`revoked\` does not answer: that is how it ends`, async () => {
    const stop = new AbortController();
    const { server, ended } = await asking(stop.signal);
    stop.abort(new Error("enough"));
    await expect(ended).rejects.toThrow("enough");
    await until(() => server.server.pending === 0);
  });
}

test("on a socket that is gone there is no channel, and nobody waits for one", async () => {
  const socket = new Socket();
  socket.destroy();
  await once(socket, "close");
  expect(await codeOf(connect({ self, to: BOB, socket }))).toBe("ERR_UNREACHABLE");
});
