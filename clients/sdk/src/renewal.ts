/**
 * When to ask for keys, and for which: this epoch's if they are missing, the next epoch's before this one ends. The moment
 * is spread over the last part of the epoch, so that a thousand endpoints do not call their D-TAs in the same second.
 * @module
 */
import { type Epoch, epochAt, epochStartMs } from "@milagro/crypto/epoch";
import type { IdentityUsage } from "@milagro/crypto/usage";
import type { KeyRing, KeySlot } from "./key-ring.ts";

export interface RenewalPolicy {
  readonly epochSeconds: number;
  readonly usages: readonly IdentityUsage[];
  /** Prefetch begins when this part of the epoch is left. In (0, 1). */
  readonly aheadFraction: number;
  /** This process's place in the spread, drawn once: in [0, 1). */
  readonly jitter: number;
}

export interface RenewalPlan {
  /** Keys to ask for now; empty when there is nothing to do. */
  readonly keys: readonly KeySlot[];
  /** When to plan again, in ms since 1970. */
  readonly nextMs: number;
}

/** Half the time ahead of the end is left for retries when a D-TA is down: an outage shorter than that is invisible. */
const SPREAD = 0.5;

/** Pure: decides from the ring and the time. */
export function planRenewal(ring: KeyRing, nowMs: number, policy: RenewalPolicy): RenewalPlan {
  const epoch = epochAt(nowMs, policy.epochSeconds);
  const following = (epoch + 1) as Epoch;
  const endMs = epochStartMs(following, policy.epochSeconds);
  const aheadMs = policy.epochSeconds * 1000 * policy.aheadFraction;
  const prefetchMs = endMs - aheadMs * (1 - SPREAD * policy.jitter);
  const missing = (at: Epoch): KeySlot[] =>
    policy.usages.filter((usage) => ring.find(usage, at) === undefined).map((usage) => ({ usage, epoch: at }));

  const current = missing(epoch);
  const next = missing(following);
  if (current.length > 0) {
    // One request for both: who enrols in the last minute of an epoch is not asked for evidence twice.
    return { keys: [...current, ...next], nextMs: endMs };
  }
  if (next.length === 0) return { keys: [], nextMs: endMs };
  return nowMs >= prefetchMs ? { keys: next, nextMs: endMs } : { keys: [], nextMs: prefetchMs };
}
