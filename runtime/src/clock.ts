/**
 * The only place that reads the machine's clock. Everything else takes a `Clock` as an argument, so that tests move time by hand.
 * @module
 */

/** Integer milliseconds since 1970-01-01T00:00Z. May jump backwards: the operating system owns it. */
export type Clock = () => number;

/** Wall time. */
export const systemClock: Clock = () => Date.now();

/** Unix seconds, as times travel on the wire. */
export function unixSeconds(clock: Clock): number {
  return Math.floor(clock() / 1000);
}

/** Milliseconds from an arbitrary origin that never go back: for durations only, never for dates. */
export function monotonicMs(): number {
  return performance.now();
}

/** Resolves after `ms`, or rejects with the signal's reason as soon as it aborts. Leaves no timer behind. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
