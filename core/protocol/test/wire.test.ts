import { execFileSync } from "node:child_process";
import fc from "fast-check";
import Type from "typebox";
import { describe, expect, test } from "vitest";
import { Labels } from "../src/secret-record.ts";
import {
  AuthorityIndex,
  BusUrl,
  bytes,
  bytesBetween,
  EpochNumber,
  HttpUrl,
  IdentityPatternText,
  IdentityText,
  line,
  parseJson,
  parserOf,
  strict,
  UnixSeconds,
} from "../src/wire.ts";
import { codeOf, outcome } from "./fixture.ts";

const accepts = (schema: Parameters<typeof parserOf>[1], value: unknown) =>
  codeOf(() => parserOf("leaf", schema)(value)) === "ok";
const b64 = (value: Uint8Array) => Buffer.from(value).toString("base64url");

test("bytes: any length, one spelling", () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (value) => {
      expect(parserOf("bytes", bytes(value.length))(b64(value))).toEqual(value);
      expect(parserOf("bytes", bytesBetween(0, 70))(b64(value))).toEqual(value);
      expect(accepts(bytes(value.length + 1), b64(value))).toBe(false);
      expect(accepts(bytesBetween(value.length + 1, value.length + 2), b64(value))).toBe(false);
    }),
  ));

describe("base64url that is not canonical", () => {
  test.each([
    "AAAAAAAAAAAAAAAAAAAAAB",
    "AAAAAAAAAAAAAAAAAAAAAA==",
    "AAAAAAAAAAAAAAAAAAAA+A",
    "AAAAAAAAAAAAAAAAAAAA/A",
    "AAAAAAAAAAAAAAAAAAAAA",
    " AAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAA\n",
    "ÄAAAAAAAAAAAAAAAAAAAAA",
    "",
  ])("%j is not 16 bytes", (text) => {
    expect(accepts(bytes(16), text)).toBe(false);
    expect(accepts(bytesBetween(16, 16), text)).toBe(false);
  });
});

test.each([
  "milagro:example.org/person/alice\u0000",
  "milagro:example.org/person/al\u0000ice",
  `milagro:example.org/person/${"a".repeat(300)}`,
  `milagro:example.org/person/${"é".repeat(120)}`,
  "milagro:example.org/person/e\u0301",
  "milagro:Example.org/person/alice",
  "milagro:example.org/person/../alice",
  "milagro:example.org/person/",
  "milagro:example.org/person",
  "example.org/person/alice",
  "milagro:example.org/person/\ud800",
  "",
])("%j is no identity", (text) => {
  expect(accepts(IdentityText, text)).toBe(false);
});

test.each([
  "milagro:*/person/alice",
  "milagro:example.org/person/**/a",
  "milagro:example.org/person/a*b",
  "*",
  "milagro:example.org/per*/a",
])("%j is no identity pattern", (text) => expect(accepts(IdentityPatternText, text)).toBe(false));

test.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, "1", null])("%s is no epoch", (value) => {
  expect(accepts(EpochNumber, value)).toBe(false);
});

test.each([-1, 1.5, 253_402_300_800, "1800000000"])("%s is no time", (value) =>
  expect(accepts(UnixSeconds, value)).toBe(false),
);
test.each([0, 33, -1, 1.5])("%s is no place in a domain", (value) =>
  expect(accepts(AuthorityIndex, value)).toBe(false),
);

test.each([
  "ftp://a",
  "https://user@a.example",
  "https://user:pw@a.example/",
  "https://a.example/?q=1",
  "https://a.example/#x",
  "//a",
  "https://",
  "https://a b",
  "javascript:1",
  "https://a.example/\n",
])("%j is no URL of a service", (text) => expect(accepts(HttpUrl, text)).toBe(false));
test.each(["http://a", "mqtt://u:p@a", "mqtt://"])("%j is no URL of a bus", (text) =>
  expect(accepts(BusUrl, text)).toBe(false),
);

test.each(["", " a", "a ", "a\nb", "a\u0000b", "a\u202eb", "\ud800", "a\u2028b"])("%j is no line of text", (text) => {
  expect(accepts(line(20, "text"), text)).toBe(false);
});
test("a line may hold spaces and any script", () =>
  expect(accepts(line(30, "text"), "Société Générale d’État 東京")).toBe(true));

test.each([
  { "BAD KEY": "x" },
  { Team: "x" },
  { ["a".repeat(33)]: "x" },
  JSON.parse('{"__proto__":"x"}'),
  { team: 1 },
  { team: "a\u0000b" },
  { team: "x".repeat(129) },
  Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, ""])),
])("%o are no labels", (labels) => expect(accepts(Labels, labels)).toBe(false));

test("parsing needs no eval: it works where a content security policy forbids it", () => {
  const module = new URL("../src/issuance-messages.ts", import.meta.url).href;
  const script = `import(${JSON.stringify(module)}).then((m) => { try { m.parseEvidence({ type: "grant" }) } catch (e) { console.log(e.code) } })`;
  const flags = ["--disallow-code-generation-from-strings", "--conditions=@milagro/source", "-e", script];
  expect(execFileSync(process.execPath, flags, { encoding: "utf8" }).trim()).toBe("ERR_MESSAGE_INVALID");
});

describe("explanations", () => {
  const parse = parserOf(
    "thing",
    strict({
      list: Type.Array(
        Type.Union([
          strict({ type: Type.Literal("a"), size: EpochNumber }),
          strict({ type: Type.Literal("b"), key: bytes(4) }),
        ]),
      ),
    }),
  );
  const said = (input: unknown) => outcome(() => parse(input)).message;

  test("name the place inside the variant that was meant", () => {
    expect(
      said({
        list: [
          { type: "a", size: 1 },
          { type: "a", size: -1 },
        ],
      }),
    ).toBe("thing: /list/1/size must be >= 0");
    expect(said({ list: [{ type: "b", key: "AAAAAB" }] })).toBe("thing: /list/0/key is not in its canonical form");
    expect(said({ list: [{ type: "b" }] })).toBe("thing: /list/0 must have required properties key");
    expect(said({ list: [{ type: "c" }] })).toBe("thing: /list/0 has none of the forms allowed here");
    expect(said({ list: 1 })).toBe("thing: /list must be array");
    expect(said(7)).toBe("thing: the message must be object");
  });

  test("repeat a property's name only when it looks like one", () => {
    expect(said({ list: [], lsit: 1 })).toBe("thing: the message has the unknown property lsit");
    for (const name of ["correct horse", "7f3a99", "p4ssw0rd", "a-b", "x".repeat(25), "__proto__"])
      expect(said({ list: [], ...JSON.parse(`{${JSON.stringify(name)}:1}`) })).toBe(
        "thing: the message has the unknown property ?",
      );
  });
});

test("what is not JSON is refused without repeating it", () => {
  const { code, message } = outcome(() => parseJson('{"passphrase":"hunter2'));
  expect(code).toBe("ERR_MESSAGE_INVALID");
  expect(message).not.toContain("hunter2");
});

test("of duplicate keys the last one counts, because JSON.parse says so; nothing signed depends on the spelling", () => {
  expect(parserOf("twice", strict({ a: EpochNumber }))(parseJson('{"a":1,"a":2}'))).toEqual({ a: 2 });
});
