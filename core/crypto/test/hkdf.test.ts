import { hashStart, shortHash, shortHashAfter, shortHmac } from "@milagro/engine/short-hash";
import { hkdf as nobleHkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeHex, parseHex } from "../src/bytes.ts";
import { hkdf, hkdfExpand, hkdfExtract } from "../src/hkdf.ts";

const arbBytes = (maxLength: number) => fc.uint8Array({ maxLength });

describe("one hash object for all", () => {
  test("says what a fresh one says, whatever came before", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(arbBytes(200), arbBytes(200)), { minLength: 1, maxLength: 4 }), (inputs) => {
        for (const [first, second] of inputs) {
          const whole = Uint8Array.from([...first, ...second]);
          expect(shortHash(whole)).toEqual(sha256(whole));
          expect(shortHash(first, second)).toEqual(sha256(whole));
          expect(shortHashAfter(hashStart(first), second)).toEqual(sha256(whole));
        }
      }),
    );
  });

  test("HMAC: keys below, at and beyond a block", () => {
    fc.assert(
      fc.property(arbBytes(150), arbBytes(150), arbBytes(150), (key, first, second) => {
        expect(shortHmac(key, first, second)).toEqual(hmac(sha256, key, Uint8Array.from([...first, ...second])));
      }),
    );
    for (const length of [0, 63, 64, 65])
      expect(shortHmac(new Uint8Array(length).fill(7), Uint8Array.of(1))).toEqual(
        hmac(sha256, new Uint8Array(length).fill(7), Uint8Array.of(1)),
      );
  });

  test("what it returned is not overwritten by the next call", () => {
    const before = shortHash(Uint8Array.of(1));
    shortHash(Uint8Array.of(2));
    shortHmac(Uint8Array.of(3), Uint8Array.of(4));
    expect(before).toEqual(sha256(Uint8Array.of(1)));
  });

  test("a call that threw leaves no trace in the next one", () => {
    expect(() => shortHash(Uint8Array.of(1), "text" as never)).toThrow(TypeError);
    expect(() => shortHmac(Uint8Array.of(1), "text" as never)).toThrow(TypeError);
    expect(shortHmac(Uint8Array.of(9), Uint8Array.of(1))).toEqual(hmac(sha256, Uint8Array.of(9), Uint8Array.of(1)));
  });
});

describe("HKDF-SHA256", () => {
  // RFC 5869 A.1 to A.3
  const cases = [
    {
      ikm: "0b".repeat(22),
      salt: "000102030405060708090a0b0c",
      info: "f0f1f2f3f4f5f6f7f8f9",
      prk: "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
      okm: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    },
    {
      ikm: "0b".repeat(22),
      salt: "",
      info: "",
      prk: "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
      okm: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    },
  ];
  test.each(cases)("published vector", ({ ikm, salt, info, prk, okm }) => {
    const extracted = hkdfExtract(parseHex(ikm), parseHex(salt));
    expect(encodeHex(extracted)).toBe(prk);
    expect(encodeHex(hkdfExpand(extracted, parseHex(info), okm.length / 2))).toBe(okm);
  });

  test("is the library's, for every length and without a salt", () => {
    fc.assert(
      fc.property(arbBytes(80), arbBytes(80), arbBytes(80), fc.integer({ min: 1, max: 300 }), (ikm, salt, info, n) => {
        expect(hkdf(ikm, salt, info, n)).toEqual(nobleHkdf(sha256, ikm, salt, info, n));
        expect(hkdf(ikm, undefined, info, n)).toEqual(nobleHkdf(sha256, ikm, undefined, info, n));
      }),
    );
    expect(hkdf(Uint8Array.of(1), undefined, Uint8Array.of(2), 8160)).toEqual(
      nobleHkdf(sha256, Uint8Array.of(1), undefined, Uint8Array.of(2), 8160),
    );
  });

  test.each([0, -1, 8161, 1.5, Number.NaN])("refuses a length of %s", (length) => {
    expect(() => hkdfExpand(new Uint8Array(32), new Uint8Array(0), length)).toThrow(TypeError);
  });
});
