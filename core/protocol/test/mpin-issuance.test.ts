/** Enrolling a device with arithmetic in G1 alone, collecting the server secret, permits; each with a D-TA that lies. */

import { NO_EXPIRY, parseEpoch } from "@milagro/crypto/epoch";
import { verifyIdentityKeys } from "@milagro/crypto/identity-key";
import { generateMasterSecretShare } from "@milagro/crypto/master-secret";
import { generateDvsKey, proveDvsKey } from "@milagro/crypto/mpin-dvs";
import { dvsInput, isDvsInput, mpinInput, parseMpinIdentity } from "@milagro/crypto/mpin-identity";
import { combineClientSecretShares, issueClientSecretShare } from "@milagro/crypto/mpin-key";
import type { G1Engine } from "@milagro/engine/engine";
import { beforeAll, describe, expect, test } from "vitest";
import { beginEnrolment, finishEnrolment } from "../src/enrolment.ts";
import { faultReportOf } from "../src/fault.ts";
import type { IssuedAnswer, Share } from "../src/issuance-messages.ts";
import { checkDvsClaims } from "../src/issue-shares.ts";
import {
  beginMpinEnrolment,
  exportMpinEnrolment,
  finishMpinEnrolment,
  type MpinEnrolment,
  resumeMpinEnrolment,
  sealMpinRequest,
} from "../src/mpin-issuance.ts";
import { finishServerEnrolment } from "../src/mpin-server-issuance.ts";
import { combinePermits, issuePermits } from "../src/permits.ts";
import { ALICE, EPOCH, engine, type Founded, flip, foundDomain, type Member, NOW_MS, random } from "./fixture.ts";
import { answerAs, type Lie } from "./issued.ts";

const DEVICE = parseMpinIdentity("milagro:example.org/mpin/login.example.org/alice@example.org/k7w2m9x4ab");
const SERVER = "milagro:example.org/mpin-server/login.example.org" as typeof DEVICE;
/** What a client has: nothing to pair with. */
const { capabilities, scalars, g1, zeroise, selfTest } = engine;
const small: G1Engine = { capabilities, scalars, g1, zeroise, selfTest };

let founded: Founded;
let enrolment: MpinEnrolment;
let other: Founded["members"][0]["masters"];

beforeAll(async () => {
  founded = await foundDomain(2);
  const make = <S extends "id" | "mpin">(scheme: S) => generateMasterSecretShare(engine, scheme);
  other = { ...(founded.members[1] as Member).masters, id: make("id"), mpin: make("mpin") };
  const key = generateDvsKey(engine);
  const input = dvsInput(founded.domain.domainId, DEVICE, NO_EXPIRY, key.input);
  const dvs = { key: key.input, proof: proveDvsKey(engine, key, input) };
  enrolment = await beginMpinEnrolment({ random, domain: founded.domain, identity: DEVICE, dvs, nowMs: NOW_MS });
});

const member = (index: number) => founded.members[index - 1] as Member;
async function answer(index: number, lie: Lie = {}, of = enrolment): Promise<IssuedAnswer> {
  const { domain } = founded;
  const sealed = await sealMpinRequest({ random, domain, enrolment: of, index, evidence: [] });
  return answerAs(domain, member(index), sealed, lie);
}
const finish = (answers: readonly IssuedAnswer[], of = enrolment, domain = founded.domain) =>
  finishMpinEnrolment({ engine: small, random, domain, enrolment: of, answers });

describe("a device", () => {
  test("gets the sum of all client secret shares, and a signing key", async () => {
    const { secret, signing, receipts } = await finish([await answer(2), await answer(1)]);
    expect(isDvsInput(secret.input)).toBe(true);
    const direct = combineClientSecretShares(
      engine,
      founded.members.map(({ masters }) => issueClientSecretShare(engine, masters.mpin, secret.input).share),
    );
    expect(secret.use((sum) => direct.use((point) => engine.g1.equals(sum, point)))).toBe(true);
    expect(verifyIdentityKeys(engine, random, founded.domain.publicKey, [signing])).toBe(true);
    expect(receipts.map(({ index }) => index)).toEqual([1, 2]);
  });

  test("without a key of its own it gets the plain input", async () => {
    const plain = await beginMpinEnrolment({ random, domain: founded.domain, identity: DEVICE, nowMs: NOW_MS });
    const { secret } = await finish([await answer(1, {}, plain), await answer(2, {}, plain)], plain);
    expect(secret.input).toEqual(mpinInput(founded.domain.domainId, DEVICE, NO_EXPIRY));
  });

  test("goes on after a crash, and sealing again is the same request", async () => {
    const first = await answer(1);
    const resumed = exportMpinEnrolment(enrolment).use((bytes) => resumeMpinEnrolment(bytes));
    const second = await answer(2, {}, resumed);
    expect(second.requestHash).toEqual(first.requestHash);
    await expect(finish([first, second], resumed)).resolves.toBeDefined();
  });

  const proofOf = (share: Share | undefined) => (share as { proof: Uint8Array }).proof;
  const without = (share: Share | undefined) =>
    ({ ...(share as Share & { usage: "sig" }), proof: undefined }) as unknown as Share;
  const wrong: [string, () => Lie][] = [
    ["a client secret of another master", () => ({ masters: { id: member(2).masters.id, mpin: other.mpin } })],
    ["a signing key of another master", () => ({ masters: { id: other.id, mpin: member(2).masters.mpin } })],
    ["a signing key without proof", () => ({ shares: ([mpin, sig]) => [mpin as Share, without(sig)] })],
    ["its shares exchanged", () => ({ shares: ([mpin, sig]) => [sig as Share, mpin as Share] })],
    ["one share too few", () => ({ shares: ([mpin]) => [mpin as Share] })],
    [
      "a proof with a flipped bit",
      () => ({
        shares: ([mpin, sig]) => [
          { ...(mpin as Share & { usage: "mpin" }), proof: flip(proofOf(mpin), 40) },
          sig as Share,
        ],
      }),
    ],
  ];
  test.each(wrong)("names the D-TA that sends %s, with its receipt", async (_, lie) => {
    const refused = await finish([await answer(1), await answer(2, lie())]).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "ERR_SHARE_INVALID" });
    expect(faultReportOf(refused).faults).toMatchObject([{ index: 2, receipt: { identity: DEVICE, index: 2 } }]);
  });

  test("waits for all, and takes no receipt for anything else", async () => {
    const one = await answer(1);
    await expect(finish([one])).rejects.toMatchObject({ code: "ERR_ENROLMENT_INCOMPLETE" });
    const two = await answer(2);
    const foreign: IssuedAnswer[] = [
      { ...two, receipt: { ...two.receipt, identity: ALICE } },
      {
        ...two,
        receipt: {
          ...two.receipt,
          keys: [
            { usage: "mpin", epoch: NO_EXPIRY },
            { usage: "sig", epoch: NO_EXPIRY },
          ],
        },
      },
      { ...two, receipt: { ...two.receipt, sharesHash: flip(two.receipt.sharesHash) } },
      { ...two, requestHash: flip(two.requestHash) },
      { ...two, index: 1 },
    ];
    for (const changed of foreign)
      await expect(finish([one, changed])).rejects.toMatchObject({ code: "ERR_RECEIPT_INVALID" });
  });

  test("tells a refusal by its code", async () => {
    const refusal = { code: "ERR_POLICY_REFUSED", detail: "no" };
    const { requestHash } = enrolment;
    const refused = { v: 1, index: 2, requestHash, refusal, time: 1, signature: new Uint8Array(48) } as const;
    const finished = finishMpinEnrolment({
      engine: small,
      random,
      domain: founded.domain,
      enrolment,
      answers: [await answer(1), refused],
    });
    await expect(finished).rejects.toMatchObject({ code: "ERR_ENROLMENT_REFUSED" });
  });

  test("is not enrolled by another domain, another key, or the functions for other keys", async () => {
    const answers = [await answer(1), await answer(2)];
    const elsewhere = { ...founded.domain, domainId: flip(founded.domain.domainId) as typeof founded.domain.domainId };
    await expect(finish(answers, enrolment, elsewhere)).rejects.toMatchObject({ code: "ERR_DOMAIN_MISMATCH" });
    const { privateKey } = await beginMpinEnrolment({
      random,
      domain: founded.domain,
      identity: DEVICE,
      nowMs: NOW_MS,
    });
    await expect(finish(answers, { ...enrolment, privateKey })).rejects.toMatchObject({ code: "ERR_MESSAGE_INVALID" });
    const asOther = { ...enrolment, requests: [] };
    await expect(
      finishEnrolment({ engine, random, domain: founded.domain, enrolment: asOther, answers }),
    ).rejects.toThrow(TypeError);
    expect(() => resumeMpinEnrolment(new Uint8Array(32))).toThrow();
  });

  test("whose own key is not proved is refused by a D-TA", () => {
    const { claim } = enrolment;
    const [mpin, sig] = claim.keys;
    if (mpin?.usage !== "mpin" || mpin.dvs === undefined || sig === undefined) throw new TypeError("an mpin key");
    const claims = (dvs: { key: Uint8Array; proof: Uint8Array }, identity = claim.identity) => ({
      ...claim,
      identity,
      keys: [{ ...mpin, dvs }, sig],
    });
    expect(() => checkDvsClaims(engine, claim)).not.toThrow();
    expect(() => checkDvsClaims(engine, { ...claim, keys: [mpin, mpin] })).toThrow(
      expect.objectContaining({ code: "ERR_MESSAGE_INVALID" }),
    );
    const invalid = [
      claims({ ...mpin.dvs, proof: flip(mpin.dvs.proof, 100) }),
      claims({ ...mpin.dvs, key: engine.g2.encode(engine.g2.generator) }),
      claims({ ...mpin.dvs, key: new Uint8Array(96) }),
      claims(mpin.dvs, parseMpinIdentity("milagro:example.org/mpin/login.example.org/bob/k7w2m9x4ab")),
    ];
    for (const request of invalid)
      expect(() => checkDvsClaims(engine, request)).toThrow(
        expect.objectContaining({ code: "ERR_PUBLIC_KEY_INVALID" }),
      );
  });
});

describe("a login server", () => {
  const begin = () =>
    beginEnrolment({
      random,
      domain: founded.domain,
      identity: SERVER,
      keys: [{ usage: "mpin-server", epoch: NO_EXPIRY }],
      evidence: [[], []],
      nowMs: NOW_MS,
    });

  test("collects the server secret; a D-TA that lies is named", async () => {
    const { domain } = founded;
    const begun = await begin();
    const [one, two] = await Promise.all(begun.requests.map((sealed, i) => answerAs(domain, member(i + 1), sealed)));
    if (!one || !two) throw new TypeError("two answers");
    const finishServer = (answers: readonly IssuedAnswer[]) =>
      finishServerEnrolment({ engine, random, domain, enrolment: begun, answers });
    const { secret, receipts } = await finishServer([two, one]);
    expect(receipts).toHaveLength(2);
    secret.destroy();
    const request = begun.requests[1];
    if (!request) throw new TypeError("two requests");
    const lie = await answerAs(domain, member(2), request, { masters: other });
    const refused = await finishServer([one, lie]).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "ERR_SHARE_INVALID" });
    expect(faultReportOf(refused).faults).toMatchObject([{ index: 2 }]);
    const unsigned = { ...two, receipt: { ...two.receipt, policyVersion: 9 } };
    await expect(finishServer([one, unsigned])).rejects.toMatchObject({ code: "ERR_RECEIPT_INVALID" });
    await expect(finishServer([one])).rejects.toMatchObject({ code: "ERR_ENROLMENT_INCOMPLETE" });
  });
});

describe("time permits", () => {
  const epochs = [EPOCH, parseEpoch(EPOCH + 1)];
  const request = () => ({ v: 1, domainId: founded.domain.domainId, identity: DEVICE, epochs }) as const;
  const issue = (index: number, masters = member(index).masters) =>
    issuePermits(engine, masters.mpin, index, request());
  const combine = (answers: ReturnType<typeof issue>[]) => combinePermits(small, founded.domain, request(), answers);

  test("add up, one for each epoch, with one proof for all of a D-TA", () => {
    const permits = combine([issue(2), issue(1)]);
    expect(permits.map(({ epoch }) => epoch)).toEqual(epochs);
  });

  test("a wrong, missing or exchanged one is refused, and the D-TA named", () => {
    const refused = (answers: ReturnType<typeof issue>[]) => {
      try {
        return combine(answers);
      } catch (error) {
        return {
          code: (error as { code?: string }).code,
          faults: faultReportOf(error).faults.map(({ index }) => index),
        };
      }
    };
    const two = issue(2);
    const [first, second] = two.permits as [Uint8Array, Uint8Array];
    const named = { code: "ERR_SHARE_INVALID", faults: [2] };
    expect(refused([issue(1), issue(2, other)])).toEqual(named);
    expect(refused([issue(1), { ...two, permits: [second, first] }])).toEqual(named);
    expect(refused([issue(1), { ...two, permits: [first] }])).toEqual(named);
    expect(refused([issue(1), { ...two, permits: [first, new Uint8Array(48)] }])).toEqual(named);
    expect(refused([issue(1), { ...two, proof: issue(1).proof }])).toEqual(named);
    expect(refused([issue(1)])).toEqual({ code: "ERR_ENROLMENT_INCOMPLETE", faults: [] });
    expect(refused([issue(1), { ...two, index: 3 }])).toMatchObject({ code: "ERR_DOMAIN_MISMATCH" });
  });
});
