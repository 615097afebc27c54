/** Enrolment with honest, lying, silent and refusing D-TAs: one domain of three serves all cases. */
import { NO_EXPIRY, parseEpoch } from "@milagro/crypto/epoch";
import { identityInput } from "@milagro/crypto/identity-input";
import { encodeIdentityKeyShare, issueIdentityKeyShare, verifyIdentityKeys } from "@milagro/crypto/identity-key";
import { beforeAll, describe, expect, test } from "vitest";
import {
  beginEnrolment,
  type Enrolment,
  type EvidenceSource,
  exportEnrolment,
  finishEnrolment,
  resumeEnrolment,
} from "../src/enrolment.ts";
import { type FaultReport, faultReportOf } from "../src/fault.ts";
import {
  makeRenewal,
  openIssuanceRequest,
  sealShares,
  sharesHashOf,
  signReceipt,
  signRefusal,
  verifyRenewal,
} from "../src/issuance.ts";
import {
  encodeIssuanceAnswer,
  type IssuanceAnswer,
  type IssuedAnswer,
  isTimely,
  parseIssuanceAnswer,
  type Receipt,
  type RefusedAnswer,
  requestHashOf,
  type SealedRequest,
  type Share,
} from "../src/issuance-messages.ts";
import { issueShares } from "../src/issue-shares.ts";
import { requestKeyThumbprint } from "../src/request-key.ts";
import {
  ALICE,
  BOB,
  codeOf,
  EPOCH,
  engine,
  type Founded,
  flip,
  foundDomain,
  issueKey,
  type Member,
  NOW_MS,
  random,
} from "./fixture.ts";

const KEYS = [
  { usage: "enc", epoch: EPOCH },
  { usage: "sig", epoch: EPOCH },
] as const;

let founded: Founded;
let enrolment: Enrolment;
let answers: IssuedAnswer[];

const begin = (evidence: EvidenceSource = [[], []], keys: Parameters<typeof beginEnrolment>[0]["keys"] = KEYS) =>
  beginEnrolment({ random, domain: founded.domain, identity: ALICE, keys, evidence, nowMs: NOW_MS });
const finish = (list: readonly IssuanceAnswer[], other: Partial<Parameters<typeof finishEnrolment>[0]> = {}) =>
  finishEnrolment({ engine, random, domain: founded.domain, enrolment, answers: list, ...other });

/** What a D-TA does once it has decided; `lie` changes what it does, as a compromised one would. */
async function answer(
  { index, masters, hpke }: Member,
  sealed: SealedRequest,
  lie: {
    shares?: (shares: Share[]) => Share[];
    receipt?: (receipt: Omit<Receipt, "signature">) => Omit<Receipt, "signature">;
  } = {},
): Promise<IssuedAnswer> {
  const { domainId } = founded.domain;
  const { request, requestHash } = await openIssuanceRequest({ privateKey: hpke.privateKey, domainId, index, sealed });
  const shares = lie.shares?.(issueShares(engine, masters, request)) ?? issueShares(engine, masters, request);
  const sealedShares = await sealShares({
    random,
    requestKey: request.requestKey,
    requestHash,
    index,
    shares,
  });
  const receipt: Omit<Receipt, "signature"> = {
    v: 1,
    domainId,
    index,
    requestHash,
    identity: request.identity,
    keys: request.keys,
    sharesHash: sharesHashOf(sealedShares),
    policyVersion: 1,
    time: NOW_MS / 1000,
    logIndex: 41 + index,
    logHead: new Uint8Array(32),
  };
  return {
    v: 1,
    index,
    requestHash,
    shares: sealedShares,
    receipt: signReceipt(engine, masters.statement, lie.receipt?.(receipt) ?? receipt),
  };
}
const refusal = ({ index, masters }: Member): RefusedAnswer =>
  signRefusal(engine, masters.statement, {
    v: 1,
    index,
    requestHash: enrolment.requestHash,
    refusal: { code: "ERR_IDENTITY_REVOKED", detail: "left the company" },
    time: NOW_MS / 1000,
  });
const member = (index: number) => founded.members[index - 1] as Member;
const request = (index: number, of = enrolment) => of.requests[index - 1] as SealedRequest;

/** The code and report of a failing promise. */
async function failure(promise: Promise<unknown>): Promise<{ code: string; message: string; report: FaultReport }> {
  const error = await promise.then(
    () => expect.unreachable("should have failed"),
    (reason: unknown) => reason,
  );
  const { code, message } = error as { code: string; message: string };
  return { code, message, report: faultReportOf(error) };
}

beforeAll(async () => {
  founded = await foundDomain(2);
  enrolment = await begin();
  answers = await Promise.all(founded.members.map((one) => answer(one, request(one.index))));
});

describe("when everybody is honest", () => {
  test("the shares add up to the keys that were asked for", async () => {
    const { keys, receipts } = await finish(answers);
    expect(keys.map(({ usage, epoch }) => ({ usage, epoch }))).toEqual(KEYS);
    expect(verifyIdentityKeys(engine, random, founded.domain.publicKey, keys)).toBe(true);
    expect(receipts.map(({ logIndex }) => logIndex)).toEqual([42, 43]);
  });

  test("answers come over any wire, in any order, and twice", async () => {
    const wired = [...answers, ...answers]
      .reverse()
      .map((one) => parseIssuanceAnswer(JSON.parse(JSON.stringify(encodeIssuanceAnswer(one)))));
    expect((await finish(wired)).keys).toHaveLength(2);
  });

  test("a client that crashed goes on from its export", async () => {
    const bytes = exportEnrolment(enrolment).use((exported) => exported.slice());
    const resumed = resumeEnrolment(bytes);
    expect(resumed.requests).toEqual(enrolment.requests);
    expect((await finish(answers, { enrolment: resumed })).keys).toHaveLength(2);
    expect(() => resumeEnrolment(bytes.slice(0, 32))).toThrow();
    expect(codeOf(() => resumeEnrolment(bytes.slice(0, -1)))).toBe("ERR_MESSAGE_INVALID");
  });

  test("a damaged export is not blamed on a D-TA", async () => {
    const bytes = exportEnrolment(enrolment).use((exported) => flip(exported, 5));
    const { code, report } = await failure(finish(answers, { enrolment: resumeEnrolment(bytes) }));
    expect([code, report.faults]).toEqual(["ERR_MESSAGE_INVALID", []]);
  });

  test("a kex key has its half in G2", async () => {
    const kex = await begin([[], []], [{ usage: "kex", epoch: NO_EXPIRY }]);
    const list = await Promise.all(founded.members.map((one) => answer(one, request(one.index, kex))));
    const [key] = (await finish(list, { enrolment: kex })).keys;
    expect(key?.key.use(({ g2 }) => g2 !== undefined)).toBe(true);
  });
});

describe("requests", () => {
  test("no two look alike, and the relay learns neither identity nor evidence", async () => {
    const token = `mjt1_1_abcdefgh_${"A".repeat(43)}`;
    const other = await begin([[{ type: "join-token", token }], []]);
    const text = JSON.stringify(other.requests.map(({ ciphertext }) => Buffer.from(ciphertext).toString("latin1")));
    expect(text).not.toContain("alice");
    expect(text).not.toContain(token);
    expect(other.requestHash).not.toEqual(enrolment.requestHash);
  });

  test("evidence goes to its own D-TA only, and is not part of the hash", async () => {
    const token = (index: number) => `mjt1_${index}_abcdefgh_${"A".repeat(43)}`;
    const other = await begin([1, 2].map((index) => [{ type: "join-token" as const, token: token(index) }]));
    for (const one of founded.members) {
      const opened = await openIssuanceRequest({
        privateKey: one.hpke.privateKey,
        domainId: founded.domain.domainId,
        index: one.index,
        sealed: request(one.index, other),
      });
      expect(opened.request.evidence).toEqual([{ type: "join-token", token: token(one.index) }]);
      expect(opened.requestHash).toEqual(other.requestHash);
      expect(requestHashOf({ ...opened.request, evidence: [] })).toEqual(other.requestHash);
    }
  });

  test("are opened by the D-TA they are for, and by nobody else", async () => {
    const { domainId } = founded.domain;
    const open = (one: Member, sealed: SealedRequest) =>
      failure(openIssuanceRequest({ privateKey: one.hpke.privateKey, domainId, index: one.index, sealed }));
    const sealed = request(1);
    expect((await open(member(2), sealed)).code).toBe("ERR_DOMAIN_MISMATCH");
    expect((await open(member(2), { ...sealed, index: 2 })).code).toBe("ERR_HPKE_OPEN_FAILED");
    expect((await open(member(1), { ...sealed, ciphertext: flip(sealed.ciphertext, 20) })).code).toBe(
      "ERR_HPKE_OPEN_FAILED",
    );
    expect((await open(member(1), { ...sealed, encapsulatedKey: flip(sealed.encapsulatedKey) })).code).toBe(
      "ERR_HPKE_OPEN_FAILED",
    );
    expect((await open(member(1), { ...sealed, domainId: flip(domainId) as typeof domainId })).code).toBe(
      "ERR_DOMAIN_MISMATCH",
    );
  });

  test("every field of the claim is in the hash", () => {
    const { claim } = enrolment;
    const changed = [
      { identity: BOB },
      { keys: [...KEYS].reverse() },
      { keys: [{ usage: "enc" as const, epoch: parseEpoch(EPOCH + 1) }] },
      { requestKey: flip(claim.requestKey) },
      { nonce: flip(claim.nonce) },
      { time: claim.time + 1 },
      { domainId: flip(claim.domainId) as typeof claim.domainId },
    ];
    for (const change of changed) expect(requestHashOf({ ...claim, ...change })).not.toEqual(enrolment.requestHash);
  });

  test("asking for a key twice, or with the wrong number of evidence lists, is the caller's bug", async () => {
    await expect(begin([[], []], [KEYS[0], KEYS[0]])).rejects.toThrow(TypeError);
    await expect(begin([[]])).rejects.toThrow(TypeError);
  });

  test.each([
    [0, true],
    [300, true],
    [-300, true],
    [301, false],
    [-301, false],
  ])("made %s seconds away: timely %s", (seconds, timely) => {
    expect(isTimely(NOW_MS / 1000 + seconds, NOW_MS)).toBe(timely);
  });
});

describe("renewal", () => {
  const earlier = parseEpoch(EPOCH - 1);
  const open = async (of: Enrolment) => {
    const { domainId } = founded.domain;
    return openIssuanceRequest({ privateKey: member(1).hpke.privateKey, domainId, index: 1, sealed: request(1, of) });
  };
  const renewing = (identity = ALICE, epoch = earlier) => {
    const key = issueKey(founded, identity, "sig", epoch);
    const { domainId, publicKey } = founded.domain;
    return begin(({ requestHash }) => {
      const evidence = makeRenewal({ engine, random, key, publicKey, domainId, identity, epoch, requestHash });
      return [[evidence], [evidence]];
    });
  };

  test("the identity's earlier key speaks for it", async () => {
    const opened = await open(await renewing());
    const [evidence] = opened.request.evidence;
    expect(evidence?.type === "renewal" && verifyRenewal(engine, founded.domain.publicKey, opened, evidence)).toBe(
      true,
    );
  });

  test("not for another request, epoch or identity", async () => {
    const opened = await open(await renewing());
    const [evidence] = opened.request.evidence;
    if (evidence?.type !== "renewal") throw new TypeError("no renewal");
    const verify = (o: typeof opened, e: typeof evidence) => verifyRenewal(engine, founded.domain.publicKey, o, e);
    expect(verify({ ...opened, requestHash: flip(opened.requestHash) }, evidence)).toBe(false);
    expect(verify(opened, { ...evidence, epoch: EPOCH })).toBe(false);
    expect(verify({ ...opened, request: { ...opened.request, identity: BOB } }, evidence)).toBe(false);
    expect(verify(opened, { ...evidence, signature: flip(evidence.signature, -1) })).toBe(false);
    const byBob = await open(await renewing(BOB));
    expect(verify(byBob, byBob.request.evidence[0] as typeof evidence)).toBe(false);
  });

  test("the request key's thumbprint is what grants carry", () => {
    expect(requestKeyThumbprint(new Uint8Array(32))).toBe("Zmh6rfhivXdsj8GLjp-OIAiXFIVu4jOzkCpZHQ1fKSU");
  });
});

describe("when somebody is not honest", () => {
  test("a lying D-TA is named, by its own receipt", async () => {
    const wrong = (identity: typeof ALICE, at: number) => (shares: Share[]) => {
      const input = identityInput(founded.domain.domainId, shares[at]?.usage as "enc", identity, EPOCH);
      const g1 = encodeIdentityKeyShare(
        engine,
        issueIdentityKeyShare(engine, member(2).masters.id, input, shares[at]?.usage as "enc"),
      );
      return shares.map((share, i) => (i === at ? ({ ...share, g1 } as Share) : share));
    };
    for (const at of [0, 1]) {
      const lie = await answer(member(2), request(2), { shares: wrong(BOB, at) });
      const { code, message, report } = await failure(finish([answers[0] as IssuedAnswer, lie]));
      expect(code).toBe("ERR_SHARE_INVALID");
      expect(message).toBe("D-TA 2 (dta-2) issued a wrong share; its receipt (log entry 43) is attached");
      expect(report.faults).toEqual([{ index: 2, name: "dta-2", receipt: lie.receipt }]);
    }
  });

  test("a share that cancels the others is found too", async () => {
    const cancel = (shares: Share[]) =>
      shares.map((share) => {
        if (!("g1" in share) || share.usage === "mpin") return share;
        const input = identityInput(founded.domain.domainId, share.usage, ALICE, share.epoch);
        const other = issueIdentityKeyShare(engine, member(1).masters.id, input, share.usage);
        return { ...share, g1: other.use(({ g1 }) => engine.g1.encode(engine.g1.negate(g1))) } as Share;
      });
    const lie = await answer(member(2), request(2), { shares: cancel });
    expect(await failure(finish([answers[0] as IssuedAnswer, lie]))).toMatchObject({
      code: "ERR_SHARE_INVALID",
      report: { faults: [{ index: 2 }] },
    });
  });

  test("shares of other keys, too few, and bytes that are no point, are laid to the D-TA that signed for them", async () => {
    const lies: ((shares: Share[]) => Share[])[] = [
      (shares) => shares.slice(1),
      (shares) => [...shares].reverse(),
      (shares) => shares.map((share) => ({ ...share, epoch: parseEpoch(share.epoch + 1) })),
      (shares) => shares.map((share) => ({ ...share, g1: new Uint8Array(48) })),
      (shares) => shares.map((share) => ({ ...share, g1: engine.g1.encode(engine.g1.identity) })),
    ];
    for (const shares of lies) {
      const lie = await answer(member(1), request(1), { shares });
      expect(await failure(finish([lie, answers[1] as IssuedAnswer]))).toMatchObject({
        code: "ERR_SHARE_INVALID",
        report: { faults: [{ index: 1, receipt: lie.receipt }] },
      });
    }
  });

  test("every field of a receipt counts", async () => {
    const [one, two] = answers as [IssuedAnswer, IssuedAnswer];
    const { receipt } = two;
    const unsigned: Partial<Receipt>[] = [
      { index: 1 },
      { requestHash: flip(receipt.requestHash) },
      { identity: BOB },
      { keys: [KEYS[0]] },
      { sharesHash: flip(receipt.sharesHash) },
      { domainId: flip(receipt.domainId) as typeof receipt.domainId },
      { policyVersion: 2 },
      { time: receipt.time + 1 },
      { logIndex: 1 },
      { logHead: flip(receipt.logHead) },
      { signature: flip(receipt.signature, -1) },
      { signature: one.receipt.signature },
    ];
    for (const change of unsigned)
      expect(await failure(finish([one, { ...two, receipt: { ...receipt, ...change } }]))).toMatchObject({
        code: "ERR_RECEIPT_INVALID",
        report: { faults: [{ index: 2 }] },
      });
  });

  test("a receipt for something else is refused even when it is signed", async () => {
    const lies: Partial<Receipt>[] = [
      { identity: BOB },
      { keys: [KEYS[0]] },
      { index: 1 },
      { sharesHash: new Uint8Array(32) },
    ];
    for (const change of lies) {
      const lie = await answer(member(2), request(2), { receipt: (receipt) => ({ ...receipt, ...change }) });
      expect((await failure(finish([answers[0] as IssuedAnswer, lie]))).code).toBe("ERR_RECEIPT_INVALID");
    }
  });

  test("shares exchanged on the way are not blamed on the D-TA's arithmetic", async () => {
    const [one, two] = answers as [IssuedAnswer, IssuedAnswer];
    for (const shares of [
      one.shares,
      { ...two.shares, ciphertext: flip(two.shares.ciphertext, -1) },
      { ...two.shares, encapsulatedKey: flip(two.shares.encapsulatedKey) },
    ])
      expect((await failure(finish([one, { ...two, shares }]))).code).toBe("ERR_RECEIPT_INVALID");
  });

  test("an answer to another request, in another's name, or different the second time", async () => {
    const [one, two] = answers as [IssuedAnswer, IssuedAnswer];
    const other = await begin();
    const stale = await answer(member(2), request(2, other));
    expect((await failure(finish([one, stale]))).code).toBe("ERR_RECEIPT_INVALID");
    expect((await failure(finish([one, { ...one, index: 2 }]))).code).toBe("ERR_RECEIPT_INVALID");
    expect((await failure(finish([one, two, { ...two, shares: one.shares }]))).code).toBe("ERR_RECEIPT_INVALID");
    expect((await failure(finish([one, { ...two, index: 3 }]))).code).toBe("ERR_DOMAIN_MISMATCH");
  });

  test("an enrolment of one domain is not finished in another", async () => {
    const elsewhere = await foundDomain(1, "example.net");
    expect((await failure(finish(answers, { domain: elsewhere.domain }))).code).toBe("ERR_DOMAIN_MISMATCH");
  });
});

describe("when somebody says no, or nothing", () => {
  test("missing D-TAs are listed, and nothing is lost", async () => {
    expect(await failure(finish([]))).toMatchObject({ code: "ERR_ENROLMENT_INCOMPLETE", report: { missing: [1, 2] } });
    const { code, message, report } = await failure(finish(answers.slice(0, 1)));
    expect([code, message, report.missing]).toEqual([
      "ERR_ENROLMENT_INCOMPLETE",
      "no answer yet from D-TA 2 (dta-2)",
      [2],
    ]);
    expect((await finish(answers)).keys).toHaveLength(2);
  });

  test("a single refusal decides, with its reason", async () => {
    const { code, report } = await failure(finish([answers[0] as IssuedAnswer, refusal(member(2))]));
    expect(code).toBe("ERR_ENROLMENT_REFUSED");
    expect(report.refusals).toEqual([
      { index: 2, name: "dta-2", code: "ERR_IDENTITY_REVOKED", detail: "left the company" },
    ]);
  });

  test("a refusal that the D-TA did not sign is no refusal", async () => {
    const no = refusal(member(2));
    const changes: Partial<RefusedAnswer>[] = [
      { signature: flip(no.signature, -1) },
      { time: no.time + 1 },
      { refusal: { ...no.refusal, detail: "x" } },
      { refusal: { ...no.refusal, code: "ERR_X" } },
      { requestHash: flip(no.requestHash) },
      { index: 1 },
    ];
    for (const change of changes)
      expect((await failure(finish([{ ...no, ...change }]))).code).toBe("ERR_RECEIPT_INVALID");
  });
});
