/** The main path, with three real D-TAs. */

import { utf8 } from "@milagro/crypto/bytes";
import { signAs, verifySignature } from "@milagro/crypto/ibs";
import { parseIdentityPattern } from "@milagro/crypto/identity";
import type { IdentityKey } from "@milagro/crypto/identity-key";
import { finishEnrolment } from "@milagro/protocol/enrolment";
import { makeRenewal } from "@milagro/protocol/issuance";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  ALICE,
  ask,
  cleanUp,
  engine,
  foundDomain,
  joinToken,
  OPEN_POLICY,
  outcome,
  random,
  request,
  setPolicy,
  type TestDomain,
} from "./support.ts";

let world: TestDomain;

beforeAll(async () => {
  world = await foundDomain(3);
  for (const dta of world.dtas) await setPolicy(dta, OPEN_POLICY);
});
afterAll(cleanUp);

test("three D-TAs issue shares that add up to working keys, each with a receipt, and renewal by the old key gives the next epoch's", async () => {
  const { dtas, domain, clock } = world;
  const tokens = await Promise.all(dtas.map((dta) => joinToken(dta, { identities: "milagro:example.org/service/*" })));
  const keys = (["enc", "sig", "kex"] as const).map((usage) => ({ usage, epoch: clock.epoch }));
  const enrolment = await request(world, { keys, evidence: tokens.map((token) => [{ type: "join-token", token }]) });
  const answers = await Promise.all(dtas.map((dta, i) => ask(dta, enrolment.requests[i])));

  const result = await finishEnrolment({ engine, random, domain, enrolment, answers });
  expect(result.keys.map(({ usage }) => usage)).toEqual(["enc", "sig", "kex"]);
  expect(result.receipts.map(({ index, policyVersion }) => [index, policyVersion])).toEqual([
    [1, 1],
    [2, 1],
    [3, 1],
  ]);
  const sig = result.keys[1];
  const key = sig?.key as IdentityKey<"sig">;
  const input = sig?.input as NonNullable<typeof sig>["input"];
  const signature = signAs(engine, random, key, domain.publicKey, input, utf8("hello"));
  expect(verifySignature(engine, domain.publicKey, input, utf8("hello"), signature)).toBe(true);

  clock.nowMs += 3_600_000;
  const renewed = await request(world, {
    keys: [{ usage: "sig", epoch: clock.epoch }],
    evidence: ({ requestHash }) => {
      const epoch = keys[1]?.epoch ?? clock.epoch;
      const renewal = makeRenewal({
        engine,
        random,
        key,
        publicKey: domain.publicKey,
        domainId: domain.domainId,
        identity: ALICE,
        epoch,
        requestHash,
      });
      return dtas.map(() => [renewal]);
    },
  });
  const renewedAnswers = await Promise.all(dtas.map((dta, i) => ask(dta, renewed.requests[i])));
  const next = await finishEnrolment({ engine, random, domain, enrolment: renewed, answers: renewedAnswers });
  expect(next.keys).toHaveLength(1);

  // Any single D-TA that refuses ends it.
  await dtas[1]?.admin.request({
    method: "POST",
    path: "/v1/deny",
    body: { v: 1, pattern: parseIdentityPattern(ALICE), reason: "lost" },
  });
  const after = await request(world, { evidence: tokens.map((token) => [{ type: "join-token", token }]) });
  expect(await outcome(dtas[1] as NonNullable<(typeof dtas)[1]>, after.requests[1])).toBe("ERR_IDENTITY_REVOKED");
});
