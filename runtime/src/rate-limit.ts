/**
 * Rate limits by identity: a token bucket each, in memory. The limit by address stands before the signature check and is
 * the HTTP server's; this one stands after it, so that one identity cannot crowd out the others from many addresses.
 * @module
 */

export interface RateLimit {
  /** Requests that may come at once. */
  readonly burst: number;
  /** Requests a second that may go on for ever. */
  readonly perSecond: number;
}

export interface RateLimiter {
  /** @returns 0 when the request may pass, else the seconds after which one may */
  take(key: string, nowMs: number): number;
}

/** Buckets kept at most; a full bucket is the same as none, so those go first. */
const MAX_BUCKETS = 10_000;

export function createRateLimiter(limit: RateLimit): RateLimiter {
  const buckets = new Map<string, { tokens: number; atMs: number }>();

  /** Buckets lie in the order of their last use: the full ones are in front. Amortised, one is looked at per call. */
  function prune(nowMs: number): void {
    const fullAfterMs = (limit.burst / limit.perSecond) * 1000;
    for (const [key, bucket] of buckets) {
      // Beyond the bound the oldest go in any case: their owners get a fresh burst, which the limit by address bounds.
      if (buckets.size < MAX_BUCKETS && nowMs - bucket.atMs < fullAfterMs) break;
      buckets.delete(key);
    }
  }

  return {
    take(key, nowMs) {
      const known = buckets.get(key);
      const elapsed = known ? Math.max(0, nowMs - known.atMs) / 1000 : 0;
      const tokens = known ? Math.min(limit.burst, known.tokens + elapsed * limit.perSecond) : limit.burst;
      if (!known && buckets.size >= MAX_BUCKETS) prune(nowMs);
      buckets.delete(key); // the map's order is the order of last use
      buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
      return tokens >= 1 ? 0 : Math.max(1, Math.ceil((1 - tokens) / limit.perSecond));
    },
  };
}
