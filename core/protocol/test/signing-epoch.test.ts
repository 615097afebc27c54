import { parseEpoch } from "@milagro/crypto/epoch";
import { expect, test } from "vitest";
import { isSigningEpoch } from "../src/trust-domain.ts";

const DAY = 86_400;
const at = (epoch: number, seconds: number) => (epoch * DAY + seconds) * 1000;

test.each([
  ["the epoch's first moment", 100, at(100, 0), true],
  ["its last millisecond", 100, at(101, 0) - 1, true],
  ["a moment after its end", 100, at(101, 0), true],
  ["just within five minutes", 100, at(101, 300) - 1, true],
  ["after five minutes", 100, at(101, 300), false],
  ["two epochs later", 100, at(102, 1), false],
  ["five minutes before it begins", 100, at(99, DAY - 300), true],
  ["more than that before it begins", 100, at(99, DAY - 301), false],
  ["long before", 100, at(50, 0), false],
  ["keys without expiry", 0, at(100, 0), false],
  ["keys without expiry, in the first epoch", 0, at(1, 0), false],
])("%s", (_, epoch, nowMs, expected) => {
  expect(isSigningEpoch({ epochSeconds: DAY }, parseEpoch(epoch), nowMs)).toBe(expected);
});

test("epochs shorter than the grace: one to either side, no more", () => {
  const counting = [8, 9, 10, 11, 12].filter((epoch) =>
    isSigningEpoch({ epochSeconds: 60 }, parseEpoch(epoch), 10 * 60_000 + 30_000),
  );
  expect(counting).toEqual([9, 10, 11]);
});
