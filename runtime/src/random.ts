/**
 * Random bytes from the operating system, in the form the pure layers take them.
 * @module
 */
import { randomFillSync, randomInt } from "node:crypto";
import type { RandomBytes } from "@milagro/engine/engine";

/**
 * The system's secure source; throws where it cannot deliver.
 * The bytes own their memory: they are no slice of Node's shared pool, so wiping them wipes all there is.
 */
export const systemRandom: RandomBytes = (length) => randomFillSync(new Uint8Array(length));

/** Full jitter: an integer in [0, min(capMs, baseMs·2^attempt)), so that clients which failed together do not come back together. */
export function jitteredBackoffMs(attempt: number, baseMs: number, capMs: number): number {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
  return randomInt(Math.max(1, Math.ceil(ceiling)));
}
