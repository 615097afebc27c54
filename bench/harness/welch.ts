/**
 * Welch's t-test on running times of two classes.
 * @module
 */

export interface TimingSample {
  /** 0 or 1. */
  readonly which: number;
  readonly ns: number;
}

export interface TimingVerdict {
  /** The largest t, by absolute value, over the cuts. */
  readonly t: number;
  readonly samples: number;
  /** (mean of class 0 − mean of class 1) / mean, at the cut that gave `t`. */
  readonly difference: number;
  /** The relative difference that this many samples would have shown at |t| = 4.5, at the sharpest cut. */
  readonly detectable: number;
}

/** Interrupts and collections make a heavy tail; a leak shows best below some quantile, and which one is not known. */
const CUTS = [1, 0.9, 0.75, 0.5];
const THRESHOLD = 4.5;

export function welch(samples: readonly TimingSample[]): TimingVerdict {
  const sorted = samples.map(({ ns }) => ns).sort((a, b) => a - b);
  let verdict: TimingVerdict = { t: 0, samples: samples.length, difference: 0, detectable: Number.POSITIVE_INFINITY };
  for (const cut of CUTS) {
    const limit = sorted[Math.ceil(cut * sorted.length) - 1] ?? 0;
    const [a, b] = [0, 1].map((which) => moments(samples.filter((s) => s.which === which && s.ns <= limit)));
    if (a === undefined || b === undefined || a.count < 10 || b.count < 10) continue;
    const error = Math.sqrt(a.variance / a.count + b.variance / b.count);
    const mean = (a.mean + b.mean) / 2;
    const t = (a.mean - b.mean) / error;
    const detectable = Math.min(verdict.detectable, (THRESHOLD * error) / mean);
    verdict =
      Math.abs(t) > Math.abs(verdict.t)
        ? { ...verdict, t, difference: (a.mean - b.mean) / mean, detectable }
        : { ...verdict, detectable };
  }
  return verdict;
}

function moments(samples: readonly TimingSample[]): { count: number; mean: number; variance: number } {
  let mean = 0;
  let squares = 0;
  let count = 0;
  for (const { ns } of samples) {
    count++;
    const delta = ns - mean;
    mean += delta / count;
    squares += delta * (ns - mean);
  }
  return { count, mean, variance: squares / Math.max(1, count - 1) };
}
