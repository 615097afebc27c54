import { describe, expect, test } from "vitest";
import { concat } from "../src/bytes.ts";
import { parseEpoch } from "../src/epoch.ts";
import { identityInput } from "../src/identity-input.ts";
import {
  combineIdentityKeyShares,
  encodeIdentityKey,
  encodeIdentityKeyShare,
  type IdentityKey,
  type IdentityKeyShare,
  issueIdentityKeyShare,
  parseIdentityKey,
  parseIdentityKeyShare,
  verifyIdentityKeyShare,
  verifyIdentityKeys,
} from "../src/identity-key.ts";
import { combinePublicShares, type PublicShare } from "../src/master-public.ts";
import { encodeMasterSecretShare, type MasterSecretShare, parseMasterSecretShare } from "../src/master-secret.ts";
import { IDENTITY_USAGES, type IdentityUsage } from "../src/usage.ts";
import { alice, bob, codeOf, engine, enrol, epoch, flip, makeDomain, random, type TestDomain } from "./fixtures.ts";

const domain = makeDomain();

function issueAll<U extends IdentityUsage>(usage: U, from: TestDomain = domain, at = epoch): IdentityKeyShare<U>[] {
  const input = identityInput(from.domainId, usage, alice, at);
  return from.shares.map((share) => issueIdentityKeyShare(engine, share, input, usage));
}

describe.each(IDENTITY_USAGES)("%s", (usage) => {
  const input = identityInput(domain.domainId, usage, alice, epoch);
  const shares = issueAll(usage);

  test("each D-TA's share verifies under its own public key and no other's", () => {
    const [first, second] = domain.publicShares as [PublicShare<"id">, PublicShare<"id">];
    const share = shares[0] as IdentityKeyShare;
    expect(verifyIdentityKeyShare(engine, first, input, share)).toBe(true);
    expect(verifyIdentityKeyShare(engine, second, input, share)).toBe(false);
  });

  test("the sum is the key, in any order; no part of it is", () => {
    const key = combineIdentityKeyShares(engine, shares);
    expect(verifyIdentityKeys(engine, random, domain.publicKey, [{ input, key }])).toBe(true);
    const turned = combineIdentityKeyShares(engine, shares.toReversed());
    expect(encodeIdentityKey(engine, turned)).toEqual(encodeIdentityKey(engine, key));
    for (const some of [shares.slice(1), shares.slice(0, 2), [...shares, shares[0] as IdentityKeyShare]]) {
      const partial = combineIdentityKeyShares(engine, some);
      expect(verifyIdentityKeys(engine, random, domain.publicKey, [{ input, key: partial }])).toBe(false);
    }
  });

  test("shares and keys survive encoding, and refuse other lengths and non-points", () => {
    const share = shares[0] as IdentityKeyShare;
    const bytes = encodeIdentityKeyShare(engine, share);
    expect(bytes).toHaveLength(usage === "kex" ? 144 : 48);
    expect(encodeIdentityKeyShare(engine, parseIdentityKeyShare(engine, usage, bytes))).toEqual(bytes);
    const identity = engine.g1.encode(engine.g1.identity);
    const bad = [
      bytes.subarray(1),
      concat(bytes, bytes),
      flip(bytes, 0, 7),
      concat(identity, bytes.subarray(48)),
      random(0),
    ];
    for (const wrong of bad) {
      expect(codeOf(() => parseIdentityKeyShare(engine, usage, wrong))).toBe("ERR_POINT_INVALID");
      expect(codeOf(() => parseIdentityKey(engine, usage, wrong))).toBe("ERR_POINT_INVALID");
    }
  });
});

test("issuing is linear: the shares of a and b add up to the share of a + b", () => {
  const [a, b] = domain.shares as [MasterSecretShare<"id">, MasterSecretShare<"id">];
  const sum = a.use((x) => b.use((y) => engine.scalars.encode(engine.scalars.add(x, y))));
  const input = identityInput(domain.domainId, "enc", alice, epoch);
  const whole = issueIdentityKeyShare(engine, parseMasterSecretShare(engine, "id", sum), input, "enc");
  const parts = [a, b].map((share) => issueIdentityKeyShare(engine, share, input, "enc"));
  expect(encodeIdentityKey(engine, combineIdentityKeyShares(engine, parts))).toEqual(
    encodeIdentityKeyShare(engine, whole),
  );
});

test("a share of another epoch or another domain spoils the sum, and is named", () => {
  const good = issueAll("enc");
  const input = identityInput(domain.domainId, "enc", alice, epoch);
  const strangers = [
    issueAll("enc", domain, parseEpoch(epoch + 1)),
    issueAll("enc", { ...domain, domainId: makeDomain().domainId }),
  ];
  for (const stranger of strangers) {
    const mixed = [good[0], stranger[1], good[2]] as IdentityKeyShare<"enc">[];
    const key = combineIdentityKeyShares(engine, mixed);
    expect(verifyIdentityKeys(engine, random, domain.publicKey, [{ input, key }])).toBe(false);
    const verdicts = mixed.map((share, i) =>
      verifyIdentityKeyShare(engine, domain.publicShares[i] as PublicShare<"id">, input, share),
    );
    expect(verdicts).toEqual([true, false, true]);
  }
});

test("two lying D-TAs whose lies cancel out give a right key, which is all that counts", () => {
  const [a, b, c] = issueAll("enc") as [IdentityKeyShare<"enc">, IdentityKeyShare<"enc">, IdentityKeyShare<"enc">];
  const shift = (share: IdentityKeyShare<"enc">, by: "add" | "subtract"): IdentityKeyShare<"enc"> =>
    parseIdentityKeyShare(
      engine,
      "enc",
      share.use(({ g1 }) => engine.g1.encode(engine.g1[by](g1, engine.g1.generator))),
    );
  const key = combineIdentityKeyShares(engine, [shift(a, "add"), shift(b, "subtract"), c]);
  const input = identityInput(domain.domainId, "enc", alice, epoch);
  expect(verifyIdentityKeys(engine, random, domain.publicKey, [{ input, key }])).toBe(true);
});

describe("many keys at once", () => {
  const claims = [enrol(domain, "enc", alice), enrol(domain, "sig", alice), enrol(domain, "kex", bob)];

  test("right ones pass together, and nothing is all right", () => {
    expect(verifyIdentityKeys(engine, random, domain.publicKey, claims)).toBe(true);
    expect(verifyIdentityKeys(engine, random, domain.publicKey, claims.slice(0, 2))).toBe(true);
  });

  test("one wrong key spoils them, whichever it is, also when two wrongs would cancel out unweighted", () => {
    const [enc, sig, kex] = claims as [(typeof claims)[0], (typeof claims)[1], (typeof claims)[2]];
    const swapped = [
      { input: enc.input, key: parseIdentityKey(engine, "enc", encodeIdentityKey(engine, sig.key)) },
      { input: sig.input, key: parseIdentityKey(engine, "sig", encodeIdentityKey(engine, enc.key)) },
    ];
    expect(verifyIdentityKeys(engine, random, domain.publicKey, swapped)).toBe(false);
    const g2 = encodeIdentityKey(engine, enrol(domain, "kex", alice).key).subarray(48);
    const halfWrong = parseIdentityKey(engine, "kex", concat(encodeIdentityKey(engine, kex.key).subarray(0, 48), g2));
    expect(verifyIdentityKeys(engine, random, domain.publicKey, [enc, sig, { ...kex, key: halfWrong }])).toBe(false);
    expect(verifyIdentityKeys(engine, random, domain.publicKey, [{ ...kex, key: halfWrong }])).toBe(false);
  });

  test("a key of one usage does not pass for an input of another, nor under another domain's key", () => {
    const [enc, sig] = claims as [(typeof claims)[0], (typeof claims)[1]];
    const crossed = [{ input: sig.input, key: enc.key }];
    expect(verifyIdentityKeys(engine, random, domain.publicKey, crossed)).toBe(false);
    const relabelled = { input: sig.input, key: parseIdentityKey(engine, "enc", encodeIdentityKey(engine, sig.key)) };
    expect(verifyIdentityKeys(engine, random, domain.publicKey, [relabelled])).toBe(false);
    expect(verifyIdentityKeys(engine, random, makeDomain().publicKey, [enc])).toBe(false);
  });
});

test("shares are refused that cannot add up", () => {
  expect(codeOf(() => combineIdentityKeyShares(engine, []))).toBe("ERR_SHARE_INVALID");
  const [enc] = issueAll("enc") as [IdentityKeyShare<"enc">];
  const [sig] = issueAll("sig") as [IdentityKeyShare<"sig">];
  const mixed = [enc, sig] as unknown as IdentityKeyShare<"enc">[];
  expect(codeOf(() => combineIdentityKeyShares(engine, mixed))).toBe("ERR_SHARE_INVALID");
  const negative = enc.use(({ g1 }) => engine.g1.encode(engine.g1.negate(g1)));
  const cancel = [enc, parseIdentityKeyShare(engine, "enc", negative)];
  expect(codeOf(() => combineIdentityKeyShares(engine, cancel))).toBe("ERR_SHARE_INVALID");
});

test("a share is issued only for an input of its usage, and only from an id master", () => {
  const input = identityInput(domain.domainId, "sig", alice, epoch);
  const [share] = domain.shares as [MasterSecretShare<"id">];
  expect(() => issueIdentityKeyShare(engine, share, input, "enc")).toThrow(TypeError);
  const statement = parseMasterSecretShare(engine, "statement", encodeMasterSecretShare(engine, share));
  // @ts-expect-error a statement share issues no identity keys
  expect(issueIdentityKeyShare(engine, statement, input, "sig").usage).toBe("sig");
});

test("keys of different usage are different types", () => {
  const { key } = enrol(domain, "enc", alice);
  // @ts-expect-error an enc key cannot sign
  const wrong: IdentityKey<"sig"> = key;
  // @ts-expect-error a key is no share
  const share: IdentityKeyShare<"enc"> = key;
  expect([wrong.usage, share.kind]).toEqual(["enc", "key"]);
});

test("a domain of one D-TA works the same", () => {
  const share = domain.shares[0] as MasterSecretShare<"id">;
  const publicKey = combinePublicShares(engine, [domain.publicShares[0] as PublicShare<"id">]);
  const input = identityInput(domain.domainId, "enc", alice, epoch);
  const key = combineIdentityKeyShares(engine, [issueIdentityKeyShare(engine, share, input, "enc")]);
  expect(verifyIdentityKeys(engine, random, publicKey, [{ input, key }])).toBe(true);
});
