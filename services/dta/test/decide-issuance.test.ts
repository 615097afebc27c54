import { parseEpoch } from "@milagro/crypto/epoch";
import { parseIdentity, parseIdentityPattern } from "@milagro/crypto/identity";
import type { IssuancePolicy, IssuanceRule } from "@milagro/protocol/policy";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ANSWER_AGAIN_MS,
  decideIssuance,
  type EvidenceVerdict,
  FRESHNESS_MS,
  type IssuanceFacts,
  inEpochWindow,
  LATE_MS,
} from "../src/decide-issuance.ts";

const EPOCH_SECONDS = 3600;
const NOW_MS = 1_800_001_800_000; // half-way through epoch 500000
const NOW_EPOCH = 500_000;
const identity = parseIdentity("milagro:example.org/service/alice");
const everybody = parseIdentityPattern("milagro:example.org/service/**");

const rule = (changes: Partial<IssuanceRule> = {}): IssuanceRule => ({
  identities: [everybody],
  usages: ["enc", "sig"],
  evidence: ["join-token", "renewal"],
  maxEpochsAhead: 1,
  maxEpochsBack: 30,
  ...changes,
});
const policy = (changes: Partial<IssuancePolicy> = {}): IssuancePolicy => ({
  v: 1,
  version: 1,
  rules: [rule()],
  registrars: [],
  oidc: [],
  denied: [],
  ...changes,
});
const anyEvidence = policy({ rules: [rule({ evidence: ["join-token", "grant", "oidc", "renewal"] })] });
const key = (usage: "enc" | "sig" | "kex", epoch = NOW_EPOCH) => ({ usage, epoch: parseEpoch(epoch) });
const token: EvidenceVerdict = { type: "join-token", ok: true };
const badToken: EvidenceVerdict = { type: "join-token", ok: false, code: "ERR_JOIN_TOKEN_INVALID" };
const LATE = NOW_MS - FRESHNESS_MS - 1;
const renewal: EvidenceVerdict = { type: "renewal", ok: true, keyEpoch: parseEpoch(NOW_EPOCH - 1) };
const oidc: EvidenceVerdict = { type: "oidc", ok: true };
const grant: EvidenceVerdict = { type: "grant", ok: true };
const facts = (changes: Partial<IssuanceFacts> = {}): IssuanceFacts => ({
  identity,
  keys: [key("enc"), key("sig")],
  requestTimeMs: NOW_MS,
  nowMs: NOW_MS,
  epochSeconds: EPOCH_SECONDS,
  policy: policy(),
  denied: [],
  evidence: [token],
  ...changes,
});

const laptop = parseIdentity("milagro:example.org/mpin/login.example.org/alice@example.org/k7w2m9x4ab");
const loginServer = parseIdentity("milagro:example.org/mpin-server/login.example.org");
const logins = policy({
  rules: [
    rule({
      identities: ["milagro:example.org/*/**"].map(parseIdentityPattern),
      usages: ["enc", "sig", "mpin", "mpin-server", "permit"],
      evidence: ["join-token", "renewal", "email-code", "device"],
    }),
  ],
});
const forEver = (usage: "enc" | "sig" | "mpin" | "mpin-server") => ({ usage, epoch: parseEpoch(0) });
const emailCode: EvidenceVerdict = { type: "email-code", ok: true };
const badCode: EvidenceVerdict = { type: "email-code", ok: false, code: "ERR_EMAIL_CODE_INVALID" };
const forLaptop = { identity: laptop, keys: [forEver("mpin"), forEver("sig")], policy: logins };

const ROWS: readonly (readonly [claim: string, changes: Partial<IssuanceFacts>, expected: string])[] = [
  ["a good token for allowed keys is enough", {}, "issue 0"],
  ["the first piece that reaches carries the request", { evidence: [badToken, token, token] }, "issue 1"],
  ["nothing is allowed without a rule", { policy: policy({ rules: [] }) }, "ERR_POLICY_REFUSED"],
  [
    "a rule for others allows nothing",
    { policy: policy({ rules: [rule({ identities: [parseIdentityPattern("milagro:example.org/service/bob")] })] }) },
    "ERR_POLICY_REFUSED",
  ],
  [
    "a rule of another domain allows nothing",
    { policy: policy({ rules: [rule({ identities: [parseIdentityPattern("milagro:example.com/service/**")] })] }) },
    "ERR_POLICY_REFUSED",
  ],
  ["a usage that no rule names is refused", { keys: [key("enc"), key("kex")] }, "ERR_POLICY_REFUSED"],
  [
    "each key may be allowed by its own rule",
    { policy: policy({ rules: [rule({ usages: ["enc"] }), rule({ usages: ["sig"] })] }) },
    "issue 0",
  ],
  [
    "a usage that the evidence does not speak for is refused",
    { evidence: [{ ...token, usages: ["enc"] }] },
    "ERR_EVIDENCE_INVALID",
  ],
  [
    "two pieces do not add up",
    {
      evidence: [
        { ...token, usages: ["enc"] },
        { ...token, usages: ["sig"] },
      ],
    },
    "ERR_EVIDENCE_INVALID",
  ],
  [
    "evidence of a kind that the rule does not accept is refused",
    { evidence: [{ type: "oidc", ok: true }] },
    "ERR_EVIDENCE_INVALID",
  ],
  ["no evidence is refused", { evidence: [] }, "ERR_EVIDENCE_MISSING"],
  ["bad evidence says why", { evidence: [badToken] }, "ERR_JOIN_TOKEN_INVALID"],
  ["the next epoch may be had", { keys: [key("sig", NOW_EPOCH + 1)] }, "issue 0"],
  ["the one after may not", { keys: [key("sig", NOW_EPOCH + 2)] }, "ERR_EPOCH_OUT_OF_WINDOW"],
  ["a past enc key may be had", { keys: [key("enc", NOW_EPOCH - 30)] }, "issue 0"],
  ["an older one may not", { keys: [key("enc", NOW_EPOCH - 31)] }, "ERR_EPOCH_OUT_OF_WINDOW"],
  [
    "a past sig key may not: it could only sign the past",
    { keys: [key("sig", NOW_EPOCH - 1)] },
    "ERR_EPOCH_OUT_OF_WINDOW",
  ],
  ["a device gets its secret and a signing key without expiry", { ...forLaptop, evidence: [emailCode] }, "issue 0"],
  ["or by the word of another device", { ...forLaptop, evidence: [{ type: "device", ok: true }] }, "issue 0"],
  ["a wrong code says so", { ...forLaptop, evidence: [badCode] }, "ERR_EMAIL_CODE_INVALID"],
  ["a code reaches no further than the rule", { evidence: [emailCode] }, "ERR_EVIDENCE_INVALID"],
  [
    "a token for signing keys alone gives no secret",
    { ...forLaptop, evidence: [{ ...token, usages: ["sig"] }] },
    "ERR_EVIDENCE_INVALID",
  ],
  [
    "no renewal gives a device a second secret",
    { ...forLaptop, evidence: [{ ...renewal, keyEpoch: parseEpoch(NOW_EPOCH) }] },
    "ERR_EVIDENCE_INVALID",
  ],
  ["a device is issued for once", { ...forLaptop, issuedElsewhere: true }, "ERR_IDENTITY_ISSUED"],
  [
    "and who has no evidence is not told",
    { ...forLaptop, evidence: [badCode], issuedElsewhere: true },
    "ERR_EMAIL_CODE_INVALID",
  ],
  [
    "the same request again is answered, whatever was issued since",
    { ...forLaptop, evidence: [], issuedMs: NOW_MS, issuedElsewhere: true },
    "again",
  ],
  ["a denied device gets nothing", { ...forLaptop, denied: [parseIdentityPattern(laptop)] }, "ERR_IDENTITY_REVOKED"],
  [
    "a login server gets its secret",
    { ...forLaptop, identity: loginServer, keys: [forEver("mpin-server")] },
    "issue 0",
  ],
  ["but no client secret", { ...forLaptop, identity: loginServer, keys: [forEver("mpin")] }, "ERR_POLICY_REFUSED"],
  ["nor a signing key", { ...forLaptop, identity: loginServer, keys: [forEver("sig")] }, "ERR_EPOCH_OUT_OF_WINDOW"],
  ["a device gets no server secret", { ...forLaptop, keys: [forEver("mpin-server")] }, "ERR_POLICY_REFUSED"],
  ["nor a key of encryption for ever", { ...forLaptop, keys: [forEver("enc")] }, "ERR_EPOCH_OUT_OF_WINDOW"],
  [
    "secrets of the login are those of epoch 0",
    { ...forLaptop, keys: [{ usage: "mpin", epoch: parseEpoch(NOW_EPOCH) }] },
    "ERR_EPOCH_OUT_OF_WINDOW",
  ],
  ["a service has no part in the login", { policy: logins, keys: [forEver("mpin")] }, "ERR_POLICY_REFUSED"],
  ["nor keys without expiry", { policy: logins, keys: [forEver("sig")] }, "ERR_EPOCH_OUT_OF_WINDOW"],
  [
    "a late request that a code carries is taken",
    { ...forLaptop, requestTimeMs: NOW_MS - FRESHNESS_MS - 1, evidence: [emailCode] },
    "issue 0",
  ],
  ["epoch 0 is never issued", { keys: [key("enc", 0)] }, "ERR_EPOCH_OUT_OF_WINDOW"],
  ["a time at the edge is fresh", { requestTimeMs: NOW_MS - FRESHNESS_MS }, "issue 0"],
  ["an older one is not", { requestTimeMs: LATE, evidence: [renewal] }, "ERR_REQUEST_EXPIRED"],
  [
    "an OpenID Connect token does not carry a late one",
    { requestTimeMs: LATE, evidence: [oidc], policy: anyEvidence },
    "ERR_REQUEST_EXPIRED",
  ],
  ["nor does nothing", { requestTimeMs: LATE, evidence: [] }, "ERR_REQUEST_EXPIRED"],
  ["a one-time token does: the others may have taken theirs", { requestTimeMs: LATE }, "issue 0"],
  ["so does a grant", { requestTimeMs: LATE, evidence: [renewal, grant], policy: anyEvidence }, "issue 1"],
  ["a bad token says why, also late", { requestTimeMs: LATE, evidence: [renewal, badToken] }, "ERR_JOIN_TOKEN_INVALID"],
  ["not for ever", { requestTimeMs: NOW_MS - LATE_MS - 1 }, "ERR_REQUEST_EXPIRED"],
  [
    "a late request for a key that is not issued is refused",
    { requestTimeMs: LATE, keys: [key("sig", NOW_EPOCH - 1)] },
    "ERR_EPOCH_OUT_OF_WINDOW",
  ],
  ["one from the future is not", { requestTimeMs: NOW_MS + FRESHNESS_MS + 1 }, "ERR_REQUEST_EXPIRED"],
  [
    "a known request is answered again, however old its time",
    { issuedMs: NOW_MS - 86_400_000, requestTimeMs: NOW_MS - 86_400_000, evidence: [] },
    "again",
  ],
  [
    "but not for ever, either",
    { issuedMs: NOW_MS - ANSWER_AGAIN_MS - 1, requestTimeMs: NOW_MS - ANSWER_AGAIN_MS - 1 },
    "ERR_REQUEST_EXPIRED",
  ],
  ["the deny-list beats good evidence", { denied: [identity as never] }, "ERR_IDENTITY_REVOKED"],
  ["the policy's own list does too", { policy: policy({ denied: [everybody] }) }, "ERR_IDENTITY_REVOKED"],
  ["it beats a known request", { denied: [everybody], issuedMs: NOW_MS }, "ERR_IDENTITY_REVOKED"],
  [
    "others on the list change nothing",
    { denied: [parseIdentityPattern("milagro:example.org/service/bob")] },
    "issue 0",
  ],
  [
    "renewal by last epoch's key",
    { evidence: [{ type: "renewal", ok: true, keyEpoch: parseEpoch(NOW_EPOCH - 1) }] },
    "issue 0",
  ],
  [
    "renewal by a key as old as the rule reaches",
    { evidence: [{ type: "renewal", ok: true, keyEpoch: parseEpoch(NOW_EPOCH - 30) }] },
    "issue 0",
  ],
  [
    "renewal by an older one is refused",
    { evidence: [{ type: "renewal", ok: true, keyEpoch: parseEpoch(NOW_EPOCH - 31) }] },
    "ERR_EVIDENCE_INVALID",
  ],
  [
    "renewal by a key without expiry is refused",
    { evidence: [{ type: "renewal", ok: true, keyEpoch: parseEpoch(0) }] },
    "ERR_EVIDENCE_INVALID",
  ],
];

describe("decision table", () => {
  test.each(ROWS)("%s", (_claim, changes, expected) => {
    const decision = decideIssuance(facts(changes));
    const text =
      decision.kind === "issue" ? `issue ${decision.carrier}` : decision.kind === "again" ? "again" : decision.code;
    expect(text).toBe(expected);
  });
});

test("whatever else is true, an identity on the deny-list gets nothing", () =>
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.integer({ min: -400_000, max: 400_000 }),
      fc.option(fc.nat({ max: 1_000_000 })),
      (good, skew, age) => {
        const decision = decideIssuance(
          facts({
            denied: [everybody],
            evidence: good ? [token] : [],
            requestTimeMs: NOW_MS + skew,
            ...(age === null ? {} : { issuedMs: NOW_MS - age }),
          }),
        );
        expect(decision).toEqual({ kind: "refuse", code: "ERR_IDENTITY_REVOKED" });
      },
    ),
  ));

test("at an epoch's end both neighbours count, five minutes to either side", () => {
  const end = (NOW_EPOCH + 1) * EPOCH_SECONDS * 1000;
  const none = rule({ maxEpochsAhead: 0, maxEpochsBack: 0 });
  const allowed = (epoch: number, nowMs: number) => inEpochWindow(none, key("sig", epoch), nowMs, EPOCH_SECONDS);
  expect(allowed(NOW_EPOCH + 1, end - FRESHNESS_MS)).toBe(true);
  expect(allowed(NOW_EPOCH + 1, end - FRESHNESS_MS - 1)).toBe(false);
  expect(allowed(NOW_EPOCH, end + FRESHNESS_MS - 1)).toBe(true);
  expect(allowed(NOW_EPOCH, end + FRESHNESS_MS)).toBe(false);
});
