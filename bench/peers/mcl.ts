/**
 * mcl-wasm: WebAssembly compiled from C++. Its secret multiplications are not constant-time.
 * @module
 */
import mcl from "mcl-wasm";
import { MSM_SIZE, nextMessage, type Operations } from "./operations.ts";

export async function mclPeer(): Promise<Operations> {
  await mcl.init(mcl.BLS12_381);
  mcl.setMapToMode(mcl.IRTF);
  mcl.setETHserialization(true);
  mcl.verifyOrderG1(true);
  mcl.verifyOrderG2(true);
  const secret = (): InstanceType<typeof mcl.Fr> => {
    const k = new mcl.Fr();
    k.setByCSPRNG();
    return k;
  };
  const k = secret();
  const small = new mcl.Fr();
  small.setInt(1234);
  const p = mcl.hashAndMapToG1(nextMessage());
  const q = mcl.hashAndMapToG2(nextMessage());
  const target = mcl.pairing(p, q);
  const [prepared, again] = [new mcl.PrecomputedG2(q), new mcl.PrecomputedG2(q)];
  const points = Array.from({ length: MSM_SIZE }, () => mcl.normalize(mcl.mul(p, secret())));
  const factors = points.map(secret);
  const [bytes1, bytes2] = [p.serialize(), q.serialize()];
  return {
    pairing: () => mcl.pairing(p, q),
    "two-pairing check, prepared": () => mcl.finalExp(mcl.precomputedMillerLoop2(p, prepared, p, again)).isOne(),
    "mulSecret G1": () => mcl.mul(p, k),
    "mulSecret G2": () => mcl.mul(q, k),
    "mulSmallSecret G1": () => mcl.mul(p, small),
    "mulPublic G1": () => mcl.mul(p, k),
    "mulPublic G2": () => mcl.mul(q, k),
    "GT power, secret": () => mcl.pow(target, k),
    "hash to G1": () => mcl.hashAndMapToG1(nextMessage()),
    "hash to G2": () => mcl.hashAndMapToG2(nextMessage()),
    "decode and check G1": () => new mcl.G1().deserialize(bytes1),
    "decode and check G2": () => new mcl.G2().deserialize(bytes2),
    [`MSM ${MSM_SIZE} G1`]: () => mcl.mulVec(points, factors),
  };
}
