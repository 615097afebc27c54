/**
 * Differential tests of pairings and of the target group against the oracle.
 * @module
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import type { Engine, Gt, PairingInput } from "../src/engine.ts";
import type { Family } from "./differential.ts";
import { type Known, points, trusted, write } from "./differential-points.ts";
import type { Source } from "./differential-source.ts";
import { be, EDGE_SCALARS, Fr, G1_ORACLE, G2_ORACLE, hex, integer, R, unhex } from "./oracle.ts";
import { type Element, Fp12, trustedElement, writeElement } from "./oracle-target.ts";

type P1 = typeof G1_ORACLE.generator;
type P2 = typeof G2_ORACLE.generator;
/** The oracle refuses neutral points. */
const pairing = (p: P1, q: P2): Element =>
  p.is0() || q.is0() ? Fp12.ONE : (bls12_381.pairing(p as never, q as never) as Element);
const scalarText = (value: bigint): string => hex(be(value, 32));

/** Elements of the group, walking about at random. */
export function* elements(source: Source): Generator<Element, never> {
  const base = pairing(G1_ORACLE.generator, G2_ORACLE.generator);
  const steps = Array.from({ length: 8 }, () => Fp12.pow(base, integer(source.bytes(48)) % R));
  for (let here = base; ; here = Fp12.mul(here, source.pick(steps))) yield here;
}

export function pairingFamilies(): Family[] {
  return [single, product, power];
}

const single: Family = {
  name: "pairing",
  count: 300,
  *inputs(source) {
    const [left, right] = [points(G1_ORACLE, source), points(G2_ORACLE, source)];
    for (;;) yield [left.next().value.text, right.next().value.text];
  },
  answers([p = "", q = ""]) {
    const value = pairing(trusted(G1_ORACLE, p), trusted(G2_ORACLE, q));
    const text = hex(writeElement(value));
    return {
      pair: text,
      "pair, of computed points": text,
      "prepare, pair": text,
      "millerProduct, finalExponentiation": text,
      "pairingCheck, of opposite factors": "true",
      "pairingCheck, of equal factors": String(Fp12.eql(value, Fp12.ONE)),
    };
  },
  ask(engine, [left = "", right = ""]) {
    const { g1, g2, gt } = engine;
    const p = g1.decode(unhex(left), { identity: "allow" });
    const q = g2.decode(unhex(right), { identity: "allow" });
    const encode = (value: Gt): string => hex(gt.encode(value));
    const [far1, far2] = [
      g1.subtract(g1.add(p, g1.generator), g1.generator),
      g2.sum([q, g2.generator, g2.negate(g2.generator)]),
    ];
    return {
      pair: () => encode(engine.pair(p, q)),
      "pair, of computed points": () => encode(engine.pair(far1, far2)),
      "prepare, pair": () => encode(engine.pair(p, engine.prepare(q))),
      "millerProduct, finalExponentiation": () => encode(engine.finalExponentiation(engine.millerProduct([[p, q]]))),
      "pairingCheck, of opposite factors": () => String(engine.pairingCheck([[p, q], [g1.negate(p), engine.prepare(q)]])), // biome-ignore format: one line a fact
      "pairingCheck, of equal factors": () => String(engine.pairingCheck([[p, q], [p, q]])), // biome-ignore format: one line a fact
    };
  },
};

const product: Family = {
  name: "pairing product",
  count: 200,
  // The first of the input is the exponent of e(g1, g2): one pairing instead of many for the oracle.
  *inputs(source) {
    const [left, right] = [points(G1_ORACLE, source), points(G2_ORACLE, source)];
    for (let i = 0; ; i++) {
      const factors = Array.from(
        { length: i < 12 ? i : 1 + source.below(4) },
        () => [left.next().value, right.next().value] as const,
      );
      const exponent = (): bigint => factors.reduce((sum, [p, q]) => (sum + p.log * q.log) % R, 0n);
      if (i % 3 === 0) factors.push(closing(exponent(), right.next().value));
      yield [scalarText(exponent()), ...factors.flatMap(([p, q]) => [p.text, q.text])];
    }
  },
  answers([exponent = ""]) {
    const k = integer(unhex(exponent));
    const value = pairing(G1_ORACLE.generator.multiplyUnsafe(k), G2_ORACLE.generator);
    return {
      millerProduct: hex(writeElement(value)),
      "millerProduct, prepared": hex(writeElement(value)),
      pairingCheck: String(k === 0n),
      "pairingCheck, prepared": String(k === 0n),
    };
  },
  ask(engine, [, ...texts]) {
    const { g1, g2, gt } = engine;
    const walking: PairingInput[] = [];
    for (let i = 0; i < texts.length; i += 2) {
      const p = g1.decode(unhex(texts[i] as string), { identity: "allow" });
      walking.push([p, g2.decode(unhex(texts[i + 1] as string), { identity: "allow" })]);
    }
    const prepared = walking.map(([p, q], i): PairingInput => (i % 3 === 1 ? [p, q] : [p, engine.prepare(q as never)]));
    const finish = (factors: PairingInput[]): string =>
      hex(gt.encode(engine.finalExponentiation(engine.millerProduct(factors))));
    return {
      millerProduct: () => finish(walking),
      "millerProduct, prepared": () => finish(prepared),
      pairingCheck: () => String(engine.pairingCheck(walking)),
      "pairingCheck, prepared": () => String(engine.pairingCheck(prepared)),
    };
  },
};

/** The factor that makes a product with this exponent one. */
function closing<F>(exponent: bigint, q: Known<F>): readonly [Known<bigint>, Known<F>] {
  const log = q.log === 0n ? 0n : Fr.mul(Fr.neg(exponent), Fr.inv(q.log));
  const point = G1_ORACLE.generator.multiplyUnsafe(log);
  return [{ point, log, text: write(G1_ORACLE, point, "uncompressed") }, q];
}

const ONE = "one";
const power: Family = {
  name: "gt arithmetic",
  count: 500,
  *inputs(source) {
    const walk = elements(source);
    const element = (): string => (source.below(20) === 0 ? ONE : hex(writeElement(walk.next().value)));
    for (const value of EDGE_SCALARS) yield [element(), element(), scalarText(value)];
    for (;;) {
      const a = element();
      yield [a, source.below(8) === 0 ? a : element(), scalarText(source.scalar())];
    }
  },
  answers([left = "", right = "", k = ""]) {
    const [a, b] = [left, right].map((text) => (text === ONE ? Fp12.ONE : trustedElement(unhex(text)))) as [
      Element,
      Element,
    ];
    const raised = hex(writeElement(Fp12.pow(a, integer(unhex(k)))));
    return {
      "gt.multiply": hex(writeElement(Fp12.mul(a, b))),
      "gt.invert": hex(writeElement(Fp12.inv(a))),
      "gt.powerSecret": raised,
      "gt.powerPublic": raised,
      "gt.powerSecret, of a computed element": raised,
      "gt.equals": String(left === right),
      "gt.isOne": String(left === right),
      "gt.encode": hex(writeElement(a)),
    };
  },
  ask({ gt, scalars }: Engine, [left = "", right = "", factor = ""]) {
    const [a, b] = [left, right].map((text) => (text === ONE ? gt.one : gt.decode(unhex(text)))) as [Gt, Gt];
    const k = scalars.decode(unhex(factor), { zero: "allow" });
    const encode = (value: Gt): string => hex(gt.encode(value));
    return {
      "gt.multiply": () => encode(gt.multiply(a, b)),
      "gt.invert": () => encode(gt.invert(a)),
      "gt.powerSecret": () => encode(gt.powerSecret(a, k)),
      "gt.powerPublic": () => encode(gt.powerPublic(a, k)),
      "gt.powerSecret, of a computed element": () =>
        encode(gt.powerSecret(gt.multiply(gt.multiply(a, b), gt.invert(b)), k)),
      "gt.equals": () => String(gt.equals(a, b)),
      "gt.isOne": () => String(gt.isOne(gt.multiply(a, gt.invert(b)))),
      "gt.encode": () => encode(a),
    };
  },
};
