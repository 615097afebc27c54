/**
 * The engine on `@noble/curves`: pure JavaScript on big integers, the one that runs everywhere, and the oracle that
 * faster engines are compared with.
 *
 * Security: nothing on BigInt is constant-time. Each addition, product and reduction takes time that depends on the
 * size of its operands, so what a secret operation works on must not depend on the secret alone:
 * - a secret scalar is split into `(k + ρ) − ρ` with a fresh uniform ρ before it meets a point or a GT element, and
 *   inversion is blinded by a factor. Each part alone is uniform; the number and order of group operations is fixed.
 * - what remains: computing `k + ρ mod r` itself, scalar addition, multiplication, decoding and encoding touch the bare
 *   value for fractions of a microsecond each; table look-ups scan in JavaScript but caches see the parts; points that
 *   are secret themselves (identity keys) enter formulas and pairings unblinded; the garbage collector keeps copies
 *   of every intermediate for as long as it likes, and `zeroise` only drops the engine's own reference to a scalar.
 * Who needs more than that runs the WebAssembly engine, and who needs protection from a neighbour on the same core
 * needs neither.
 * @module
 */
import type { Fp2 } from "@noble/curves/abstract/tower.js";
import type { Engine, G1, G2, RandomBytes } from "./engine.ts";
import type { Projective1 } from "./noble-formulas-g1.ts";
import type { Projective2 } from "./noble-formulas-g2.ts";
import { G1_PARAMETERS } from "./noble-g1.ts";
import { G2_PARAMETERS } from "./noble-g2.ts";
import { createNobleGroup } from "./noble-group.ts";
import { createNobleTargetGroup } from "./noble-gt.ts";
import { createNoblePairing } from "./noble-pairing.ts";
import { createNobleScalars, createRandomIntegers, dropScalar } from "./noble-scalars.ts";
import { runSelfTest } from "./self-test.ts";

/** @param options.random - blinds every secret operation: it must be the process's secure source */
export function createNobleEngine({ random }: { random: RandomBytes }): Engine {
  const integers = createRandomIntegers(random);
  const engine: Engine = {
    capabilities: { name: "noble", constantTime: false, zeroises: false },
    scalars: createNobleScalars(integers),
    g1: createNobleGroup<G1, bigint, Projective1>(G1_PARAMETERS, integers),
    g2: createNobleGroup<G2, Fp2, Projective2>(G2_PARAMETERS, integers),
    gt: createNobleTargetGroup(integers),
    ...createNoblePairing(),
    zeroise: (...values) => values.forEach(dropScalar),
    selfTest: () => runSelfTest(engine),
  };
  return engine;
}
