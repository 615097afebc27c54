/** The share of an epoch's own key: never early, recorded once, withheld when denied, and not to be had by enrolling. */
import { type Epoch, epochStartMs, parseEpoch } from "@milagro/crypto/epoch";
import { epochIdentity } from "@milagro/crypto/epoch-identity";
import { parseIdentityPattern } from "@milagro/crypto/identity";
import { combineEpochShares, type EpochShare, parseEpochShare } from "@milagro/protocol/epoch-share";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decideEpochShare } from "../src/epoch-share.ts";
import {
  cleanUp,
  engine,
  foundDomain,
  joinToken,
  NOW_MS,
  OPEN_POLICY,
  outcome,
  random,
  request,
  setPolicy,
  type TestDomain,
  type TestDta,
} from "./support.ts";

const NAME = "example.org";
const EVERYBODY = epochIdentity(NAME);

describe("deciding", () => {
  const EPOCH = parseEpoch(100);
  const facts = { identity: EVERYBODY, epoch: EPOCH, epochSeconds: 10, nowMs: 1_000_000, denied: [], recorded: false };
  test.each([
    ["in its first millisecond", {}, "publish"],
    ["a millisecond early", { nowMs: 999_999 }, "ERR_EPOCH_OUT_OF_WINDOW"],
    ["long after", { nowMs: 9_000_000 }, "publish"],
    ["recorded before", { recorded: true }, "again"],
    ["recorded before, but by a clock that was ahead", { recorded: true, nowMs: 999_999 }, "ERR_EPOCH_OUT_OF_WINDOW"],
    ["keys without expiry", { epoch: parseEpoch(0) }, "ERR_EPOCH_OUT_OF_WINDOW"],
    ["denied", { denied: [parseIdentityPattern(`milagro:${NAME}/epoch/*`)] }, "ERR_IDENTITY_REVOKED"],
    [
      "denied after it was recorded",
      { recorded: true, denied: [parseIdentityPattern(`milagro:${NAME}/*/**`)] },
      "ERR_IDENTITY_REVOKED",
    ],
  ] as const)("%s: %s", (_name, change, expected) => {
    const decision = decideEpochShare({ ...facts, ...change });
    expect(decision.kind === "refuse" ? decision.code : decision.kind).toBe(expected);
  });
});

describe("three D-TAs", () => {
  let world: TestDomain;
  let epoch: Epoch;
  beforeAll(async () => {
    world = await foundDomain(3);
    for (const dta of world.dtas) await setPolicy(dta, OPEN_POLICY);
    epoch = parseEpoch(Math.floor(NOW_MS / 1000 / world.domain.epochSeconds) + 2);
  });
  beforeEach(() => {
    world.clock.nowMs = epochStartMs(epoch, world.domain.epochSeconds);
  });
  afterAll(cleanUp);

  const get = (dta: TestDta, of: Epoch | string = epoch) => dta.http.request({ path: `/v1/epochs/${of}` });
  const shares = async (): Promise<EpochShare[]> =>
    Promise.all(world.dtas.map(async (dta) => parseEpochShare((await get(dta)).body)));
  const records = async ({ running: { context } }: TestDta) => {
    const entries = await context.audit.read(context.store.db, 0, 1000);
    return entries.filter(({ action }) => action === "epoch-share");
  };

  test("publish from the epoch's first millisecond on, and record it once", async () => {
    world.clock.nowMs--;
    await expect(get(world.dtas[0] as TestDta)).rejects.toMatchObject({ code: "ERR_EPOCH_OUT_OF_WINDOW" });
    expect(await records(world.dtas[0] as TestDta)).toEqual([]);
    world.clock.nowMs++;
    expect(await shares()).toEqual(await shares());
    for (const dta of world.dtas) {
      const [record, ...more] = await records(dta);
      expect([record?.subject, record?.details["keys"], more]).toEqual([EVERYBODY, `enc@${epoch}`, []]);
    }
  });

  test("what all publish adds up to the epoch's key; a share too few, of another epoch, or wrong does not", async () => {
    const all = await shares();
    const combine = (given: readonly EpochShare[], of = epoch) =>
      combineEpochShares(engine, random, world.domain, of, given);
    expect(combine(all).usage).toBe("enc");
    expect(combine(all.toReversed()).usage).toBe("enc");
    expect(() => combine(all.slice(1))).toThrow(expect.objectContaining({ code: "ERR_ENROLMENT_INCOMPLETE" }));
    expect(() => combine(all, parseEpoch(epoch + 1))).toThrow(
      expect.objectContaining({ code: "ERR_ENROLMENT_INCOMPLETE" }),
    );
    const [first, second, third] = all as [EpochShare, EpochShare, EpochShare];
    const minusTheRest = engine.g1.negate(engine.g1.sum([first, third].map(({ share }) => engine.g1.decode(share))));
    for (const share of [
      first.share,
      new Uint8Array(48),
      engine.g1.encode(engine.g1.generator),
      engine.g1.encode(minusTheRest),
    ]) {
      expect(() => combine([first, { ...second, share }, third])).toThrow(
        expect.objectContaining({ code: "ERR_SHARE_INVALID", message: expect.stringContaining("D-TA 2") }),
      );
    }
  });

  test.each(["-1", "1.5", "x", "9007199254740992", "9007199254740991", "0"])(
    "%s is no epoch that has begun",
    async (text) => {
      await expect(get(world.dtas[0] as TestDta, text)).rejects.toMatchObject({
        code: expect.stringMatching(/ERR_(MESSAGE_INVALID|EPOCH_OUT_OF_WINDOW|EPOCH_INVALID)/),
      });
    },
  );

  test("a sealed D-TA publishes nothing, and records nothing", async () => {
    const dta = world.dtas[2] as TestDta;
    const before = (await records(dta)).length;
    await dta.admin.request({ method: "POST", path: "/v1/seal" });
    await expect(get(dta, parseEpoch(epoch - 1))).rejects.toMatchObject({ code: "ERR_SEALED" });
    expect(await records(dta)).toHaveLength(before);
  });

  test("nobody gets the key by enrolling as the epoch, whatever the policy says", async () => {
    const dta = world.dtas[0] as TestDta;
    const rules = OPEN_POLICY.rules.map((rule) => ({
      ...rule,
      identities: [parseIdentityPattern(`milagro:${NAME}/*/**`)],
    }));
    await setPolicy(dta, { ...OPEN_POLICY, version: 2, rules });
    const token = await joinToken(dta, { identities: EVERYBODY });
    const evidence = [[{ type: "join-token", token } as const], [], []];
    const { requests } = await request(world, { identity: EVERYBODY, evidence });
    expect(await outcome(dta, requests[0])).toBe("ERR_POLICY_REFUSED");
  });
});
