import { expect, test } from "vitest";
import { THRESHOLD, type TimingSample, welch } from "../bench/harness/welch.ts";

/** Times about `mean` with a heavy tail, from a fixed sequence: the same in every run. */
function times(count: number, mean: readonly [number, number]): TimingSample[] {
  let state = 12345;
  const next = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
  return Array.from({ length: count }, () => {
    const which = next() < 0.5 ? 0 : 1;
    const bell = next() + next() + next() + next() - 2;
    return { which, ns: (mean[which] as number) + 1000 * bell + (next() < 0.01 ? 50_000 * next() : 0) };
  });
}

test("equal classes are not told apart, and what would have been is small", () => {
  const verdict = welch(times(20_000, [100_000, 100_000]));
  expect(Math.abs(verdict.t)).toBeLessThan(THRESHOLD);
  expect(verdict.samples).toBe(20_000);
  expect(verdict.detectable).toBeGreaterThan(0.0001);
  expect(verdict.detectable).toBeLessThan(0.002);
});

test.each([0, 1])(
  "a class %d that is slower by the detectable difference shows, at half of it it does not",
  (slower) => {
    const { detectable } = welch(times(20_000, [100_000, 100_000]));
    const shifted = (by: number): number => {
      const mean: [number, number] = [100_000, 100_000];
      mean[slower] = 100_000 * (1 + by);
      return Math.abs(welch(times(20_000, mean)).t);
    };
    expect(shifted(1.01 * detectable)).toBeGreaterThan(THRESHOLD);
    expect(shifted(0.4 * detectable)).toBeLessThan(THRESHOLD);
  },
);

test("the sign says which class is slower, the difference by how much", () => {
  const { t, difference } = welch(times(5000, [101_000, 100_000]));
  expect(t).toBeGreaterThan(THRESHOLD);
  expect(difference).toBeGreaterThan(0.005);
  expect(difference).toBeLessThan(0.015);
  expect(welch(times(5000, [100_000, 101_000])).t).toBeLessThan(-THRESHOLD);
});

test("a noisy clock detects less", () => {
  const quiet = welch(times(4000, [100_000, 100_000])).detectable;
  expect(welch(times(400, [100_000, 100_000])).detectable).toBeGreaterThan(2 * quiet);
});

test("a machine that changes its speed hides nothing", () => {
  const steady = times(20_000, [100_500, 100_000]);
  const changing = steady.map(({ which, ns }, i) => ({ which, ns: ns * (1 + 0.3 * (Math.floor(i / 1000) % 3)) }));
  const { t, difference } = welch(changing);
  expect(t).toBeGreaterThan(THRESHOLD);
  expect(difference).toBeGreaterThan(0.003);
  expect(difference).toBeLessThan(0.007);
  const alike = times(20_000, [100_000, 100_000]).map(({ which, ns }, i) => ({ which, ns: i < 9999 ? ns : 2 * ns }));
  expect(Math.abs(welch(alike).t)).toBeLessThan(THRESHOLD);
});
