/**
 * The reduction schedule that all three tiers share.
 *
 * Montgomery's reduction removes the lowest digit q of an accumulator by adding m·p with m = −q/p mod 2^w: a product to
 * find m, and a carry chain through it. Both go away for a multiple N = c·p with N ≡ −1 mod 2^(w·d): then m = q, the
 * lowest d digits of N are −1, 0 …, and d digits can be removed before the first product is needed. N has c's bits more
 * than p, so the sum grows; the bound stays near p as long as the big multiples are added early, where the division by
 * R that follows shrinks them most. Each step therefore takes the largest degree d that the bound allows.
 * @module
 */
import { absolute, balancedDigits, centred, inverse, PRIME } from "./numbers.ts";

/** How digit `index` of the accumulator is removed. */
export interface ReductionStep {
  readonly index: number;
  /** Digits of N that are −1, 0, …: 2, 1, or 0 for p itself, where m has to be computed. */
  readonly degree: 0 | 1 | 2;
  /** Digits of the multiple of p, lowest first. */
  readonly digits: readonly bigint[];
}

export interface Schedule {
  readonly steps: readonly ReductionStep[];
  /** Bound on what the steps add to the quotient: |result| ≤ |input|/R + excess. */
  readonly excess: bigint;
}

function multipleOfPrime(width: number, degree: 0 | 1 | 2): bigint {
  if (degree === 0) return PRIME;
  const modulus = 1n << BigInt(width * degree);
  return PRIME * centred(-inverse(PRIME, modulus), modulus);
}

/** @param width - bits of a digit @param count - digits of R = 2^(width·count) */
export function planReduction(width: number, count: number): Schedule {
  const R = 1n << BigInt(width * count);
  const halfDigit = 1n << BigInt(width - 1);
  const limit = (PRIME * 7n) / 10n;
  const steps: ReductionStep[] = [];
  let excess = 0n;
  for (let index = 0; index < count; index++) {
    const cost = (degree: 0 | 1 | 2): bigint =>
      (absolute(multipleOfPrime(width, degree)) * (halfDigit << BigInt(width * index))) / R + 1n;
    const affordable = ([2, 1, 0] as const).find((degree) => degree === 0 || cost(degree) < limit) ?? 0;
    const multiple = multipleOfPrime(width, affordable);
    const length = Math.ceil((absolute(multiple).toString(2).length + 1) / width);
    steps.push({ index, degree: affordable, digits: balancedDigits(multiple, width, length) });
    excess += cost(affordable);
  }
  return { steps, excess };
}
