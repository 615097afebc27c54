/**
 * The engine operations inside each operation of the protocol, and nothing else: no transcript, no key derivation, no
 * wrapper. The difference to the protocol's time is the protocol's overhead.
 * @module
 */
import { hashTag } from "@milagro/crypto/hash-tag";
import type { Engine, G1, RandomBytes } from "@milagro/engine/engine";
import type { Run } from "../harness/reporter.ts";
import { BATCH, freshInput } from "./inputs.ts";

export async function bareOperations(engine: Engine, random: RandomBytes): Promise<Readonly<Record<string, Run>>> {
  const { scalars, g1, g2, gt } = engine;
  const tag = hashTag("ID", "G1");
  const hash = (): G1 => g1.hash(freshInput("enc"), tag);
  const k = scalars.random();
  const point = hash();
  const key = g1.multiplySecret(point, k);
  const publicKey = g2.multiplySecret(g2.generator, k);
  const [lines, generatorLines] = [engine.prepare(publicKey), engine.prepare(g2.generator)];
  const base2 = g2.fixedBase(g2.generator);
  const wide = random(48);
  const u = g2.encode(g2.multiplySecret(g2.generator, scalars.random()));
  const encoded = [1, 2, 3].map(() => g1.encode(g1.multiplySecret(point, scalars.random())));
  const points = Array.from({ length: BATCH }, () => g1.encode(g1.multiplySecret(hash(), k)));
  const holds = (left: G1, right: G1): boolean =>
    engine.pairingCheck([
      [left, generatorLines],
      [g1.negate(right), lines],
    ]);
  const weight = () => scalars.decode(Uint8Array.of(...new Uint8Array(16), ...random(16)), { zero: "allow" });

  const decapsulate: Run = () => {
    const at = g2.decode(u);
    gt.encode(engine.pair(key, at));
    g1.encode(hash());
    return g2.equals(base2.multiplySecret(scalars.reduce(wide)), at);
  };
  const verifyKey: Run = () => holds(key, hash());
  return {
    "issue a share": () => g1.encode(g1.multiplySecret(hash(), k)),
    "verify a share": verifyKey,
    "verify the sum": verifyKey,
    "combine 3 shares": () => g1.sum(encoded.map((bytes) => g1.decode(bytes))),
    encapsulate: () => {
      const rho = scalars.reduce(wide);
      const q = hash();
      g2.encode(base2.multiplySecret(rho));
      gt.encode(engine.pair(g1.multiplySecret(q, rho), lines));
      return g1.encode(q);
    },
    "decapsulate, 1 D-TA": decapsulate,
    "decapsulate, 3 D-TAs": decapsulate,
    "decapsulate, 7 D-TAs": decapsulate,
    sign: () => {
      g1.encode(key);
      const nonce = scalars.reduce(wide);
      g1.encode(g1.multiplySecret(point, nonce));
      return g1.encode(g1.multiplySecret(key, scalars.add(nonce, scalars.reduce(wide))));
    },
    "verify a signature": () => {
      const [left, right] = [g1.decode(encoded[0] as Uint8Array), g1.decode(encoded[1] as Uint8Array)];
      return holds(left, g1.add(right, g1.multiplyPublic(hash(), scalars.reduce(wide))));
    },
    [`verify ${BATCH} signatures`]: () => {
      const left = points.map((bytes) => g1.decode(bytes));
      const right = points.map((bytes) => g1.decode(bytes));
      const hashes = points.map(hash);
      const weights = points.map(weight);
      const challenges = weights.map((each) => scalars.multiply(each, scalars.reduce(wide)));
      return holds(g1.multiScalar(left, weights), g1.multiScalar([...right, ...hashes], [...weights, ...challenges]));
    },
  };
}
