/**
 * Epochs of domains whose clocks are the real one.
 * @module
 */

/**
 * Seconds of an epoch, such that now is at least so many away from where one begins or ends: what a test does meanwhile is done in one epoch, at
 * whatever time of day it runs.
 * @param atLeast - seconds; the answer is less than twice as many, but for a moment here and there
 * @param roomSeconds - at most a quarter of that
 */
export function epochSecondsAwayFromTheEnd(
  atLeast: number,
  roomSeconds: number,
  nowSeconds = Date.now() / 1000,
): number {
  for (let epochSeconds = atLeast; ; epochSeconds += Math.ceil(atLeast / 24)) {
    const into = nowSeconds % epochSeconds;
    if (Math.min(into, epochSeconds - into) > roomSeconds) return epochSeconds;
  }
}
