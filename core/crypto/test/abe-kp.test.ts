import { describe, expect, test } from "vitest";
import {
  approveEntitlement,
  encodeEntitlement,
  type KpEntitlement,
  parseEntitlement,
  policyEntitlement,
} from "../src/abe-entitlement.ts";
import {
  type AbeKey,
  type AbeKeyPoints,
  type AbeKeyShare,
  combineAbeKeyShares,
  encodeAbeKey,
  makeShare,
  parseAbeKey,
} from "../src/abe-key.ts";
import { decapsulateWithPolicy, encapsulateToAttributes, type KpCiphertext, parseKpCiphertext } from "../src/abe-kp.ts";
import { issueKpKeyShare, verifyKpKey, verifyKpKeyShare } from "../src/abe-kp-key.ts";
import { type AttributeValues, attributesOf } from "../src/attribute-set.ts";
import { parseEpoch } from "../src/epoch.ts";
import { parsePolicy } from "../src/policy-parser.ts";
import type { Secret } from "../src/secret.ts";
import { alice, approve, bob, CONTEXT, engine, epoch, kpKey, makeAbeDomain, random, schema } from "./abe-fixtures.ts";
import { codeOf, flip } from "./fixtures.ts";

const domain = makeAbeDomain("kp");
const LETTER: AttributeValues = {
  region: "DE",
  role: "analyst",
  group: ["a", "b"],
  clearance: 5,
  joined: "2026-03-01",
};
const later = parseEpoch(20_001);

const encapsulate = (values: AttributeValues, scope = domain.scope()) =>
  encapsulateToAttributes(engine, random, domain.publicKey, scope, attributesOf(schema, values), CONTEXT);
const open = (key: AbeKey<"kp">, { bytes }: Pick<KpCiphertext, "bytes">, context: Uint8Array = CONTEXT) =>
  decapsulateWithPolicy(engine, key, domain.publicKey, parseKpCiphertext(bytes), context);
const bytesOf = (secret: Secret<"shared secret">): string => secret.use((bytes) => bytes.join());
const letter = encapsulate(LETTER);
const entitlementOf = (policy: string, identity = alice, at = epoch): KpEntitlement =>
  policyEntitlement({ domainId: domain.domainId, identity, epoch: at }, parsePolicy(policy, schema));
const pointsOf = (owner: AbeKeyShare<"kp"> | AbeKey<"kp">): AbeKeyPoints => owner.use((points) => points);
const keyOf = (entitlement: KpEntitlement, points: AbeKeyPoints): AbeKey<"kp"> =>
  combineAbeKeyShares(engine, [makeShare<"kp">(engine, entitlement, points)]);

describe("a key whose policy the attributes satisfy opens", () => {
  test.each([
    "role = analyst",
    "role = analyst and group = a and clearance >= 4",
    "role = boss or (group = b and joined < 2027-01-01)",
    "region != US and not (role = boss or role = guest)",
    "2 of (role = boss, group = b, clearance in 4..6)",
    "(role = analyst or u = 1) and (role = analyst or v = 1)",
    "region not in {US, CN} and 3 of (role != a, role != b, group = a, u = 1)",
  ])("%s", (policy) => {
    const key = kpKey(domain, policy);
    expect(verifyKpKey(engine, random, domain.publicKey, key)).toBe(true);
    expect(bytesOf(open(key, letter.ciphertext))).toBe(bytesOf(letter.sharedSecret));
  });
});

test.each(["role = boss", "region != DE", "clearance < 5", "u = 1 or v = 1", "uid != x"])(
  "a key with another policy is told so: %s",
  (policy) => {
    expect(codeOf(() => open(kpKey(domain, policy), letter.ciphertext))).toBe("ERR_POLICY_UNSATISFIED");
  },
);

describe("what opens is decided by the arithmetic", () => {
  const key = kpKey(domain, "role = boss and group = a");

  test("not by what a key says its policy is", () => {
    for (const policy of ["role = analyst and group = a", "role = boss or group = a"]) {
      const lying = keyOf(entitlementOf(policy), pointsOf(key));
      expect(codeOf(() => open(lying, letter.ciphertext))).toBe("ERR_DECAPSULATION_FAILED");
      expect(verifyKpKey(engine, random, domain.publicKey, lying)).toBe(false);
    }
  });

  test("nor by what a ciphertext says its attributes are", () => {
    const said = letter.ciphertext.bytes.slice();
    const at = Buffer.from(said).indexOf("analyst");
    said.set(new TextEncoder().encode("analysd"), at);
    const wanted = kpKey(domain, "role = analysd");
    expect(codeOf(() => open(wanted, { bytes: said }))).toBe("ERR_DECAPSULATION_FAILED");
  });

  test("rows of two users' keys do not complete each other", () => {
    const policy = "u = 1 and v = 1";
    const [hers, his] = [kpKey(domain, policy), kpKey(domain, policy, { identity: bob })].map(pointsOf) as [
      AbeKeyPoints,
      AbeKeyPoints,
    ];
    const { ciphertext } = encapsulate({ u: "1", v: "1" });
    const mixtures: AbeKeyPoints[] = [hers.g2, his.g2].flatMap((g2) => [
      { g2, g1: [hers.g1[0] as never, his.g1[1] as never] },
      { g2, g1: [his.g1[0] as never, hers.g1[1] as never] },
    ]);
    for (const mixture of mixtures) {
      expect(codeOf(() => open(keyOf(entitlementOf(policy), mixture), ciphertext))).toBe("ERR_DECAPSULATION_FAILED");
    }
    expect(codeOf(() => open(keyOf(entitlementOf(policy), hers), ciphertext))).toBe("ok");
  });

  test("components of two ciphertexts do not either", () => {
    const [first, second] = [encapsulate({ u: "1" }), encapsulate({ u: "1", v: "1" })].map(
      ({ ciphertext }) => ciphertext.bytes,
    ) as [Uint8Array, Uint8Array];
    const mixed = second.slice();
    mixed.set(first.subarray(first.length - 80 - 96, first.length - 80), second.length - 128 - 96);
    expect(codeOf(() => open(kpKey(domain, "u = 1 and v = 1"), { bytes: mixed }))).toBe("ERR_DECAPSULATION_FAILED");
  });
});

describe("shares of policy keys", () => {
  const policies = [
    "u = 1",
    "u = 1 and v = 1",
    "2 of (u = 1, v = 1, w = 1)",
    "3 of (u = 1, v = 1, w = 1, role != a, clearance > 9)",
    "(role != a or u = 1) and (role != b or u = 1) and region not in {US, CN}",
  ];

  test.each(policies)("%s: each verifies against its D-TA only, and any changed point shows", (policy) => {
    const approved = approve(domain, entitlementOf(policy));
    const shares = domain.masters.map((master) => issueKpKeyShare(engine, master, approved));
    const other = engine.g1.multiplyPublic(engine.g1.generator, engine.scalars.fromInteger(7));
    const verifies = (share: AbeKeyShare<"kp">, i: number): boolean =>
      verifyKpKeyShare(engine, random, domain.publicShares[i] as never, share);
    shares.forEach((share, i) => {
      expect(verifies(share, i)).toBe(true);
      expect(verifies(share, (i + 1) % 3)).toBe(false);
    });
    const { g1, g2 } = pointsOf(shares[0] as AbeKeyShare<"kp">);
    g1.forEach((point, i) => {
      const changed = { g2, g1: g1.with(i, engine.g1.add(point, other)) };
      expect(verifies(makeShare<"kp">(engine, approved.entitlement, changed), 0)).toBe(false);
    });
    g2.forEach((point, i) => {
      const changed = { g1, g2: g2.with(i, engine.g2.add(point, engine.g2.generator)) };
      expect(verifies(makeShare<"kp">(engine, approved.entitlement, changed), 0)).toBe(false);
    });
  });

  test("the same request gives the same share; another identity, epoch or policy an unrelated one", () => {
    const [master] = domain.masters as [(typeof domain.masters)[number]];
    const share = (entitlement: KpEntitlement): string =>
      encodeAbeKey(engine, issueKpKeyShare(engine, master, approve(domain, entitlement)))
        .slice(-48)
        .join();
    const policy = "u = 1 and v = 1";
    const first = share(entitlementOf(policy));
    expect(share(entitlementOf(policy))).toBe(first);
    for (const other of [
      entitlementOf(policy, bob),
      entitlementOf(policy, alice, later),
      entitlementOf("u = 1 and v = 2"),
    ]) {
      expect(share(other)).not.toBe(first);
    }
  });

  test("a single condition shares the master itself, and leaves it whole", () => {
    const [master] = domain.masters as [(typeof domain.masters)[number]];
    for (const policy of ["u = 1", "u = 1 or v = 1", "u = 1 and v = 1"]) {
      const approved = approve(domain, entitlementOf(policy));
      issueKpKeyShare(engine, master, approved);
      const share = issueKpKeyShare(engine, master, approved);
      expect(verifyKpKeyShare(engine, random, domain.publicShares[0] as never, share)).toBe(true);
    }
  });

  test("of different policies are not added", () => {
    const shares = ["u = 1", "u = 2"].map((policy, i) =>
      issueKpKeyShare(engine, domain.masters[i] as never, approve(domain, entitlementOf(policy))),
    );
    expect(codeOf(() => combineAbeKeyShares(engine, shares))).toBe("ERR_SHARE_INVALID");
  });

  test("are not issued on approvals of another policy", () => {
    const entitlement = entitlementOf("u = 1");
    const { statementKeys } = domain;
    const wrong = [0, 1, 2].map(() => new Uint8Array(48).with(0, 0xc0));
    expect(codeOf(() => approveEntitlement(engine, random, entitlement, CONTEXT, statementKeys, wrong))).toBe(
      "ERR_APPROVAL_MISSING",
    );
  });
});

describe("encodings", () => {
  const key = kpKey(domain, "(role != a or u = 1) and u = 1");
  const bytes = encodeAbeKey(engine, key);

  test("keys are read back, with 96 bytes a use and 48 a point", () => {
    expect(encodeAbeKey(engine, parseAbeKey(engine, "kp", bytes))).toEqual(bytes);
    expect(bytes.length).toBe(6 + encodeEntitlement(key.entitlement).length + 96 + 48);
    expect(encodeAbeKey(engine, kpKey(domain, "role != a and 2 of (u = 1, u = 1, v = 1)")).length).toBe(
      6 + encodeEntitlement(entitlementOf("role != a and 2 of (u = 1, u = 1, v = 1)")).length + 2 * 96 + 5 * 48,
    );
  });

  test("entitlements of a policy are read back; what does not parse or is written otherwise is refused", () => {
    const entitlement = encodeEntitlement(key.entitlement);
    expect(encodeEntitlement(parseEntitlement("kp", entitlement))).toEqual(entitlement);
    const spaced = entitlement.slice();
    spaced[entitlement.length - 1] = " ".charCodeAt(0);
    for (const wrong of [spaced, entitlement.slice(0, -1), flip(entitlement, 34)]) {
      expect(codeOf(() => parseEntitlement("kp", wrong))).toBe("ERR_ENTITLEMENT_INVALID");
    }
  });

  test("a ciphertext has 96 bytes for s, 48 a component, 32 for V, and says whether it relies on a negation", () => {
    const { ciphertext } = encapsulate({ u: "1", clearance: 3 });
    expect(ciphertext.version).toBe(1);
    expect(ciphertext.bytes.length).toBe(11 + 25 + 96 + 48 * 5 + 32);
    expect(letter.ciphertext.version).toBe(2);
  });

  test("any field changed does not open; any cut is no ciphertext", () => {
    const opener = kpKey(domain, "role = analyst and group = a");
    const { bytes: sound } = letter.ciphertext;
    const start = sound.length - 32 - 48 * 27 - 96;
    const points = Array.from({ length: 27 }, (_, i) => start + 96 + 48 * i + 20);
    for (const at of [start + 10, ...points, -1, -32]) {
      expect([at, codeOf(() => open(opener, { bytes: flip(sound, at) }))]).toEqual([at, "ERR_DECAPSULATION_FAILED"]);
    }
    const point = engine.g1.encode(engine.g1.generator);
    for (const at of points) {
      const replaced = sound.slice();
      replaced.set(point, at - 20);
      expect(codeOf(() => open(opener, { bytes: replaced }))).toBe("ERR_DECAPSULATION_FAILED");
    }
    for (const wrong of [sound.slice(1), sound.slice(0, -1), new Uint8Array([...sound, 0]), sound.with(0, 1)]) {
      expect(codeOf(() => parseKpCiphertext(wrong))).toBe("ERR_CIPHERTEXT_INVALID");
    }
  });

  test("another epoch, domain or context does not open or gives another secret", () => {
    const opener = kpKey(domain, "role = analyst");
    expect(codeOf(() => open(opener, encapsulate(LETTER, domain.scope(later)).ciphertext))).toBe(
      "ERR_POLICY_UNSATISFIED",
    );
    const foreign = kpKey(makeAbeDomain("kp"), "role = analyst");
    expect(codeOf(() => open(foreign, letter.ciphertext))).toBe("ERR_DECAPSULATION_FAILED");
    expect(bytesOf(open(opener, letter.ciphertext, random(4)))).not.toBe(bytesOf(letter.sharedSecret));
  });
});
