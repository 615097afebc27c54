/**
 * Wakes the requests that wait for something (`?wait=`). It carries no data and promises nothing: whoever wakes up looks
 * into the database, and whoever sleeps too long wakes up by the clock, because another instance may have written.
 * @module
 */

/** How long a waiter trusts its own process before it looks again. */
const RECHECK_MS = 1000;

export interface Notifier {
  wake(topic: string): void;
  /**
   * Asks `look` until it finds something, the deadline has passed, or the signal aborts.
   * @returns the last thing found, or undefined
   */
  waitFor<T>(
    topic: string,
    waitMs: number,
    look: () => Promise<T | undefined>,
    signal?: AbortSignal,
  ): Promise<T | undefined>;
  /** Lets all waiters go: the process is stopping. */
  close(): void;
  /** How many wait now. */
  readonly waiting: number;
}

export function createNotifier(): Notifier {
  const sleepers = new Map<string, Set<() => void>>();
  let waiting = 0;
  let closed = false;

  function sleep(topic: string, ms: number, signal?: AbortSignal): { readonly done: Promise<void>; cancel(): void } {
    const set = sleepers.get(topic) ?? new Set();
    sleepers.set(topic, set);
    let finish = (): void => {};
    const done = new Promise<void>((resolve) => {
      finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        set.delete(finish);
        if (set.size === 0 && sleepers.get(topic) === set) sleepers.delete(topic);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      signal?.addEventListener("abort", finish, { once: true });
      set.add(finish);
    });
    return { done, cancel: () => finish() };
  }

  return {
    get waiting() {
      return waiting;
    },
    wake(topic) {
      for (const finish of [...(sleepers.get(topic) ?? [])]) finish();
    },
    async waitFor(topic, waitMs, look, signal) {
      const deadline = performance.now() + waitMs;
      waiting++;
      try {
        for (;;) {
          const left = deadline - performance.now();
          // Listen before looking: what is written in between would else be slept through.
          const nap = sleep(topic, Math.max(0, Math.min(Math.ceil(left), RECHECK_MS)), signal);
          let found: Awaited<ReturnType<typeof look>>;
          try {
            found = await look();
          } catch (error) {
            nap.cancel();
            throw error;
          }
          if (found !== undefined || left < 1 || closed || signal?.aborted) {
            nap.cancel();
            return found;
          }
          await nap.done;
        }
      } finally {
        waiting--;
      }
    },
    close() {
      closed = true;
      for (const topic of [...sleepers.keys()]) for (const finish of [...(sleepers.get(topic) ?? [])]) finish();
    },
  };
}
