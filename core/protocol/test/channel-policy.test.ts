import { describe, expect, test } from "vitest";
import { type ChannelRule, decideChannel, matchesPeer, parseChannelPolicy } from "../src/channel-policy.ts";
import { codeOf } from "./fixture.ts";

const WEB = "milagro:acme/service/web";
const DATABASE = "milagro:acme/service/db";
const EVE = "milagro:acme/person/eve";

const allow = (initiators: string[], responders: string[]): ChannelRule => ({
  effect: "allow",
  initiators,
  responders,
});
const deny = (initiators: string[], responders: string[]): ChannelRule => ({ effect: "deny", initiators, responders });

describe("who may open a channel to whom", () => {
  test.each<[string, ChannelRule[], string, string, "allow" | "deny", number | undefined]>([
    ["nobody, without a rule", [], WEB, DATABASE, "deny", undefined],
    ["whom a rule names", [allow([WEB], [DATABASE])], WEB, DATABASE, "allow", 0],
    ["not the other way round", [allow([WEB], [DATABASE])], DATABASE, WEB, "deny", undefined],
    ["nobody else", [allow([WEB], [DATABASE])], EVE, DATABASE, "deny", undefined],
    ["a whole kind", [allow(["milagro:acme/service/*"], ["milagro:acme/*/**"])], WEB, EVE, "allow", 0],
    [
      "not whom a denial names, wherever it stands",
      [allow(["milagro:acme/*/**"], [DATABASE]), deny([EVE], [DATABASE])],
      EVE,
      DATABASE,
      "deny",
      1,
    ],
    ["a D-TA", [allow(["dta:2"], [DATABASE])], "dta:2", DATABASE, "allow", 0],
    ["any D-TA", [allow(["dta:*"], [DATABASE])], "dta:3", DATABASE, "allow", 0],
    ["not another D-TA", [allow(["dta:2"], [DATABASE])], "dta:3", DATABASE, "deny", undefined],
    ["who has no name, only where it is said", [allow(["anonymous"], [DATABASE])], "anonymous", DATABASE, "allow", 0],
    [
      "who has no name, not by a pattern over identities",
      [allow(["milagro:acme/*/**"], [DATABASE])],
      "anonymous",
      DATABASE,
      "deny",
      undefined,
    ],
    [
      "another domain, never",
      [allow(["milagro:acme/*/**"], [DATABASE])],
      "milagro:acme.evil/service/web",
      DATABASE,
      "deny",
      undefined,
    ],
  ])("%s", (_, rules, initiator, responder, kind, rule) => {
    const decision = decideChannel(rules, initiator, responder);
    expect(decision.kind).toBe(kind);
    expect(decision.rule).toBe(rule);
  });
});

test("a pattern over identities covers no D-TA, and `dta:*` no identity", () => {
  expect(matchesPeer("milagro:acme/*/**", "dta:1")).toBe(false);
  expect(matchesPeer("dta:*", "milagro:acme/dta/x")).toBe(false);
  expect(matchesPeer("dta:*", "anonymous")).toBe(false);
});

describe("a policy is not taken", () => {
  test.each<[string, unknown]>([
    ["with a pattern that is none", [{ effect: "allow", initiators: ["*"], responders: [WEB] }]],
    ["with a D-TA of index 0", [{ effect: "allow", initiators: ["dta:0"], responders: [WEB] }]],
    ["with nobody on one side", [{ effect: "allow", initiators: [], responders: [WEB] }]],
    ["with another effect", [{ effect: "maybe", initiators: [WEB], responders: [WEB] }]],
    ["with a property that nobody knows", [{ effect: "allow", initiators: [WEB], responders: [WEB], unless: "x" }]],
  ])("%s", (_, rules) => {
    expect(codeOf(() => parseChannelPolicy({ v: 1, version: 1, rules }))).toBe("ERR_MESSAGE_INVALID");
  });
});
