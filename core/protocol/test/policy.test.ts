import { parseIdentity } from "@milagro/crypto/identity";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ACCESS_ACTIONS,
  type AccessAction,
  type AccessRule,
  decideAccess,
  parseAccessPolicy,
  parseIssuancePolicy,
} from "../src/policy.ts";
import { matchesSecretPath, parseSecretPath, parseSecretPathPattern } from "../src/secret-path.ts";
import { codeOf } from "./fixture.ts";

const web = parseIdentity("milagro:example.org/service/web");
const path = parseSecretPath("db/prod/password");
const rules = (...list: [AccessRule["effect"], string, AccessAction, string][]) =>
  parseAccessPolicy({
    v: 1,
    version: 1,
    rules: list.map(([effect, identity, action, at]) => ({
      effect,
      identities: [identity],
      actions: [action],
      paths: [at],
    })),
  }).rules;
const ANY = "milagro:example.org/*/**";

test.each<[string, readonly AccessRule[], "allow" | "deny"]>([
  ["no rule", [], "deny"],
  ["a rule that allows", rules(["allow", ANY, "read", "**"]), "allow"],
  ["another action", rules(["allow", ANY, "list", "**"]), "deny"],
  ["another identity", rules(["allow", "milagro:example.org/service/db", "read", "**"]), "deny"],
  ["another domain", rules(["allow", "milagro:example.net/*/**", "read", "**"]), "deny"],
  ["another path", rules(["allow", ANY, "read", "db/*"]), "deny"],
  ["a denial after", rules(["allow", ANY, "read", "**"], ["deny", ANY, "read", "db/**"]), "deny"],
  ["a denial before", rules(["deny", ANY, "read", "db/**"], ["allow", ANY, "read", "**"]), "deny"],
  ["a denial of something else", rules(["deny", ANY, "read", "cache/**"], ["allow", ANY, "read", "**"]), "allow"],
  ["only a denial of something else", rules(["deny", ANY, "delete", "**"]), "deny"],
])("%s: %o", (_, list, expected) => {
  expect(decideAccess(list, web, "read", path).kind).toBe(expected);
});

test("no permission ever outweighs a denial, wherever it stands", () =>
  fc.assert(
    fc.property(fc.array(fc.constantFrom<AccessAction>(...ACCESS_ACTIONS)), fc.nat(), (actions, at) => {
      const list = [
        ...rules(...actions.map((action): ["allow", string, AccessAction, string] => ["allow", ANY, action, "**"])),
      ];
      list.splice(at % (list.length + 1), 0, ...rules(["deny", ANY, "read", "db/**"]));
      expect(decideAccess(list, web, "read", path).kind).toBe("deny");
    }),
  ));

test("the decision names the rule", () => {
  const list = rules(["allow", ANY, "list", "**"], ["allow", ANY, "read", "**"]);
  expect(decideAccess(list, web, "read", path)).toEqual({ kind: "allow", rule: 1 });
  expect(decideAccess(list, web, "delete", path)).toEqual({ kind: "deny", code: "ERR_ACCESS_DENIED" });
});

describe("paths", () => {
  test.each([
    "",
    "/",
    "a/",
    "/a",
    "a//b",
    ".",
    "..",
    "a/../b",
    "a/.",
    "./a",
    "a b",
    "a\u0000",
    "é",
    "a?b",
    "a#b",
    "a%2fb",
    "a\\b",
    "a*",
    "x".repeat(201),
  ])("%j is no path", (text) => {
    expect(codeOf(() => parseSecretPath(text))).toBe("ERR_PATH_INVALID");
  });
  test.each(["", "**/a", "a/**/b", "a*b", "***", "../*", "a/..*/", "*a"])("%j is no pattern", (text) => {
    expect(codeOf(() => parseSecretPathPattern(text))).toBe("ERR_PATH_INVALID");
  });
  test.each([
    ["a", "a", true],
    ["a", "b", false],
    ["a", "a/b", false],
    ["*", "a", true],
    ["*", "a/b", false],
    ["**", "a", true],
    ["**", "a/b/c", true],
    ["a/**", "a", false],
    ["a/**", "a/b", true],
    ["a/**", "ab/c", false],
    ["a/b*", "a/bc", true],
    ["a/b*", "a/b", true],
    ["a/b*", "a/b/c", false],
    ["*/b", "a/b", true],
    ["a.b", "aXb", false],
  ])("%s against %s: %s", (pattern, text, expected) => {
    expect(matchesSecretPath(parseSecretPathPattern(pattern), parseSecretPath(text))).toBe(expected);
  });
  test("a long pattern of stars costs no more than its length", () => {
    const pattern = parseSecretPathPattern(
      Array.from({ length: 90 }, () => "a*")
        .join("/")
        .slice(0, 200),
    );
    expect(matchesSecretPath(pattern, parseSecretPath("a".repeat(200)))).toBe(false);
  });
});

test("an issuance policy is refused for unknown evidence, usages, claims and private keys", () => {
  const rule = { identities: [ANY], usages: ["enc"], evidence: ["join-token"], maxEpochsAhead: 1, maxEpochsBack: 30 };
  const x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
  const oidc = {
    issuer: "https://idp.example.org",
    audience: "milagro",
    jwksUrl: "https://idp.example.org/jwks",
    identityFrom: "milagro:example.org/person/{sub}",
  };
  const registrar = { name: "hr", publicKey: { kty: "OKP", crv: "Ed25519", x }, identities: [ANY] };
  const policy = { v: 1, version: 3, rules: [rule], registrars: [registrar], oidc: [oidc], denied: [] };
  expect(codeOf(() => parseIssuancePolicy(policy))).toBe("ok");
  for (const good of [
    { rules: [{ ...rule, usages: ["permit"], evidence: [] }] },
    { rules: [{ ...rule, usages: ["mpin", "mpin-server", "sig", "permit"], evidence: ["email-code", "device"] }] },
    { loginServers: [{ name: "login", publicKey: registrar.publicKey, services: ["login.example.org", "shop*"] }] },
  ])
    expect(codeOf(() => parseIssuancePolicy({ ...policy, ...good }))).toBe("ok");
  for (const bad of [
    { rules: [{ ...rule, evidence: ["none"] }] },
    { rules: [{ ...rule, evidence: [] }] },
    { rules: [{ ...rule, usages: ["mpin"], evidence: [] }] },
    { rules: [{ ...rule, usages: ["mpin", "permit"], evidence: [] }] },
    { rules: [{ ...rule, usages: ["statement"] }] },
    { loginServers: [{ name: "login", publicKey: registrar.publicKey, services: [] }] },
    { loginServers: [{ name: "login", publicKey: registrar.publicKey, services: ["a/b"] }] },
    { loginServers: [{ name: "login", publicKey: registrar.publicKey, services: ["*.example.org"] }] },
    { rules: [{ ...rule, identities: [] }] },
    { rules: [{ ...rule, maxEpochsAhead: -1 }] },
    { registrars: [{ ...registrar, publicKey: { ...registrar.publicKey, d: x } }] },
    { registrars: [{ ...registrar, publicKey: { kty: "EC", crv: "P-256", x } }] },
    { oidc: [{ ...oidc, identityFrom: "milagro:example.org/person/alice" }] },
    { oidc: [{ ...oidc, identityFrom: "{sub}" }] },
    { oidc: [{ ...oidc, identityFrom: "milagro:example.org/{sub}/{sub}" }] },
  ])
    expect(codeOf(() => parseIssuancePolicy({ ...policy, ...bad }))).toBe("ERR_MESSAGE_INVALID");
});
