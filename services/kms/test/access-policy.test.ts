import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseIdentity } from "@milagro/crypto/identity";
import { parseAccessPolicy } from "@milagro/protocol/policy";
import { parseSecretPath } from "@milagro/protocol/secret-path";
import { silentLog } from "@milagro/runtime/log";
import { afterAll, describe, expect, test } from "vitest";
import { decideRead, decideWrite, mayListSomething, openPolicy, type WriteOperation } from "../src/access-policy.ts";

const rule = (effect: "allow" | "deny", who: string, actions: string[], paths: string[]) => ({
  effect,
  identities: [`milagro:example.org/${who}`],
  actions,
  paths,
});
const { rules } = parseAccessPolicy({
  v: 1,
  version: 1,
  rules: [
    rule("allow", "user/*", ["put", "list", "read"], ["team/**"]),
    rule("allow", "service/renewer", ["rotate"], ["team/**"]),
    rule("allow", "service/maker", ["generate"], ["**"]),
    rule("allow", "user/importer", ["import"], ["legacy/*"]),
    rule("deny", "user/mallory", ["put", "read", "list"], ["**"]),
    rule("deny", "user/careful", ["rotate"], ["team/frozen"]),
  ],
});
const who = (name: string) => parseIdentity(`milagro:example.org/${name}`);

describe("writing: who, what, where, on something that exists or not", () => {
  test.each<[string, WriteOperation, string, "new" | "there", "allow" | "deny"]>([
    ["user/alice", "put", "team/db", "new", "allow"],
    ["user/alice", "put", "team/db", "there", "allow"],
    ["user/alice", "put", "other/db", "new", "deny"],
    ["user/alice", "put", "team", "new", "deny"],
    ["user/alice", "import", "team/db", "new", "deny"],
    ["user/alice", "generate", "team/db", "new", "deny"],
    ["user/alice", "rotate", "team/db", "there", "deny"],
    ["service/renewer", "rotate", "team/db", "there", "allow"],
    ["service/renewer", "put", "team/db", "there", "allow"],
    ["service/renewer", "generate", "team/db", "there", "allow"],
    ["service/renewer", "put", "team/db", "new", "deny"],
    ["service/renewer", "generate", "team/db", "new", "deny"],
    ["service/maker", "generate", "any/where", "new", "allow"],
    ["service/maker", "generate", "any/where", "there", "allow"],
    ["service/maker", "put", "any/where", "new", "deny"],
    ["user/importer", "import", "legacy/x", "new", "allow"],
    ["user/importer", "import", "legacy/x/y", "new", "deny"],
    ["user/mallory", "put", "team/db", "new", "deny"],
    ["user/mallory", "put", "team/db", "there", "deny"],
    ["user/careful", "put", "team/frozen", "new", "allow"],
    ["user/careful", "put", "team/frozen", "there", "deny"],
    ["user/careful", "put", "team/db", "there", "allow"],
    ["endpoint/web-1", "put", "team/db", "new", "deny"],
  ])("%s may %s %s (%s): %s", (name, operation, path, there, expected) => {
    expect(decideWrite(rules, who(name), operation, parseSecretPath(path), there === "there").kind).toBe(expected);
  });

  test("without rules nobody may do anything", () => {
    for (const operation of ["put", "import", "generate", "rotate"] as const)
      for (const exists of [true, false])
        expect(decideWrite([], who("user/alice"), operation, parseSecretPath("a"), exists).kind).toBe("deny");
  });
});

describe("reading", () => {
  test.each<[string, string, string[], "allow" | "deny"]>([
    ["user/alice", "team/db", [], "allow"],
    ["user/alice", "other/db", [], "deny"],
    ["endpoint/web-1", "other/db", ["endpoint/web-1"], "allow"],
    ["endpoint/web-2", "other/db", ["endpoint/web-1"], "deny"],
    ["endpoint/web-1/x", "other/db", ["endpoint/web-1"], "deny"],
    ["user/mallory", "team/db", ["user/mallory"], "deny"],
  ])("%s reads %s, sent to %j: %s", (name, path, recipients, expected) => {
    expect(
      decideRead(
        rules,
        who(name),
        parseSecretPath(path),
        recipients.map((r) => who(r)),
      ).kind,
    ).toBe(expected);
  });
});

test("listing at all needs a rule that allows some listing", () => {
  expect(mayListSomething(rules, who("user/alice"))).toBe(true);
  expect(mayListSomething(rules, who("service/maker"))).toBe(false);
  expect(mayListSomething([], who("user/alice"))).toBe(false);
});

describe("the policy file", () => {
  const folder = mkdtempSync(join(tmpdir(), "kms-policy-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "policy.json");
  const write = (value: unknown) => writeFileSync(file, typeof value === "string" ? value : JSON.stringify(value));
  const policy = (version: number) => ({ v: 1, version, rules: [rule("allow", "user/*", ["put"], ["**"])] });

  test("a missing file allows nothing", async () => {
    expect((await openPolicy(join(folder, "none.json"), silentLog)).current.rules).toEqual([]);
  });

  test.each([
    ["not JSON", "{"],
    ["no policy", {}],
    ["an unknown action", { v: 1, version: 1, rules: [rule("allow", "user/*", ["fly"], ["**"])] }],
    ["an unknown property", { ...policy(1), extra: true }],
    ["a pattern that is none", { v: 1, version: 1, rules: [rule("allow", "user/*", ["put"], ["a//b"])] }],
    [
      "an identity of no domain",
      { v: 1, version: 1, rules: [{ ...rule("allow", "x", ["put"], ["**"]), identities: ["*"] }] },
    ],
  ])("at start, refused: %s", async (_, content) => {
    write(content);
    await expect(openPolicy(file, silentLog)).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
  });

  test("reloading takes a good policy and keeps the old one over a bad one", async () => {
    write(policy(1));
    const holder = await openPolicy(file, silentLog);
    write(policy(2));
    expect(await holder.reload()).toBe(true);
    expect(holder.current.version).toBe(2);
    write("{ half a fi");
    expect(await holder.reload()).toBe(false);
    expect(holder.current.version).toBe(2);
    rmSync(file);
    expect(await holder.reload()).toBe(true);
    expect(holder.current.rules).toEqual([]);
  });
});
