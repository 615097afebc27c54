/**
 * BLS12-381 behind one interface.
 * @module
 */
import type { Engine, RandomBytes } from "./engine.ts";
import { createNobleEngine } from "./noble.ts";

export type * from "./engine.ts";
export { MilagroError } from "./error.ts";
export { createNobleEngine } from "./noble.ts";

/** Which implementation to use; `noble` runs everywhere. */
export type EngineTier = "noble";

/**
 * The best engine this machine runs correctly: each candidate passes its self-test before it is chosen.
 * @param options.random - the process's secure source; every secret operation draws from it
 * @param options.tier - insist on one implementation instead
 * @throws `ERR_ENGINE_SELF_TEST` when no candidate passes
 */
export async function createEngine(options: {
  readonly random: RandomBytes;
  readonly tier?: EngineTier;
}): Promise<Engine> {
  const engine = createNobleEngine({ random: options.random });
  engine.selfTest();
  return engine;
}
