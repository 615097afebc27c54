/**
 * The same mathematics by `@noble/curves` as its documentation shows it: no blinding of secret scalars, public keys
 * prepared where it offers that.
 * @module
 */
import { pippenger } from "@noble/curves/abstract/curve.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import type { Run } from "../harness/reporter.ts";
import { BATCH, freshInput } from "./inputs.ts";

const DST = "MILAGRO-V1-ID-BLS12381G1_XMD:SHA-256_SSWU_RO_";

export async function nobleOperations(): Promise<Readonly<Record<string, Run>>> {
  const { G1, G2, fields, utils, pairing } = bls12_381;
  const { Fr, Fp12 } = fields;
  const hash = () => G1.hashToCurve(freshInput("enc"), { DST });
  const secret = (): bigint => Fr.fromBytes(utils.randomSecretKey());
  const k = secret();
  const point = hash();
  const key = point.multiply(k);
  const publicKey = G2.Point.BASE.multiply(k);
  const [lines, generatorLines] = [
    utils.calcPairingPrecomputes(publicKey),
    utils.calcPairingPrecomputes(G2.Point.BASE),
  ];
  const u = G2.Point.BASE.multiply(secret()).toBytes();
  const encoded = [1, 2, 3].map(() => point.multiply(secret()).toBytes());
  const points = Array.from({ length: BATCH }, () => hash().multiply(k).toBytes());
  type Point = typeof point;
  const holds = (left: Point, right: Point): boolean => {
    const [a, b] = [left.toAffine(), right.negate().toAffine()];
    const product = bls12_381.millerLoopBatch([
      [generatorLines, a.x, a.y],
      [lines, b.x, b.y],
    ]);
    return Fp12.eql(Fp12.finalExponentiate(product), Fp12.ONE);
  };
  const parse = (bytes: Uint8Array | undefined): Point => {
    const parsed = G1.Point.fromBytes(bytes as Uint8Array);
    parsed.assertValidity();
    return parsed;
  };
  const weight = (): bigint => secret() >> 127n;

  const decapsulate: Run = () => {
    const at = G2.Point.fromBytes(u);
    at.assertValidity();
    Fp12.toBytes(pairing(key, at));
    hash().toBytes();
    return G2.Point.BASE.multiply(k).equals(at);
  };
  const verifyKey: Run = () => holds(key, hash());
  return {
    "issue a share": () => hash().multiply(k).toBytes(),
    "verify a share": verifyKey,
    "verify the sum": verifyKey,
    "combine 3 shares": () => encoded.map(parse).reduce((sum, each) => sum.add(each)),
    encapsulate: () => {
      const q = hash();
      G2.Point.BASE.multiply(k).toBytes();
      Fp12.toBytes(pairing(q.multiply(k), publicKey));
      return q.toBytes();
    },
    "decapsulate, 1 D-TA": decapsulate,
    "decapsulate, 3 D-TAs": decapsulate,
    "decapsulate, 7 D-TAs": decapsulate,
    sign: () => {
      point.multiply(k).toBytes();
      return key.multiply(k).toBytes();
    },
    "verify a signature": () => holds(parse(encoded[0]), parse(encoded[1]).add(hash().multiplyUnsafe(k))),
    [`verify ${BATCH} signatures`]: () => {
      const weights = points.map(weight);
      const left = pippenger(G1.Point, points.map(parse), weights);
      const right = [...points.map(parse), ...points.map(hash)];
      return holds(left, pippenger(G1.Point, right, [...weights, ...weights.map((each) => Fr.mul(each, k))]));
    },
  };
}
