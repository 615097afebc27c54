/**
 * `@noble/curves` used directly, as its documentation shows it.
 * @module
 */
import { pippenger } from "@noble/curves/abstract/curve.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { MSM_SIZE, nextMessage, type Operations, TAG } from "./operations.ts";

export function noblePeer(): Operations {
  const { G1, G2, fields, longSignatures, utils } = bls12_381;
  const secret = (): bigint => fields.Fr.fromBytes(utils.randomSecretKey());
  const k = secret();
  const p = G1.hashToCurve(nextMessage(), { DST: TAG });
  const q = G2.hashToCurve(nextMessage(), { DST: TAG });
  const target = bls12_381.pairing(p, q);
  const { x, y } = p.toAffine();
  const [lines, generatorLines] = [utils.calcPairingPrecomputes(q), utils.calcPairingPrecomputes(G2.Point.BASE)];
  const points = Array.from({ length: MSM_SIZE }, () => G1.Point.BASE.multiply(secret()));
  const factors = points.map(secret);
  const [bytes1, bytes2] = [p.toBytes(), q.toBytes()];
  const publicKey = G1.Point.BASE.multiply(k);
  const message = nextMessage();
  const signature = longSignatures.sign(longSignatures.hash(message, TAG), fields.Fr.toBytes(k));
  return {
    pairing: () => bls12_381.pairing(p, q),
    "two-pairing check, prepared": () =>
      fields.Fp12.eql(
        fields.Fp12.finalExponentiate(
          bls12_381.millerLoopBatch([
            [lines, x, y],
            [generatorLines, x, y],
          ]),
        ),
        fields.Fp12.ONE,
      ),
    "mulSecret G1": () => p.multiply(k),
    "mulSecret G2": () => q.multiply(k),
    "mulSmallSecret G1": () => p.multiply(1234n),
    "mulPublic G1": () => p.multiplyUnsafe(k),
    "mulPublic G2": () => q.multiplyUnsafe(k),
    "fixed base, secret, G1": () => G1.Point.BASE.multiply(k),
    "fixed base, secret, G2": () => G2.Point.BASE.multiply(k),
    "GT power, secret": () => fields.Fp12.pow(target, k),
    "hash to G1": () => G1.hashToCurve(nextMessage(), { DST: TAG }),
    "hash to G2": () => G2.hashToCurve(nextMessage(), { DST: TAG }),
    "decode and check G1": () => G1.Point.fromBytes(bytes1),
    "decode and check G2": () => G2.Point.fromBytes(bytes2),
    [`MSM ${MSM_SIZE} G1`]: () => pippenger(G1.Point, points, factors),
    "BLS verify": () => longSignatures.verify(signature, longSignatures.hash(message, TAG), publicKey),
  };
}
