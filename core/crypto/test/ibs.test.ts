import { describe, expect, test } from "vitest";
import { concat } from "../src/bytes.ts";
import { parseEpoch } from "../src/epoch.ts";
import { parseSignature, type SignatureClaim, signAs, verifySignature, verifySignatures } from "../src/ibs.ts";
import { hashIdentity1, identityInput } from "../src/identity-input.ts";
import { hashToScalar } from "../src/kdf.ts";
import {
  alice,
  bob,
  bytes,
  codeOf,
  engine,
  enrol,
  epoch,
  flip,
  type Holder,
  makeDomain,
  NOTHING,
  random,
} from "./fixtures.ts";

const domain = makeDomain();
const { publicKey } = domain;
const signer = enrol(domain, "sig", alice);
const message = bytes("a release");
const signature = signAs(engine, random, signer.key, publicKey, signer.input, message);
const holds = (m: Uint8Array, s: Uint8Array, input = signer.input, key = publicKey): boolean =>
  verifySignature(engine, key, input, m, s);

test("a signature verifies, also over nothing", () => {
  expect(signature).toHaveLength(96);
  expect(holds(message, signature)).toBe(true);
  expect(holds(NOTHING, signAs(engine, random, signer.key, publicKey, signer.input, NOTHING))).toBe(true);
});

test("another message, signer, epoch, usage or domain does not verify", () => {
  expect(holds(bytes("another release"), signature)).toBe(false);
  expect(holds(message, signature, identityInput(domain.domainId, "sig", bob, epoch))).toBe(false);
  expect(holds(message, signature, identityInput(domain.domainId, "sig", alice, parseEpoch(epoch + 1)))).toBe(false);
  expect(holds(message, signature, identityInput(domain.domainId, "enc", alice, epoch))).toBe(false);
  expect(holds(message, signature, identityInput(makeDomain().domainId, "sig", alice, epoch))).toBe(false);
  expect(holds(message, signature, signer.input, makeDomain().publicKey)).toBe(false);
});

test("a changed or malformed signature does not verify", () => {
  const [u, v] = [signature.subarray(0, 48), signature.subarray(48)];
  const other = signAs(engine, random, signer.key, publicKey, signer.input, message);
  const identity = engine.g1.encode(engine.g1.identity);
  const bad = [
    concat(v, u),
    concat(u, other.subarray(48)),
    concat(u, identity),
    concat(identity, v),
    concat(identity, identity),
    concat(u, engine.g1.encode(engine.g1.negate(engine.g1.decode(v)))),
    flip(signature, 0, 7),
    flip(signature, -1),
    signature.subarray(0, 95),
    concat(signature, Uint8Array.of(0)),
    NOTHING,
  ];
  for (const wrong of bad) expect(holds(message, wrong)).toBe(false);
  for (const wrong of [NOTHING, signature.subarray(1)])
    expect(codeOf(() => parseSignature(wrong))).toBe("ERR_SIGNATURE_INVALID");
});

test("the nonce never repeats over different messages, although the random source has stopped", () => {
  const stuck = (length: number): Uint8Array => new Uint8Array(length);
  const sign = (m: Uint8Array): Uint8Array => signAs(engine, stuck, signer.key, publicKey, signer.input, m);
  const first = sign(bytes("one"));
  const second = sign(bytes("two"));
  expect(first.subarray(0, 48)).not.toEqual(second.subarray(0, 48)); // the same U would give the key: d = (V - V')/(h - h')
  expect(sign(bytes("one"))).toEqual(first);
  expect(holds(bytes("one"), first)).toBe(true);
});

test("two signatures over one message differ while the random source works", () => {
  expect(signAs(engine, random, signer.key, publicKey, signer.input, message)).not.toEqual(signature);
});

test("only a sig key signs, and only in the name of a sig input", () => {
  const enc = enrol(domain, "enc", alice);
  expect(() => signAs(engine, random, signer.key, publicKey, enc.input, message)).toThrow(TypeError);
  // @ts-expect-error an enc key cannot sign
  expect(() => signAs(engine, random, enc.key, publicKey, enc.input, message)).toThrow(TypeError);
});

test("an enc key bent into signing by hand gives nothing that verifies, although the equation holds", () => {
  const enc = enrol(domain, "enc", alice);
  const byHand = ({ input, key }: Holder<"enc"> | Holder<"sig">): Uint8Array => {
    const k = engine.scalars.random();
    const u = engine.g1.encode(engine.g1.multiplySecret(hashIdentity1(engine, input), k));
    const h = hashToScalar(engine, "MILAGRO-V1-IBS-CHALLENGE", u, publicKey.hash, input, message);
    const v = key.use(({ g1 }) => engine.g1.multiplySecret(g1, engine.scalars.add(k, h)));
    return concat(u, engine.g1.encode(v));
  };
  expect(holds(message, byHand(signer))).toBe(true);
  expect(holds(message, byHand(enc), enc.input)).toBe(false);
  const claims = [{ input: enc.input, message, signature: byHand(enc) }];
  expect(verifySignatures(engine, random, publicKey, claims)).toBe(false);
});

test("a key signs only for the identity it was issued to", () => {
  const claimed = identityInput(domain.domainId, "sig", bob, epoch);
  const forged = signAs(engine, random, signer.key, publicKey, claimed, message);
  expect(holds(message, forged, claimed)).toBe(false);
});

describe("in batches", () => {
  const signers = [signer, enrol(domain, "sig", bob)];
  const claims: SignatureClaim[] = [0, 1, 2, 3].map((i) => {
    const own = signers[i % 2] as typeof signer;
    const text = bytes(`message ${i}`);
    return { input: own.input, message: text, signature: signAs(engine, random, own.key, publicKey, own.input, text) };
  });

  test("right ones pass together, of several signers and repeated ones", () => {
    expect(verifySignatures(engine, random, publicKey, claims)).toBe(true);
    expect(verifySignatures(engine, random, publicKey, [...claims, ...claims.slice(0, 1)])).toBe(true);
  });

  test.each([0, 1, 2, 3])("a wrong one at %i spoils the batch", (at) => {
    const spoilt = claims.map((claim, i) => (i === at ? { ...claim, message: bytes("other") } : claim));
    expect(verifySignatures(engine, random, publicKey, spoilt)).toBe(false);
  });

  test("errors that cancel out in the plain sum do not pass", () => {
    const [a, , b] = claims as [SignatureClaim, SignatureClaim, SignatureClaim];
    const shift = (claim: SignatureClaim, by: "add" | "subtract"): SignatureClaim => {
      const v = engine.g1[by](engine.g1.decode(claim.signature.subarray(48)), engine.g1.generator);
      return { ...claim, signature: concat(claim.signature.subarray(0, 48), engine.g1.encode(v)) };
    };
    expect(verifySignatures(engine, random, publicKey, [shift(a, "add"), shift(b, "subtract")])).toBe(false);
  });

  test("an empty batch, a malformed signature and an input of another usage do not pass", () => {
    const [first] = claims as [SignatureClaim];
    expect(verifySignatures(engine, random, publicKey, [])).toBe(false);
    expect(verifySignatures(engine, random, publicKey, [first, { ...first, signature: NOTHING }])).toBe(false);
    const enc = identityInput(domain.domainId, "enc", alice, epoch);
    expect(verifySignatures(engine, random, publicKey, [first, { ...first, input: enc }])).toBe(false);
  });
});

test("a key that signs often, and an identity that is verified often, say the same by tables", () => {
  const { key, input } = enrol(domain, "sig", bob);
  for (let i = 0; i < 5; i++) {
    const each = bytes(`release ${i}`);
    const made = signAs(engine, random, key, publicKey, input, each);
    expect(holds(each, made, input)).toBe(true);
    expect(holds(message, made, input)).toBe(false);
    if (i === 4) expect(holds(each, made, identityInput(domain.domainId, "sig", bob, epoch))).toBe(true);
  }
  key.destroy();
  expect(() => signAs(engine, random, key, publicKey, input, message)).toThrow(TypeError);
});
