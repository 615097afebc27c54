import { type AbeEntitlement, attributeEntitlement, policyEntitlement } from "@milagro/crypto/abe-entitlement";
import { parseAttributeSchema } from "@milagro/crypto/attribute-schema";
import type { AttributeValues } from "@milagro/crypto/attribute-set";
import { parseDomainId } from "@milagro/crypto/domain-id";
import { parseEpoch } from "@milagro/crypto/epoch";
import { type Identity, parseIdentity, parseIdentityPattern } from "@milagro/crypto/identity";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import type { AttributePolicy } from "@milagro/protocol/attribute-policy";
import { describe, expect, test } from "vitest";
import { type GrantedAttributes, isEntitled } from "../src/decide-entitlement.ts";
import { decideShares, type ShareFacts } from "../src/issue-attributes.ts";

const ALICE = parseIdentity("milagro:example.org/person/alice");
const BOB = parseIdentity("milagro:example.org/person/bob");
const json = {
  v: 1,
  negation: true,
  labels: {
    region: { type: "text", values: "one", negatable: true, allowed: ["DE", "FR", "US"] },
    group: { type: "text", values: "many" },
    clearance: { type: "integer", width: 4 },
    joined: { type: "date" },
  },
} as const;
const schema = parseAttributeSchema(json);
const pattern = parseIdentityPattern;
const policy: AttributePolicy = {
  version: 1,
  schema: json as unknown as AttributePolicy["schema"],
  holders: [
    {
      identities: [ALICE as unknown as ReturnType<typeof pattern>],
      attributes: { region: "DE", clearance: 3, group: ["audit"] },
    },
    {
      identities: [pattern("milagro:example.org/person/*")],
      attributes: { region: "US", group: ["staff"], joined: "2024-02-29" },
    },
  ],
  policies: [
    { identities: [ALICE as unknown as ReturnType<typeof pattern>], policies: ["clearance >= 2 and region = DE"] },
  ],
};
const domainId = parseDomainId(new Uint8Array(32).fill(7));
const epoch = parseEpoch(20_000);

const ofAttributes = (identity: Identity, values: AttributeValues, boundToEpoch = true): AbeEntitlement =>
  attributeEntitlement({ domainId, identity, epoch, boundToEpoch }, schema, values);
const ofPolicy = (identity: Identity, text: string): AbeEntitlement =>
  policyEntitlement({ domainId, identity, epoch }, parsePolicy(text, schema));

describe("an identity is entitled", () => {
  test.each<[string, AbeEntitlement, boolean, GrantedAttributes?]>([
    ["to what the policy file says of it", ofAttributes(ALICE, { region: "DE", clearance: 3 }), true],
    ["to all values of a label with many, from every entry", ofAttributes(ALICE, { group: ["audit", "staff"] }), true],
    ["to fewer of them", ofAttributes(ALICE, { group: ["staff"] }), true],
    ["to what a pattern says", ofAttributes(BOB, { region: "US", joined: "2024-02-29" }), true],
    ["to its uid alone", ofAttributes(BOB, {}), true],
    ["not to another value", ofAttributes(BOB, { region: "DE" }), false],
    ["not to a lower or higher number", ofAttributes(ALICE, { clearance: 2 }), false],
    ["not to another day", ofAttributes(BOB, { joined: "2024-02-28" }), false],
    ["not to one value more", ofAttributes(BOB, { group: ["audit", "staff"] }), false],
    ["not to a label that nothing says of it", ofAttributes(BOB, { clearance: 3 }), false],
    ["not to what a later entry says of a label with one value", ofAttributes(ALICE, { region: "US" }), false],
    [
      "to what a grant says where the file says nothing",
      ofAttributes(BOB, { clearance: 9 }),
      true,
      { attributes: { clearance: 9 } },
    ],
    [
      "not to a grant's word against the file's",
      ofAttributes(BOB, { region: "FR" }),
      false,
      { attributes: { region: "FR" } },
    ],
    [
      "to a grant's values beside the file's",
      ofAttributes(BOB, { group: ["ops", "staff"] }),
      true,
      { attributes: { group: ["ops"] } },
    ],
    [
      "to the same as before by a grant of a value that the schema does not list",
      ofAttributes(BOB, {}),
      true,
      { attributes: { region: "XX" } },
    ],
    ["not to a key without an epoch, unless the policy says so", ofAttributes(ALICE, { region: "DE" }, false), false],
    ["to a policy that is listed", ofPolicy(ALICE, "clearance >= 2 and region = DE"), true],
    ["to the same policy, written otherwise", ofPolicy(ALICE, "region: DE & (clearance>=2) & region = DE"), true],
    ["not to a weaker one", ofPolicy(ALICE, "clearance >= 1 and region = DE"), false],
    ["not to a stronger one that is not listed", ofPolicy(ALICE, "clearance >= 3 and region = DE"), false],
    ["not to a policy that is listed for somebody else", ofPolicy(BOB, "clearance >= 2 and region = DE"), false],
    ["to a policy that a grant names", ofPolicy(BOB, "region != US"), true, { policies: ["not region = US"] }],
    [
      "not to the policy of a grant that is none",
      ofPolicy(BOB, "region != US"),
      false,
      { policies: ["((", "regoin = US"] },
    ],
  ])("%s", (_, entitlement, expected, granted) => {
    expect(isEntitled(policy, entitlement, granted)).toBe(expected);
  });

  test("to nothing at a D-TA without attributes in its policy", () => {
    expect(isEntitled(undefined, ofAttributes(ALICE, {}), { attributes: { region: "DE" } })).toBe(false);
  });

  test("to a key without an epoch where the policy says so", () => {
    expect(isEntitled({ ...policy, unbound: true }, ofAttributes(ALICE, { region: "DE" }, false))).toBe(true);
  });

  test("not to a set that only this D-TA's schema makes otherwise: other types under the same names", () => {
    const other = parseAttributeSchema({
      ...json,
      labels: { ...json.labels, region: { type: "text", values: "one" }, clearance: { type: "integer", width: 8 } },
    });
    const options = { domainId, identity: ALICE, epoch };
    expect(isEntitled(policy, attributeEntitlement(options, other, { region: "DE" }))).toBe(false);
    expect(isEntitled(policy, attributeEntitlement(options, other, { clearance: 3 }))).toBe(false);
    const withoutNegation = parseAttributeSchema({ v: 1, negation: false, labels: { group: json.labels.group } });
    expect(isEntitled(policy, attributeEntitlement(options, withoutNegation, { group: ["staff"] }))).toBe(false);
  });
});

describe("shares", () => {
  const facts: ShareFacts = { identity: ALICE, denied: [], approvedByAll: true, approvedMs: 1000, nowMs: 2000 };
  const week = 7 * 86_400_000;
  test.each<[string, Partial<ShareFacts>, string | undefined]>([
    ["are issued when all have approved, this D-TA among them", {}, undefined],
    [
      "are refused to the denied, whoever has approved",
      { denied: [pattern("milagro:example.org/person/a*")] },
      "ERR_IDENTITY_REVOKED",
    ],
    ["are refused when one approval is not right", { approvedByAll: false }, "ERR_APPROVAL_MISSING"],
    ["are refused when this D-TA has no record of its own approval", { approvedMs: undefined }, "ERR_APPROVAL_MISSING"],
    ["are issued for a week", { nowMs: 1000 + week }, undefined],
    ["are refused after it", { nowMs: 1001 + week }, "ERR_REQUEST_EXPIRED"],
  ])("%s", (_, changes, expected) => {
    expect(decideShares({ ...facts, ...changes })).toBe(expected);
  });
});
