import { createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import { systemRandom } from "@milagro/runtime/random";
import { describe, expect, test } from "vitest";
import { checkRequestKey } from "../src/request-key.ts";

const P = 2n ** 255n - 19n;
/** Roots of the 8-division polynomial that are no roots of the smaller ones: the points of order 8. */
const ORDER_8 = [
  0x00b8495f16056286fdb1329ceb8d09da6ac49ff1fae35616aeb8413b7c7aebe0n,
  0x57119fd0dd4e22d8868e1c58c45c44045bef839c55b1d0b1248c50a3bc959c5fn,
];
const encode = (u: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((u >> BigInt(8 * i)) & 255n));
const { privateKey } = generateKeyPairSync("x25519");

/** OpenSSL's verdict: it refuses to agree on zero. */
function agrees(bytes: Uint8Array): boolean {
  const x = Buffer.from(bytes).toString("base64url");
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
  try {
    diffieHellman({ privateKey, publicKey });
    return true;
  } catch {
    return false;
  }
}
const accepted = (bytes: Uint8Array): boolean => {
  try {
    checkRequestKey(bytes);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: "ERR_HPKE_KEY_INVALID" });
    return false;
  }
};

describe.each([0n, 2n ** 255n])("with %d added", (high) => {
  test("every encoding of a point of small order is refused, and no other: as OpenSSL has it", () => {
    // All values below 2^255 that are congruent to 0, 1, -1 or an x of order 8; then the neighbours of each.
    const small = [0n, 1n, P - 1n, ...ORDER_8].flatMap((u) => [u, u + P]).filter((u) => u < 2n ** 255n);
    expect(small).toHaveLength(7);
    for (const u of small) {
      expect(accepted(encode(u + high)), `${u}`).toBe(false);
      expect(agrees(encode(u + high))).toBe(false);
    }
    const neighbours = small.flatMap((u) => [u - 1n, u + 1n]).filter((u) => u >= 0n && !small.includes(u));
    for (const u of neighbours) {
      expect(accepted(encode(u + high)), `${u}`).toBe(true);
      expect(agrees(encode(u + high))).toBe(true);
    }
  });
});

test("a key that somebody generated passes, one of another length does not", () => {
  expect(accepted(systemRandom(32))).toBe(true);
  for (const length of [0, 31, 33]) expect(accepted(systemRandom(length))).toBe(false);
});
