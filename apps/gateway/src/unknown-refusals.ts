/**
 * Refusals of those who did not prove who they are, which cost them nothing: each source has some lines in the audit log, and all of them together.
 * What is beyond is counted, and the next line says how many were left out. Access, and refusals to somebody known, are always written.
 * @module
 */
import { sourceOf } from "@milagro/runtime/channel/admission";
import { createRateLimiter } from "@milagro/runtime/rate-limit";

const ONE_SOURCE = { burst: 20, perSecond: 1 / 6 };
const ALL_SOURCES = { burst: 200, perSecond: 5 };

export interface UnknownRefusals {
  /** @returns how many were left out since the last that was written; undefined: leave this one out as well */
  admit(address: string, nowMs: number): number | undefined;
}

export function createUnknownRefusals(): UnknownRefusals {
  const [one, all] = [createRateLimiter(ONE_SOURCE), createRateLimiter(ALL_SOURCES)];
  let leftOut = 0;
  return {
    admit(address, nowMs) {
      if (one.take(sourceOf(address), nowMs) > 0 || all.take("", nowMs) > 0) {
        leftOut += 1;
        return undefined;
      }
      const count = leftOut;
      leftOut = 0;
      return count;
    },
  };
}
