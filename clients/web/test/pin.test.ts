import { expect, test } from "vitest";
import { digitOf, PinDigits } from "../src/pin-digits.ts";
import { PinEvent } from "../src/pin-event.ts";
import { PLAIN_ORDER, scrambledOrder } from "../src/scramble.ts";

const text = (bytes: Uint8Array) => String.fromCharCode(...bytes);

test("digits of the scripts that our languages type, and nothing else", () => {
  expect(["0", "9", "０", "９", "٠", "٩", "۰", "۹"].map(digitOf)).toEqual([0, 9, 0, 9, 0, 9, 0, 9]);
  for (const key of ["a", "/", ":", "", "12", "Enter", "½", "๑", " "]) expect(digitOf(key)).toBeUndefined();
});

test("no more digits than the longest PIN, whatever the limit says", () => {
  const digits = new PinDigits();
  for (let i = 0; i < 8; i++) expect(digits.add(i, 12)).toBe(true);
  expect(digits.add(9, 12)).toBe(false);
  expect(text(digits.take())).toBe("01234567");
});

test("what was taken or cleared is gone", () => {
  const digits = new PinDigits();
  digits.add(4, 8);
  digits.add(2, 8);
  expect(digits.removeLast()).toBe(true);
  digits.add(7, 8);
  expect(text(digits.take())).toBe("47");
  expect(digits.count).toBe(0);
  expect(digits.take()).toEqual(new Uint8Array());
  expect(digits.removeLast()).toBe(false);
});

test("an event hands its digits out once; what nobody took is overwritten", () => {
  const bytes = Uint8Array.from([0x31, 0x32, 0x33, 0x34]);
  const taken = new PinEvent(bytes);
  expect(taken.take()).toBe(bytes);
  expect(() => taken.take()).toThrow(TypeError);
  taken.discard();
  expect(text(bytes)).toBe("1234");
  const missed = new PinEvent(bytes);
  missed.discard();
  expect(bytes).toEqual(new Uint8Array(4));
  expect(() => missed.take()).toThrow(TypeError);
});

test("an event neither bubbles nor leaves a shadow root, and shows no digit to who prints it", () => {
  const event = new PinEvent(Uint8Array.from([0x38, 0x33, 0x35, 0x30]));
  expect([event.bubbles, event.composed, event.cancelable]).toEqual([false, false, false]);
  expect(JSON.stringify(event) + String(event) + Object.keys(event).join()).not.toMatch(/8350|56|51/);
});

test("a scrambled pad has every digit once", () => {
  for (let seed = 0; seed < 50; seed++) {
    let state = seed;
    const order = scrambledOrder((length) => Uint8Array.from({ length }, () => (state = (state * 109 + 89) % 256)));
    expect([...order].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  }
});

test("bytes that would favour some orders are drawn again", () => {
  // 250 and more are no fair tenth: the next byte counts.
  const bytes = [255, 252, 9, 8, 7, 6, 5, 4, 3, 2, 1];
  let drawn = 0;
  const order = scrambledOrder(() => Uint8Array.of(bytes[drawn++] as number));
  expect(drawn).toBe(11);
  expect(order).toEqual(PLAIN_ORDER);
});
