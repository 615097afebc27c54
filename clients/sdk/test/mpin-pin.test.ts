import { utf8 } from "@milagro/crypto/bytes";
import { parsePin } from "@milagro/crypto/mpin-token";
import { describe, expect, test } from "vitest";
import { pinWeakness, samePin } from "../src/mpin-pin.ts";

const POLICY = { min: 4, max: 8 };
const weakness = (digits: string, policy = POLICY) => pinWeakness(parsePin(utf8(digits)), policy);
/** N. Berry, "PIN analysis", DataGenetics 2012: the twenty most frequent, most frequent first. */
const BERRY =
  "1234 1111 0000 1212 7777 1004 2000 4444 2222 6969 9999 3333 5555 6666 1122 1313 8888 4321 2001 1010".split(" ");

describe("weak PINs", () => {
  test.each([
    ["repeated", "1111 1212 1313 6969 1010 123123 112233 1122 12121 11122 00000000 78787878"],
    ["run", "1234 4321 2468 9753 7890 0987 123456 87654321 0369 1470"],
    ["pattern", "2580 0852 1397 7931 1254 5698 1236 9874 4123 8462 147258 159357 123698 96321478 15935712"],
    ["year", "1900 1984 2026 2059 31121999 12311999 20010101 19840229"],
    ["common", "1004 1221 0007 112358"],
  ])("%s", (kind, list) => {
    for (const pin of list.split(" ")) expect([pin, weakness(pin)]).toEqual([pin, kind]);
  });

  test("the twenty most frequent of all are refused", () => {
    for (const pin of BERRY) expect([pin, weakness(pin)]).not.toEqual([pin, undefined]);
  });

  test.each([
    "8068",
    "1899",
    "2060",
    "4071",
    "9305",
    "58204",
    "130571",
    "7392846",
    "39122001",
    "20011301x".slice(0, 7),
  ])("%s is left to choose", (pin) => {
    expect(weakness(pin)).toBeUndefined();
  });

  test("the service's lengths count before anything else", () => {
    expect(weakness("1111", { min: 6, max: 8 })).toBe("length");
    expect(weakness("8068135", { min: 4, max: 6 })).toBe("length");
  });

  test("about one PIN of four digits in twenty is refused", () => {
    const all = Array.from({ length: 10_000 }, (_, i) => String(i).padStart(4, "0"));
    const refused = all.filter((pin) => weakness(pin) !== undefined).length;
    expect(refused).toBeGreaterThan(400);
    expect(refused).toBeLessThan(600);
  });

  test("looking at a PIN leaves it, and comparing two as well", () => {
    const [a, b, c] = [parsePin(utf8("8068")), parsePin(utf8("8068")), parsePin(utf8("8069"))];
    pinWeakness(a, POLICY);
    expect([samePin(a, b), samePin(a, c), samePin(a, parsePin(utf8("80680")))]).toEqual([true, false, false]);
    expect(a.use((digits) => digits.length)).toBe(4);
  });
});
