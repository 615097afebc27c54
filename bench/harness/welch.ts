/**
 * Welch's t-test on running times of two classes.
 *
 * A machine that others use changes its speed for seconds at a time, by far more than what is looked for. So times are
 * compared with those around them: in each block of consecutive measurements, in which the classes are mixed at random,
 * the slow tail is cut off and the block's mean is taken off; the test is on what is left, of all blocks together.
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
const CUTS = [1, 0.9, 0.75, 0.5, 0.25];
/** Measurements that are made within some ten milliseconds. */
const BLOCK = 128;
/** Halvings of the interval in which the detectable difference is sought. */
const HALVINGS = 12;

export function welch(samples: readonly TimingSample[]): TimingVerdict {
  const { t, difference } = largest(samples);
  const mean = samples.reduce((sum, { ns }) => sum + ns, 0) / samples.length;
  const detectable = Math.max(...[0, 1].map((which) => smallestShift(samples, which, mean)));
  return { t, samples: samples.length, difference, detectable };
}

function largest(samples: readonly TimingSample[]): { t: number; difference: number } {
  const blocks: { readonly samples: readonly TimingSample[]; readonly sorted: Float64Array }[] = [];
  for (let i = 0; i < samples.length; i += BLOCK) {
    const block = samples.slice(i, i + BLOCK);
    blocks.push({ samples: block, sorted: Float64Array.from(block, ({ ns }) => ns).sort() });
  }
  let found = { t: 0, difference: 0 };
  for (const cut of CUTS) {
    const [a, b] = [new Moments(), new Moments()];
    let sum = 0;
    for (const { samples: block, sorted } of blocks) {
      const kept = sorted.subarray(0, Math.ceil(cut * sorted.length));
      const limit = kept.at(-1) as number;
      const mean = kept.reduce((total, ns) => total + ns, 0) / kept.length;
      for (const { which, ns } of block) {
        if (ns > limit) continue;
        (which === 0 ? a : b).add(ns - mean);
        sum += ns;
      }
    }
    if (a.count < 10 || b.count < 10) continue;
    const t = (a.mean - b.mean) / Math.sqrt(a.variance / a.count + b.variance / b.count);
    const mean = sum / (a.count + b.count);
    if (Math.abs(t) > Math.abs(found.t)) found = { t, difference: (a.mean - b.mean) / mean };
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

/** Mean and variance of numbers as they come. */
class Moments {
  count = 0;
  mean = 0;
  #squares = 0;

  add(value: number): void {
    this.count++;
    const delta = value - this.mean;
    this.mean += delta / this.count;
    this.#squares += delta * (value - this.mean);
  }

  get variance(): number {
    return this.#squares / Math.max(1, this.count - 1);
  }
}
