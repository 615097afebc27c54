/** Attribute keys from three real D-TAs: both rounds, and what is refused in each of them. Long because all share one domain. */
import { verifyCpKey } from "@milagro/crypto/abe-cp-key";
import {
  type AbeEntitlement,
  approvalStatement,
  attributeEntitlement,
  type CpEntitlement,
  encodeEntitlement,
  policyEntitlement,
} from "@milagro/crypto/abe-entitlement";
import { openAbeEnvelope, sealToPolicy } from "@milagro/crypto/abe-envelope";
import { type AbeKey, encodeAbeKey, parseAbeKey } from "@milagro/crypto/abe-key";
import { verifyKpKey } from "@milagro/crypto/abe-kp-key";
import { parseAttributeSchema } from "@milagro/crypto/attribute-schema";
import type { AttributeValues } from "@milagro/crypto/attribute-set";
import { signStatement, verifyStatement } from "@milagro/crypto/bls";
import { formatDomainId } from "@milagro/crypto/domain-id";
import { type Epoch, parseEpoch } from "@milagro/crypto/epoch";
import { type Identity, parseIdentityPattern } from "@milagro/crypto/identity";
import { generateMasterSecretShare } from "@milagro/crypto/master-secret";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import { createEngine } from "@milagro/engine";
import { MilagroError } from "@milagro/engine/error";
import { collectApprovals, finishAttributeEnrolment, requestShares } from "@milagro/protocol/attribute-enrolment";
import { attributeKeyRequest, issueAttributeShares } from "@milagro/protocol/attribute-issuance";
import type { Approvals } from "@milagro/protocol/attribute-messages";
import { parseSchemaStatement, schemaBody } from "@milagro/protocol/attribute-schema-statement";
import type { Enrolment } from "@milagro/protocol/enrolment";
import { faultReportOf } from "@milagro/protocol/fault";
import { sealIssuanceRequest, sealShares, sharesHashOf } from "@milagro/protocol/issuance";
import {
  encodeIssuanceAnswer,
  encodeIssuedAnswer,
  encodeReceipt,
  type IssuanceAnswer,
  type IssuedAnswer,
  type KeyRequest,
  parseIssuanceAnswer,
  type SealedRequest,
} from "@milagro/protocol/issuance-messages";
import type { IssuancePolicy } from "@milagro/protocol/policy";
import { requestKeyThumbprint } from "@milagro/protocol/request-key";
import { statementBytes } from "@milagro/protocol/statement";
import { authorityAt, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Issuer } from "../src/issuer.ts";
import type { RecordedIssuance } from "../src/issuer-messages.ts";
import {
  ALICE,
  ask,
  BOB,
  cleanUp,
  foundDomain,
  joinToken,
  NOW_MS,
  outcome,
  post,
  random,
  request,
  setPolicy,
  type TestDomain,
  type TestDta,
} from "./support.ts";

const engine = await createEngine({ random });
const registrar = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
const json = {
  v: 1,
  negation: true,
  labels: {
    region: { type: "text", values: "one", negatable: true },
    group: { type: "text", values: "many" },
    size: { type: "text", values: "many" },
  },
};
const schema = parseAttributeSchema(json);
const MANY = Array.from({ length: 400 }, (_, i) => `v${i}`);
const pattern = parseIdentityPattern;
const policy: IssuancePolicy = {
  v: 1,
  version: 1,
  rules: [
    {
      identities: [pattern("milagro:example.org/service/**")],
      usages: ["enc", "sig", "cp", "kp"],
      evidence: ["join-token", "grant"],
      maxEpochsAhead: 1,
      maxEpochsBack: 2,
    },
  ],
  registrars: [
    {
      name: "hr",
      publicKey: (await exportJWK(registrar.publicKey)) as unknown as IssuancePolicy["registrars"][number]["publicKey"],
      identities: [pattern("milagro:example.org/service/*")],
      labels: ["group"],
    },
  ],
  oidc: [],
  denied: [],
  attributes: {
    version: 1,
    schema: json as unknown as NonNullable<IssuancePolicy["attributes"]>["schema"],
    holders: [
      { identities: [pattern(ALICE)], attributes: { region: "DE", size: MANY } },
      { identities: [pattern(BOB)], attributes: { region: "US" } },
      { identities: [pattern("milagro:example.org/service/*")], attributes: { group: ["staff"] } },
    ],
    policies: [{ identities: [pattern(ALICE)], policies: ["group = staff and region != US"] }],
  },
};

let world: TestDomain;
let version = 1;
/** What D-TA 2 does with the answer of its issuer; honest unless a test says otherwise. */
const second = {
  lie: undefined as undefined | ((recorded: RecordedIssuance, honest: IssuedAnswer) => Promise<IssuedAnswer>),
};
const issued = { count: 0 };

beforeAll(async () => {
  let started = 0;
  world = await foundDomain(3, {
    wrap: {
      issuer: (issuer) => {
        started += 1;
        return started === 2 ? watched(issuer) : issuer;
      },
    },
  });
  world = { ...world, domain: verifyDescriptor(engine, random, world.domain.signed) };
  for (const dta of world.dtas) await setPolicy(dta, policy);
});
beforeEach(() => {
  world.clock.nowMs = NOW_MS;
  second.lie = undefined;
});
afterAll(cleanUp);

function watched(issuer: Issuer): Issuer {
  const call: Issuer["call"] = async (name, input) => {
    if (name === "issueAttributes") issued.count += 1;
    const honest = await issuer.call(name, input);
    if (name !== "issueAttributes" || second.lie === undefined) return honest;
    const lie = await second.lie(input as RecordedIssuance, parseIssuanceAnswer(honest) as IssuedAnswer);
    return encodeIssuedAnswer(lie) as typeof honest;
  };
  return {
    call,
    get sealed() {
      return issuer.sealed;
    },
    get pending() {
      return issuer.pending;
    },
    close: () => issuer.close(),
  };
}

const dtaAt = (index: number): TestDta => world.dtas[index - 1] as TestDta;
function entitled(identity: Identity, values: AttributeValues, epoch: Epoch = world.clock.epoch): CpEntitlement {
  return attributeEntitlement({ domainId: world.domain.domainId, identity, epoch }, schema, values);
}

/** A request with a token of each D-TA. */
async function begin(entitlements: readonly AbeEntitlement[], identity: Identity = ALICE): Promise<Enrolment> {
  const usages = ["cp", "kp"] as const;
  const tokens = await Promise.all(world.dtas.map((dta) => joinToken(dta, { identities: identity, usages })));
  return request(world, {
    identity,
    keys: entitlements.map(attributeKeyRequest),
    evidence: tokens.map((token) => [{ type: "join-token", token }]),
  });
}
const askAll = (requests: readonly SealedRequest[]): Promise<IssuanceAnswer[]> =>
  Promise.all(world.dtas.map((dta, i) => ask(dta, requests[i])));
const approvalsFor = async (enrolment: Enrolment): Promise<Approvals> =>
  collectApprovals({ engine, random, domain: world.domain, enrolment, answers: await askAll(enrolment.requests) });
const sharesWith = (enrolment: Enrolment, approvals: Approvals) =>
  requestShares({ random, domain: world.domain, enrolment, approvals });
const finish = (enrolment: Enrolment, answers: readonly IssuanceAnswer[]) =>
  finishAttributeEnrolment({ engine, random, domain: world.domain, enrolment, answers });
/** What D-TA 1 says to the second round. */
const secondRound = async (enrolment: Enrolment, approvals: Approvals): Promise<string> =>
  outcome(dtaAt(1), (await sharesWith(enrolment, approvals))[0]);
async function failure(work: Promise<unknown>): Promise<MilagroError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof MilagroError)) throw new Error("no MilagroError");
  return error;
}
const headIndex = async ({ running: { context } }: TestDta) => (await context.audit.head(context.store.db)).index;

describe("two rounds", () => {
  test("give keys with attributes and with a policy, each checked, with receipts of all D-TAs", async () => {
    const options = { domainId: world.domain.domainId, identity: ALICE, epoch: world.clock.epoch };
    const wanted = policyEntitlement(options, parsePolicy("region != US and group = staff", schema));
    const enrolment = await begin([entitled(ALICE, { region: "DE", group: ["staff"] }), wanted]);
    const answers = await askAll(await sharesWith(enrolment, await approvalsFor(enrolment)));
    const { keys, receipts } = await finish(enrolment, answers);
    expect(keys.map(({ scheme }) => scheme)).toEqual(["cp", "kp"]);
    expect(verifyCpKey(engine, random, world.domain.publicKeys.cp, keys[0] as AbeKey<"cp">)).toBe(true);
    expect(verifyKpKey(engine, random, world.domain.publicKeys.kp, keys[1] as AbeKey<"kp">)).toBe(true);
    expect(receipts.map(({ index }) => index)).toEqual([1, 2, 3]);
  });

  test("are answered again byte by byte, with one record for each in the log", async () => {
    const before = await headIndex(dtaAt(1));
    const enrolment = await begin([entitled(ALICE, { region: "DE" })]);
    const tokens = 1; // making one is recorded too
    const first = await ask(dtaAt(1), enrolment.requests[0]);
    expect(encodeIssuanceAnswer(await ask(dtaAt(1), enrolment.requests[0]))).toEqual(encodeIssuanceAnswer(first));
    const requests = await sharesWith(enrolment, await approvalsFor(enrolment));
    const shares = await ask(dtaAt(1), requests[0]);
    expect(encodeIssuanceAnswer(await ask(dtaAt(1), requests[0]))).toEqual(encodeIssuanceAnswer(shares));
    expect(await headIndex(dtaAt(1))).toBe(before + tokens + 2);
  });

  test("in other order or without the first give nothing", async () => {
    const enrolment = await begin([entitled(ALICE, { region: "DE" })]);
    const other = await begin([entitled(ALICE, { region: "DE" })]);
    expect(await secondRound(enrolment, await approvalsFor(other))).toBe("ERR_APPROVAL_MISSING");
    // An answer to the first round has no shares, and one to the second no approvals.
    const first = await askAll(enrolment.requests);
    expect((await failure(finish(enrolment, first))).code).toBe("ERR_RECEIPT_INVALID");
  });
});

describe("the first round is refused", () => {
  test.each<[string, () => AbeEntitlement, Identity, string]>([
    ["for a value that is another's", () => entitled(BOB, { region: "DE" }), BOB, "ERR_ENTITLEMENT_REFUSED"],
    ["for one attribute too many", () => entitled(BOB, { region: "US", size: ["v1"] }), BOB, "ERR_ENTITLEMENT_REFUSED"],
    [
      "for an epoch that is too far",
      () => entitled(ALICE, {}, parseEpoch(world.clock.epoch + 2)),
      ALICE,
      "ERR_EPOCH_OUT_OF_WINDOW",
    ],
    [
      "for an epoch that is too old",
      () => entitled(ALICE, {}, parseEpoch(world.clock.epoch - 3)),
      ALICE,
      "ERR_EPOCH_OUT_OF_WINDOW",
    ],
    [
      "for a key that is not bound to its epoch",
      () =>
        attributeEntitlement(
          { domainId: world.domain.domainId, identity: ALICE, epoch: world.clock.epoch, boundToEpoch: false },
          schema,
          {},
        ),
      ALICE,
      "ERR_ENTITLEMENT_REFUSED",
    ],
    [
      "for a policy that is not listed",
      () =>
        policyEntitlement(
          { domainId: world.domain.domainId, identity: ALICE, epoch: world.clock.epoch },
          parsePolicy("group = staff", schema),
        ),
      ALICE,
      "ERR_ENTITLEMENT_REFUSED",
    ],
  ])("%s", async (_, entitlement, identity, code) => {
    const enrolment = await begin([entitlement()], identity);
    expect(await outcome(dtaAt(1), enrolment.requests[0])).toBe(code);
  });

  test("by one D-TA alone: the others have approved, and no one gives a share", async () => {
    const { attributes } = policy;
    await setPolicy(dtaAt(3), {
      ...policy,
      version: ++version,
      attributes: { ...attributes, holders: [] } as unknown as NonNullable<IssuancePolicy["attributes"]>,
    });
    const enrolment = await begin([entitled(ALICE, { region: "DE" })]);
    const answers = await askAll(enrolment.requests);
    await setPolicy(dtaAt(3), { ...policy, version: ++version });
    expect(answers.map((answer) => "approvals" in answer)).toEqual([true, true, false]);
    const collecting = Promise.resolve().then(() =>
      collectApprovals({ engine, random, domain: world.domain, enrolment, answers }),
    );
    const error = await failure(collecting);
    expect(error.code).toBe("ERR_ENROLMENT_REFUSED");
    expect(faultReportOf(error).refusals.map(({ index, code }) => [index, code])).toEqual([
      [3, "ERR_ENTITLEMENT_REFUSED"],
    ]);
    const [one, two] = answers.map((answer) =>
      "approvals" in answer ? (answer.approvals[0] as Uint8Array) : new Uint8Array(48),
    );
    for (const approvals of [
      [[one as Uint8Array, two as Uint8Array]],
      [[one as Uint8Array, two as Uint8Array, two as Uint8Array]],
    ])
      expect(await secondRound(enrolment, approvals)).toBe("ERR_APPROVAL_MISSING");
  });

  /** Refused before it becomes a request: nothing is recorded. */
  const malformed: readonly [string, () => readonly KeyRequest[], string][] = [
    [
      "with other keys beside",
      () => [attributeKeyRequest(entitled(ALICE, {})), { usage: "enc", epoch: world.clock.epoch }],
      "ERR_MESSAGE_INVALID",
    ],
    ["for another identity's entitlement", () => [attributeKeyRequest(entitled(BOB, {}))], "ERR_ENTITLEMENT_INVALID"],
    [
      "for another epoch than it says",
      () => [{ ...attributeKeyRequest(entitled(ALICE, {})), epoch: parseEpoch(world.clock.epoch + 1) }],
      "ERR_ENTITLEMENT_INVALID",
    ],
    [
      "for the other scheme than it says",
      () => [{ ...attributeKeyRequest(entitled(ALICE, {})), usage: "kp" }],
      "ERR_ENTITLEMENT_INVALID",
    ],
    [
      "for something that is no entitlement",
      () => [{ usage: "cp", epoch: world.clock.epoch, entitlement: random(80) }],
      "ERR_ENTITLEMENT_INVALID",
    ],
    [
      "for more points than one request may have",
      () => MANY.slice(0, 3).map((one) => attributeKeyRequest(entitled(ALICE, { size: [one, ...MANY.slice(10)] }))),
      "ERR_MESSAGE_INVALID",
    ],
  ];
  test.each(malformed)("%s", async (_, keys, code) => {
    const { requests } = await request(world, { keys: keys() });
    const error = await failure(ask(dtaAt(1), requests[0]));
    expect(error.code).toBe(code);
  });

  test("for a policy of more uses than an answer can hold", async () => {
    const text = `2 of (${Array.from({ length: 400 }, () => "group = a").join(", ")})`;
    const options = { domainId: world.domain.domainId, identity: ALICE, epoch: world.clock.epoch };
    const keys = [attributeKeyRequest(policyEntitlement(options, parsePolicy(text, schema)))];
    const { requests } = await request(world, { keys });
    expect((await failure(ask(dtaAt(1), requests[0]))).code).toBe("ERR_MESSAGE_INVALID");
  });

  test("twice for the same, and with approvals for keys that need none", async () => {
    const key = attributeKeyRequest(entitled(ALICE, {}));
    const enrolment = await request(world, { keys: [key] });
    const sealed = async (claim: Enrolment["claim"], approvals?: Approvals) =>
      sealIssuanceRequest({
        random,
        hpkeKey: authorityAt(world.domain, 1).hpkeKey,
        index: 1,
        request: { ...claim, evidence: [], ...(approvals ? { approvals } : {}) },
      });
    const twice = await sealed({ ...enrolment.claim, keys: [key, key] });
    expect((await failure(ask(dtaAt(1), twice))).code).toBe("ERR_MESSAGE_INVALID");
    const plain = await sealed({ ...enrolment.claim, keys: [{ usage: "enc", epoch: world.clock.epoch }] }, [
      [random(48)],
    ]);
    expect((await failure(ask(dtaAt(1), plain))).code).toBe("ERR_MESSAGE_INVALID");
  });
});

describe("the second round is refused", () => {
  test("with approvals that are missing, of others, of another request, of other attributes, or exchanged", async () => {
    const enrolment = await begin([entitled(ALICE, { region: "DE" })]);
    const good = (await approvalsFor(enrolment))[0] as readonly Uint8Array[];
    const otherRequest = (
      await approvalsFor(await begin([entitled(ALICE, { region: "DE" })]))
    )[0] as readonly Uint8Array[];
    const otherAttributes = (
      await approvalsFor(await begin([entitled(ALICE, { group: ["staff"] })]))
    )[0] as readonly Uint8Array[];
    const next = entitled(ALICE, { region: "DE" }, parseEpoch(world.clock.epoch + 1));
    const otherEpoch = (await approvalsFor(await begin([next])))[0] as readonly Uint8Array[];
    const stranger = generateMasterSecretShare(engine, "statement");
    const forged = signStatement(
      engine,
      stranger,
      approvalStatement(entitled(ALICE, { region: "DE" }), enrolment.requestHash),
    );
    const [one, two, three] = good as [Uint8Array, Uint8Array, Uint8Array];
    for (const approvals of [
      [],
      [one],
      [one, two],
      [one, two, three, three],
      [one, one, one],
      [two, one, three],
      [one, two, otherRequest[2] as Uint8Array],
      [one, two, otherAttributes[2] as Uint8Array],
      [one, two, otherEpoch[2] as Uint8Array],
      [one, two, forged],
      otherRequest,
    ])
      expect(await secondRound(enrolment, approvals.length === 0 ? [[new Uint8Array(48)]] : [approvals])).toBe(
        "ERR_APPROVAL_MISSING",
      );
    expect(await secondRound(enrolment, [good, good])).toBe("ERR_APPROVAL_MISSING");
    expect(await secondRound(enrolment, [good])).toBe("issued");
  });

  test("when a claim is changed after it was approved: the approvals are bound to its hash", async () => {
    const enrolment = await begin([entitled(ALICE, { region: "DE" })]);
    const approvals = await approvalsFor(enrolment);
    const thief = await begin([entitled(ALICE, { region: "DE" })]);
    const stolen = { ...enrolment, claim: { ...enrolment.claim, requestKey: thief.claim.requestKey } };
    expect(await secondRound(stolen, approvals)).toBe("ERR_APPROVAL_MISSING");
  });

  test("for an identity that was denied in between, and in the next epoch from the start", async () => {
    const enrolment = await begin([entitled(BOB, { region: "US" })], BOB);
    const approvals = await approvalsFor(enrolment);
    const requests = await sharesWith(enrolment, approvals);
    await post(dtaAt(3).admin, "/v1/deny", { v: 1, pattern: BOB, reason: "left" });
    expect(await outcome(dtaAt(3), requests[2])).toBe("ERR_IDENTITY_REVOKED");
    world.clock.nowMs += 3_600_000;
    const next = await begin([entitled(BOB, { region: "US" })], BOB);
    expect(await outcome(dtaAt(3), next.requests[2])).toBe("ERR_IDENTITY_REVOKED");
    await dtaAt(3).admin.request({ method: "DELETE", path: "/v1/deny", body: { v: 1, pattern: BOB } });
  });

  test("after a week", async () => {
    const enrolment = await begin([entitled(ALICE, { region: "DE" })]);
    const approvals = await approvalsFor(enrolment);
    world.clock.nowMs += 7 * 86_400_000 + 1;
    expect(await secondRound(enrolment, approvals)).toBe("ERR_REQUEST_EXPIRED");
  });

  test("when the log cannot be written: the shares are not even computed", async () => {
    const enrolment = await begin([entitled(ALICE, { region: "DE" })]);
    const requests = await sharesWith(enrolment, await approvalsFor(enrolment));
    const { audit } = dtaAt(2).running.context;
    const { append } = audit;
    const before = issued.count;
    (audit as { append: typeof append }).append = () => Promise.reject(new Error("disk full"));
    expect((await failure(ask(dtaAt(2), requests[1]))).code).toBe("ERR_INTERNAL");
    (audit as { append: typeof append }).append = append;
    expect(issued.count).toBe(before);
    expect(await outcome(dtaAt(2), requests[1])).toBe("issued");
  });
});

describe("a D-TA that lies is named", () => {
  /** Records and signs as it should, for other shares. */
  const resigned = async (
    { opened: { request: claim, requestHash } }: RecordedIssuance,
    honest: IssuedAnswer,
    shares: ReturnType<typeof issueAttributeShares>,
  ): Promise<IssuedAnswer> => {
    const sealed = await sealShares({ random, requestKey: claim.requestKey, requestHash, index: 2, shares });
    const receipt = { ...honest.receipt, sharesHash: sharesHashOf(sealed) };
    const { signature: _, ...body } = encodeReceipt(receipt);
    const signature = await dtaAt(2).running.context.issuer.call("sign", { kind: "receipt", body });
    return { ...honest, shares: sealed, receipt: { ...receipt, signature } };
  };
  const approvedAs = (entitlement: AbeEntitlement, requestHash: Uint8Array) =>
    ({ entitlement, statement: approvalStatement(entitlement, requestHash) }) as unknown as Parameters<
      typeof issueAttributeShares
    >[2][number];
  const otherMasters = {
    cp: generateMasterSecretShare(engine, "cp"),
    kp: generateMasterSecretShare(engine, "kp"),
  };

  test.each<[string, () => AbeEntitlement, string]>([
    ["a share of another master", () => entitled(ALICE, { region: "DE" }), "issued a wrong share of an attribute key"],
    [
      "a share of another epoch",
      () => entitled(ALICE, { region: "DE" }, parseEpoch(world.clock.epoch + 1)),
      "sealed something that is not the shares asked for",
    ],
    [
      "a share of other attributes",
      () => entitled(ALICE, { group: ["staff"] }),
      "sealed something that is not the shares asked for",
    ],
    [
      "a share of somebody else",
      () => entitled(BOB, { region: "US" }),
      "sealed something that is not the shares asked for",
    ],
  ])("for %s", async (_, entitlement, message) => {
    second.lie = (recorded, honest) => {
      const lie = approvedAs(entitlement(), recorded.opened.requestHash);
      return resigned(recorded, honest, issueAttributeShares(engine, otherMasters, [lie]));
    };
    const enrolment = await begin([entitled(ALICE, { region: "DE" })]);
    const answers = await askAll(await sharesWith(enrolment, await approvalsFor(enrolment)));
    const error = await failure(finish(enrolment, answers));
    expect(error.code).toBe("ERR_SHARE_INVALID");
    expect(error.message).toContain(`D-TA 2 (dta-2) ${message}`);
    const { faults } = faultReportOf(error);
    expect(faults.map(({ index, receipt }) => [index, receipt?.index])).toEqual([[2, 2]]);
  });

  test("for an approval of something else, already in the first round", async () => {
    const enrolment = await begin([entitled(ALICE, { region: "DE" })]);
    const other = await begin([entitled(ALICE, { group: ["staff"] })]);
    const [answers, others] = await Promise.all([askAll(enrolment.requests), askAll(other.requests)]);
    const [mine, foreign] = [answers[1], others[1]];
    if (!mine || !foreign || !("approvals" in mine) || !("approvals" in foreign)) throw new Error("not approved");
    const { signature: _, ...rest } = { ...mine, approvals: foreign.approvals };
    const { encodeApprovedAnswer } = await import("@milagro/protocol/attribute-messages");
    const { signature: __, ...body } = encodeApprovedAnswer({ ...rest, signature: new Uint8Array(48) });
    const signature = await dtaAt(2).running.context.issuer.call("sign", { kind: "approval", body });
    const lied = answers.map((answer, i) => (i === 1 ? { ...rest, signature } : answer));
    const collecting = Promise.resolve().then(() =>
      collectApprovals({ engine, random, domain: world.domain, enrolment, answers: lied }),
    );
    const error = await failure(collecting);
    expect(error.code).toBe("ERR_APPROVAL_MISSING");
    expect(faultReportOf(error).faults.map(({ index }) => index)).toEqual([2]);
  });
});

describe("two users who pool their keys", () => {
  const keyOf = async (identity: Identity, values: AttributeValues): Promise<AbeKey<"cp">> => {
    const enrolment = await begin([entitled(identity, values)], identity);
    const { keys } = await finish(enrolment, await askAll(await sharesWith(enrolment, await approvalsFor(enrolment))));
    return keys[0] as AbeKey<"cp">;
  };
  /** The points of a key, as its holder finds them: in G2, then in G1. */
  const pointsOf = (key: AbeKey<"cp">): readonly Uint8Array[] => {
    const bytes = encodeAbeKey(engine, key);
    const at = 6 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(2);
    const rest = bytes.subarray(at + 96);
    return [
      bytes.slice(at, at + 96),
      ...Array.from({ length: rest.length / 48 }, (_, i) => rest.slice(48 * i, 48 * i + 48)),
    ];
  };

  test("open nothing that neither opens, in whatever way they put the points together", async () => {
    const [alice, bob] = [await keyOf(ALICE, { region: "DE" }), await keyOf(BOB, { group: ["staff"] })];
    const seal = (text: string) => {
      const { domainId } = world.domain;
      const scope = { domainId, scheme: "cp", epoch: world.clock.epoch } as const;
      const options = { publicKey: world.domain.publicKeys.cp, scope, context: new Uint8Array(), plaintext: random(8) };
      return sealToPolicy(engine, random, { ...options, policy: parsePolicy(text, schema) });
    };
    const open = (key: AbeKey<"cp">, text: string): string => {
      try {
        openAbeEnvelope(engine, key, world.domain.publicKeys.cp, seal(text), new Uint8Array()).destroy();
        return "ok";
      } catch (error) {
        return (error as MilagroError).code;
      }
    };
    expect([open(alice, "region = DE"), open(bob, "group = staff")]).toEqual(["ok", "ok"]);
    const both = "region = DE and group = staff";
    expect([open(alice, both), open(bob, both)]).toEqual(["ERR_POLICY_UNSATISFIED", "ERR_POLICY_UNSATISFIED"]);
    const claimed = encodeEntitlement(entitled(ALICE, { region: "DE", group: ["staff"] }));
    const head = new Uint8Array(6 + claimed.length);
    head.set([2, 2]);
    new DataView(head.buffer).setUint32(2, claimed.length);
    head.set(claimed, 6);
    const [a2, a3, aRegion, aNot, aUid, aUidNot] = pointsOf(alice);
    const [b2, b3, bGroup, bUid, bUidNot] = pointsOf(bob);
    const codes = new Set<string>();
    for (let choice = 0; choice < 8; choice += 1) {
      const pick = (bit: number, one: Uint8Array | undefined, other: Uint8Array | undefined) =>
        (choice >> bit) & 1 ? one : other;
      const points = [
        pick(0, a2, b2),
        pick(1, a3, b3),
        bGroup,
        aRegion,
        aNot,
        pick(2, aUid, bUid),
        pick(2, aUidNot, bUidNot),
      ];
      const bytes = new Uint8Array(Buffer.concat([head, ...(points as Uint8Array[])]));
      codes.add(open(parseAbeKey(engine, "cp", bytes), both));
    }
    expect([...codes]).toEqual(["ERR_DECAPSULATION_FAILED"]);
  });
});

describe("grants", () => {
  const withGrant = async (claims: Record<string, unknown>, entitlement: AbeEntitlement): Promise<string> => {
    const jwt = (requestKey: Uint8Array) =>
      new SignJWT({ request_key: requestKeyThumbprint(requestKey), ...claims })
        .setProtectedHeader({ alg: "EdDSA" })
        .setIssuer("hr")
        .setAudience(formatDomainId(world.domain.domainId))
        .setSubject(entitlement.identity)
        .setJti(Buffer.from(random(8)).toString("hex"))
        .setExpirationTime(Math.floor(world.clock.nowMs / 1000) + 600)
        .sign(registrar.privateKey);
    const enrolment = await request(world, {
      identity: entitlement.identity,
      keys: [attributeKeyRequest(entitlement)],
      evidence: async ({ requestKey }) => {
        const grant = { type: "grant", jwt: await jwt(requestKey) } as const;
        return world.dtas.map(() => [grant]);
      },
    });
    return outcome(dtaAt(1), enrolment.requests[0]);
  };

  test("carry attributes of the labels that their registrar may speak of", async () => {
    const ops = entitled(BOB, { group: ["ops"] });
    expect(await withGrant({ attributes: { group: ["ops"] } }, ops)).toBe("issued");
    expect(await withGrant({}, ops)).toBe("ERR_ENTITLEMENT_REFUSED");
    expect(await withGrant({ attributes: { group: ["ops"], size: ["v1"] } }, ops)).toBe("ERR_EVIDENCE_INVALID");
    expect(await withGrant({ attributes: { group: 7, "no label": 1 } }, ops)).toBe("ERR_EVIDENCE_INVALID");
  });

  test("carry policies over those labels", async () => {
    const options = { domainId: world.domain.domainId, identity: BOB, epoch: world.clock.epoch };
    const key = policyEntitlement(options, parsePolicy("group = ops", schema));
    expect(await withGrant({ policies: ["group = ops"] }, key)).toBe("issued");
    expect(await withGrant({ policies: ["group = ops or region = DE"] }, key)).toBe("ERR_EVIDENCE_INVALID");
    expect(await withGrant({ policies: "group = ops" }, key)).toBe("ERR_EVIDENCE_INVALID");
    expect(await withGrant({ policies: ["group ="] }, key)).toBe("ERR_EVIDENCE_INVALID");
  });
});

test("the schema that a D-TA publishes is signed by it, and there is none where the policy has none", async () => {
  const statement = parseSchemaStatement((await dtaAt(1).http.request({ path: "/v1/attributes" })).body);
  const { statement: publicKey } = authorityAt(world.domain, 1).publicShares;
  const message = statementBytes("attribute-schema", schemaBody(statement));
  expect(verifyStatement(engine, publicKey, message, statement.signature)).toBe(true);
  const { attributes: _, ...without } = policy;
  await setPolicy(dtaAt(1), { ...without, version: ++version });
  expect((await failure(dtaAt(1).http.request({ path: "/v1/attributes" }))).code).toBe("ERR_ATTRIBUTE_SCHEMA_UNKNOWN");
  expect(await outcome(dtaAt(1), (await begin([entitled(ALICE, {})])).requests[0])).toBe("ERR_ENTITLEMENT_REFUSED");
});

test("a policy with attributes that its own schema does not have is not taken into force", async () => {
  const { attributes } = policy;
  const wrong = (changes: object) =>
    setPolicy(dtaAt(2), {
      ...policy,
      version: ++version,
      attributes: { ...attributes, ...changes } as NonNullable<IssuancePolicy["attributes"]>,
    });
  const holder = (values: AttributeValues) => ({ holders: [{ identities: [pattern(ALICE)], attributes: values }] });
  expect((await failure(wrong(holder({ regoin: "DE" })))).code).toBe("ERR_ATTRIBUTE_INVALID");
  expect((await failure(wrong(holder({ uid: BOB })))).code).toBe("ERR_ATTRIBUTE_INVALID");
  const policies = [{ identities: [pattern(ALICE)], policies: ["regoin = DE"] }];
  expect((await failure(wrong({ policies }))).code).toBe("ERR_POLICY_INVALID");
  const labels = { region: { type: "text", values: "many", negatable: true } };
  expect((await failure(wrong({ schema: { v: 1, negation: true, labels } }))).code).toBe(
    "ERR_ATTRIBUTE_SCHEMA_INVALID",
  );
});
