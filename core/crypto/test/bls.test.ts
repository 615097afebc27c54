import { describe, expect, test } from "vitest";
import { type StatementClaim, signStatement, verifyStatement, verifyStatements } from "../src/bls.ts";
import { derivePublicShare, type PublicShare } from "../src/master-public.ts";
import { generateMasterSecretShare } from "../src/master-secret.ts";
import { provePossession } from "../src/proof-of-possession.ts";
import { bytes, engine, flip, NOTHING, random } from "./fixtures.ts";

const share = generateMasterSecretShare(engine, "statement");
const publicKey = derivePublicShare(engine, share);
const message = bytes("log head 17");
const signature = signStatement(engine, share, message);

test("a statement verifies, is deterministic and 48 bytes long, also when empty", () => {
  expect(verifyStatement(engine, publicKey, message, signature)).toBe(true);
  expect(signStatement(engine, share, message)).toEqual(signature);
  expect(signature).toHaveLength(48);
  expect(verifyStatement(engine, publicKey, NOTHING, signStatement(engine, share, NOTHING))).toBe(true);
});

test("another message, key or signature does not verify", () => {
  const other = derivePublicShare(engine, generateMasterSecretShare(engine, "statement"));
  expect(verifyStatement(engine, publicKey, bytes("log head 18"), signature)).toBe(false);
  expect(verifyStatement(engine, other, message, signature)).toBe(false);
  const negated = engine.g1.encode(engine.g1.negate(engine.g1.decode(signature)));
  const bad = [
    negated,
    engine.g1.encode(engine.g1.identity),
    engine.g1.encode(engine.g1.decode(signature), "uncompressed"),
    flip(signature, 0, 7),
    flip(signature, -1),
    signature.subarray(1),
    NOTHING,
  ];
  for (const wrong of bad) expect(verifyStatement(engine, publicKey, message, wrong)).toBe(false);
});

test("a proof of possession is no statement signature, not even over its own context", () => {
  const context = { domain: "example", index: 1, count: 1, ceremonyId: random(32) };
  expect(verifyStatement(engine, publicKey, message, provePossession(engine, share, context))).toBe(false);
});

test("only a statement share signs statements", () => {
  const id = generateMasterSecretShare(engine, "id");
  // @ts-expect-error an id share signs no statements
  expect(signStatement(engine, id, message)).toHaveLength(48);
});

describe("in batches", () => {
  const second = generateMasterSecretShare(engine, "statement");
  const keys: [typeof share, PublicShare<"statement">][] = [
    [share, publicKey],
    [second, derivePublicShare(engine, second)],
  ];
  const claims: StatementClaim[] = keys.flatMap(([secret, key], i) =>
    [0, 1].map((n) => {
      const text = bytes(`statement ${i} ${n}`);
      return { publicKey: key, message: text, signature: signStatement(engine, secret, text) };
    }),
  );

  test("right ones pass together", () => {
    expect(verifyStatements(engine, random, claims)).toBe(true);
  });

  test.each([0, 1, 2, 3])("a wrong one at %i spoils the batch", (at) => {
    const spoilt = claims.map((claim, i) => (i === at ? { ...claim, message: bytes("another") } : claim));
    expect(verifyStatements(engine, random, spoilt)).toBe(false);
  });

  test("signatures swapped within a batch do not pass, although their sum is the same", () => {
    const [a, b] = claims as [StatementClaim, StatementClaim];
    const swapped = [
      { ...a, signature: b.signature },
      { ...b, signature: a.signature },
    ];
    expect(verifyStatements(engine, random, swapped)).toBe(false);
  });

  test("an empty batch and a malformed signature do not pass", () => {
    expect(verifyStatements(engine, random, [])).toBe(false);
    expect(verifyStatements(engine, random, [...claims, { publicKey, message, signature: NOTHING }])).toBe(false);
  });
});
