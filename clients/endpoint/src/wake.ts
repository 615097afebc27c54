/**
 * A bell between loops.
 * @module
 */

/** A bell: `wait` ends when it rings, also when it rang since the last wait. */
export function createWake() {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring(): void {
      rung = true;
      wake?.();
    },
    async wait(ms: number, signal: AbortSignal): Promise<void> {
      if (!rung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const finish = (): void => {
            clearTimeout(timer);
            signal.removeEventListener("abort", finish);
            wake = undefined;
            resolve();
          };
          const timer = setTimeout(finish, ms);
          signal.addEventListener("abort", finish, { once: true });
          wake = finish;
        });
      }
      rung = false;
    },
  };
}
