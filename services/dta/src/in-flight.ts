/**
 * How many requests a D-TA works on at once.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";

/** More are refused before anything is done for them. */
export const MAX_IN_FLIGHT = 256;

/** @throws `ERR_OVERLOADED` from what it returns, beside what `work` throws */
export function limitInFlight<A extends readonly unknown[], R>(
  work: (...request: A) => Promise<R>,
): (...request: A) => Promise<R> {
  let inFlight = 0;
  return async (...request) => {
    if (inFlight >= MAX_IN_FLIGHT)
      throw new MilagroError("ERR_OVERLOADED", "this D-TA has too many requests under way");
    inFlight++;
    try {
      return await work(...request);
    } finally {
      inFlight--;
    }
  };
}
