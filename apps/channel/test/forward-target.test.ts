import { describe, expect, test } from "vitest";
import { decideTarget, formatTarget, parseTarget, parseTargetPattern } from "../src/forward-target.ts";

const invalid = expect.objectContaining({ code: "ERR_TARGET_INVALID" });

test.each([
  ["db.internal:5432", "db.internal:5432"],
  ["DB.Internal.:5432", "db.internal:5432"],
  ["10.0.0.1:1", "10.0.0.1:1"],
  ["[FD00::1]:65535", "[fd00::1]:65535"],
  ["my_host:80", "my_host:80"],
])("%s is a target", (text, canonical) => {
  expect(formatTarget(parseTarget(text))).toBe(canonical);
});

test.each([
  "",
  ":1",
  "a",
  "a:",
  "a:0",
  "a:65536",
  "a:-1",
  "a:1x",
  "a b:1",
  "a/b:1",
  "a..b:1",
  "-a:1",
  "a-:1",
  "::1:80",
  "[::1]",
  "[fe80::1%eth0]:1",
  "127.1:80",
  "2130706433:80",
  "0x7f.1:80",
  "1.2.3:80",
  "x.0x1:80",
  "a\n:1",
  "a\0:1",
  `${"a".repeat(64)}:1`,
  `${"a.".repeat(130)}a:1`,
  "*:80",
  "*.x:80",
])("refused as a target: %j", (text) => {
  expect(() => parseTarget(text)).toThrow(invalid);
});

describe("rules", () => {
  test.each([
    ["db.internal:5432", "db.internal:5432", true],
    ["db.internal:5432", "db.internal:5433", false],
    ["db.internal:*", "db.internal:1", true],
    ["*.internal:443", "a.b.internal:443", true],
    ["*.internal:443", "internal:443", false],
    ["*.internal:443", "evilinternal:443", false],
    ["10.0.0.0/8:*", "10.255.0.1:22", true],
    ["10.0.0.0/8:*", "11.0.0.1:22", false],
    ["10.0.0.0/8:*", "ten.example:22", false],
    ["127.0.0.1:80", "127.0.0.1:80", true],
    ["127.0.0.1:80", "localhost:80", false],
    ["[fd00::/8]:80", "[fd12::1]:80", true],
    ["[fd00::/8]:80", "[fe80::1]:80", false],
    ["10.0.0.0/8:80", "[::ffff:a00:1]:80", true],
    ["*:443", "anything.example:443", true],
    ["*:443", "192.0.2.1:443", true],
    ["*:443", "anything.example:444", false],
  ])("%s on %s: %s", (rule, target, allowed) => {
    expect(decideTarget([parseTargetPattern(rule)], parseTarget(target))).toBe(allowed);
  });

  test("no rule, no target", () => {
    expect(decideTarget([], parseTarget("localhost:80"))).toBe(false);
  });

  test.each([
    "",
    "*",
    "a",
    "a:**",
    "*.10.0.0.1:1",
    "*a:1",
    "a.*:1",
    "10.0.0.0/33:1",
    "name/8:1",
    "[fd00::/129]:1",
    "a:0",
    "10.0.0.0/x:1",
  ])("refused as a rule: %j", (text) => {
    expect(() => parseTargetPattern(text)).toThrow(invalid);
  });
});
