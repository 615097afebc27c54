import { utf8 } from "@milagro/crypto/bytes";
import { parseEpoch } from "@milagro/crypto/epoch";
import type { IdentityKey } from "@milagro/crypto/identity-key";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type Author,
  type ExpectedRecord,
  makeSecretRecord,
  openSecretRecord,
  secretContext,
  signSecretRecord,
  verifySecretRecord,
} from "../src/secret.ts";
import { parseSecretPath } from "../src/secret-path.ts";
import { encodeSecretRecord, parseSecretRecord, type SecretRecord } from "../src/secret-record.ts";
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
  NOW_MS,
  random,
} from "./fixture.ts";

const path = parseSecretPath("db/prod/password");
const plaintext = utf8("correct horse battery staple");
const bob = { identity: BOB, epoch: EPOCH };

let founded: Founded;
let author: Author;
let bobsKey: IdentityKey<"enc">;
let record: SecretRecord;

const make = (change: Partial<Parameters<typeof makeSecretRecord>[0]> = {}) =>
  makeSecretRecord({
    engine,
    random,
    domain: founded.domain,
    author,
    path,
    version: 3,
    recipients: [bob],
    plaintext,
    nowMs: NOW_MS,
    contentType: "text/plain",
    labels: { team: "payments" },
    ...change,
  });
const verify = (candidate: SecretRecord, expected = {}) =>
  codeOf(() => verifySecretRecord(engine, founded.domain, candidate, expected));
const open = (candidate: SecretRecord, recipient = bob, key = bobsKey) =>
  openSecretRecord(engine, founded.domain, candidate, recipient, key).use((bytes) => bytes.slice());

beforeAll(async () => {
  founded = await foundDomain(1);
  author = { party: { identity: ALICE, epoch: EPOCH }, key: issueKey(founded, ALICE, "sig") };
  bobsKey = issueKey(founded, BOB, "enc");
  record = make();
});

test("a recipient opens what an author wrote, over any wire", () => {
  const wired = parseSecretRecord(JSON.parse(JSON.stringify(encodeSecretRecord(record))));
  expect(wired).toEqual(record);
  expect(verify(wired, { path, version: 3, newest: 3 })).toBe("ok");
  expect(open(wired)).toEqual(plaintext);
});

test("the record shows nothing of the secret", () => {
  expect(Buffer.from(JSON.stringify(encodeSecretRecord(record))).includes("correct horse")).toBe(false);
  expect(Buffer.from(record.envelope).includes("correct horse")).toBe(false);
});

test("flip any field, and it is not what the author signed", () => {
  const other = make({ plaintext: utf8("something else") });
  const changes: Partial<SecretRecord>[] = [
    { path: parseSecretPath("db/prod/passwore") },
    { version: 4 },
    { recipients: [bob, { identity: ALICE, epoch: EPOCH }] },
    { recipients: [{ identity: BOB, epoch: parseEpoch(EPOCH + 1) }] },
    { recipients: [{ identity: ALICE, epoch: EPOCH }] },
    { envelope: other.envelope },
    { envelope: flip(record.envelope, -1) },
    { author: bob },
    { author: { identity: ALICE, epoch: parseEpoch(EPOCH - 1) } },
    { created: record.created + 1 },
    { contentType: "text/html" },
    { labels: {} },
    { labels: { team: "payroll" } },
    { signature: flip(record.signature, -1) },
    { signature: other.signature },
  ];
  for (const change of changes) expect(verify({ ...record, ...change })).toBe("ERR_VERSION_RECORD_INVALID");
  const { contentType: _, labels: __, ...bare } = record;
  expect(verify(bare)).toBe("ERR_VERSION_RECORD_INVALID");
});

test.each<[string, ExpectedRecord]>([
  ["another path than asked for", { path: parseSecretPath("db/prod/other") }],
  ["another version than asked for", { version: 2 }],
  ["an older version than one already seen", { newest: 4 }],
])("%s is refused", (_, expected) => expect(verify(record, expected)).toBe("ERR_VERSION_RECORD_INVALID"));

test("a record that its author signed over somebody else's envelope is refused", () => {
  const toAlice = make({ recipients: [{ identity: ALICE, epoch: EPOCH }] });
  const { signature: _, ...unsigned } = record;
  const forged = signSecretRecord(engine, random, founded.domain, author, { ...unsigned, envelope: toAlice.envelope });
  expect(verify(forged)).toBe("ERR_VERSION_RECORD_INVALID");
  const garbage = signSecretRecord(engine, random, founded.domain, author, {
    ...unsigned,
    envelope: new Uint8Array(200),
  });
  expect(verify(garbage)).toBe("ERR_ENVELOPE_INVALID");
});

test("an author signs in no other name", () => {
  const { signature: _, ...unsigned } = record;
  for (const party of [bob, { identity: ALICE, epoch: parseEpoch(EPOCH + 1) }])
    expect(() => signSecretRecord(engine, random, founded.domain, author, { ...unsigned, author: party })).toThrow(
      TypeError,
    );
});

describe("the envelope opens only where it belongs", () => {
  test("not under another path or version, even for a reader who skips the signature", () => {
    expect(codeOf(() => open({ ...record, path: parseSecretPath("db/prod/other") }))).toBe("ERR_DECAPSULATION_FAILED");
    expect(codeOf(() => open({ ...record, version: 4 }))).toBe("ERR_DECAPSULATION_FAILED");
  });
  test("not for somebody else", () => {
    const alice = { identity: ALICE, epoch: EPOCH };
    expect(codeOf(() => open(record, alice, issueKey(founded, ALICE, "enc")))).toBe("ERR_NOT_RECIPIENT");
    expect(codeOf(() => open(record, bob, issueKey(founded, ALICE, "enc")))).toBe("ERR_DECAPSULATION_FAILED");
    expect(codeOf(() => open(record, { ...bob, epoch: parseEpoch(EPOCH + 1) }))).toBe("ERR_NOT_RECIPIENT");
  });
  test("not in another domain", async () => {
    const { domain } = await foundDomain(1, "example.net");
    expect(codeOf(() => verifySecretRecord(engine, domain, record))).toBe("ERR_DOMAIN_MISMATCH");
    expect(codeOf(() => openSecretRecord(engine, domain, record, bob, bobsKey))).toBe("ERR_NOT_RECIPIENT");
  });
});

test("the context keeps path and version apart", () => {
  const { domainId } = founded.domain;
  const contexts = [
    [path, 1],
    [parseSecretPath("db/prod/password1"), 1],
    [path, 11],
    [parseSecretPath("db/prod"), 1],
  ] as const;
  const texts = contexts.map(([at, version]) => Buffer.from(secretContext(domainId, at, version)).toString("hex"));
  expect(new Set(texts).size).toBe(texts.length);
});
