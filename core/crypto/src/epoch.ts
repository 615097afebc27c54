/**
 * Epochs: the lifetime of a key. Revoking is "stop issuing", so the epoch's length bounds how long a revoked key lives.
 * @module
 */
import type { Brand } from "./brand.ts";
import { MilagroError } from "./error.ts";

/** `floor(unix seconds / epochSeconds)` of the domain: a safe integer ≥ 0; 0 is `NO_EXPIRY`. */
export type Epoch = Brand<number, "Epoch">;

/** Reserved for keys without expiry. No instant lies in it: `epochAt` refuses the first period after 1970. */
export const NO_EXPIRY = 0 as Epoch;

/** @throws `ERR_EPOCH_INVALID` unless a safe integer ≥ 0 */
export function parseEpoch(value: number): Epoch {
  if (!Number.isSafeInteger(value) || value < 0 || Object.is(value, -0)) {
    throw new MilagroError("ERR_EPOCH_INVALID", "an epoch is a whole number, 0 or more");
  }
  return value as Epoch;
}

function checkEpochSeconds(epochSeconds: number): void {
  if (!Number.isSafeInteger(epochSeconds) || epochSeconds < 1) {
    throw new MilagroError("ERR_EPOCH_INVALID", "an epoch lasts a whole number of seconds, 1 or more");
  }
}

/**
 * The epoch an instant lies in.
 * @param timeMs - milliseconds since 1970-01-01T00:00Z
 * @throws `ERR_EPOCH_INVALID` before the end of the first period, whose number is reserved
 */
export function epochAt(timeMs: number, epochSeconds: number): Epoch {
  checkEpochSeconds(epochSeconds);
  const epoch = parseEpoch(Math.floor(timeMs / 1000 / epochSeconds));
  if (epoch === NO_EXPIRY)
    throw new MilagroError("ERR_EPOCH_INVALID", "the clock stands before the domain's first epoch");
  return epoch;
}

/** The first millisecond of an epoch. @throws `ERR_EPOCH_INVALID` for `NO_EXPIRY`, which has no start, and past the largest time */
export function epochStartMs(epoch: Epoch, epochSeconds: number): number {
  checkEpochSeconds(epochSeconds);
  const start = epoch * epochSeconds * 1000;
  if (epoch === NO_EXPIRY || !Number.isSafeInteger(start)) {
    throw new MilagroError("ERR_EPOCH_INVALID", "this epoch has no start");
  }
  return start;
}
