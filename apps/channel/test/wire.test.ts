/** What somebody who watches or changes the bytes sees and gets. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { connect, createTicketCache } from "../src/index.ts";
import { ALICE, ask, BOB, codeOf, listen, party, until } from "./fixture.ts";
import { helloMessages, record } from "./recorder.ts";

const PRE_SHARED_KEY = 41;
const SERVER_NAME = 0;
const KEY_SHARE = 51;
const self = party(ALICE);

test("no certificate and no identity of the initiator is on the wire, neither in band nor by ticket", async () => {
  const recorder = await record(await listen({}));
  const tickets = createTicketCache();
  for (const origin of ["agreement", "ticket"]) {
    const channel = await connect({ self, to: BOB, host: recorder.host, port: recorder.port, tickets });
    expect(channel.origin).toBe(origin);
    expect(await ask(channel, "confidential text")).toBe("confidential text");
    channel.destroy();
  }
  const everything = Buffer.concat([recorder.sent(), recorder.received()]);
  // None so short that random bytes would spell it now and then.
  const texts = [ALICE, BOB, "alice", "service/bob", "service", "example.org", "confidential"];
  for (const text of texts) {
    for (const encoding of ["utf8", "base64", "hex"] as const) {
      const needle = Buffer.from(Buffer.from(text).toString(encoding).replace(/=+$/, ""));
      expect(everything.includes(needle), `${text} in ${encoding}`).toBe(false);
    }
  }
  // A handshake whose server takes a pre-shared key has no certificate (RFC 8446 §4.4.2).
  const hellos = [...helloMessages(recorder.sent()), ...helloMessages(recorder.received())];
  expect(hellos.map(({ type }) => type)).toEqual([1, 1, 2, 2]);
  for (const { extensions } of hellos) {
    expect(extensions).toContain(PRE_SHARED_KEY);
    expect(extensions).not.toContain(SERVER_NAME);
  }
  // In band the agreement was the key exchange: the server's hello holds no second one.
  expect(hellos.map(({ extensions }) => extensions.includes(KEY_SHARE))).toEqual([true, true, false, true]);
});

test("the TLS names of two channels in band have nothing in common", async () => {
  const recorder = await record(await listen({}));
  for (let i = 0; i < 2; i++) (await connect({ self, to: BOB, ...recorder })).destroy();
  const names =
    recorder
      .sent()
      .toString("latin1")
      .match(/[A-Za-z0-9_-]{22}(?=[^A-Za-z0-9_-])/g) ?? [];
  expect(new Set(names).size).toBe(names.length);
});

test("a changed byte anywhere ends in no channel, or in one that breaks: never in changed data", async () => {
  const server = await listen({});
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 3200 }), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      let passed = 0;
      const recorder = await record(server, (chunk) => {
        const copy = Buffer.from(chunk);
        const place = at - passed;
        if (place >= 0 && place < copy.length) copy[place] = (copy[place] as number) ^ mask;
        passed += chunk.length;
        return copy;
      });
      const outcome = connect({ self, to: BOB, ...recorder, timeoutMs: 2000 }).then(
        async (channel) => {
          const answer = await ask(channel, "x".repeat(1000)).catch(() => "broken");
          channel.destroy();
          return answer;
        },
        () => "refused",
      );
      expect(["x".repeat(1000), "broken", "refused"]).toContain(await outcome);
      if (at < 1290) expect(await outcome).toBe("refused");
    }),
  );
});

test.each([1, 100, 1289, 1297, 1500])(
  "a peer that stops after %i bytes is waited for until the handshake's time is over, and no longer",
  async (bytes) => {
    const server = await listen({ handshakeTimeoutMs: 60 });
    let passed = 0;
    const recorder = await record(server, (chunk) => {
      const rest = Math.max(0, bytes - passed);
      passed += chunk.length;
      return chunk.subarray(0, rest);
    });
    const outcome = codeOf(connect({ self, to: BOB, ...recorder, timeoutMs: 5000 }));
    await until(() => server.errors.length === 1);
    expect(server.errors[0]).toMatchObject({ code: "ERR_TIMEOUT" });
    expect(await outcome).not.toBe("ok");
    await until(() => server.server.pending === 0);
  },
);
