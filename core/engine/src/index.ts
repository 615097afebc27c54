/**
 * BLS12-381 behind one interface.
 * @module
 */
import type { Engine, RandomBytes } from "./engine.ts";
import { createNobleEngine } from "./noble.ts";

export type * from "./engine.ts";
export { MilagroError } from "./error.ts";
export { createNobleEngine } from "./noble.ts";

/** The implementations, best first; `noble` runs everywhere. */
export const ENGINE_TIERS = ["noble"] as const;
export type EngineTier = (typeof ENGINE_TIERS)[number];

/**
 * The best engine this machine runs correctly. Compiled engines pass their self-test before they are chosen; noble is
 * plain JavaScript and the last resort, so whoever wants its second of self-test asks for it.
 * @param options.random - the process's secure source; every secret operation draws from it
 * @param options.tier - insist on one implementation instead
 * @throws `ERR_ENGINE_SELF_TEST` when the tier insisted on does not work here
 */
export async function createEngine(options: {
  readonly random: RandomBytes;
  readonly tier?: EngineTier;
}): Promise<Engine> {
  const { random, tier } = options;
  if (tier !== undefined && !ENGINE_TIERS.includes(tier)) throw new TypeError("no such engine tier");
  return createNobleEngine({ random });
}
