import { parseDomainId } from "@milagro/crypto/domain-id";
import { verifyPossessions } from "@milagro/crypto/proof-of-possession";
import { beforeAll, describe, expect, test } from "vitest";
import { type DecodedAuthority, makeAuthority, possessionClaims, possessionContext } from "../src/authority.ts";
import {
  type DomainDescriptor,
  encodeSignedDescriptor,
  hashDescriptor,
  parseSignedDescriptor,
  type SignedDescriptor,
} from "../src/descriptor.ts";
import { faultReportOf } from "../src/fault.ts";
import { type TrustDomain, verifyDescriptor } from "../src/trust-domain.ts";
import {
  codeOf,
  describe as describeDomain,
  engine,
  type Founded,
  flip,
  foundDomain,
  makeProposal,
  outcome,
  random,
  signDescriptor,
} from "./fixture.ts";

let founded: Founded;
let signed: SignedDescriptor;
let domain: TrustDomain;
beforeAll(async () => {
  founded = await foundDomain();
  ({ signed, domain } = founded);
});

const verify = (candidate: SignedDescriptor, trust = {}) => verifyDescriptor(engine, random, candidate, trust);
/** The same members sign a changed descriptor: what remains wrong is not the signatures. */
const resigned = (change: Partial<DomainDescriptor>) =>
  signDescriptor(founded.members, { ...signed.descriptor, ...change });
type Entry = DomainDescriptor["authorities"][number];
const withEntry = (index: number, change: (entry: Entry) => Entry): Partial<DomainDescriptor> => ({
  authorities: signed.descriptor.authorities.map((entry) => (entry.index === index ? change(entry) : entry)),
});

test("a founded domain verifies and survives the wire", () => {
  const again = verify(parseSignedDescriptor(JSON.parse(JSON.stringify(encodeSignedDescriptor(signed)))), {
    pin: domain.domainId,
  });
  expect(again.domainId).toEqual(hashDescriptor(signed.descriptor));
  expect(again.publicKey.hash).toEqual(domain.publicKey.hash);
  expect(again.authorities).toHaveLength(3);
});

describe("without any arithmetic", () => {
  test.each<[string, (d: DomainDescriptor) => DomainDescriptor]>([
    ["no authority 3", (d) => ({ ...d, authorities: d.authorities.slice(0, 2) })],
    ["authorities in another order", (d) => ({ ...d, authorities: [...d.authorities].reverse() })],
    ["a place twice", (d) => ({ ...d, authorities: d.authorities.map((a) => ({ ...a, index: 1 })) })],
    ["a name twice", (d) => ({ ...d, authorities: d.authorities.map((a) => ({ ...a, name: "same" })) })],
    ["a genesis descriptor with a domain id", (d) => ({ ...d, domainId: parseDomainId(new Uint8Array(32)) })],
    ["a genesis descriptor with a predecessor", (d) => ({ ...d, previous: new Uint8Array(32) })],
    ["a later descriptor without domain id", (d) => ({ ...d, sequence: 1, previous: new Uint8Array(32) })],
  ])("%s is refused", (_, change) => {
    expect(codeOf(() => verify({ ...signed, descriptor: change(signed.descriptor) }))).toBe("ERR_DESCRIPTOR_FORGED");
  });
  test("a missing or surplus signature is refused", () => {
    for (const signatures of [signed.signatures.slice(1), [...signed.signatures, ...signed.signatures.slice(0, 1)]])
      expect(codeOf(() => verify({ ...signed, signatures }))).toBe("ERR_DESCRIPTOR_FORGED");
  });
  test("another domain than the pinned one is refused", () => {
    expect(codeOf(() => verify(signed, { pin: parseDomainId(flip(domain.domainId)) }))).toBe("ERR_DESCRIPTOR_PIN");
  });
});

test("every field is signed: flip any, and the signatures fail", () => {
  const { descriptor } = signed;
  const changed: DomainDescriptor[] = [
    { ...descriptor, epochSeconds: descriptor.epochSeconds + 1 },
    { ...descriptor, kms: { url: "https://evil.example" } },
    { ...descriptor, ...withEntry(2, (entry) => ({ ...entry, url: "https://evil.example" })) },
    { ...descriptor, ...withEntry(2, (entry) => ({ ...entry, operator: "Somebody Else" })) },
    { ...descriptor, ...withEntry(2, (entry) => ({ ...entry, jurisdiction: "XX" })) },
    { ...descriptor, ...withEntry(2, (entry) => ({ ...entry, hpkeKey: flip(entry.hpkeKey) })) },
  ];
  for (const candidate of changed) {
    const { code, message } = outcome(() => verify({ ...signed, descriptor: candidate }));
    expect(code).toBe("ERR_DESCRIPTOR_FORGED");
    expect(message).toContain("signature");
  }
});

test("a wrong signature is laid at its authority's door", () => {
  const [one, , three] = signed.signatures as [Uint8Array, Uint8Array, Uint8Array];
  for (const wrong of [flip(one, -1), three, new Uint8Array(48)]) {
    try {
      verify({ ...signed, signatures: [one, wrong, three] });
      expect.unreachable();
    } catch (error) {
      expect(faultReportOf(error).faults).toMatchObject([{ index: 2, name: "dta-2" }]);
    }
  }
});

describe("what all members signed can still be refused", () => {
  test("a proof for another place, naming the member", () => {
    const { cp } = (signed.descriptor.authorities[0] as Entry).proofs;
    const { code, message } = outcome(() =>
      verify(resigned(withEntry(3, (entry) => ({ ...entry, proofs: { ...entry.proofs, cp } })))),
    );
    expect(code).toBe("ERR_DESCRIPTOR_FORGED");
    expect(message).toBe("D-TA 3 (dta-3) does not prove possession of its keys");
  });

  test.each(["id", "mpin", "cp", "kp", "statement"] as const)("the proof for %s counts", (scheme) => {
    const [authority, other] = domain.authorities as [DecodedAuthority, DecodedAuthority];
    const proofs = { ...authority.entry.proofs, [scheme]: other.entry.proofs[scheme] };
    const context = possessionContext(domain.name, 1, 3, signed.descriptor.ceremonyId);
    const claims = possessionClaims({ ...authority, entry: { ...authority.entry, proofs } }, context);
    expect(claims.map(({ publicShare }) => publicShare.scheme)).toEqual(["id", "mpin", "cp", "kp", "statement"]);
    const claim = claims.filter(({ publicShare }) => publicShare.scheme === scheme);
    expect(verifyPossessions(engine, random, claim)).toBe(false);
  });

  test("proofs made for another ceremony", () => {
    const { code, message } = outcome(() => verify(resigned({ ceremonyId: flip(signed.descriptor.ceremonyId) })));
    expect(code).toBe("ERR_DESCRIPTOR_FORGED");
    expect(message).toContain("D-TA 1");
  });

  test("a rogue key, chosen so that the sum is the rogue's own", () => {
    const rogue = founded.members[2]?.masters.id as NonNullable<Founded["members"][2]>["masters"]["id"];
    const others = domain.authorities.slice(0, 2).map(({ publicShares }) => publicShares.id);
    const g1 = rogue.use((s) =>
      engine.g1.subtract(
        engine.g1.multiplyPublic(engine.g1.generator, s),
        engine.g1.sum(others.map((share) => share.g1)),
      ),
    );
    const g2 = rogue.use((s) =>
      engine.g2.subtract(
        engine.g2.multiplyPublic(engine.g2.generator, s),
        engine.g2.sum(others.map((share) => share.g2)),
      ),
    );
    const keys = { g1: engine.g1.encode(g1), g2: engine.g2.encode(g2) };
    const { code, message } = outcome(() =>
      verify(resigned(withEntry(3, (entry) => ({ ...entry, keys: { ...entry.keys, id: keys } })))),
    );
    expect(code).toBe("ERR_DESCRIPTOR_FORGED");
    expect(message).toBe("D-TA 3 (dta-3) does not prove possession of its keys");
  });

  test("a key that is already there, also under another scheme", () => {
    const [first] = signed.descriptor.authorities as [Entry];
    for (const change of [
      (entry: Entry) => ({ ...entry, keys: first.keys }),
      (entry: Entry) => ({ ...entry, hpkeKey: first.hpkeKey }),
      (entry: Entry) => ({ ...entry, keys: { ...entry.keys, cp: { g2: first.statementKey } } }),
      (entry: Entry) => ({ ...entry, keys: { ...entry.keys, kp: entry.keys.cp } }),
      (entry: Entry) => ({ ...entry, keys: { ...entry.keys, mpin: { g1: entry.keys.id.g1 } } }),
    ]) {
      const { code, message } = outcome(() => verify(resigned(withEntry(2, change))));
      expect(code).toBe("ERR_PUBLIC_KEY_INVALID");
      expect(message).toContain("D-TA 2");
    }
  });

  test("bytes that are no point of the group, and the identity element", () => {
    const zero = engine.g2.encode(engine.g2.identity);
    for (const g2 of [new Uint8Array(96), new Uint8Array(96).fill(255), zero]) {
      const change = withEntry(1, (entry) => ({ ...entry, keys: { ...entry.keys, cp: { g2 } } }));
      expect(codeOf(() => verify(resigned(change)))).toBe("ERR_PUBLIC_KEY_INVALID");
    }
  });
});

describe("later descriptors", () => {
  const next = (change: Partial<DomainDescriptor> = {}): Partial<DomainDescriptor> => ({
    sequence: 1,
    domainId: domain.domainId,
    previous: domain.hash,
    kms: { url: "https://kms2.example.org" },
    ...change,
  });

  test("are believed beside an earlier one, if only places changed", () => {
    const successor = verify(resigned(next()), { newest: domain, pin: domain.domainId });
    expect(successor.domainId).toEqual(domain.domainId);
    expect(codeOf(() => verify(signed, { newest: successor }))).toBe("ERR_DESCRIPTOR_STALE");
    expect(
      codeOf(() => verify(resigned(next({ kms: { url: "https://kms3.example.org" } })), { newest: successor })),
    ).toBe("ERR_DESCRIPTOR_FORGED");
  });

  test("are not believed on the strength of a domain id: anybody can write one", async () => {
    const members = founded.members.slice(0, 1);
    const proposal = makeProposal(1);
    const alone = { ...describeDomain(members, proposal), ...next() };
    const forged = signDescriptor(members, alone);
    expect(codeOf(() => verify(forged, { pin: domain.domainId }))).toBe("ERR_DESCRIPTOR_FORGED");
    expect(codeOf(() => verify(forged, { pin: domain.domainId, newest: domain }))).toBe("ERR_DESCRIPTOR_FORGED");
  });

  test("need not name the known one as predecessor: by their number they overtake one that was given up", () => {
    const overtaken = verify(resigned(next()), { newest: domain });
    const newest = verify(resigned(next({ sequence: 2 })), { newest: overtaken });
    expect(newest.descriptor.previous).toEqual(domain.hash);
    expect(codeOf(() => verify(resigned(next()), { newest }))).toBe("ERR_DESCRIPTOR_STALE");
  });

  test("may not change keys, name or epoch length", () => {
    const replaced = founded.members[0] as Founded["members"][0];
    const proposal = makeProposal(3);
    const changed = makeAuthority(
      engine,
      replaced.masters,
      replaced.hpke.publicKey,
      proposal,
      signed.descriptor.ceremonyId,
      1,
    );
    const moved = { ...changed, hpkeKey: flip(changed.hpkeKey) };
    for (const change of [
      withEntry(1, () => moved),
      { name: "example.net" },
      { epochSeconds: 3600 },
      { ceremonyId: flip(domain.hash) },
    ])
      expect(codeOf(() => verify(resigned(next(change)), { newest: domain }))).toBe("ERR_DESCRIPTOR_FORGED");
    expect(
      codeOf(() => verify(resigned(next({ domainId: parseDomainId(flip(domain.domainId)) })), { newest: domain })),
    ).toBe("ERR_DESCRIPTOR_PIN");
  });
});
