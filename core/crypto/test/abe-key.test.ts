import { describe, expect, test } from "vitest";
import { decapsulateWithAttributes, encapsulateToPolicy } from "../src/abe-cp.ts";
import { issueCpKeyShare, verifyCpKey, verifyCpKeyShare } from "../src/abe-cp-key.ts";
import {
  approveEntitlement,
  attributeEntitlement,
  type CpEntitlement,
  encodeEntitlement,
  parseEntitlement,
} from "../src/abe-entitlement.ts";
import {
  type AbeKey,
  type AbeKeyPoints,
  type AbeKeyShare,
  combineAbeKeyShares,
  encodeAbeKey,
  makeShare,
  parseAbeKey,
  parseAbeKeyShare,
} from "../src/abe-key.ts";
import type { AttributeValues } from "../src/attribute-set.ts";
import { encodeHex } from "../src/bytes.ts";
import { NO_EXPIRY, parseEpoch } from "../src/epoch.ts";
import { parsePolicy } from "../src/policy-parser.ts";
import {
  alice,
  approvalsOf,
  approve,
  bob,
  CONTEXT,
  cpEntitlement,
  cpKey,
  engine,
  epoch,
  makeAbeDomain,
  random,
  schema,
} from "./abe-fixtures.ts";
import { codeOf, flip } from "./fixtures.ts";

const domain = makeAbeDomain("cp");
const VALUES: AttributeValues = { u: "1", region: "DE", clearance: 3 };
const entitlement = cpEntitlement(domain, VALUES);
const approved = approve(domain, entitlement);
const shares = domain.masters.map((master) => issueCpKeyShare(engine, master, approved));
const [share] = shares as [AbeKeyShare<"cp">];
const pointsOf = (owner: AbeKeyShare<"cp"> | AbeKey<"cp">): AbeKeyPoints => owner.use((points) => points);
const keyOf = (of: CpEntitlement, points: AbeKeyPoints): AbeKey<"cp"> =>
  combineAbeKeyShares(engine, [makeShare<"cp">(engine, of, points)]);

function opens(key: AbeKey<"cp">, policy: string): boolean {
  const parsed = parsePolicy(policy, schema);
  const { ciphertext } = encapsulateToPolicy(engine, random, domain.publicKey, domain.scope(), parsed, CONTEXT);
  const code = codeOf(() => decapsulateWithAttributes(engine, key, domain.publicKey, ciphertext, CONTEXT));
  expect(["ok", "ERR_DECAPSULATION_FAILED"]).toContain(code);
  return code === "ok";
}

describe("no share without the approval of all D-TAs", () => {
  const approvals = approvalsOf(domain, entitlement);
  const attempt = (of: CpEntitlement, signatures: readonly Uint8Array[], context: Uint8Array = CONTEXT): string =>
    codeOf(() => approveEntitlement(engine, random, of, context, domain.statementKeys, signatures));

  test("all of them suffice", () => {
    expect(attempt(entitlement, approvals)).toBe("ok");
  });

  test.each<[string, () => string]>([
    ["one is missing", () => attempt(entitlement, approvals.slice(1))],
    ["none is there", () => attempt(entitlement, [])],
    ["one is empty", () => attempt(entitlement, [approvals[0], new Uint8Array(0), approvals[2]] as Uint8Array[])],
    ["one more is there", () => attempt(entitlement, [...approvals, approvals[0] as Uint8Array])],
    ["one stands for two", () => attempt(entitlement, [approvals[0], approvals[0], approvals[2]] as Uint8Array[])],
    ["two are exchanged", () => attempt(entitlement, [approvals[1], approvals[0], approvals[2]] as Uint8Array[])],
    ["they are for another identity", () => attempt(cpEntitlement(domain, VALUES, { identity: bob }), approvals)],
    ["they are for other attributes", () => attempt(cpEntitlement(domain, { ...VALUES, u: "2" }), approvals)],
    [
      "they are for another epoch",
      () => attempt(cpEntitlement(domain, VALUES, { epoch: parseEpoch(20_001) }), approvals),
    ],
    ["they are for a bound key", () => attempt(cpEntitlement(domain, VALUES, { boundToEpoch: false }), approvals)],
    ["they are for another request", () => attempt(entitlement, approvals, random(4))],
    ["they are another domain's", () => attempt(entitlement, approvalsOf(makeAbeDomain("cp"), entitlement))],
  ])("not when %s", (_, run) => {
    expect(run()).toBe("ERR_APPROVAL_MISSING");
  });
});

describe("entitlements", () => {
  const options = { domainId: domain.domainId, identity: alice, epoch };

  test("are read back as they were written", () => {
    expect(parseEntitlement("cp", encodeEntitlement(entitlement))).toEqual(entitlement);
    const free = cpEntitlement(domain, VALUES, { boundToEpoch: false });
    expect(parseEntitlement("cp", encodeEntitlement(free))).toEqual(free);
  });

  test.each<[string, () => unknown]>([
    ["a uid of the requester's choice", () => attributeEntitlement(options, schema, { ...VALUES, uid: bob })],
    ["an epoch of the requester's choice", () => attributeEntitlement(options, schema, { ...VALUES, epoch: 99_999 })],
    ["a key for no epoch", () => attributeEntitlement({ ...options, epoch: NO_EXPIRY }, schema, VALUES)],
    ["the other scheme", () => parseEntitlement("kp", encodeEntitlement(entitlement))],
    ["another version", () => parseEntitlement("cp", flip(encodeEntitlement(entitlement), 0))],
    ["bytes cut short", () => parseEntitlement("cp", encodeEntitlement(entitlement).slice(0, -1))],
    ["bytes left over", () => parseEntitlement("cp", new Uint8Array([...encodeEntitlement(entitlement), 0]))],
    ["another epoch than the hashes'", () => parseEntitlement("cp", flip(encodeEntitlement(entitlement), 43))],
    [
      "another identity than the uid",
      () => parseEntitlement("cp", flip(encodeEntitlement(entitlement), 46 + alice.length - 1)),
    ],
  ])("%s is refused", (_, run) => {
    expect(codeOf(run)).toBe("ERR_ENTITLEMENT_INVALID");
  });

  test("two values of a negated label are refused before anything is issued", () => {
    expect(codeOf(() => cpEntitlement(domain, { region: ["DE", "FR"] }))).toBe("ERR_ATTRIBUTE_INVALID");
  });
});

describe("issuing", () => {
  test("gives the same share to the same request, and an unrelated one to any other", () => {
    const [master] = domain.masters as [(typeof domain.masters)[number]];
    const points = (values: AttributeValues, identity = alice): readonly string[] => {
      const other = issueCpKeyShare(engine, master, approve(domain, cpEntitlement(domain, values, { identity })));
      return pointsOf(other).g1.map((point) => encodeHex(engine.g1.encode(point)));
    };
    const first = points(VALUES);
    expect(points({ clearance: 3, region: "DE", u: "1" })).toEqual(first);
    for (const other of [points(VALUES, bob), points({ ...VALUES, v: "1" }), points({ ...VALUES, clearance: 4 })]) {
      expect(other.some((point) => first.includes(point))).toBe(false);
    }
  });

  test("does not type-check for masters of another scheme, and is refused there", () => {
    const [other] = makeAbeDomain("kp").masters as [never];
    expect(() => issueCpKeyShare(engine, other, approved)).toThrow(TypeError);
  });

  test("shares verify, one by one and their sum", () => {
    shares.forEach((each, i) => {
      expect(verifyCpKeyShare(engine, random, domain.publicShares[i] as never, each)).toBe(true);
    });
    expect(verifyCpKey(engine, random, domain.publicKey, combineAbeKeyShares(engine, shares))).toBe(true);
  });
});

describe("a false share is found", () => {
  const other = engine.g1.multiplyPublic(engine.g1.generator, engine.scalars.fromInteger(7));
  const published = domain.publicShares[0] as (typeof domain.publicShares)[number];
  const verifies = (points: AbeKeyPoints, of = entitlement): boolean =>
    verifyCpKeyShare(engine, random, published, makeShare<"cp">(engine, of, points));

  test("with any one point changed", () => {
    const { g1, g2 } = pointsOf(share);
    g1.forEach((_, i) => {
      expect(verifies({ g2, g1: g1.map((point, j) => (i === j ? engine.g1.add(point, other) : point)) })).toBe(false);
    });
    expect(verifies({ g1, g2: [engine.g2.add(g2[0] as never, engine.g2.generator)] })).toBe(false);
  });

  test("with two errors that cancel in a plain sum", () => {
    const { g1, g2 } = pointsOf(share);
    const changed = g1.map((point, i) =>
      i === 1 ? engine.g1.add(point, other) : i === 2 ? engine.g1.subtract(point, other) : point,
    );
    expect(verifies({ g1: changed, g2 })).toBe(false);
  });

  test("of another D-TA, for other attributes, or for another epoch", () => {
    expect(verifyCpKeyShare(engine, random, domain.publicShares[1] as never, share)).toBe(false);
    expect(verifies(pointsOf(share), cpEntitlement(domain, { ...VALUES, u: "2" }))).toBe(false);
    expect(verifies(pointsOf(share), cpEntitlement(domain, VALUES, { epoch: parseEpoch(20_001) }))).toBe(false);
  });

  test("by the sum too", () => {
    const { g1, g2 } = pointsOf(share);
    const wrong = makeShare<"cp">(engine, entitlement, { g2, g1: g1.with(1, other) });
    const key = combineAbeKeyShares(engine, [wrong, ...shares.slice(1)]);
    expect(verifyCpKey(engine, random, domain.publicKey, key)).toBe(false);
  });
});

describe("shares do not mix", () => {
  test("of different identities, attributes or epochs are not added", () => {
    for (const of of [
      cpEntitlement(domain, VALUES, { identity: bob }),
      cpEntitlement(domain, { ...VALUES, u: "2" }),
      cpEntitlement(domain, VALUES, { epoch: parseEpoch(20_001) }),
    ]) {
      const [foreign] = domain.masters.map((master) => issueCpKeyShare(engine, master, approve(domain, of)));
      const mixed = [foreign as AbeKeyShare<"cp">, ...shares.slice(1)];
      expect(codeOf(() => combineAbeKeyShares(engine, mixed))).toBe("ERR_SHARE_INVALID");
    }
    expect(codeOf(() => combineAbeKeyShares(engine, []))).toBe("ERR_SHARE_INVALID");
  });

  test("added nevertheless, they open only what each of the two could: not with the attributes of either", () => {
    const bobs = cpEntitlement(domain, { u: "1", region: "FR", v: "1" }, { identity: bob });
    const approvedBobs = approve(domain, bobs);
    const [, ...theirs] = domain.masters.map((master) => issueCpKeyShare(engine, master, approvedBobs));
    const mine = pointsOf(share);
    // Components by position: alice has clearance (4), region, its negation, u, uid, its negation; bob region, …, u, uid, …, v.
    const claim = cpEntitlement(domain, { u: "1", region: "DE", v: "1", clearance: 3 });
    const sum = theirs.map(pointsOf).reduce<AbeKeyPoints>(
      (left, right) => ({
        g2: [engine.g2.add(left.g2[0] as never, right.g2[0] as never)],
        g1: [
          engine.g1.add(left.g1[0] as never, right.g1[0] as never), // α and t·B of all three D-TAs
          ...left.g1.slice(1, 7),
          engine.g1.add(left.g1[7] as never, right.g1[3] as never), // u = 1 of both
          ...left.g1.slice(8, 10),
          right.g1[6] as never, // v = 1 of bob
        ],
      }),
      { g2: mine.g2, g1: [...mine.g1, mine.g1[0] as never] },
    );
    const mixed = keyOf(claim, sum);
    expect(opens(mixed, "u = 1")).toBe(true);
    for (const policy of ["region = DE", "v = 1", "clearance = 3", "region != US"])
      expect(opens(mixed, policy)).toBe(false);
  });

  test("of two epochs cannot be swapped: the sum does not verify and opens nothing", () => {
    const tomorrow = approve(domain, cpEntitlement(domain, VALUES, { epoch: parseEpoch(20_001) }));
    const [old] = domain.masters.map((master) => issueCpKeyShare(engine, master, tomorrow));
    const relabelled = makeShare<"cp">(engine, entitlement, pointsOf(old as AbeKeyShare<"cp">));
    const key = combineAbeKeyShares(engine, [relabelled, ...shares.slice(1)]);
    expect(verifyCpKey(engine, random, domain.publicKey, key)).toBe(false);
    expect(opens(key, "u = 1")).toBe(false);
  });
});

describe("colluding users", () => {
  const hers = cpKey(domain, { u: "1", v: "2" });
  const his = cpKey(domain, { u: "2", v: "1" }, { identity: bob });
  const claim = cpEntitlement(domain, { u: "1", v: "1" });

  test("every mixture of two keys' components fails where neither key suffices", () => {
    const [a, b] = [pointsOf(hers), pointsOf(his)];
    // α·g1 + t·B and t·g2 of either, or of both halved; the components of whoever has them, or of both added.
    const half = engine.scalars.invert(engine.scalars.fromInteger(2));
    const mean1 = (i: number) => engine.g1.multiplyPublic(engine.g1.add(a.g1[i] as never, b.g1[i] as never), half);
    const mean2 = engine.g2.multiplyPublic(engine.g2.add(a.g2[0] as never, b.g2[0] as never), half);
    // Components in order: u = 1 (alice), uid and its negation (alice), v = 1 (bob).
    const own = [a.g1[1], ...a.g1.slice(2, 4), b.g1[4]] as never[];
    let failed = 0;
    for (const sk1 of [a.g2[0], b.g2[0], mean2] as never[]) {
      for (const sk3 of [a.g1[0], b.g1[0], mean1(0)] as never[]) {
        for (const first of [own[0], mean1(1)] as never[]) {
          for (const last of [own[3], mean1(4)] as never[]) {
            const mixed = keyOf(claim, { g2: [sk1], g1: [sk3, first, own[1] as never, own[2] as never, last] });
            if (!opens(mixed, "u = 1 and v = 1")) failed += 1;
          }
        }
      }
    }
    expect(failed).toBe(36);
    expect(
      opens(
        keyOf(cpEntitlement(domain, { u: "1", v: "1" }), pointsOf(cpKey(domain, { u: "1", v: "1" }))),
        "u = 1 and v = 1",
      ),
    ).toBe(true);
  });

  test("nor does the negation component of another user's key help the excluded one", () => {
    const excluded = cpKey(domain, { region: "DE" });
    const helper = cpKey(domain, { region: "FR" }, { identity: bob });
    const points = pointsOf(excluded);
    const borrowed = pointsOf(helper).g1[2] as never;
    const lying = cpEntitlement(domain, { region: "FR" });
    const mixed = keyOf(lying, { ...points, g1: points.g1.with(2, borrowed) });
    expect(opens(mixed, "region != DE")).toBe(false);
    expect(opens(keyOf(lying, points), "region != DE")).toBe(false);
  });
});

describe("encodings", () => {
  const key = combineAbeKeyShares(engine, shares);
  const bytes = encodeAbeKey(engine, key);

  test("keys and shares are read back, and are not taken for each other", () => {
    expect(encodeAbeKey(engine, parseAbeKey(engine, "cp", bytes))).toEqual(bytes);
    const encoded = encodeAbeKey(engine, share);
    expect(encodeAbeKey(engine, parseAbeKeyShare(engine, "cp", encoded))).toEqual(encoded);
    expect(codeOf(() => parseAbeKey(engine, "cp", encoded))).toBe("ERR_ATTRIBUTE_KEY_INVALID");
    expect(codeOf(() => parseAbeKeyShare(engine, "cp", bytes))).toBe("ERR_ATTRIBUTE_KEY_INVALID");
    expect(codeOf(() => parseAbeKey(engine, "kp", bytes))).toBe("ERR_ATTRIBUTE_KEY_INVALID");
  });

  test("have 96 + 48 + 48 bytes a component beside the entitlement", () => {
    expect(bytes.length).toBe(6 + encodeEntitlement(entitlement).length + 96 + 48 * (1 + 9));
  });

  test("another version, a cut, a byte more, a changed point are refused; a changed attribute does not verify", () => {
    for (const wrong of [flip(bytes, 0), flip(bytes, 1), bytes.slice(0, -1), new Uint8Array([...bytes, 0])]) {
      expect(codeOf(() => parseAbeKey(engine, "cp", wrong))).toBe("ERR_ATTRIBUTE_KEY_INVALID");
    }
    const start = bytes.length - 96 - 48 * 10;
    for (let at = start; at < bytes.length; at += 48) {
      expect(codeOf(() => parseAbeKey(engine, "cp", bytes.with(at, 0x9f)))).toBe("ERR_ATTRIBUTE_KEY_INVALID");
    }
    const u2 = cpEntitlement(domain, { ...VALUES, u: "2" });
    const relabelled = bytes.slice();
    relabelled.set(encodeEntitlement(u2), 6);
    const changed = parseAbeKey(engine, "cp", relabelled);
    expect(verifyCpKey(engine, random, domain.publicKey, changed)).toBe(false);
    expect(opens(changed, "u = 2")).toBe(false);
  });

  test("a key is not printed, and is gone after destroy", () => {
    const gone = parseAbeKey(engine, "cp", bytes);
    expect(`${gone} ${JSON.stringify({ gone })}`).toBe('[Attribute key cp] {"gone":"[Attribute key cp]"}');
    gone.destroy();
    gone.destroy();
    expect(() => encodeAbeKey(engine, gone)).toThrow(TypeError);
  });
});
