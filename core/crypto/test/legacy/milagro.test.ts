/**
 * The two-pass cases of the old Apache Milagro: same curve and same arithmetic, with their hash to G1 and their PIN as a number,
 * which exist here and nowhere else.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { G1 } from "@milagro/engine/engine";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { describe, expect, test } from "vitest";
import { encodeHex, parseHex } from "../../src/bytes.ts";
import { verifyLoginBatch } from "../../src/mpin-batch.ts";
import { holds, type LoginTerms, respond } from "../../src/mpin-login.ts";
import { parseServerSecret } from "../../src/mpin-server-key.ts";
import { random } from "../fixtures.ts";
import { engine } from "../mpin-fixtures.ts";

interface OldCase {
  readonly id: string;
  readonly ms1: string;
  readonly ms2: string;
  readonly pin1: number;
  readonly pin2: number;
  readonly ss: string;
  readonly cs1: string;
  readonly cs: string;
  readonly token: string;
  readonly x: string;
  readonly u: string;
  readonly y: string;
  readonly v: string;
  readonly authResult: number;
}

const file = new URL("../../../../vectors/published/apache-milagro/mpin.json", import.meta.url);
const all: OldCase[] = JSON.parse(readFileSync(file, "utf8"));
const cases = all.filter((_, i) => process.env["SLOW"] === "1" || i % 16 === 0);

const { Fp } = bls12_381.fields;
const COFACTOR = 0x396c8c005555e1568c00aaab0000aaabn;

function legacyHash(id: string): G1 {
  for (let x = BigInt(`0x${createHash("sha256").update(id).digest("hex")}`); ; x += 1n) {
    const square = Fp.add(Fp.pow(x, 3n), 4n);
    if (!Fp.eql(Fp.pow(square, (Fp.ORDER - 1n) / 2n), Fp.ONE)) continue;
    const root = Fp.sqrt(square);
    const even = root % 2n === 0n ? root : Fp.neg(root);
    const point = bls12_381.G1.Point.fromAffine({ x, y: even }).multiplyUnsafe(COFACTOR);
    return engine.g1.decode(point.toBytes());
  }
}

const g1 = (hex: string): G1 => engine.g1.decode(parseHex(hex));
const scalar = (hex: string) => engine.scalars.decode(parseHex(hex));
const hex = (point: G1): string => encodeHex(engine.g1.encode(point));
const termsOf = (c: OldCase): LoginTerms => ({
  u: g1(c.u),
  v: g1(c.v),
  y: scalar(c.y),
  a: legacyHash(c.id),
  dvsKey: undefined,
});

test("there are accepted and refused ones", () => {
  expect(all).toHaveLength(100);
  expect(all.filter((c) => c.authResult === 0)).toHaveLength(67);
  expect(cases.some((c) => c.authResult !== 0)).toBe(true);
});

describe.each(cases)("case %#", (c) => {
  const a = legacyHash(c.id);

  test("issuing, token and messages are theirs", () => {
    const [s1, s2] = [scalar(c.ms1), scalar(c.ms2)];
    const s = engine.scalars.add(s1, s2);
    expect(hex(engine.g1.multiplySecret(a, s1))).toBe(c.cs1);
    expect(hex(engine.g1.multiplySecret(a, s))).toBe(c.cs);
    expect(encodeHex(engine.g2.encode(engine.g2.multiplySecret(engine.g2.generator, s)))).toBe(c.ss);
    expect(hex(engine.g1.subtract(g1(c.cs), engine.g1.multiplySmallSecret(a, c.pin1)))).toBe(c.token);
    expect(hex(engine.g1.multiplySecret(a, scalar(c.x)))).toBe(c.u);
    const secret = engine.g1.add(g1(c.token), engine.g1.multiplySmallSecret(a, c.pin2));
    expect(hex(respond(engine, scalar(c.x), scalar(c.y), secret))).toBe(c.v);
  });

  test("the verdict is theirs", () => {
    const serverSecret = parseServerSecret(engine, parseHex(c.ss));
    expect(holds(engine, serverSecret, termsOf(c))).toBe(c.authResult === 0);
    const terms = termsOf(c);
    expect(holds(engine, serverSecret, { ...terms, u: terms.v, v: terms.u })).toBe(false);
    const outcome = c.authResult === 0 ? "accepted" : "refused";
    const batch = verifyLoginBatch(
      engine,
      random,
      serverSecret,
      [
        { source: "old", terms },
        { source: "old", terms },
      ],
      9,
    );
    expect(batch.outcomes).toEqual([outcome, outcome]);
  });
});
