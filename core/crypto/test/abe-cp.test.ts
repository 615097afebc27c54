import { describe, expect, test } from "vitest";
import { decapsulateWithAttributes, encapsulateToPolicy, parseCpCiphertext } from "../src/abe-cp.ts";
import { verifyCpKey } from "../src/abe-cp-key.ts";
import type { AbeKey } from "../src/abe-key.ts";
import type { AttributeValues } from "../src/attribute-set.ts";
import { parsePolicy } from "../src/policy-parser.ts";
import { CONTEXT, cpKey, engine, makeAbeDomain, random, schema } from "./abe-fixtures.ts";
import { codeOf } from "./fixtures.ts";

const domain = makeAbeDomain("cp");
const ALICE: AttributeValues = {
  region: "DE",
  role: "analyst",
  group: ["a", "b"],
  clearance: 5,
  joined: "2026-03-01",
};
const key = cpKey(domain, ALICE);

function opens(policy: string, holder: AbeKey<"cp"> = key): string {
  const { ciphertext, sharedSecret } = encapsulateToPolicy(
    engine,
    random,
    domain.publicKey,
    domain.scope(),
    parsePolicy(policy, schema),
    CONTEXT,
  );
  return codeOf(() => {
    const opened = decapsulateWithAttributes(
      engine,
      holder,
      domain.publicKey,
      parseCpCiphertext(ciphertext.bytes),
      CONTEXT,
    );
    expect(opened.use((bytes) => [...bytes])).toEqual(sharedSecret.use((bytes) => [...bytes]));
  });
}

test("the sum of three shares is a key, which one check of the sum shows", () => {
  expect(verifyCpKey(engine, random, domain.publicKey, key)).toBe(true);
});

describe("whoever satisfies the policy opens", () => {
  test.each([
    "role = analyst",
    "role = analyst and group = a and group = b",
    "role = boss or group = b",
    "region != US",
    "not (region = US or region = CN) and clearance >= 5",
    "2 of (role = boss, group = b, clearance in 4..6)",
    "3 of (role = analyst, group = b, clearance < 4, joined < 2026-04-01)",
    'region in {DE, FR} and role not in {boss, guest} and uid != "milagro:example/user/bob"',
    "(role = analyst or u = 1) and (role = analyst or v = 1)",
    "role != a and role != b and role != c",
    "epoch >= 19000 and joined != 2026-03-02",
  ])("%s", (policy) => {
    expect(opens(policy)).toBe("ok");
  });
});

describe("whoever does not is refused", () => {
  test.each([
    "role = boss",
    "role = analyst and group = c",
    "region != DE",
    "not (region = US or region = DE)",
    "2 of (role = boss, group = c, clearance >= 5)",
    "clearance < 5",
    "joined > 2026-03-01",
    'uid != "milagro:example/user/alice"',
    "u != 1 or x = 1".replace("u != 1 or ", ""),
  ])("%s", (policy) => {
    expect(opens(policy)).toBe("ERR_POLICY_UNSATISFIED");
  });
});
