import { describe, expect, test } from "vitest";
import { concat } from "../src/bytes.ts";
import {
  combinePublicShares,
  derivePublicShare,
  encodeDomainPublicKey,
  encodePublicShare,
  isConsistent,
  type PublicShare,
  parseDomainPublicKey,
  parsePublicShare,
  publishInG2,
} from "../src/master-public.ts";
import {
  encodeMasterSecretShare,
  generateMasterSecretShare,
  type MasterSecretShare,
  parseMasterSecretShare,
  SCHEMES,
  type Scheme,
} from "../src/master-secret.ts";
import { codeOf, engine, flip, makeDomain, random } from "./fixtures.ts";

const LENGTHS: Record<Scheme, number> = { id: 144, mpin: 48, cp: 96, kp: 96, statement: 96 };
const ORDER = Buffer.from("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001", "hex");

describe("master secret shares", () => {
  test("survive sealing and unsealing", () => {
    const share = generateMasterSecretShare(engine, "id");
    const bytes = encodeMasterSecretShare(engine, share);
    expect(bytes).toHaveLength(32);
    expect(encodeMasterSecretShare(engine, parseMasterSecretShare(engine, "id", bytes))).toEqual(bytes);
  });

  test("refuse zero, the order and above, and other lengths", () => {
    for (const bad of [
      new Uint8Array(32),
      new Uint8Array(ORDER),
      new Uint8Array(32).fill(255),
      random(31),
      random(33),
    ]) {
      expect(codeOf(() => parseMasterSecretShare(engine, "id", bad))).toBe("ERR_SCALAR_INVALID");
    }
    expect(codeOf(() => parseMasterSecretShare(engine, "toString" as "id", random(32)))).toBe("ERR_SCHEME_INVALID");
  });

  test("of different schemes are different types", () => {
    const mpin = generateMasterSecretShare(engine, "mpin");
    // @ts-expect-error an mpin share is no id share
    const wrong: MasterSecretShare<"id"> = mpin;
    expect(wrong.scheme).toBe("mpin");
  });
});

describe("mpin is never published in G2", () => {
  const mpin = generateMasterSecretShare(engine, "mpin");

  test("the publishing function does not take the share, and refuses when forced to", () => {
    // @ts-expect-error an mpin share cannot be published in G2
    expect(() => publishInG2(engine, mpin)).toThrow(TypeError);
  });

  test("the public share has no point in G2", () => {
    const published = derivePublicShare(engine, mpin);
    // @ts-expect-error there is no such property
    expect(published.g2).toBeUndefined();
    expect(Object.keys(published)).toEqual(["scheme", "g1"]);
  });

  test("nor has one that is parsed: 96 or 144 bytes are refused", () => {
    const id = encodePublicShare(engine, derivePublicShare(engine, generateMasterSecretShare(engine, "id")));
    for (const bytes of [id, id.subarray(48)]) {
      expect(codeOf(() => parsePublicShare(engine, "mpin", bytes))).toBe("ERR_PUBLIC_KEY_INVALID");
    }
  });
});

describe("public shares", () => {
  test.each(SCHEMES)("%s: encoding and parsing are inverse", (scheme) => {
    const published = derivePublicShare(engine, generateMasterSecretShare(engine, scheme));
    const bytes = encodePublicShare(engine, published);
    expect(bytes).toHaveLength(LENGTHS[scheme]);
    expect(encodePublicShare(engine, parsePublicShare(engine, scheme, bytes))).toEqual(bytes);
  });

  test("refuse other lengths, non-points and the identity element, in either half", () => {
    const good = encodePublicShare(engine, derivePublicShare(engine, generateMasterSecretShare(engine, "id")));
    const identity1 = engine.g1.encode(engine.g1.identity);
    const identity2 = engine.g2.encode(engine.g2.identity);
    const bad = [
      new Uint8Array(0),
      good.subarray(0, 143),
      concat(good, Uint8Array.of(0)),
      flip(good, 0, 7),
      concat(identity1, good.subarray(48)),
      concat(good.subarray(0, 48), identity2),
      new Uint8Array(144),
      concat(good.subarray(48), good.subarray(0, 48)),
    ];
    for (const bytes of bad) expect(codeOf(() => parsePublicShare(engine, "id", bytes))).toBe("ERR_PUBLIC_KEY_INVALID");
  });

  test("an id share whose halves hold different scalars is told apart", () => {
    const [a, b] = makeDomain().publicShares as [PublicShare<"id">, PublicShare<"id">];
    const mixed = { ...a, g2: b.g2 } as PublicShare<"id">;
    expect(isConsistent(engine, a)).toBe(true);
    expect(isConsistent(engine, mixed)).toBe(false);
    expect(codeOf(() => combinePublicShares(engine, [mixed]))).toBe("ERR_PUBLIC_KEY_INVALID");
    const bytes = encodePublicShare(engine, mixed);
    expect(codeOf(() => parseDomainPublicKey(engine, "id", bytes))).toBe("ERR_PUBLIC_KEY_INVALID");
  });
});

describe("the domain's public key", () => {
  const domain = makeDomain();
  const [first, second, third] = domain.publicShares as [PublicShare<"id">, PublicShare<"id">, PublicShare<"id">];

  test("is the sum, in any order", () => {
    const turned = combinePublicShares(engine, [third, first, second]);
    expect(encodeDomainPublicKey(engine, turned)).toEqual(encodeDomainPublicKey(engine, domain.publicKey));
    expect(turned.hash).toEqual(domain.publicKey.hash);
    const parsed = parseDomainPublicKey(engine, "id", encodeDomainPublicKey(engine, turned));
    expect(parsed.hash).toEqual(turned.hash);
  });

  test("refuses no shares, equal ones, and shares that cancel out", () => {
    const negative = {
      ...first,
      g1: engine.g1.negate(first.g1),
      g2: engine.g2.negate(first.g2),
    } as PublicShare<"id">;
    for (const shares of [[], [first, first], [first, second, first], [first, negative]]) {
      expect(codeOf(() => combinePublicShares(engine, shares))).toBe("ERR_PUBLIC_KEY_INVALID");
    }
  });

  test("refuses mpin shares that cancel out, which have one half only", () => {
    const one = derivePublicShare(engine, generateMasterSecretShare(engine, "mpin"));
    const negative = { ...one, g1: engine.g1.negate(one.g1) } as PublicShare<"mpin">;
    expect(codeOf(() => combinePublicShares(engine, [one, negative]))).toBe("ERR_PUBLIC_KEY_INVALID");
  });

  test("refuses shares of different schemes", () => {
    const cp = derivePublicShare(engine, generateMasterSecretShare(engine, "cp"));
    const mixed = [first, cp as unknown as PublicShare<"id">];
    expect(codeOf(() => combinePublicShares(engine, mixed))).toBe("ERR_PUBLIC_KEY_INVALID");
  });

  test("is not made of statement keys", () => {
    const statement = derivePublicShare(engine, generateMasterSecretShare(engine, "statement"));
    // @ts-expect-error statement keys are never summed
    expect(combinePublicShares(engine, [statement]).scheme).toBe("statement");
  });

  test("has another hash under another scheme, although the point is the same", () => {
    const cp = derivePublicShare(engine, generateMasterSecretShare(engine, "cp"));
    const kp = parsePublicShare(engine, "kp", encodePublicShare(engine, cp));
    expect(combinePublicShares(engine, [cp]).hash).not.toEqual(combinePublicShares(engine, [kp]).hash);
  });
});
