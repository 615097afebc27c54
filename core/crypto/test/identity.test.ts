import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Identity,
  identityOf,
  matchesIdentity,
  parseIdentity,
  parseIdentityPattern,
  splitIdentity,
} from "../src/identity.ts";
import { codeOf } from "./fixtures.ts";

const arbName = fc
  .array(fc.stringMatching(/^[A-Za-z0-9_@+-]{1,8}$/), { minLength: 1, maxLength: 4 })
  .map((segments) => segments.join("/"));
const arbParts = fc.record({
  domain: fc.constantFrom("example", "prod.example", "a-1.b"),
  kind: fc.constantFrom("service", "user", "device-2"),
  name: arbName,
});

test("taking apart and putting together are inverse", () =>
  fc.assert(
    fc.property(arbParts, (parts) => {
      const identity = identityOf(parts);
      expect(splitIdentity(identity)).toEqual(parts);
      expect(parseIdentity(identity)).toBe(identity);
      expect(matchesIdentity(parseIdentityPattern(identity), identity)).toBe(true);
    }),
  ));

test.each([
  "milagro:example/service/web",
  "milagro:a.b-c.d/x/1",
  "milagro:example/user/bob@example.org",
  "milagro:example/user/Zoë",
  "milagro:example/user/日本/東京",
  "milagro:example/user/..a/b..",
])("accepts %s", (text) => {
  expect(parseIdentity(text)).toBe(text);
});

test.each([
  ["nothing", ""],
  ["another scheme", "Milagro:example/service/web"],
  ["no kind", "milagro:example/web"],
  ["no name", "milagro:example/service/"],
  ["an empty segment", "milagro:example/service/a//b"],
  ["a slash at the end", "milagro:example/service/a/"],
  ["a dot segment", "milagro:example/service/./a"],
  ["a dot-dot segment", "milagro:example/service/a/.."],
  ["a capital in the domain", "milagro:Example/service/web"],
  ["an underscore in the domain", "milagro:ex_ample/service/web"],
  ["a dot at the domain's end", "milagro:example./service/web"],
  ["a hyphen at a label's start", "milagro:-example/service/web"],
  ["a label of 64", `milagro:${"a".repeat(64)}/service/web`],
  ["a kind that starts with a digit", "milagro:example/1service/web"],
  ["a kind of 33", `milagro:example/${"k".repeat(33)}/web`],
  ["a space", "milagro:example/service/my web"],
  ["a newline at the end", "milagro:example/service/web\n"],
  ["a NUL", "milagro:example/service/web\0"],
  ["a colon in the name", "milagro:example/service/a:b"],
  ["a hash in the name", "milagro:example/service/a#1"],
  ["a star in the name", "milagro:example/service/*"],
  ["a percent escape", "milagro:example/service/a%2Fb"],
  ["decomposed letters (NFD)", "milagro:example/user/Zoe\u0308"],
  ["a compatibility sign that is no letter", "milagro:example/user/a\u2100"],
  ["a mark at a segment's start", "milagro:example/user/\u0301a"],
  ["a zero-width joiner", "milagro:example/user/a\u200db"],
  ["a right-to-left override", "milagro:example/user/a\u202eb"],
  ["an invisible letter", "milagro:example/user/a\u3164b"],
  ["a soft hyphen", "milagro:example/user/a\u00adb"],
  ["half a surrogate pair", "milagro:example/user/a\ud800"],
  ["a full-width slash", "milagro:example/user\uff0fa"],
  ["256 bytes", `milagro:example/user/${"a".repeat(256 - 21)}`],
  ["255 characters of more than 255 bytes", `milagro:example/user/${"é".repeat(150)}`],
])("refuses %s", (_what, text) => {
  expect(codeOf(() => parseIdentity(text))).toBe("ERR_IDENTITY_INVALID");
});

test("255 bytes are accepted, which 256 are not", () => {
  expect(parseIdentity(`milagro:example/user/${"a".repeat(255 - 21)}`)).toHaveLength(255);
});

test("a part cannot smuggle in a slash", () => {
  expect(codeOf(() => identityOf({ domain: "example/x", kind: "y", name: "z" }))).toBe("ERR_IDENTITY_INVALID");
  expect(codeOf(() => identityOf({ domain: "example", kind: "x/y", name: "z" }))).toBe("ERR_IDENTITY_INVALID");
});

test("an identity is a type of its own", () => {
  // @ts-expect-error unparsed text is no identity
  const unparsed: Identity = "milagro:example/service/web";
  expect(unparsed).toBe("milagro:example/service/web");
});

describe("patterns", () => {
  test.each([
    ["milagro:example/service/*", "milagro:example/service/web", true],
    ["milagro:example/service/*", "milagro:example/service/web/1", false],
    ["milagro:example/service/**", "milagro:example/service/web/1", true],
    ["milagro:example/service/web/**", "milagro:example/service/web", false],
    ["milagro:example/service/web/**", "milagro:example/service/web/1/2", true],
    ["milagro:example/*/web", "milagro:example/user/web", true],
    ["milagro:example/*/**", "milagro:example/user/a/b/c", true],
    ["milagro:example/*/**", "milagro:example.org/user/a", false],
    ["milagro:example/service/web-*", "milagro:example/service/web-17", true],
    ["milagro:example/service/web-*", "milagro:example/service/web-", true],
    ["milagro:example/service/web-*", "milagro:example/service/web", false],
    ["milagro:example/service/*/db", "milagro:example/service/eu/db", true],
    ["milagro:example/service/*/db", "milagro:example/service/eu/x/db", false],
    ["milagro:example/service/web", "milagro:example/service/Web", false],
  ])("%s over %s: %s", (pattern, identity, expected) => {
    expect(matchesIdentity(parseIdentityPattern(pattern), parseIdentity(identity))).toBe(expected);
  });

  test.each([
    "",
    "*",
    "milagro:*/service/web",
    "milagro:ex*/service/web",
    "milagro:example/serv*/web",
    "milagro:example/**",
    "milagro:example/service/**/web",
    "milagro:example/service/***",
    "milagro:example/service/*web",
    "milagro:example/service/w*b",
    "milagro:example/service/..",
    "milagro:example/service/a b*",
  ])("refuses the pattern %j", (pattern) => {
    expect(codeOf(() => parseIdentityPattern(pattern))).toBe("ERR_IDENTITY_PATTERN_INVALID");
  });
});
