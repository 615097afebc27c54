/**
 * Contract: vectors that others published. `SLOW=1` runs every case of the long lists.
 * @module
 */
import { hkdfSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Engine, G1, G2, Group, Scalar } from "../src/engine.ts";
import { hex, unhex } from "./fixtures.ts";
import { digest, digestAt, published } from "./published.ts";

const SLOW = process.env["SLOW"] === "1";
/** Every n-th case, or every one in a slow run. */
const thin = <T>(cases: readonly T[], n: number): T[] => cases.filter((_, i) => SLOW || i % n === 0);
const tag = (group: "G1" | "G2", scheme: "NUL" | "POP"): string =>
  `BLS_SIG_BLS12381${group}_XMD:SHA-256_SSWU_RO_${scheme}_`;

export function describePublished(engine: () => Engine): void {
  describe("published vectors", () => {
    const { scalars, any } = access(engine);

    test("RFC 9380: hash to G1 and G2", () => {
      for (const { group, tag: dst, message, point } of published("cloudflare-circl/hash-to-curve.json").cases) {
        expect(hex(any(group).encode(any(group).hash(unhex(message), dst), "uncompressed"))).toBe(point);
      }
    });

    test("BLS signatures: the IETF draft's basic scheme in both groups", () => {
      for (const vector of published("cloudflare-circl/signatures.json").cases) {
        const { signatureGroup, message, keyMaterial, signature } = vector;
        const group = any(signatureGroup);
        const hashed = group.hash(unhex(message), tag(signatureGroup, "NUL"));
        const signed = group.multiplySecret(hashed, scalars.keyGen(keyMaterial));
        expect(hex(group.encode(signed))).toBe(signature);
      }
    });

    test("BLS signatures: Ethereum's, proof-of-possession scheme in G2, and they verify", () => {
      const { g1, g2, pairingCheck } = engine();
      published("ethereum-bls12-381-tests/sign.json").cases.forEach(({ key, messageByte, signature }, i) => {
        const hashed = g2.hash(unhex(messageByte.repeat(32)), tag("G2", "POP"));
        expect(hex(g2.encode(g2.multiplySecret(hashed, scalars.any(key))))).toBe(signature);
        if (i > 1 && !SLOW) return;
        const publicKey = g1.multiplySecret(g1.generator, scalars.any(key));
        const minus = g1.negate(g1.generator);
        expect(
          pairingCheck([
            [publicKey, hashed],
            [minus, g2.decode(unhex(signature))],
          ]),
        ).toBe(true);
        expect(
          pairingCheck([
            [publicKey, hashed],
            [g1.generator, g2.decode(unhex(signature))],
          ]),
        ).toBe(false);
      });
    });

    test("BLS signatures: noble-curves' keys and messages in both groups", () => {
      for (const [name, file, n] of [
        ["G1", "paulmillr-noble-curves/signatures-g1.json", 2],
        ["G2", "paulmillr-noble-curves/signatures-g2.json", 5],
      ] as const) {
        for (const { key, message, signature } of thin(published(file).cases, n)) {
          const signed = any(name).multiplySecret(any(name).hash(unhex(message), tag(name, "NUL")), scalars.any(key));
          expect(hex(any(name).encode(signed))).toBe(signature);
        }
      }
    });

    test("a thousand pairings", () => {
      const { g1, g2, gt, pair } = engine();
      const { digests } = published("paulmillr-noble-curves/pairings.json");
      let [p, q] = [g1.generator, g2.generator];
      for (let i = 0; i < 1000; i++) {
        if (SLOW || i % 111 === 0) expect(digest(gt.encode(pair(p, q))), `entry ${i}`).toBe(digestAt(digests, i));
        p = g1.add(p, g1.generator);
        q = g2.add(q, g2.generator);
      }
    });

    test("zkcrypto: a thousand encodings per group and form", () => {
      for (const name of ["g1", "g2"] as const) {
        const group = any(name === "g1" ? "G1" : "G2");
        const { full, digests } = published("zkcrypto/encodings.json")[name];
        let point = group.identity;
        for (let i = 0; i < 1000; i++) {
          if (SLOW || i < 20 || i % 9 === 0) {
            const forms = [group.encode(point), group.encode(point, "uncompressed")] as const;
            expect(digest(...forms), `${name} ${i}`).toBe(digestAt(digests, i));
          }
          const given = full[i];
          if (given) {
            for (const form of ["compressed", "uncompressed"] as const) {
              const decoded = group.decode(unhex(given[form]), { identity: "allow" });
              expect(group.equals(decoded, point)).toBe(true);
              expect(hex(group.encode(point, form))).toBe(given[form]);
            }
          }
          point = group.add(point, group.generator);
        }
      }
    });

    test("EIP-2537: additions", () => {
      for (const { name, group, a, b, sum } of published("ethereum-eip-2537/add.json").cases) {
        const read = (text: string): unknown => any(group).decode(unhex(text), { identity: "allow" });
        expect(hex(any(group).encode(any(group).add(read(a), read(b)), "uncompressed")), name).toBe(sum);
      }
    });

    test.each([
      ["G1", "ethereum-eip-2537/multi-scalar-g1.json"],
      ["G2", "ethereum-eip-2537/multiply-g2.json"],
      ["G2", "ethereum-eip-2537/multi-scalar-g2.json"],
      ["G2", "matter-labs-eip1962/multi-scalar-g2.json"],
    ] as const)("EIP-2537: products in %s, %s", (group, file) => {
      for (const { name, points, scalars: factors, sum } of published(file).cases) {
        const decoded = points.map((text) => any(group).decode(unhex(text), { identity: "allow" }));
        const product = any(group).multiScalar(decoded, factors.map(scalars.any));
        expect(hex(any(group).encode(product, "uncompressed")), name).toBe(sum);
      }
    });

    test("EIP-2537: pairing checks", () => {
      const { g1, g2, pairingCheck } = engine();
      for (const { name, pairs, expect: want } of published("ethereum-eip-2537/pairing-check.json").cases) {
        const factors = pairs.map(
          ([p, q]) => [g1.decode(unhex(p), { identity: "allow" }), g2.decode(unhex(q), { identity: "allow" })] as const,
        );
        expect(pairingCheck(factors), name).toBe(want);
      }
    });

    test.each(published("ethereum-eip-2537/refusals.json").cases)("EIP-2537: $name is refused", (refused) => {
      expect(() => any(refused.group).decode(unhex(refused.point))).toThrow(
        expect.objectContaining({ code: refused.expect }),
      );
    });
  });
}

/** Short ways into the engine; `any` forgets which group a handle belongs to. */
function access(engine: () => Engine): {
  scalars: { any(text: string): Scalar; keyGen(material: string): Scalar };
  any(group: "G1" | "G2"): Group<unknown>;
} {
  return {
    // An integer of any length, modulo r.
    scalars: {
      any: (text) => engine().scalars.reduce(unhex(text.padStart(Math.max(96, text.length), "0"))),
      // draft-irtf-cfrg-bls-signature-04 §2.3, without key information
      keyGen: (material) => {
        const okm = hkdfSync("sha256", unhex(`${material}00`), "BLS-SIG-KEYGEN-SALT-", Uint8Array.of(0, 48), 48);
        return engine().scalars.reduce(new Uint8Array(okm));
      },
    },
    any: (group) => (group === "G1" ? engine().g1 : engine().g2) as Group<G1 | G2> as Group<unknown>,
  };
}
