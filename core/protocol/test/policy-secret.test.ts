import { attributeEntitlement } from "@milagro/crypto/abe-entitlement";
import { encodeAbeEnvelope, sealToAttributes } from "@milagro/crypto/abe-envelope";
import type { AbeKey } from "@milagro/crypto/abe-key";
import { parseAttributeSchema } from "@milagro/crypto/attribute-schema";
import { attributesOf } from "@milagro/crypto/attribute-set";
import { utf8 } from "@milagro/crypto/bytes";
import { type Epoch, parseEpoch } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import { formatPolicy } from "@milagro/crypto/policy-format";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type Author,
  makeSecretRecord,
  openPolicyRecord,
  policyEnvelopeOf,
  secretContext,
  signSecretRecord,
  verifySecretRecord,
} from "../src/secret.ts";
import { parseSecretPath } from "../src/secret-path.ts";
import { encodeSecretRecord, type Party, parseSecretRecord, type SecretRecord } from "../src/secret-record.ts";
import {
  ALICE,
  BOB,
  codeOf,
  EPOCH,
  engine,
  type Founded,
  flip,
  foundDomain,
  issueAttributeKey,
  issueKey,
  NOW_MS,
  random,
} from "./fixture.ts";

const schema = parseAttributeSchema({
  v: 1,
  negation: true,
  labels: { region: { type: "text", values: "one", negatable: true }, group: { type: "text", values: "many" } },
});
const policy = parsePolicy("region != US and group = staff", schema);
const path = parseSecretPath("db/prod/password");
const plaintext = utf8("correct horse battery staple");

let founded: Founded;
let author: Author;
let record: SecretRecord;
let bobsKey: AbeKey<"cp">;

const keyOf = (identity: Identity, region: string, epoch: Epoch = EPOCH) =>
  issueAttributeKey<"cp">(
    founded,
    attributeEntitlement({ domainId: founded.domain.domainId, identity, epoch }, schema, { region, group: ["staff"] }),
  );
const make = (recipients: readonly Party[] = [{ identity: BOB, epoch: EPOCH }]) =>
  makeSecretRecord({
    engine,
    random,
    domain: founded.domain,
    author,
    path,
    version: 3,
    recipients,
    policy,
    plaintext,
    nowMs: NOW_MS,
  });
const verify = (changed: SecretRecord) => codeOf(() => verifySecretRecord(engine, founded.domain, changed));
const open = (changed: SecretRecord, key: AbeKey<"cp">) =>
  openPolicyRecord(engine, founded.domain, changed, key).use((bytes) => bytes.slice());
/** What the author signs when the author lies. */
const signed = (changes: Partial<SecretRecord>) => {
  const { signature: _, ...unsigned } = { ...record, ...changes };
  return signSecretRecord(engine, random, founded.domain, author, unsigned);
};

beforeAll(async () => {
  founded = await foundDomain(3);
  author = { party: { identity: ALICE, epoch: EPOCH }, key: issueKey(founded, ALICE, "sig") };
  bobsKey = keyOf(BOB, "DE");
  record = make();
});

test("whoever satisfies the policy opens what an author wrote, over any wire, told of it or not", () => {
  const wired = parseSecretRecord(JSON.parse(JSON.stringify(encodeSecretRecord(record))));
  expect(verify(wired)).toBe("ok");
  expect(open(wired, bobsKey)).toEqual(plaintext);
  expect(open(wired, keyOf(ALICE, "FR"))).toEqual(plaintext);
});

test("everybody can read the policy", () => {
  expect(formatPolicy(policyEnvelopeOf(record)?.abe.policy ?? policy)).toBe("region != US and group = staff");
});

describe("it does not open", () => {
  test("for whoever is told and does not satisfy, or holds a key of another epoch", () => {
    expect(codeOf(() => open(record, keyOf(BOB, "US")))).toBe("ERR_POLICY_UNSATISFIED");
    expect(codeOf(() => open(record, keyOf(BOB, "DE", parseEpoch(EPOCH + 1))))).toBe("ERR_POLICY_UNSATISFIED");
  });

  test("under another path or version, even for a reader who skips the signature", () => {
    expect(codeOf(() => open({ ...record, path: parseSecretPath("db/prod/other") }, bobsKey))).toBe(
      "ERR_DECAPSULATION_FAILED",
    );
    expect(codeOf(() => open({ ...record, version: 4 }, bobsKey))).toBe("ERR_DECAPSULATION_FAILED");
  });

  test("with a key that two of three D-TAs made", () => {
    const { domainId } = founded.domain;
    const entitlement = attributeEntitlement({ domainId, identity: BOB, epoch: EPOCH }, schema, {
      region: "DE",
      group: ["staff"],
    });
    expect(codeOf(() => open(record, issueAttributeKey<"cp">(founded, entitlement, 2)))).toBe(
      "ERR_DECAPSULATION_FAILED",
    );
  });
});

describe("it is refused", () => {
  test("with any field changed, the envelope among them", () => {
    expect(verify({ ...record, envelope: make().envelope })).toBe("ERR_VERSION_RECORD_INVALID");
    expect(verify({ ...record, recipients: [{ identity: ALICE, epoch: EPOCH }] })).toBe("ERR_VERSION_RECORD_INVALID");
    expect(verify({ ...record, envelope: flip(record.envelope, -1) })).toBe("ERR_VERSION_RECORD_INVALID");
  });

  test("when its recipients are of another epoch than its policy's scope, although the author signed it", () => {
    expect(verify(signed({ recipients: [{ identity: BOB, epoch: parseEpoch(EPOCH + 1) }] }))).toBe(
      "ERR_VERSION_RECORD_INVALID",
    );
    expect(
      codeOf(() =>
        make([
          { identity: BOB, epoch: EPOCH },
          { identity: ALICE, epoch: parseEpoch(EPOCH + 1) },
        ]),
      ),
    ).toBe("ERR_RECIPIENTS_INVALID");
  });

  test("when it is to attributes, cut short, or of another domain", async () => {
    const { domainId, publicKeys } = founded.domain;
    const toAttributes = sealToAttributes(engine, random, {
      publicKey: publicKeys.kp,
      scope: { domainId, scheme: "kp", epoch: EPOCH },
      attributes: attributesOf(schema, { region: "DE" }),
      context: secretContext(domainId, path, 3),
      plaintext,
    });
    expect(verify(signed({ envelope: encodeAbeEnvelope(toAttributes) }))).toBe("ERR_ENVELOPE_INVALID");
    expect(verify(signed({ envelope: record.envelope.slice(0, -1) }))).toBe("ERR_ENVELOPE_INVALID");
    const other = record.envelope.slice();
    other[1] = (other[1] as number) ^ 1;
    expect(verify(signed({ envelope: other }))).toBe("ERR_VERSION_RECORD_INVALID");
  });
});
