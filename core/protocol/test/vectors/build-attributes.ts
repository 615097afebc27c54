/**
 * The two rounds for attribute keys between a requester and three D-TAs, and what each of them has to refuse. Deterministic from a seed.
 * @module
 */
import { type AbeEntitlement, attributeEntitlement, policyEntitlement } from "@milagro/crypto/abe-entitlement";
import { parseAttributeSchema } from "@milagro/crypto/attribute-schema";
import { concat, encodeHex, parseHex, u32, utf8 } from "@milagro/crypto/bytes";
import { parseDomainId } from "@milagro/crypto/domain-id";
import { parseEpoch } from "@milagro/crypto/epoch";
import { generateHpkeKeyPair, parseHpkePrivateKey } from "@milagro/crypto/hpke";
import { parseMasterSecretShare } from "@milagro/crypto/master-secret";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import type { RandomBytes } from "@milagro/engine/engine";
import { sha256 } from "@noble/hashes/sha2.js";
import { signApproved } from "../../src/approved-answer.ts";
import { attributeKeyRequest, signApprovals } from "../../src/attribute-issuance.ts";
import { encodeSignedDescriptor } from "../../src/descriptor.ts";
import { sealShares, sharesHashOf, signReceipt, signRefusal } from "../../src/issuance.ts";
import {
  encodeIssuanceAnswer,
  encodeIssuanceClaim,
  type IssuanceClaim,
  type KeyRequest,
  parseIssuanceAnswer,
  parseShareList,
  requestHashOf,
  type Share,
} from "../../src/issuance-messages.ts";
import { ALICE, BOB, describe, EPOCH, EPOCH_SECONDS, engine, flip, NOW_MS, signDescriptor } from "../fixture.ts";
import { openParties, runAttributeCase } from "./attribute-runner.ts";
import type { Fields } from "./channel-runner.ts";

const SEED = utf8("milagro attribute issuance vectors v1");
const COUNT = 3;
const INDICES = Array.from({ length: COUNT }, (_, i) => i + 1);

function bytesFor(label: string, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) => sha256(concat(SEED, utf8(label), u32(i))));
  return concat(...blocks).slice(0, length);
}
const randomFor =
  (label: string): RandomBytes =>
  (length) =>
    bytesFor(label, length);
const hexFor = (label: string, length = 32): string => encodeHex(bytesFor(label, length));
/** Below the order of the scalars. */
const scalarFor = (label: string): Uint8Array => concat(new Uint8Array(1), bytesFor(label, 31));
const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

async function makeDomain() {
  const members = await Promise.all(
    INDICES.map(async (index) => {
      const make = <S extends "id" | "mpin" | "cp" | "kp" | "statement">(scheme: S) =>
        parseMasterSecretShare(engine, scheme, scalarFor(`${scheme} ${index}`));
      return {
        index,
        masters: { id: make("id"), mpin: make("mpin"), cp: make("cp"), kp: make("kp"), statement: make("statement") },
        hpke: await generateHpkeKeyPair(randomFor(`hpke ${index}`)),
      };
    }),
  );
  const proposal = {
    v: 1 as const,
    name: "example.org",
    epochSeconds: EPOCH_SECONDS,
    members: INDICES.map((index) => ({
      index,
      name: `dta-${index}`,
      operator: `Operator ${index}`,
      jurisdiction: "CH",
      url: `https://dta${index}.example.org`,
    })),
    nonce: bytesFor("ceremony", 16),
  };
  return {
    descriptor: encodeSignedDescriptor(signDescriptor(members, describe(members, proposal))),
    secrets: members.map(({ index, hpke }) => ({
      hpke: hpke.privateKey.use(encodeHex),
      statement: encodeHex(scalarFor(`statement ${index}`)),
      cp: encodeHex(scalarFor(`cp ${index}`)),
      kp: encodeHex(scalarFor(`kp ${index}`)),
    })),
  };
}

export async function buildAttributeVectors() {
  const fields = await makeDomain();
  const parties = openParties(fields);
  const { domainId } = parties.domain;
  const cases: object[] = [];
  /** The outcome is stated, never recorded: another one is an error here. */
  const add = async (expected: string, name: string, operation: string, input: Fields): Promise<Fields> => {
    const got = await runAttributeCase(parties, operation, input);
    if (got.expect !== expected) throw new Error(`${operation}, ${name}: ${got.expect} instead of ${expected}`);
    cases.push({ name, operation, input, expect: expected, ...(got.output ? { output: got.output } : {}) });
    return got.output ?? {};
  };

  const schema = parseAttributeSchema({
    v: 1,
    negation: true,
    labels: {
      region: { type: "text", values: "one", negatable: true, allowed: ["DE", "FR", "US"] },
      group: { type: "text", values: "many" },
      clearance: { type: "integer", width: 4 },
      topic: { type: "text", values: "one" },
    },
  });
  const own = { domainId, identity: ALICE, epoch: EPOCH };
  const values = { region: "DE", group: ["staff", "db"], clearance: 3 };
  const bound = attributeEntitlement(own, schema, values);
  const unbound = attributeEntitlement({ ...own, boundToEpoch: false }, schema, { group: ["staff"] });
  const policy = policyEntitlement(own, parsePolicy("topic = alarm or topic = pay and clearance >= 2", schema));
  const attributes = (change: Partial<typeof own>) => attributeEntitlement({ ...own, ...change }, schema, values);

  const { privateKey, publicKey: requestKey } = await generateHpkeKeyPair(randomFor("request key"));
  const requestPrivateKey = privateKey.use(encodeHex);
  const claimOf = (keys: readonly KeyRequest[], change: Partial<IssuanceClaim> = {}): IssuanceClaim => ({
    v: 1,
    domainId,
    identity: ALICE,
    keys: [...keys],
    requestKey,
    nonce: bytesFor("nonce", 16),
    time: NOW_MS / 1000,
    ...change,
  });
  const wanted: readonly AbeEntitlement[] = [bound, policy, unbound];
  const [first, second, third] = wanted.map(attributeKeyRequest) as [KeyRequest, KeyRequest, KeyRequest];
  const claim = claimOf([first, second, third]);
  const wire = encodeIssuanceClaim(claim);
  const requestHash = requestHashOf(claim);

  // What is asked for.
  await add("ok", "attributes, a policy, and attributes that are not bound to an epoch", "claim", { claim: wire });
  const bytes = attributeKeyRequest(bound).entitlement;
  const entitled = (entitlement: Uint8Array, usage: "cp" | "kp" = "cp"): KeyRequest => ({
    usage,
    epoch: EPOCH,
    entitlement,
  });
  const others = [2, 3, 4, 5].map((clearance) =>
    attributeKeyRequest(attributeEntitlement(own, schema, { ...values, clearance })),
  );
  const refused: readonly (readonly [string, string, readonly KeyRequest[], Partial<IssuanceClaim>?])[] = [
    ["ERR_MESSAGE_INVALID", "with a key of another kind", [first, { usage: "sig", epoch: EPOCH }]],
    ["ERR_MESSAGE_INVALID", "with proofs", [first], { proofs: true }],
    ["ERR_MESSAGE_INVALID", "five keys", [second, ...others]],
    ["ERR_MESSAGE_INVALID", "one key twice", [first, second, first]],
    [
      "ERR_ENTITLEMENT_INVALID",
      "of another domain",
      [attributeKeyRequest(attributes({ domainId: parseDomainId(bytesFor("other", 32)) }))],
    ],
    ["ERR_ENTITLEMENT_INVALID", "of another identity", [attributeKeyRequest(attributes({ identity: BOB }))]],
    [
      "ERR_ENTITLEMENT_INVALID",
      "of another epoch",
      [{ ...attributeKeyRequest(attributes({ epoch: parseEpoch(EPOCH + 1) })), epoch: EPOCH }],
    ],
    [
      "ERR_ENTITLEMENT_INVALID",
      "a policy under the usage of attributes",
      [entitled(attributeKeyRequest(policy).entitlement)],
    ],
    ["ERR_ENTITLEMENT_INVALID", "attributes under the usage of policies", [entitled(bytes, "kp")]],
    ["ERR_ENTITLEMENT_INVALID", "an entitlement cut short", [entitled(bytes.slice(0, -1))]],
    ["ERR_ENTITLEMENT_INVALID", "an entitlement with a byte more", [entitled(concat(bytes, new Uint8Array(1)))]],
  ];
  for (const [code, name, keys, change] of refused)
    await add(code, name, "claim", { claim: encodeIssuanceClaim(claimOf(keys, change)) });
  await add("ERR_MESSAGE_INVALID", "an entitlement of no bytes", "claim", {
    claim: { ...wire, keys: [{ usage: "cp", epoch: EPOCH, entitlement: "" }] },
  });

  // The first round.
  const round1 = { ...wire, evidence: [] };
  const sealed = (
    await add("ok", "the first round's request", "seal", { request: round1, index: 2, random: hexFor("seal 1") })
  )["sealed"] as Record<string, string>;
  await add("ok", "the first round's request", "open", { sealed, index: 2 });
  const changed = base64url(flip(Buffer.from(sealed["ciphertext"] as string, "base64url"), 40));
  await add("ERR_HPKE_OPEN_FAILED", "one bit changed", "open", {
    sealed: { ...sealed, ciphertext: changed },
    index: 2,
  });
  await add("ERR_DOMAIN_MISMATCH", "at another D-TA", "open", { sealed, index: 1 });
  await add("ERR_HPKE_OPEN_FAILED", "redirected to another D-TA", "open", {
    sealed: { ...sealed, index: 1 },
    index: 1,
  });

  const record = (index: number, entry = 40) => ({
    policyVersion: 7,
    time: NOW_MS / 1000 + 1,
    logIndex: entry + index,
    logHead: hexFor(`log ${index} ${entry}`),
  });
  const answers: unknown[] = [];
  for (const index of INDICES)
    answers.push(
      (await add("ok", `D-TA ${index}`, "approve", { claim: wire, index, record: record(index) }))["answer"],
    );
  const foreign = encodeIssuanceClaim(claimOf([{ usage: "sig", epoch: EPOCH }, first]));
  await add("ERR_MESSAGE_INVALID", "a claim with a key of another kind", "approve", {
    claim: foreign,
    index: 1,
    record: record(1),
  });

  const collected = await add("ok", "in any order", "collect", { claim: wire, answers: answers.toReversed() });
  const statementKey = (index: number) =>
    parseMasterSecretShare(engine, "statement", parseHex(fields.secrets[index - 1]?.statement ?? ""));
  const recordOf = (index: number) => ({ ...record(index), logHead: parseHex(record(index).logHead) });
  /** Signed by D-TA 2 as it should be, over approvals that may be of something else. */
  const approvedBy2 = (entitlements: readonly AbeEntitlement[], hash = requestHash, of = requestHash) =>
    encodeIssuanceAnswer(
      signApproved(engine, statementKey(2), {
        v: 1,
        index: 2,
        requestHash: hash,
        approvals: [...signApprovals(engine, statementKey(2), entitlements, of)],
        ...recordOf(2),
      }),
    );
  const with2 = (answer: unknown) => ({ claim: wire, answers: [answers[0], answer, answers[2]] });
  const otherHash = requestHashOf(claimOf([first, second, third], { nonce: bytesFor("another nonce", 16) }));
  const refusal = encodeIssuanceAnswer(
    signRefusal(engine, statementKey(2), {
      v: 1,
      index: 2,
      requestHash,
      refusal: { code: "ERR_ENTITLEMENT_REFUSED", detail: "not known to have this" },
      time: NOW_MS / 1000,
    }),
  );
  const answer2 = answers[1] as Record<string, string | number>;
  const { signature } = answers[0] as typeof answer2;
  await add("ERR_ENROLMENT_INCOMPLETE", "one D-TA has not answered", "collect", {
    claim: wire,
    answers: answers.slice(0, 2),
  });
  await add("ERR_ENROLMENT_REFUSED", "one D-TA refuses", "collect", with2(refusal));
  await add("ERR_RECEIPT_INVALID", "the signature of another D-TA", "collect", with2({ ...answer2, signature }));
  await add(
    "ERR_RECEIPT_INVALID",
    "another place in the log than was signed",
    "collect",
    with2({ ...answer2, logIndex: 43 }),
  );
  await add(
    "ERR_RECEIPT_INVALID",
    "an answer to another request",
    "collect",
    with2(approvedBy2(wanted, otherHash, otherHash)),
  );
  await add("ERR_RECEIPT_INVALID", "fewer approvals than keys", "collect", with2(approvedBy2([bound, policy])));
  await add("ERR_RECEIPT_INVALID", "one D-TA twice, differently", "collect", {
    claim: wire,
    answers: [...answers, approvedBy2([bound, policy])],
  });
  await add("ERR_DOMAIN_MISMATCH", "a D-TA that the domain does not have", "collect", with2({ ...answer2, index: 4 }));
  const poorer = attributeEntitlement(own, schema, { ...values, clearance: 2 });
  await add(
    "ERR_APPROVAL_MISSING",
    "an approval of other attributes",
    "collect",
    with2(approvedBy2([poorer, policy, unbound])),
  );
  await add(
    "ERR_APPROVAL_MISSING",
    "approvals in another order",
    "collect",
    with2(approvedBy2([policy, bound, unbound])),
  );
  await add(
    "ERR_APPROVAL_MISSING",
    "approvals of another request",
    "collect",
    with2(approvedBy2(wanted, requestHash, otherHash)),
  );

  // The second round.
  const approvals = (collected["approvals"] as readonly (readonly string[])[]).map((each) =>
    each.map((hex) => base64url(parseHex(hex))),
  );
  const round2 = { ...wire, evidence: [], approvals };
  const issueAs = (index: number, request: Fields = round2): Fields => ({
    request,
    index,
    record: record(index, 50),
    random: hexFor(`shares ${index}`),
  });
  const issued: Fields[] = [];
  for (const index of INDICES) issued.push(await add("ok", `D-TA ${index}`, "issue", issueAs(index)));
  const withApprovals = (change: (all: string[][]) => string[][]): Fields => ({
    ...round2,
    approvals: change(approvals.map((each) => [...each])),
  });
  const swapped = ([a, b, ...rest]: string[]): string[] => [b as string, a as string, ...rest];
  const ofFirst = approvals[0]?.[0] as string;
  const missing: readonly (readonly [string, Fields])[] = [
    ["no approvals", { ...wire, evidence: [] }],
    ["approvals for one key fewer", withApprovals((all) => all.slice(0, 2))],
    ["the approval of one D-TA missing", withApprovals(([a, ...rest]) => [(a as string[]).slice(0, 2), ...rest])],
    ["one approval too many", withApprovals(([a, ...rest]) => [[...(a as string[]), ofFirst], ...rest])],
    [
      "the approval of one D-TA in the place of another's",
      withApprovals(([a, ...rest]) => [[ofFirst, ofFirst, (a as string[])[2] as string], ...rest]),
    ],
    ["the D-TAs in another order", withApprovals((all) => all.map(swapped))],
    ["the keys in another order", withApprovals(([a, b, c]) => [b, a, c] as string[][])],
    ["approvals of another request", { ...round2, nonce: base64url(bytesFor("another nonce", 16)) }],
    [
      "approvals of fewer attributes",
      {
        ...round2,
        keys: [
          { ...wire.keys[0], entitlement: base64url(attributeKeyRequest(poorer).entitlement) },
          wire.keys[1],
          wire.keys[2],
        ],
      },
    ],
  ];
  for (const [name, request] of missing) await add("ERR_APPROVAL_MISSING", name, "issue", issueAs(2, request));

  const final = issued.map((one) => one["answer"]);
  const finishWith = (given: readonly unknown[]): Fields => ({ claim: wire, requestPrivateKey, answers: given });
  await add("ok", "in any order", "finish", finishWith(final.toReversed()));
  /** Sealed and signed by D-TA 2 as it should be; the shares may be false. */
  const sealedBy2 = async (shares: readonly Share[], hash = requestHash, keys = claim.keys): Promise<unknown> => {
    const random = randomFor("false shares");
    const box = await sealShares({ random, requestKey, requestHash: hash, index: 2, shares: structuredClone(shares) });
    const receipt = signReceipt(engine, statementKey(2), {
      v: 1,
      domainId,
      index: 2,
      requestHash,
      identity: ALICE,
      keys,
      sharesHash: sharesHashOf(box),
      ...recordOf(2),
    });
    return encodeIssuanceAnswer({ v: 1, index: 2, requestHash, shares: box, receipt });
  };
  const sharesOf = (index: number): readonly Share[] => parseShareList(issued[index - 1]?.["shares"]).shares;
  const finish2 = (answer: unknown) => finishWith([final[0], answer, final[2]]);
  const [cp2, kp2, unbound2] = sharesOf(2) as [Share, Share, Share];
  const [cp1, kp1] = sharesOf(1) as [Share, Share];
  await add(
    "ERR_SHARE_INVALID",
    "the share of another D-TA, of attributes",
    "finish",
    finish2(await sealedBy2([cp1, kp2, unbound2])),
  );
  await add(
    "ERR_SHARE_INVALID",
    "the share of another D-TA, of a policy",
    "finish",
    finish2(await sealedBy2([cp2, kp1, unbound2])),
  );
  await add("ERR_SHARE_INVALID", "shares in another order", "finish", finish2(await sealedBy2([unbound2, kp2, cp2])));
  await add("ERR_SHARE_INVALID", "a share missing", "finish", finish2(await sealedBy2([cp2, kp2])));
  await add(
    "ERR_SHARE_INVALID",
    "sealed for another request",
    "finish",
    finish2(await sealedBy2(sharesOf(2), otherHash)),
  );
  await add(
    "ERR_RECEIPT_INVALID",
    "a receipt of other keys",
    "finish",
    finish2(await sealedBy2(sharesOf(2), requestHash, claim.keys.slice(0, 2))),
  );
  await add("ERR_RECEIPT_INVALID", "an approval instead of shares", "finish", finish2(answers[1]));
  await add("ERR_ENROLMENT_REFUSED", "one D-TA refuses", "finish", finish2(refusal));
  await add("ERR_ENROLMENT_INCOMPLETE", "one D-TA has not answered", "finish", finishWith([final[0], final[2]]));
  const { shares: box1 } = parseIssuanceAnswer(final[0]) as {
    shares: { encapsulatedKey: Uint8Array; ciphertext: Uint8Array };
  };
  const exchanged = {
    ...(final[1] as object),
    shares: { encapsulatedKey: base64url(box1.encapsulatedKey), ciphertext: base64url(box1.ciphertext) },
  };
  await add("ERR_RECEIPT_INVALID", "sealed shares exchanged on the way", "finish", finish2(exchanged));
  await add("ERR_MESSAGE_INVALID", "a private key that is not the request's", "finish", {
    ...finishWith(final),
    requestPrivateKey: parseHpkePrivateKey(bytesFor("another key", 32)).use(encodeHex),
  });

  const source = "core/protocol/test/vectors/build-attributes.ts";
  return { scheme: "attribute-issuance", source, domain: fields, cases };
}
