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
  /**
   * The relative difference that these very measurements would have shown: one class is made slower until |t| passes
   * the threshold, then the other, and the worse of both counts.
   */
  readonly detectable: number;
}

/** |t| from here on is a leak as good as proven, as in dudect. */
export const THRESHOLD = 4.5;
/** Interrupts and collections make a heavy tail; a leak shows best below some quantile, and which one is not known. */
const CUTS = [1, 0.9, 0.75, 0.5];
/** Halvings of the interval in which the detectable difference is sought. */
const HALVINGS = 12;

export function welch(samples: readonly TimingSample[]): TimingVerdict {
  const { t, difference } = largest(samples);
  const mean = samples.reduce((sum, { ns }) => sum + ns, 0) / samples.length;
  const detectable = Math.max(...[0, 1].map((which) => smallestShift(samples, which, mean)));
  return { t, samples: samples.length, difference, detectable };
}

function largest(samples: readonly TimingSample[]): { t: number; difference: number } {
  const sorted = Float64Array.from(samples, ({ ns }) => ns).sort();
  let found = { t: 0, difference: 0 };
  for (const cut of CUTS) {
    const limit = sorted[Math.ceil(cut * sorted.length) - 1] ?? 0;
    const [a, b] = [0, 1].map((which) => moments(samples, which, limit));
    if (a === undefined || b === undefined || a.count < 10 || b.count < 10) continue;
    const t = (a.mean - b.mean) / Math.sqrt(a.variance / a.count + b.variance / b.count);
    if (Math.abs(t) > Math.abs(found.t)) found = { t, difference: (2 * (a.mean - b.mean)) / (a.mean + b.mean) };
  }
  return found;
}

/** By which part of `mean` a class has to be slower for t to show it; 1 where nothing less would do. */
function smallestShift(samples: readonly TimingSample[], slower: number, mean: number): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < HALVINGS; i++) {
    // the answer is a small fraction: halve its order of magnitude first
    const middle = low === 0 ? high / 4 : (low + high) / 2;
    const { t } = largest(samples.map(({ which, ns }) => ({ which, ns: which === slower ? ns + middle * mean : ns })));
    if ((slower === 0 ? t : -t) > THRESHOLD) high = middle;
    else low = middle;
  }
  return high;
}

function moments(
  samples: readonly TimingSample[],
  which: number,
  limit: number,
): { count: number; mean: number; variance: number } {
  let mean = 0;
  let squares = 0;
  let count = 0;
  for (const sample of samples) {
    if (sample.which !== which || sample.ns > limit) continue;
    count++;
    const delta = sample.ns - mean;
    mean += delta / count;
    squares += delta * (sample.ns - mean);
  }
  return { count, mean, variance: squares / Math.max(1, count - 1) };
}
