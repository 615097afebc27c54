/**
 * The whole engine, which pairs: for setting up a device and for updating its token, once for a page.
 * @module
 */
import { createEngine } from "@milagro/engine";
import type { Engine } from "@milagro/engine/engine";
import { secureRandom } from "./secure-random.ts";

let engine: Promise<Engine> | undefined;

/** @throws `ERR_ENGINE_SELF_TEST`; the next call tries again */
export function wholeEngine(): Promise<Engine> {
  engine ??= createEngine({ random: secureRandom }).catch((error: unknown) => {
    engine = undefined;
    throw error;
  });
  return engine;
}
