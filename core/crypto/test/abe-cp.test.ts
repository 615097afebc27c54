import { describe, expect, test } from "vitest";
import { type CpCiphertext, decapsulateWithAttributes, encapsulateToPolicy, parseCpCiphertext } from "../src/abe-cp.ts";
import { verifyCpKey } from "../src/abe-cp-key.ts";
import { type AbeKey, combineAbeKeyShares, makeShare } from "../src/abe-key.ts";
import type { AttributeValues } from "../src/attribute-set.ts";
import { NO_EXPIRY, parseEpoch } from "../src/epoch.ts";
import { parsePolicy } from "../src/policy-parser.ts";
import type { Secret } from "../src/secret.ts";
import {
  type AbeDomain,
  bob,
  CONTEXT,
  cpEntitlement,
  cpKey,
  engine,
  makeAbeDomain,
  random,
  schema,
} from "./abe-fixtures.ts";
import { codeOf, flip } from "./fixtures.ts";

const domain = makeAbeDomain("cp");
const ALICE: AttributeValues = { region: "DE", role: "analyst", group: ["a", "b"], clearance: 5, joined: "2026-03-01" };
const key = cpKey(domain, ALICE);
const later = parseEpoch(20_001);

const encapsulate = (policy: string, scope = domain.scope()) =>
  encapsulateToPolicy(engine, random, domain.publicKey, scope, parsePolicy(policy, schema), CONTEXT);
const open = (ciphertext: CpCiphertext, holder = key, of: AbeDomain<"cp"> = domain, context: Uint8Array = CONTEXT) =>
  decapsulateWithAttributes(engine, holder, of.publicKey, parseCpCiphertext(ciphertext.bytes), context);
const bytesOf = (secret: Secret<"shared secret">): string => secret.use((bytes) => bytes.join());

function opens(policy: string, holder: AbeKey<"cp"> = key, scope = domain.scope()): string {
  const { ciphertext, sharedSecret } = encapsulate(policy, scope);
  return codeOf(() => expect(bytesOf(open(ciphertext, holder))).toBe(bytesOf(sharedSecret)));
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
    "joined != 2026-03-02",
    "2 of (2 of (role = a, group = a, region != US), clearance = 5, u = 1)",
  ])("%s", (policy) => {
    expect(opens(policy)).toBe("ok");
  });
});

describe("whoever does not is told so", () => {
  test.each([
    "role = boss",
    "role = analyst and group = c",
    "region != DE",
    "not (region = US or region = DE)",
    "2 of (role = boss, group = c, clearance >= 5)",
    "clearance < 5",
    "joined > 2026-03-01",
    'uid != "milagro:example/user/alice"',
  ])("%s", (policy) => {
    expect(opens(policy)).toBe("ERR_POLICY_UNSATISFIED");
  });

  test("a label that is not held is neither equal nor different", () => {
    const nobody = cpKey(domain, { group: "a" });
    expect(opens("region = US", nobody)).toBe("ERR_POLICY_UNSATISFIED");
    expect(opens("region != US", nobody)).toBe("ERR_POLICY_UNSATISFIED");
  });
});

describe("epochs", () => {
  const free = cpKey(domain, { role: "analyst" }, { boundToEpoch: false });

  test("a key bound to its epoch opens that epoch's ciphertexts only", () => {
    const { ciphertext } = encapsulate("role = analyst", domain.scope(later));
    expect(codeOf(() => open(ciphertext))).toBe("ERR_POLICY_UNSATISFIED");
    expect(opens("role = analyst", cpKey(domain, ALICE, { epoch: later }), domain.scope(later))).toBe("ok");
  });

  test("a key that is not bound has its epoch as an attribute, and policies ask for it", () => {
    const any = domain.scope(NO_EXPIRY);
    expect(opens("role = analyst and epoch >= 19990", free, any)).toBe("ok");
    expect(opens("role = analyst and epoch >= 20001", free, any)).toBe("ERR_POLICY_UNSATISFIED");
    expect(opens("role = analyst", key, any)).toBe("ERR_POLICY_UNSATISFIED");
    expect(opens("role = analyst", free)).toBe("ERR_POLICY_UNSATISFIED");
  });

  test("a policy that asks bound keys for their epoch is refused, because nobody could ever open", () => {
    expect(codeOf(() => encapsulate("role = analyst or epoch >= 1"))).toBe("ERR_POLICY_INVALID");
  });

  test("a ciphertext relabelled to another epoch does not open", () => {
    const { ciphertext } = encapsulate("role = analyst", domain.scope(later));
    const relabelled = { ...ciphertext, bytes: ciphertext.bytes.with(8, 0x20) };
    expect(codeOf(() => open(relabelled))).toBe("ERR_DECAPSULATION_FAILED");
  });
});

describe("direct revocation", () => {
  const alone = 'role = analyst and uid != "milagro:example/user/bob"';
  test("everybody but bob opens", () => {
    expect(opens(alone)).toBe("ok");
    expect(opens(alone, cpKey(domain, ALICE, { identity: bob }))).toBe("ERR_POLICY_UNSATISFIED");
  });
});

describe("what opens is decided by the arithmetic, not by the check before it", () => {
  const { ciphertext } = encapsulate("role = boss and region != DE");

  test("a key that claims what it has no points for fails", () => {
    const claim = cpEntitlement(domain, { ...ALICE, role: "boss", region: "US" });
    const claimed = key.use((points) => combineAbeKeyShares(engine, [makeShare<"cp">(engine, claim, points)]));
    expect(codeOf(() => open(ciphertext, claimed))).toBe("ERR_DECAPSULATION_FAILED");
    expect(verifyCpKey(engine, random, domain.publicKey, claimed)).toBe(false);
  });

  test("the key of another domain with all attributes fails", () => {
    const other = makeAbeDomain("cp");
    const foreign = cpKey(other, { role: "boss", region: "US" });
    expect(codeOf(() => open(ciphertext, foreign))).toBe("ERR_DECAPSULATION_FAILED");
    expect(codeOf(() => open(ciphertext, foreign, other))).toBe("ERR_DECAPSULATION_FAILED");
  });

  test("two of three D-TAs are not enough", () => {
    const held = cpKey(makeAbeDomain("cp", 2), { role: "boss", region: "US" });
    expect(codeOf(() => open(ciphertext, held))).toBe("ERR_DECAPSULATION_FAILED");
  });
});

describe("ciphertexts", () => {
  const { ciphertext, sharedSecret } = encapsulate("role = analyst and group = a and region != US or u = 1");
  const { bytes } = ciphertext;
  const head = 11 + ciphertext.policyText.length;

  test("have 96 bytes for s and each use, 48 a row, 96 a negated one, 32 for V", () => {
    expect(new TextDecoder().decode(ciphertext.policyText)).toBe("role=analyst&group=a&region!=US|u=1");
    expect(bytes.length).toBe(head + 96 + 96 + 3 * 48 + 96 + 32);
  });

  test("say whether they rely on a negation", () => {
    expect(ciphertext.version).toBe(2);
    expect(encapsulate("role = analyst").ciphertext.version).toBe(1);
    const other = { ...ciphertext, bytes: bytes.with(0, 1) };
    expect(codeOf(() => open(other))).toBe("ERR_CIPHERTEXT_INVALID");
  });

  test("of 50 attributes fit into 3 kB", () => {
    const policy = Array.from({ length: 50 }, (_, i) => `k${i} = v`).join(" and ");
    const { ciphertext } = encapsulateToPolicy(
      engine,
      random,
      domain.publicKey,
      domain.scope(),
      parsePolicy(policy),
      CONTEXT,
    );
    expect(ciphertext.bytes.length).toBe(11 + 289 + 96 + 96 + 50 * 48 + 32);
  });

  test("differ each time, and so do their secrets", () => {
    const again = encapsulate("role = analyst and group = a and region != US or u = 1");
    expect(bytesOf(again.sharedSecret)).not.toBe(bytesOf(sharedSecret));
    expect(again.ciphertext.bytes.slice(head)).not.toEqual(bytes.slice(head));
  });

  test("under another context give another secret", () => {
    expect(bytesOf(open(ciphertext, key, domain, random(4)))).not.toBe(bytesOf(sharedSecret));
  });

  test("with any field changed do not open, and say nothing about which", () => {
    const rows = head + 192;
    const fields = [head, head + 40, head + 96, head + 100, ...[0, 1, 2, 3, 4].map((i) => rows + 48 * i + 20), -1, -32];
    for (const at of fields) {
      const code = codeOf(() => open({ ...ciphertext, bytes: flip(bytes, at) }));
      expect([at, code]).toEqual([at, "ERR_DECAPSULATION_FAILED"]);
    }
  });

  test("with a field replaced by another right point do not open: also rows that the opener does not use", () => {
    const point = engine.g1.encode(engine.g1.multiplyPublic(engine.g1.generator, engine.scalars.random()));
    for (const row of [0, 1, 2, 3, 4]) {
      const changed = bytes.slice();
      changed.set(point, head + 192 + 48 * row);
      expect(codeOf(() => open({ ...ciphertext, bytes: changed }))).toBe("ERR_DECAPSULATION_FAILED");
    }
    for (const at of [head, head + 96]) {
      const changed = bytes.slice();
      changed.set(engine.g2.encode(engine.g2.generator), at);
      expect(codeOf(() => open({ ...ciphertext, bytes: changed }))).toBe("ERR_DECAPSULATION_FAILED");
    }
  });

  test("with two rows exchanged, or another policy over the same attributes, do not open", () => {
    const swapped = bytes.slice();
    swapped.set(bytes.subarray(head + 192, head + 240), head + 240);
    swapped.set(bytes.subarray(head + 240, head + 288), head + 192);
    expect(codeOf(() => open({ ...ciphertext, bytes: swapped }))).toBe("ERR_DECAPSULATION_FAILED");
    const easier = bytes.slice();
    easier[11 + "role=analyst".length] = "|".charCodeAt(0);
    expect(codeOf(() => open({ ...ciphertext, bytes: easier }))).toBe("ERR_DECAPSULATION_FAILED");
  });

  test("with a point of a small subgroup, outside the curve or at infinity do not open", () => {
    const infinity = new Uint8Array(48).with(0, 0xc0);
    const order3 = new Uint8Array(48).with(0, 0x80); // x = 0, y = 2: on the curve, of order 3
    const tooLarge = new Uint8Array(48).fill(0xff).with(0, 0x9f);
    for (const point of [infinity, order3, tooLarge]) {
      const changed = bytes.slice();
      changed.set(point, head + 192);
      expect(codeOf(() => open({ ...ciphertext, bytes: changed }))).toBe("ERR_DECAPSULATION_FAILED");
    }
  });

  test("cut or lengthened anywhere, or with a policy that is none, are no ciphertexts", () => {
    const wrong = [bytes.with(11, 0x3d), bytes.with(0, 3), new Uint8Array([...bytes, 0]), new Uint8Array(0)];
    for (let length = 0; length < bytes.length; length += 7) wrong.push(bytes.slice(0, length));
    for (const each of wrong) expect(codeOf(() => parseCpCiphertext(each))).toBe("ERR_CIPHERTEXT_INVALID");
  });
});
