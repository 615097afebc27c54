/**
 * No randomness, no login: a client whose random source is missing or broken would give its secrets away and look as if it worked.
 *
 * What can be noticed is: a source that is not there, returns fewer bytes or none, only zeros, or the same bytes again. The port must
 * be the platform's own generator; a bad one that varies cannot be told from a good one, here or anywhere.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import type { G1Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";

/** From so many bytes on, a repetition is no coincidence. */
const TELLING_LENGTH = 16;

/**
 * The same source, watched: every draw has the length asked for, is not zero, and is not the draw before it.
 * @param random - `unknown` because callers without types forget it
 * @throws `ERR_RANDOM_UNAVAILABLE`, here or at the draw that shows it
 */
export function guardRandom(random: unknown): RandomBytes {
  if (typeof random !== "function") refuse("there is no source of randomness");
  const source = random as (length: number) => unknown;
  let last: Uint8Array | undefined;
  const draw: RandomBytes = (length) => {
    let bytes: unknown;
    try {
      bytes = source(length);
    } catch (cause) {
      throw new MilagroError("ERR_RANDOM_UNAVAILABLE", "the source of randomness failed", { cause });
    }
    if (!(bytes instanceof Uint8Array) || bytes.length !== length) refuse("it gave another number of bytes");
    if (length < TELLING_LENGTH) return bytes;
    if (bytes.every((byte) => byte === 0)) refuse("it gives nothing but zeros");
    const head = bytes.slice(0, TELLING_LENGTH);
    if (last && equalBytes(head, last)) refuse("it repeats itself");
    last = head;
    return bytes;
  };
  for (let probe = 0; probe < 2; probe += 1) draw(32);
  return draw;
}

/** Whether the engine's own source works: it was made before the client. @throws `ERR_RANDOM_UNAVAILABLE` */
export function checkEngineRandom({ scalars }: Pick<G1Engine, "scalars">): void {
  if (scalars.equals(scalars.random(), scalars.random())) refuse("the engine's source repeats itself");
}

function refuse(reason: string): never {
  throw new MilagroError("ERR_RANDOM_UNAVAILABLE", reason);
}
