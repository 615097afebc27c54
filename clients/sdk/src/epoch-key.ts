/**
 * The key of an epoch that has begun, from all D-TAs: it opens what was encapsulated to the epoch itself.
 * @module
 */
import { type Epoch, epochAt, epochStartMs } from "@milagro/crypto/epoch";
import type { IdentityKey } from "@milagro/crypto/identity-key";
import { MilagroError } from "@milagro/engine/error";
import { combineEpochShares, hasBegun, parseEpochShare } from "@milagro/protocol/epoch-share";
import type { ClientDeps } from "./deps.ts";
import { apiUrl, callJson } from "./json-call.ts";

/**
 * Asks every D-TA for its share, adds them, checks the sum.
 * @throws `ERR_EPOCH_OUT_OF_WINDOW` before the epoch begins, `ERR_SHARE_INVALID` naming a D-TA that lies, and what a D-TA answers or `ERR_UNREACHABLE`
 */
export async function fetchEpochKey(deps: ClientDeps, epoch: Epoch): Promise<IdentityKey<"enc">> {
  const { engine, random, domain, http } = deps;
  const shares = await Promise.all(
    domain.authorities.map(async ({ entry: { url, name } }) => {
      const call = { method: "GET", url: apiUrl(url, `/v1/epochs/${epoch}`), idempotent: true } as const;
      try {
        return await callJson(http, call, parseEpochShare);
      } catch (error) {
        if (!(error instanceof MilagroError)) throw error;
        throw new MilagroError(error.code, `${name}: ${error.message}`, { cause: error });
      }
    }),
  );
  return combineEpochShares(engine, random, domain, epoch, shares);
}

/**
 * The first epoch that begins at or after a moment: what is encapsulated to it stays closed until then, and less than an epoch longer.
 * @throws `ERR_EPOCH_OUT_OF_WINDOW` for a moment that is not in the future
 */
export function epochOpeningAt(timeMs: number, epochSeconds: number, nowMs: number): Epoch {
  const epoch = epochAt(timeMs, epochSeconds);
  const opening = (epochStartMs(epoch, epochSeconds) < timeMs ? epoch + 1 : epoch) as Epoch;
  if (hasBegun(opening, epochSeconds, nowMs))
    throw new MilagroError("ERR_EPOCH_OUT_OF_WINDOW", "this moment is not in the future: everybody could open it now");
  return opening;
}
