/**
 * The pairing engine beside its peers: `@noble/curves` used directly, mcl-wasm, amcl-js, and native blst where the work
 * is the same. The engine that `createEngine` chooses gives the plain rows, every single tier its own.
 * @module
 */
import { randomBytes } from "node:crypto";
import { createEngine, ENGINE_TIERS, type Engine } from "@milagro/engine";
import type { Reporter } from "./harness/reporter.ts";
import { amclPeer } from "./peers/amcl.ts";
import { blstPeer } from "./peers/blst.ts";
import { mclPeer } from "./peers/mcl.ts";
import { noblePeer } from "./peers/noble.ts";
import { MSM_SIZE, nextMessage, type Operations, TAG } from "./peers/operations.ts";

/** What a tier's rows are called where that is not its name: by the instruction it lives on. */
const LABELS: Readonly<Record<string, string>> = { simd: "extmul" };

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

export async function run(report: Reporter): Promise<void> {
  const peers: Record<string, Operations> = {
    noble: noblePeer(),
    "mcl-wasm": await mclPeer(),
    "amcl-js": amclPeer(),
    blst: blstPeer(),
  };
  const chosen = await createEngine({ random });
  report.progress(`engine: the chosen one is ${chosen.capabilities.name}`);
  await compareAll(report, "", engineOperations(chosen), peers);
  for (const tier of ENGINE_TIERS) {
    let engine: Engine;
    try {
      engine = await createEngine({ random, tier });
    } catch {
      report.progress(`engine: ${tier} does not run here`);
      continue;
    }
    if (engine.capabilities.name === chosen.capabilities.name) continue;
    await compareAll(report, `${LABELS[tier] ?? tier} tier, `, engineOperations(engine), peers);
  }
}

async function compareAll(
  report: Reporter,
  prefix: string,
  operations: Operations,
  peers: Readonly<Record<string, Operations>>,
): Promise<void> {
  for (const [name, ours] of Object.entries(operations)) {
    const able = Object.entries(peers).flatMap(([peer, theirs]) => {
      const run = theirs[name];
      return run ? [[peer, run] as const] : [];
    });
    await report.compare(`${prefix}${name}`, ours, Object.fromEntries(able));
  }
}

function engineOperations(engine: Engine): Operations {
  const { scalars, g1, g2, gt } = engine;
  const k = scalars.random();
  const p = g1.hash(nextMessage(), TAG);
  const q = g2.hash(nextMessage(), TAG);
  const target = engine.pair(p, q);
  const [prepared, preparedGenerator] = [engine.prepare(q), engine.prepare(g2.generator)];
  const [table1, table2] = [g1.fixedBase(g1.generator), g2.fixedBase(g2.generator)];
  const points = Array.from({ length: MSM_SIZE }, () => g1.multiplyPublic(g1.generator, scalars.random()));
  const factors = points.map(() => scalars.random());
  const [bytes1, bytes2] = [g1.encode(p), g2.encode(q)];
  const publicKey = g1.multiplySecret(g1.generator, k);
  const minus = g1.negate(g1.generator);
  const message = nextMessage();
  const signature = g2.multiplySecret(g2.hash(message, TAG), k);
  return {
    pairing: () => engine.pair(p, q),
    "two-pairing check, prepared": () =>
      engine.pairingCheck([
        [p, prepared],
        [publicKey, preparedGenerator],
      ]),
    "mulSecret G1": () => g1.multiplySecret(p, k),
    "mulSecret G2": () => g2.multiplySecret(q, k),
    "mulSmallSecret G1": () => g1.multiplySmallSecret(p, 1234),
    "mulPublic G1": () => g1.multiplyPublic(p, k),
    "mulPublic G2": () => g2.multiplyPublic(q, k),
    "fixed base, secret, G1": () => table1.multiplySecret(k),
    "fixed base, secret, G2": () => table2.multiplySecret(k),
    "GT power, secret": () => gt.powerSecret(target, k),
    "hash to G1": () => g1.hash(nextMessage(), TAG),
    "hash to G2": () => g2.hash(nextMessage(), TAG),
    "decode and check G1": () => g1.decode(bytes1),
    "decode and check G2": () => g2.decode(bytes2),
    [`MSM ${MSM_SIZE} G1`]: () => g1.multiScalar(points, factors),
    "BLS verify": () =>
      engine.pairingCheck([
        [publicKey, g2.hash(message, TAG)],
        [minus, signature],
      ]),
  };
}
