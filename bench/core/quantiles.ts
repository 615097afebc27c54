/**
 * Quantiles of latencies.
 * @module
 */

/** @param q - in [0, 1]; the smallest sample that at least this part of all does not exceed */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}
