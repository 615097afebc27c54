import { parseEpoch } from "@milagro/crypto/epoch";
import { parseIdentity } from "@milagro/crypto/identity";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { channelStatement, parseCredential, verifyCredential, withEncoding } from "../src/channel-credential.ts";
import { parseFrame } from "../src/channel-frame.ts";
import { beginAgreement } from "../src/channel-initiator.ts";
import { answerAgreement } from "../src/channel-responder.ts";
import {
  alice,
  anonymousCredential,
  authorityCredential,
  bob,
  founded,
  identityCredential,
  portsOf,
  pskOf,
  type RunOptions,
  run,
} from "./channel-run.ts";
import { ALICE, BOB, EPOCH, EPOCH_SECONDS, engine, flip, foundDomain } from "./fixture.ts";

const CAROL = parseIdentity("milagro:example.org/person/carol");
const other = await foundDomain(1, "example.net");
const sameName = await foundDomain(1);

describe("both sides agree on one key, and on who the other is", () => {
  test.each<[string, RunOptions, string, string]>([
    ["two identities", {}, ALICE, BOB],
    ["an identity and a D-TA", { peer: authorityCredential() }, ALICE, "dta"],
    ["a D-TA and an identity", { own: authorityCredential() }, "dta", BOB],
    ["nobody and an identity", { own: anonymousCredential }, "anonymous", BOB],
    ["one identity with itself", { peer: alice }, ALICE, ALICE],
  ])("%s", async (_, options, initiator, responder) => {
    const outcome = await run(options);
    expect(outcome.code).toBe("ok");
    expect(pskOf(outcome.initiator)).toBe(pskOf(outcome.responder));
    expect(outcome.initiator?.pskName).toBe(outcome.responder?.pskName);
    const names = [outcome.responder?.peer, outcome.initiator?.peer].map((peer) =>
      peer && "identity" in peer ? peer.identity : peer?.kind === "authority" ? "dta" : peer?.kind,
    );
    expect(names).toEqual([initiator, responder]);
  });

  test("no key and no name of a key comes twice, and neither of them tells the other", async () => {
    const outcomes = [await run(), await run()];
    const values = outcomes.flatMap(({ initiator }) => [pskOf(initiator), initiator?.pskName]);
    expect(new Set(values).size).toBe(4);
  });

  test("a key for other programs is another one, under the name that the responder gives it", async () => {
    const kept: string[] = [];
    const outcome = await run({
      purpose: { stream: true, grant: true },
      responder: {
        grant(_, psk) {
          kept.push(psk.use((bytes) => Buffer.from(bytes).toString("hex")));
          return { identity: "service/alice", lifetimeSeconds: 600 };
        },
      },
    });
    const { grant } = outcome.initiator ?? {};
    expect(grant?.identity).toBe("service/alice");
    expect(grant?.lifetimeSeconds).toBe(600);
    expect(grant?.psk.use((bytes) => Buffer.from(bytes).toString("hex"))).toBe(kept[0]);
    expect(pskOf(outcome.initiator)).not.toBe(kept[0]);
    expect(pskOf(outcome.initiator)).toBe(pskOf(outcome.responder));
  });

  test("a responder that grants nothing says so, and the agreement stands", async () => {
    const outcome = await run({ purpose: { stream: true, grant: true } });
    expect(outcome.initiator?.grant).toBeUndefined();
    expect(pskOf(outcome.initiator)).toBe(pskOf(outcome.responder));
  });
});

describe("the initiator goes no further", () => {
  test.each<[string, RunOptions, string]>([
    [
      "when the responder has another's key",
      { peer: identityCredential(CAROL, { claims: BOB }) },
      "ERR_CHANNEL_AGREEMENT",
    ],
    [
      "when the responder has its own, the initiator's, key only (KCI)",
      { peer: identityCredential(ALICE, { claims: BOB }) },
      "ERR_CHANNEL_AGREEMENT",
    ],
    [
      "when the responder is of another domain of the same name",
      { peer: identityCredential(BOB, { at: sameName }) },
      "ERR_CHANNEL_AGREEMENT",
    ],
    [
      "when the responder's name is of another domain",
      { peer: identityCredential(parseIdentity("milagro:example.net/person/bob")) },
      "ERR_DOMAIN_MISMATCH",
    ],
    ["when the responder is a D-TA that there is not", { peer: authorityCredential(9) }, "ERR_DOMAIN_MISMATCH"],
    [
      "when the responder is one D-TA with the key of another",
      { peer: authorityCredential(2) },
      "ERR_CHANNEL_AGREEMENT",
    ],
    ["when the responder is nobody", { peer: anonymousCredential }, "ERR_CHANNEL_MESSAGE"],
    [
      "when the responder's key is of an epoch gone by",
      { peer: identityCredential(BOB, { epoch: parseEpoch(EPOCH - 1) }) },
      "ERR_EPOCH_OUT_OF_WINDOW",
    ],
    [
      "when the responder's key is of an epoch to come",
      { peer: identityCredential(BOB, { epoch: parseEpoch(EPOCH + 1) }) },
      "ERR_EPOCH_OUT_OF_WINDOW",
    ],
    [
      "when the responder's key has no expiry",
      { peer: identityCredential(BOB, { epoch: parseEpoch(0) }) },
      "ERR_EPOCH_OUT_OF_WINDOW",
    ],
    ["when its own policy refuses", { initiatorPorts: { decide: () => "ERR_CHANNEL_PEER" } }, "ERR_CHANNEL_PEER"],
  ])("%s", async (_, options, code) => {
    const outcome = await run(options);
    expect(outcome).toMatchObject({ code, initiator: undefined, responder: undefined });
    expect(outcome.messages.length).toBeLessThanOrEqual(2);
  });
});

describe("the responder goes no further", () => {
  const refused = async (options: RunOptions) => {
    const { code, responder } = await run(options);
    return { code, responder };
  };
  test.each<[string, RunOptions, string]>([
    [
      "when the initiator has another's key",
      { own: identityCredential(CAROL, { claims: ALICE }) },
      "ERR_CHANNEL_AGREEMENT",
    ],
    [
      "when the initiator has the responder's key only (KCI)",
      { own: identityCredential(BOB, { claims: ALICE }) },
      "ERR_CHANNEL_AGREEMENT",
    ],
    [
      "when the initiator's key is of an epoch gone by",
      { own: identityCredential(ALICE, { epoch: parseEpoch(EPOCH - 1) }) },
      "ERR_EPOCH_OUT_OF_WINDOW",
    ],
    [
      "when its policy refuses, or the identity is revoked",
      { responderPorts: { decide: () => "ERR_CHANNEL_REFUSED" } },
      "ERR_CHANNEL_REFUSED",
    ],
    ["when the initiator is of another domain", { initiatorPorts: { domain: other.domain } }, "ERR_DOMAIN_MISMATCH"],
    [
      "when the initiator is of another domain of the same name",
      { initiatorPorts: { domain: sameName.domain } },
      "ERR_DOMAIN_MISMATCH",
    ],
  ])("%s", async (_, options, code) => {
    expect(await refused(options)).toEqual({ code, responder: undefined });
  });

  test("and looks at no signature of whom its policy refuses, or whose epoch is over", async () => {
    let verified = 0;
    const verify = (): boolean => {
      verified += 1;
      return true;
    };
    await run({ responderPorts: { verify, decide: () => "ERR_CHANNEL_REFUSED" } });
    await run({ responderPorts: { verify }, own: identityCredential(ALICE, { epoch: parseEpoch(EPOCH - 1) }) });
    expect(verified).toBe(0);
    await run({ responderPorts: { verify } });
    expect(verified).toBe(1);
  });

  test("a person, where no persons are let in", async () => {
    const credential = { kind: "mpin", identity: "milagro:example.org/mpin/s/u/d", permitEpoch: 0 } as never;
    const point = engine.g1.encode(engine.g1.generator);
    const own = {
      credential,
      begin: () => ({ u: point, r: point, destroy() {} }) as never,
      unlock: () => ({}) as never,
    };
    expect(await refused({ own })).toEqual({ code: "ERR_CHANNEL_REFUSED", responder: undefined });
  });
});

describe("around the turn of an epoch", () => {
  const boundary = EPOCH * EPOCH_SECONDS * 1000;
  const at = (ms: number) => ({ initiatorPorts: { clock: () => ms }, responderPorts: { clock: () => ms } });
  const old = identityCredential(ALICE, { epoch: parseEpoch(EPOCH - 1) });
  test.each<[string, RunOptions, string]>([
    ["the old key counts for five minutes", { own: old, ...at(boundary + 299_000) }, "ok"],
    ["and no longer", { own: old, ...at(boundary + 301_000) }, "ERR_EPOCH_OUT_OF_WINDOW"],
    ["the new key counts five minutes before", { ...at(boundary - 299_000) }, "ok"],
    ["and not earlier", { ...at(boundary - 301_000) }, "ERR_EPOCH_OUT_OF_WINDOW"],
    [
      "clocks that differ by minutes do not matter",
      {
        initiatorPorts: { clock: () => boundary - 200_000 },
        responderPorts: { clock: () => boundary + 90_000 },
        own: old,
      },
      "ok",
    ],
  ])("%s", async (_, options, code) => {
    expect((await run(options)).code).toBe(code);
  });
});

describe("whoever is in between gets nowhere", () => {
  test("by flipping any bit of any message: never do both sides agree", () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 2 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 0, max: 7 }),
        async (place, where, bit) => {
          const outcome = await run({
            between: (message, i) => (i === place ? flip(message, Math.floor(where * message.length), bit) : message),
          });
          expect(outcome.responder).toBeUndefined();
          expect(outcome.code).toMatch(
            /^ERR_(?:CHANNEL_AGREEMENT|CHANNEL_MESSAGE|VERSION_UNSUPPORTED|DOMAIN_MISMATCH)$/,
          );
          if (place < 2) expect(outcome.initiator).toBeUndefined();
        },
      ),
    ));

  test.each([0, 1, 2])("by cutting message %i short", async (place) => {
    for (const change of [(m: Uint8Array) => m.slice(0, -1), (m: Uint8Array) => m.slice(0, 7)]) {
      const outcome = await run({ between: (message, i) => (i === place ? change(message) : message) });
      expect(outcome.code).toBe("ERR_CHANNEL_MESSAGE");
      expect(outcome.responder).toBeUndefined();
    }
  });

  test("by replaying one message of an earlier agreement in its place", async () => {
    const earlier = await run();
    for (const place of [0, 1, 2]) {
      const outcome = await run({
        between: (message, i) => (i === place ? (earlier.messages[place] as Uint8Array) : message),
      });
      expect(outcome.code).toBe("ERR_CHANNEL_AGREEMENT");
      expect(outcome.responder).toBeUndefined();
    }
  });

  test("by replaying a whole earlier agreement to the responder", async () => {
    const { messages } = await run();
    const responder = answerAgreement({ ports: portsOf(), own: bob });
    await responder.receive(parseFrame(messages[0] as Uint8Array));
    await expect(responder.receive(parseFrame(messages[2] as Uint8Array))).rejects.toMatchObject({
      code: "ERR_CHANNEL_AGREEMENT",
    });
  });

  test("by reflecting the initiator's messages to it", async () => {
    const initiator = beginAgreement({ ports: portsOf(), own: alice, purpose: { stream: true, grant: false } });
    await expect(initiator.receive(parseFrame(initiator.offer))).rejects.toMatchObject({ code: "ERR_CHANNEL_MESSAGE" });
  });

  test("by sending messages out of order or twice, also at once", async () => {
    const { messages } = await run();
    const [offer, , proof] = messages.map((message) => parseFrame(message));
    if (!offer || !proof) throw new TypeError("three messages");
    const early = answerAgreement({ ports: portsOf(), own: bob });
    await expect(early.receive(proof)).rejects.toMatchObject({ code: "ERR_CHANNEL_MESSAGE" });
    await expect(early.receive(offer)).rejects.toMatchObject({ code: "ERR_CHANNEL_MESSAGE" });
    const twice = answerAgreement({ ports: portsOf(), own: bob });
    const [first, second] = await Promise.allSettled([twice.receive(offer), twice.receive(offer)]);
    expect([first?.status, second?.status]).toContain("rejected");
  });

  test("by a signature for another peer: the proof that Carol got from Alice is worth nothing to Bob", () => {
    const hash = new Uint8Array(32);
    const carol = Uint8Array.of(1, 2, 3);
    const made = channelStatement("initiator", hash, withEncoding(alice.credential), carol);
    const signature = alice.sign(made) as Uint8Array;
    const wanted = channelStatement("initiator", hash, withEncoding(alice.credential), Uint8Array.of(3, 2, 1));
    const asResponder = channelStatement("responder", hash, withEncoding(alice.credential), carol);
    const claim = { credential: alice.credential, signature };
    expect(verifyCredential(engine, founded.domain, { ...claim, message: made })).toBe(true);
    expect(verifyCredential(engine, founded.domain, { ...claim, message: wanted })).toBe(false);
    expect(verifyCredential(engine, founded.domain, { ...claim, message: asResponder })).toBe(false);
  });
});

describe("a credential is not parsed", () => {
  const identity = (text: string | Uint8Array, epoch = 1): Uint8Array => {
    const bytes = typeof text === "string" ? Buffer.from(text) : text;
    return Buffer.concat([
      Buffer.from([1, bytes.length >> 8, bytes.length & 255]),
      bytes,
      Buffer.from([0, 0, 0, 0, 0, 0, 0, epoch]),
    ]);
  };
  test.each<[string, Uint8Array]>([
    ["with NUL in the identity", identity("milagro:example.org/person/a\0b")],
    ["with an identity of 256 bytes", identity(`milagro:example.org/person/${"a".repeat(229)}`)],
    ["with an identity of 65 535 bytes", identity("a".repeat(65_535))],
    ["with broken UTF-8", identity(Uint8Array.of(0xff, 0xfe))],
    ["with nothing for an identity", identity("")],
    ["with bytes after it", Buffer.concat([identity(ALICE), Buffer.from([0])])],
    ["that is cut short", identity(ALICE).subarray(0, -1)],
    ["of an unknown kind", Uint8Array.of(9)],
    ["that is empty", new Uint8Array(0)],
    ["of a person whose identity is none of M-Pin", Buffer.concat([Buffer.from([3]), identity(ALICE).subarray(1)])],
  ])("%s", (_, bytes) => {
    expect(() => parseCredential(bytes)).toThrow(expect.objectContaining({ code: "ERR_CHANNEL_MESSAGE" }));
  });

  test("the longest identity is", () => {
    const longest = `milagro:example.org/person/${"a".repeat(228)}`;
    expect(parseCredential(identity(longest))).toMatchObject({ identity: longest });
  });
});
