import type { Engine, FixedBase } from "@milagro/engine/engine";
import { describe, expect, test } from "vitest";
import { concat, equalBytes, xorBytes } from "../src/bytes.ts";
import { parseEpoch } from "../src/epoch.ts";
import { decapsulate, encapsulate, type IbeCiphertext, parseIbeCiphertext } from "../src/ibe.ts";
import { type IdentityInput, identityInput } from "../src/identity-input.ts";
import { encodeIdentityKey, type IdentityKey, parseIdentityKey } from "../src/identity-key.ts";
import { deriveKey, digest } from "../src/kdf.ts";
import type { DomainPublicKey } from "../src/master-public.ts";
import type { Secret } from "../src/secret.ts";
import {
  alice,
  bob,
  bytes,
  carol,
  codeOf,
  engine,
  enrol,
  epoch,
  flip,
  makeDomain,
  NOTHING,
  random,
} from "./fixtures.ts";

const domain = makeDomain();
const { publicKey } = domain;
const context = bytes("test");
const a = enrol(domain, "enc", alice);
const b = enrol(domain, "enc", bob);
const c = enrol(domain, "enc", carol);
const list = [a.input, b.input, c.input];
const single = encapsulate(engine, random, publicKey, [a.input], context);
const multiple = encapsulate(engine, random, publicKey, list, context);
const hex = (secret: Secret<"shared secret">): string => secret.use((key) => Buffer.from(key).toString("hex"));

interface Attempt {
  readonly key: IdentityKey<"enc">;
  readonly publicKey: DomainPublicKey<"id">;
  readonly recipients: readonly IdentityInput[];
  readonly index: number;
  readonly ciphertext: IbeCiphertext;
  readonly context: Uint8Array;
}
const alone: Attempt = {
  key: a.key,
  publicKey,
  recipients: [a.input],
  index: 0,
  ciphertext: single.ciphertext,
  context,
};
const listed: Attempt = { key: b.key, publicKey, recipients: list, index: 1, ciphertext: multiple.ciphertext, context };
const open = (x: Attempt): string =>
  hex(decapsulate(engine, x.key, x.publicKey, x.recipients, x.index, x.ciphertext, x.context));

test("one recipient: 128 bytes, and both sides have the same secret", () => {
  expect(single.ciphertext).toHaveLength(128);
  expect(open(alone)).toBe(hex(single.sharedSecret));
});

test("several recipients: 96 + 32·n bytes, and every one has the same secret", () => {
  expect(multiple.ciphertext).toHaveLength(96 + 32 * 3);
  for (const [index, { key }] of [a, b, c].entries()) {
    expect(open({ ...listed, key, index })).toBe(hex(multiple.sharedSecret));
  }
});

test("encapsulating needs no enrolment: the key may be issued afterwards", () => {
  const dave = identityInput(domain.domainId, "enc", alice, parseEpoch(epoch + 7));
  const sent = encapsulate(engine, random, publicKey, [dave], context);
  const { key } = enrol(domain, "enc", alice, parseEpoch(epoch + 7));
  expect(open({ ...alone, key, recipients: [dave], ciphertext: sent.ciphertext })).toBe(hex(sent.sharedSecret));
});

test("another context gives an unrelated secret", () => {
  expect(open({ ...alone, context: bytes("tess") })).not.toBe(open(alone));
  expect(open({ ...alone, context: NOTHING })).not.toBe(open(alone));
});

describe("refuses, with one code,", () => {
  const stranger = makeDomain();
  const swap = (ciphertext: IbeCiphertext): IbeCiphertext => {
    const [u, first, second, third] = [0, 96, 128, 160].map((at) => ciphertext.slice(at, at === 0 ? 96 : at + 32));
    return concat(u as Uint8Array, second as Uint8Array, first as Uint8Array, third as Uint8Array) as IbeCiphertext;
  };
  const withU = (u: Uint8Array): Attempt => ({
    ...alone,
    ciphertext: concat(u, single.ciphertext.subarray(96)) as IbeCiphertext,
  });
  const u = engine.g2.decode(single.ciphertext.subarray(0, 96));
  test.each<[string, Attempt]>([
    ["another identity's key", { ...alone, key: b.key }],
    [
      "the same identity's key of another epoch",
      { ...alone, key: enrol(domain, "enc", alice, parseEpoch(epoch + 1)).key },
    ],
    [
      "the same identity's sig key",
      { ...alone, key: enrol(domain, "sig", alice).key as unknown as IdentityKey<"enc"> },
    ],
    ["the same identity's key of another domain", { ...alone, key: enrol(stranger, "enc", alice).key }],
    ["another domain's public key", { ...alone, publicKey: stranger.publicKey }],
    ["another recipient named", { ...alone, recipients: [b.input] }],
    ["V changed in its first bit", { ...alone, ciphertext: flip(single.ciphertext, 96, 7) }],
    ["V changed in its last bit", { ...alone, ciphertext: flip(single.ciphertext, -1) }],
    ["U negated", withU(engine.g2.encode(engine.g2.negate(u)))],
    ["U doubled", withU(engine.g2.encode(engine.g2.add(u, u)))],
    ["U the generator", withU(engine.g2.encode(engine.g2.generator))],
    ["U the identity element", withU(engine.g2.encode(engine.g2.identity))],
    ["U no point", withU(new Uint8Array(96).fill(0xff))],
    ["U not compressed", withU(engine.g2.encode(u, "uncompressed"))],
    ["a slot that is another's", { ...listed, index: 0 }],
    ["a slot that is not there", { ...listed, index: 3 }],
    ["a negative slot", { ...listed, index: -1 }],
    ["half a slot", { ...listed, index: 0.5 }],
    ["the list in another order", { ...listed, recipients: [c.input, b.input, a.input] }],
    ["a recipient left out of the list", { ...listed, recipients: [a.input, b.input] }],
    [
      "a recipient added to the list",
      { ...listed, recipients: [...list, identityInput(domain.domainId, "enc", alice, parseEpoch(1))] },
    ],
    [
      "a recipient replaced",
      { ...listed, recipients: [a.input, b.input, identityInput(domain.domainId, "enc", carol, parseEpoch(1))] },
    ],
    ["slots swapped, taking the one that moved", { ...listed, index: 0, ciphertext: swap(multiple.ciphertext) }],
    ["slots swapped, taking the old place", { ...listed, ciphertext: swap(multiple.ciphertext) }],
    [
      "one slot cut out with its own list",
      {
        ...listed,
        recipients: [b.input],
        index: 0,
        ciphertext: concat(
          multiple.ciphertext.subarray(0, 96),
          multiple.ciphertext.subarray(128, 160),
        ) as IbeCiphertext,
      },
    ],
    ["a ciphertext cut short", { ...listed, ciphertext: multiple.ciphertext.slice(0, -1) as IbeCiphertext }],
  ])("%s", (_what, attempt) => {
    expect(codeOf(() => open(attempt))).toBe("ERR_DECAPSULATION_FAILED");
  });
});

test("another recipient's slot changed gives an unrelated secret: nobody can be cut off unnoticed", () => {
  const spoilt = flip(multiple.ciphertext, -1);
  expect(open({ ...listed, ciphertext: spoilt })).not.toBe(open(listed));
});

test("plain Boneh–Franklin is malleable: the check is what refuses the mauled seed", () => {
  // V ⊕ δ decrypts to m ⊕ δ: without re-encryption the receiver would take it.
  const delta = random(32);
  const v = xorBytes(single.ciphertext.subarray(96), delta);
  const mauled = concat(single.ciphertext.subarray(0, 96), v) as IbeCiphertext;
  expect(codeOf(() => open({ ...alone, ciphertext: mauled }))).toBe("ERR_DECAPSULATION_FAILED");
});

test("lists that cannot be addressed are refused before anything is drawn", () => {
  const none = (): Uint8Array => {
    throw new Error("drew");
  };
  const many = Array.from({ length: 1025 }, (_, i) => identityInput(domain.domainId, "enc", alice, parseEpoch(i)));
  for (const recipients of [[], [a.input, b.input, a.input], many]) {
    expect(codeOf(() => encapsulate(engine, none, publicKey, recipients, context))).toBe("ERR_RECIPIENTS_INVALID");
  }
  const sig = identityInput(domain.domainId, "sig", alice, epoch);
  expect(() => encapsulate(engine, none, publicKey, [sig], context)).toThrow(TypeError);
});

test("ciphertexts of impossible length are refused", () => {
  for (const length of [0, 96, 127, 129, 96 + 32 * 1025]) {
    expect(codeOf(() => parseIbeCiphertext(new Uint8Array(length)))).toBe("ERR_CIPHERTEXT_INVALID");
  }
  expect(equalBytes(parseIbeCiphertext(single.ciphertext), single.ciphertext)).toBe(true);
});

test("a sig key does not decapsulate, by type", () => {
  const sig = enrol(domain, "sig", alice);
  // @ts-expect-error a sig key cannot decapsulate
  const attempt: Attempt = { ...alone, key: sig.key };
  expect(codeOf(() => open(attempt))).toBe("ERR_DECAPSULATION_FAILED");
});

test("secrets, keys and hashes of different purpose are kept apart by their labels", () => {
  const key = random(32);
  expect(deriveKey(key, "A", bytes("x"))).not.toEqual(deriveKey(key, "B", bytes("x")));
  expect(digest("A", bytes("x"))).not.toEqual(digest("A", bytes("x"), NOTHING));
});

/** An engine that counts what costs. */
function counting(): { readonly engine: Engine; readonly counts: Record<string, number> } {
  const counts: Record<string, number> = {};
  const counted =
    <A extends unknown[], R>(name: string, run: (...args: A) => R) =>
    (...args: A): R => {
      counts[name] = (counts[name] ?? 0) + 1;
      return run(...args);
    };
  const group = <P>(name: string, g: Engine["g1"] | Engine["g2"]): P =>
    ({
      ...g,
      encodedLength: g.encodedLength,
      generator: g.generator,
      identity: g.identity,
      hash: counted(`${name} hash`, g.hash as () => unknown),
      decode: counted(`${name} decode`, g.decode as () => unknown),
      multiplySecret: counted(`${name} multiply`, g.multiplySecret as () => unknown),
      multiplyPublic: counted(`${name} multiply`, g.multiplyPublic as () => unknown),
      multiScalar: counted(`${name} multiply`, g.multiScalar as () => unknown),
      fixedBase: (point: never): FixedBase<unknown> => {
        const table = g.fixedBase(point);
        return {
          multiplySecret: counted(`${name} fixed base`, table.multiplySecret.bind(table) as () => unknown),
          multiplyPublic: counted(`${name} fixed base`, table.multiplyPublic.bind(table) as () => unknown),
          destroy: table.destroy.bind(table),
        };
      },
    }) as P;
  const wrapped: Engine = {
    ...engine,
    g1: group("G1", engine.g1),
    g2: group("G2", engine.g2),
    pair: counted("pairing", engine.pair),
    pairingCheck: counted("pairing", engine.pairingCheck),
    millerProduct: counted("pairing", engine.millerProduct),
  };
  return { engine: wrapped, counts };
}

test.each([1, 3])("decapsulation is one pairing and one fixed-base multiplication at n = %i", (n) => {
  const { engine: watched, counts } = counting();
  const recipients = list.slice(0, n);
  const { ciphertext } = n === 1 ? single : multiple;
  const key = parseIdentityKey(engine, "enc", encodeIdentityKey(engine, a.key));
  const run = (): unknown => decapsulate(watched, key, publicKey, recipients, 0, ciphertext, context);
  run(); // hashes the identity once
  for (const name of Object.keys(counts)) delete counts[name];
  run();
  expect(counts).toEqual({ pairing: 1, "G2 fixed base": 1, "G2 decode": 1 });
});
