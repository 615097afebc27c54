import { describe, expect, test } from "vitest";
import { transcript, u32, utf8 } from "../src/bytes.ts";
import { hashTag } from "../src/hash-tag.ts";
import { identityInput } from "../src/identity-input.ts";
import { issueIdentityKeyShare, verifyIdentityKeyShare } from "../src/identity-key.ts";
import { combinePublicShares, derivePublicShare, encodePublicShare, type PublicShare } from "../src/master-public.ts";
import { generateMasterSecretShare, SCHEMES, type Scheme } from "../src/master-secret.ts";
import {
  type PossessionContext,
  provePossession,
  publicCommitment,
  verifyPossession,
  verifyPossessions,
} from "../src/proof-of-possession.ts";
import { alice, engine, epoch, flip, makeDomain, random } from "./fixtures.ts";

const context: PossessionContext = { domain: "example", index: 2, count: 3, ceremonyId: random(32) };

describe.each(SCHEMES)("%s", (scheme: Scheme) => {
  const share = generateMasterSecretShare(engine, scheme);
  const published: PublicShare<Scheme> = derivePublicShare<Scheme>(engine, share);
  const proof = provePossession<Scheme>(engine, share, context);
  const holds = (p: Uint8Array, c: PossessionContext, key = published): boolean => verifyPossession(engine, key, p, c);

  test("proves possession, and the same each time, so that a ceremony can repeat a step", () => {
    expect(proof).toHaveLength(scheme === "mpin" ? 80 : 48);
    expect(holds(proof, context)).toBe(true);
    expect(provePossession<Scheme>(engine, share, context)).toEqual(proof);
  });

  test("a proof for another domain, place, count or ceremony does not hold", () => {
    expect(holds(proof, { ...context, domain: "example.org" })).toBe(false);
    expect(holds(proof, { ...context, index: 1 })).toBe(false);
    expect(holds(proof, { ...context, count: 4 })).toBe(false);
    expect(holds(proof, { ...context, ceremonyId: random(32) })).toBe(false);
  });

  test("a proof does not hold for another key, nor when changed or malformed", () => {
    const other = derivePublicShare<Scheme>(engine, generateMasterSecretShare(engine, scheme));
    expect(holds(proof, context, other)).toBe(false);
    const bad = [flip(proof, -1), flip(proof, 0, 5), proof.subarray(1), new Uint8Array(0)];
    for (const bytes of bad) expect(holds(bytes, context)).toBe(false);
  });
});

test("the rogue key: the last D-TA chooses the sum, but cannot prove possession of its share", () => {
  const honest = makeDomain().publicShares.slice(0, 2);
  const target = generateMasterSecretShare(engine, "id");
  const wanted = derivePublicShare(engine, target);
  const rogue = {
    ...wanted,
    g1: engine.g1.subtract(wanted.g1, engine.g1.sum(honest.map((share) => share.g1))),
    g2: engine.g2.subtract(wanted.g2, engine.g2.sum(honest.map((share) => share.g2))),
  } as PublicShare<"id">;
  // The attack works on the sum: the attacker knows its discrete logarithm.
  const sum = combinePublicShares(engine, [...honest, rogue]);
  expect(engine.g2.equals(sum.g2, wanted.g2)).toBe(true);
  // The best it has is a proof for the sum.
  expect(verifyPossession(engine, rogue, provePossession(engine, target, context), context)).toBe(false);
});

test("an id share with halves of different scalars is refused although its proof is right", () => {
  const share = generateMasterSecretShare(engine, "id");
  const published = derivePublicShare(engine, share);
  const proveByHand = (claimed: PublicShare<"id">): Uint8Array => {
    const place = [utf8("example"), u32(2), u32(3), context.ceremonyId];
    const text = transcript("MILAGRO-V1-POP", utf8("id"), encodePublicShare(engine, claimed), ...place);
    const point = engine.g1.hash(text, hashTag("POP-ID", "G1"));
    return engine.g1.encode(share.use((scalar) => engine.g1.multiplySecret(point, scalar)));
  };
  expect(verifyPossession(engine, published, proveByHand(published), context)).toBe(true);
  const mixed = { ...published, g1: engine.g1.generator } as PublicShare<"id">;
  expect(verifyPossession(engine, mixed, proveByHand(mixed), context)).toBe(false);
});

test("a proof of possession is no identity key, and an identity key no proof", () => {
  const domain = makeDomain();
  const [share] = domain.shares;
  const [published] = domain.publicShares;
  if (!share || !published) throw new Error("no share");
  const input = identityInput(domain.domainId, "enc", alice, epoch);
  const issued = issueIdentityKeyShare(engine, share, input, "enc");
  expect(verifyIdentityKeyShare(engine, published, input, issued)).toBe(true);
  const bytes = issued.use(({ g1 }) => engine.g1.encode(g1));
  expect(verifyPossession(engine, published, bytes, context)).toBe(false);
});

describe("in batches", () => {
  const claims = SCHEMES.map((scheme, i) => {
    const share = generateMasterSecretShare(engine, scheme);
    const own = { ...context, index: i + 1, count: 5 };
    return {
      publicShare: derivePublicShare<Scheme>(engine, share),
      proof: provePossession<Scheme>(engine, share, own),
      context: own,
    };
  });

  test("right ones pass together", () => {
    expect(verifyPossessions(engine, random, claims)).toBe(true);
  });

  test.each(SCHEMES.map((scheme, i) => [scheme, i] as const))("a wrong one of %s spoils the batch", (_scheme, i) => {
    const spoilt = claims.map((claim, j) => (i === j ? { ...claim, context: { ...claim.context, count: 6 } } : claim));
    expect(verifyPossessions(engine, random, spoilt)).toBe(false);
  });

  test("two wrong proofs do not cancel out", () => {
    const [a, , b] = claims;
    if (!a || !b) throw new Error("no claims");
    const shift = (proof: Uint8Array, by: "add" | "subtract"): Uint8Array =>
      engine.g1.encode(engine.g1[by](engine.g1.decode(proof), engine.g1.generator));
    const spoilt = [
      { ...a, proof: shift(a.proof, "add") },
      { ...b, proof: shift(b.proof, "subtract") },
    ];
    expect(verifyPossessions(engine, random, spoilt)).toBe(false);
  });

  test("an empty batch proves nothing", () => {
    expect(verifyPossessions(engine, random, [])).toBe(false);
  });
});

test("a commitment fixes key and proof", () => {
  const share = generateMasterSecretShare(engine, "cp");
  const published = derivePublicShare(engine, share);
  const proof = provePossession(engine, share, context);
  const commitment = publicCommitment(engine, published, proof);
  expect(commitment).toHaveLength(32);
  expect(publicCommitment(engine, published, flip(proof, 9))).not.toEqual(commitment);
  const other = derivePublicShare(engine, generateMasterSecretShare(engine, "cp"));
  expect(publicCommitment(engine, other, proof)).not.toEqual(commitment);
});
