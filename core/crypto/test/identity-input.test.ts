import fc from "fast-check";
import { expect, test } from "vitest";
import { concat, encodeHex, equalBytes, parseHex, u64 } from "../src/bytes.ts";
import { formatDomainId, parseDomainId } from "../src/domain-id.ts";
import { epochAt, epochStartMs, NO_EXPIRY, parseEpoch } from "../src/epoch.ts";
import { type HashRole, hashTag } from "../src/hash-tag.ts";
import { hashIdentity1, hashIdentity2, identityInput, parseIdentityInput } from "../src/identity-input.ts";
import { hashOnce1 } from "../src/precomputed.ts";
import { parseIdentityUsage, parseUsage, USAGES } from "../src/usage.ts";
import { alice, bob, codeOf, engine, epoch, flip, random } from "./fixtures.ts";

const domainId = parseDomainId(random(32));

test("the layout is as written", () => {
  const zeros = parseDomainId(new Uint8Array(32));
  const input = identityInput(zeros, "enc", alice, parseEpoch(258));
  const name = encodeHex(new Uint8Array(Buffer.from(alice)));
  expect(encodeHex(input)).toBe(`01${"00".repeat(32)}03656e63001d${name}0000000000000102`);
});

test("any other domain, usage, identity or epoch gives another input, and another point", () => {
  const inputs = [
    identityInput(domainId, "enc", alice, epoch),
    identityInput(parseDomainId(flip(domainId, 31)), "enc", alice, epoch),
    identityInput(domainId, "sig", alice, epoch),
    identityInput(domainId, "enc", bob, epoch),
    identityInput(domainId, "enc", alice, parseEpoch(epoch + 1)),
    identityInput(domainId, "enc", alice, NO_EXPIRY),
  ];
  expect(new Set(inputs.map(encodeHex)).size).toBe(inputs.length);
  const points = inputs.slice(0, 3).map((input) => encodeHex(engine.g1.encode(hashIdentity1(engine, input))));
  expect(new Set(points).size).toBe(3);
});

test("parsing gives back what was put in, and refuses everything else", () => {
  for (const usage of USAGES) {
    const input = identityInput(domainId, usage, alice, epoch);
    expect(parseIdentityInput(input)).toEqual({ domainId, usage, identity: alice, epoch });
  }
  const good = identityInput(domainId, "enc", alice, epoch);
  const bad = [
    new Uint8Array(0),
    flip(good, 0),
    flip(good, 33),
    flip(good, 34),
    flip(good, 40),
    good.subarray(1),
    good.subarray(0, -1),
    concat(good, Uint8Array.of(0)),
    concat(good.subarray(0, -8), parseHex("0020000000000000")),
  ];
  for (const bytes of bad) expect(codeOf(() => parseIdentityInput(bytes))).toBe("ERR_IDENTITY_INVALID");
});

test("the points are remembered per object and equal for equal bytes", () => {
  const input = identityInput(domainId, "kex", alice, epoch);
  expect(hashIdentity1(engine, input)).toBe(hashIdentity1(engine, input));
  expect(hashIdentity2(engine, input)).toBe(hashIdentity2(engine, input));
  expect(engine.g1.equals(hashOnce1(engine, input, hashTag("PERMIT", "G1")), hashIdentity1(engine, input))).toBe(false);
  const again = identityInput(domainId, "kex", alice, epoch);
  expect(engine.g1.equals(hashIdentity1(engine, again), hashIdentity1(engine, input))).toBe(true);
});

test("all hash tags differ", () => {
  const roles: HashRole[] = [
    "ID",
    "PERMIT",
    "STATEMENT",
    "POP-ID",
    "POP-MPIN",
    "POP-CP",
    "POP-KP",
    "POP-STATEMENT",
    "ABE",
  ];
  const tags = roles.flatMap((role) => [hashTag(role, "G1"), hashTag(role, "G2")]);
  expect(new Set(tags).size).toBe(tags.length);
  for (const tag of tags) expect(tag).toMatch(/^MILAGRO-V1-[A-Z-]+-BLS12381G[12]_XMD:SHA-256_SSWU_RO_$/);
});

test("domain identifiers: 32 bytes or 43 characters", () => {
  expect(parseDomainId(formatDomainId(domainId))).toEqual(domainId);
  expect(formatDomainId(domainId)).toHaveLength(43);
  for (const bad of [new Uint8Array(31), new Uint8Array(33), "", "A", `${formatDomainId(domainId)}=`, "!".repeat(43)]) {
    expect(codeOf(() => parseDomainId(bad))).toBe("ERR_DOMAIN_ID_INVALID");
  }
});

test("epochs: every instant lies in the epoch whose start is not after it", () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 86_400_000, max: 4_000_000_000_000 }),
      fc.constantFrom(60, 3600, 86_400),
      (ms, seconds) => {
        const at = epochAt(ms, seconds);
        expect(epochStartMs(at, seconds)).toBeLessThanOrEqual(ms);
        expect(epochStartMs(parseEpoch(at + 1), seconds)).toBeGreaterThan(ms);
      },
    ),
  ));

test("epochs refuse what is no epoch", () => {
  for (const bad of [-1, -0, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    expect(codeOf(() => parseEpoch(bad))).toBe("ERR_EPOCH_INVALID");
  }
  expect(codeOf(() => epochAt(-1, 60))).toBe("ERR_EPOCH_INVALID");
  expect(codeOf(() => epochAt(59_999, 60))).toBe("ERR_EPOCH_INVALID");
  expect(epochAt(60_000, 60)).toBe(1);
  for (const bad of [0, -60, 1.5, Number.NaN]) expect(codeOf(() => epochAt(1e12, bad))).toBe("ERR_EPOCH_INVALID");
  expect(codeOf(() => epochStartMs(NO_EXPIRY, 60))).toBe("ERR_EPOCH_INVALID");
  expect(codeOf(() => epochStartMs(parseEpoch(2 ** 52), 60))).toBe("ERR_EPOCH_INVALID");
  expect(u64(parseEpoch(2 ** 53 - 1))).toEqual(parseHex("001fffffffffffff"));
});

test("usages: known words only, and only three of them for identity keys", () => {
  expect(USAGES.map(parseUsage)).toEqual(USAGES);
  for (const bad of ["", "ENC", "enc ", "constructor"]) expect(codeOf(() => parseUsage(bad))).toBe("ERR_USAGE_INVALID");
  for (const bad of ["mpin", "permit", ""]) expect(codeOf(() => parseIdentityUsage(bad))).toBe("ERR_USAGE_INVALID");
  expect(equalBytes(identityInput(domainId, "enc", alice, epoch), identityInput(domainId, "kex", alice, epoch))).toBe(
    false,
  );
});
