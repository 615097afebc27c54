/** Secrets to a policy that the D-KMS draws itself. Those that others encapsulate are in the tests of records and of whole systems. */
import { attributeEntitlement } from "@milagro/crypto/abe-entitlement";
import { parseAttributeSchema } from "@milagro/crypto/attribute-schema";
import { parseEpoch } from "@milagro/crypto/epoch";
import { parseIdentity } from "@milagro/crypto/identity";
import { encodeIdentityKey } from "@milagro/crypto/identity-key";
import { parseGenerateRequest } from "@milagro/protocol/kms-messages";
import { openPolicyRecord } from "@milagro/protocol/secret";
import { parseSecretRecord } from "@milagro/protocol/secret-record";
import { beforeAll, expect, test } from "vitest";
import {
  BOB,
  codeOf,
  EPOCH,
  engine,
  type Founded,
  foundDomain,
  issueAttributeKey,
  issueKey,
  NOW_MS,
  random,
} from "../../../core/protocol/test/fixture.ts";
import { checkRecipients } from "../src/generate.ts";
import { createTasks } from "../src/tasks.ts";

const KMS = parseIdentity("milagro:example.org/service/kms");
const schema = parseAttributeSchema({
  v: 1,
  negation: false,
  labels: { group: { type: "text", values: "many" }, clearance: { type: "integer", width: 4 } },
});
const POLICY = "group=db&clearance[4]>=3";
let founded: Founded;

beforeAll(async () => {
  founded = await foundDomain(2);
});

const order = (changes: object = {}) => ({
  v: 1,
  recipients: [{ identity: BOB, epoch: EPOCH }],
  form: { type: "text", length: 40, alphabet: "abcdefgh" },
  policy: POLICY,
  ...changes,
});
function generate(body: object) {
  const key = encodeIdentityKey(engine, issueKey(founded, KMS, "sig"));
  return createTasks({ engine, random, domain: founded.domain }).generate({
    body: Buffer.from(JSON.stringify(body)),
    path: "db/password",
    version: 1,
    key: { author: { identity: KMS, epoch: EPOCH }, bytes: key },
    nowMs: NOW_MS,
  });
}
const keyWith = (clearance: number) =>
  issueAttributeKey<"cp">(
    founded,
    attributeEntitlement({ domainId: founded.domain.domainId, identity: BOB, epoch: EPOCH }, schema, {
      group: ["db"],
      clearance,
    }),
  );

test("open for whoever satisfies the policy, and are told to the recipients", () => {
  const { text, recipients } = generate(order());
  const record = parseSecretRecord(JSON.parse(text));
  expect(recipients).toEqual([{ identity: BOB, epoch: EPOCH }]);
  const opened = openPolicyRecord(engine, founded.domain, record, keyWith(3));
  expect(opened.use((bytes) => /^[a-h]{40}$/.test(Buffer.from(bytes).toString()))).toBe(true);
  expect(codeOf(() => openPolicyRecord(engine, founded.domain, record, keyWith(2)))).toBe("ERR_POLICY_UNSATISFIED");
});

test.each<[string, object, string]>([
  ["a policy that is none", { policy: "group =" }, "ERR_POLICY_INVALID"],
  ["a policy that does not say its types", { policy: "clearance >= 3" }, "ERR_POLICY_INVALID"],
  ["a policy that asks bound keys for their epoch", { policy: "epoch[32]>=3" }, "ERR_POLICY_INVALID"],
  [
    "recipients of two epochs",
    {
      recipients: [
        { identity: BOB, epoch: EPOCH },
        { identity: KMS, epoch: parseEpoch(EPOCH + 1) },
      ],
    },
    "ERR_RECIPIENTS_INVALID",
  ],
])("%s is refused", (_, changes, code) => {
  expect(codeOf(() => generate(order(changes)))).toBe(code);
});

test("a policy that is none is refused before the secret's path is looked at", () => {
  const request = parseGenerateRequest(order({ policy: "group" }));
  expect(codeOf(() => checkRecipients(founded.domain, request))).toBe("ERR_POLICY_INVALID");
});
