import { describe, expect, test } from "vitest";
import { parseEpoch } from "../src/epoch.ts";
import { type IdentityInput, identityInput } from "../src/identity-input.ts";
import { encodeIdentityKey, parseIdentityKey } from "../src/identity-key.ts";
import { agreeKey } from "../src/sok.ts";
import { alice, bob, bytes, carol, codeOf, engine, enrol, epoch, type Holder, makeDomain } from "./fixtures.ts";

const domain = makeDomain();
const { publicKey } = domain;
const context = bytes("psk");
const a = enrol(domain, "kex", alice);
const b = enrol(domain, "kex", bob);

function agreed(own: Holder<"kex">, peer: IdentityInput, options: object = {}): string {
  return agreeKey(engine, own.key, { publicKey, own: own.input, peer, context, ...options }).use((key) =>
    Buffer.from(key).toString("hex"),
  );
}

test("both sides get the same key without a message between them", () => {
  const key = agreed(a, b.input);
  expect(key).toHaveLength(64);
  expect(agreed(b, a.input)).toBe(key);
});

test("the epochs of the two sides may differ, and are part of the key", () => {
  const later = enrol(domain, "kex", bob, parseEpoch(epoch + 1));
  expect(agreed(later, a.input)).toBe(agreed(a, later.input));
  expect(agreed(a, later.input)).not.toBe(agreed(a, b.input));
});

describe("another key comes out", () => {
  const key = agreed(a, b.input);
  test("for another peer", () => {
    expect(agreed(a, identityInput(domain.domainId, "kex", carol, epoch))).not.toBe(key);
  });
  test("for another context", () => {
    expect(agreed(a, b.input, { context: bytes("vpn") })).not.toBe(key);
  });
  test("under another domain key", () => {
    expect(agreed(a, b.input, { publicKey: makeDomain().publicKey })).not.toBe(key);
  });
  test("for a third identity that claims to be one of the two", () => {
    const c = enrol(domain, "kex", carol);
    expect(agreed({ key: c.key, input: a.input }, b.input)).not.toBe(key);
    expect(agreed({ key: c.key, input: b.input }, a.input)).not.toBe(key);
  });
});

test("refuses oneself, a peer of another usage or another domain", () => {
  const peers = [
    a.input,
    identityInput(domain.domainId, "enc", bob, epoch),
    identityInput(makeDomain().domainId, "kex", bob, epoch),
  ];
  for (const peer of peers) expect(codeOf(() => agreed(a, peer))).toBe("ERR_PEER_INVALID");
});

test("takes a kex key only", () => {
  const sig = enrol(domain, "sig", alice);
  const options = { publicKey, own: a.input, peer: b.input, context };
  // @ts-expect-error a sig key agrees on nothing
  expect(() => agreeKey(engine, sig.key, options)).toThrow(TypeError);
  expect(() => agreed({ key: a.key, input: sig.input }, b.input)).toThrow(TypeError);
  const half = encodeIdentityKey(engine, a.key).subarray(0, 48);
  expect(codeOf(() => parseIdentityKey(engine, "kex", half))).toBe("ERR_POINT_INVALID");
});
