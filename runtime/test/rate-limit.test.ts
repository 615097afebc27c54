import { expect, test } from "vitest";
import { createRateLimiter } from "../src/rate-limit.ts";

test("the burst passes, the next is told how long to wait, and passes then", () => {
  const limiter = createRateLimiter({ burst: 3, perSecond: 0.5 });
  expect([1, 2, 3].map(() => limiter.take("a", 0))).toEqual([0, 0, 0]);
  expect(limiter.take("a", 0)).toBe(2);
  expect(limiter.take("a", 1000)).toBe(1);
  expect(limiter.take("a", 2000)).toBe(0);
});

test("one identity's flood does not touch another", () => {
  const limiter = createRateLimiter({ burst: 1, perSecond: 1 });
  for (let i = 0; i < 1000; i++) limiter.take("flood", 0);
  expect(limiter.take("quiet", 0)).toBe(0);
});

test("refused requests cost nothing: a flood does not lock its sender out for ever", () => {
  const limiter = createRateLimiter({ burst: 1, perSecond: 1 });
  for (let i = 0; i < 1000; i++) limiter.take("a", 0);
  expect(limiter.take("a", 1000)).toBe(0);
});

test("a clock that jumps back grants nothing", () => {
  const limiter = createRateLimiter({ burst: 1, perSecond: 1 });
  expect(limiter.take("a", 10_000)).toBe(0);
  expect(limiter.take("a", 5000)).toBe(1);
});

test("fifty thousand names do not grow the memory without bound, and the busy one stays limited", () => {
  const limiter = createRateLimiter({ burst: 1, perSecond: 0.001 });
  limiter.take("busy", 0);
  for (let i = 0; i < 50_000; i++) {
    limiter.take(`name-${i}`, i);
    if (i % 100 === 0) expect(limiter.take("busy", i)).toBeGreaterThan(0);
  }
});
