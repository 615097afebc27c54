import { parseDomainId } from "@milagro/crypto/domain-id";
import { parseEpoch } from "@milagro/crypto/epoch";
import { parseIdentity } from "@milagro/crypto/identity";
import { beforeAll, describe, expect, test } from "vitest";
import { allAnswersTopic, answersTopic, eventsTopic, parseTopic, requestsTopic } from "../src/bus-messages.ts";
import {
  type BusSubject,
  type BusToken,
  decideTopic,
  encodeBusToken,
  formatBusSubject,
  kmsIdentity,
  makeDtaBusToken,
  makeIdentityBusToken,
  parseBusToken,
  verifyBusToken,
} from "../src/bus-token.ts";
import type { TrustDomain } from "../src/trust-domain.ts";
import {
  ALICE,
  BOB,
  codeOf,
  EPOCH,
  engine,
  type Founded,
  flip,
  foundDomain,
  issueKey,
  type Member,
  NOW_MS,
  random,
} from "./fixture.ts";

let founded: Founded;
let domain: TrustDomain;
let dtaToken: BusToken;
let aliceToken: BusToken;

const dta = (index = 1, nowMs = NOW_MS) =>
  parseBusToken(
    makeDtaBusToken(engine, random, {
      domainId: domain.domainId,
      index,
      statement: (founded.members[0] as Member).masters.statement,
      nowMs,
    }),
  );
const identity = (who = ALICE, epoch = EPOCH) =>
  parseBusToken(
    makeIdentityBusToken(engine, random, {
      domain,
      identity: who,
      epoch,
      key: issueKey(founded, ALICE, "sig", epoch),
      nowMs: NOW_MS,
    }),
  );
const verify = (token: BusToken, nowMs = NOW_MS) => codeOf(() => verifyBusToken(engine, domain, token, nowMs));

beforeAll(async () => {
  founded = await foundDomain(2);
  ({ domain } = founded);
  dtaToken = dta();
  aliceToken = identity();
});

describe("tokens", () => {
  test("of a D-TA and of an identity verify, as theirs", () => {
    expect(verifyBusToken(engine, domain, dtaToken, NOW_MS)).toEqual({
      subject: { kind: "dta", index: 1 },
      nonce: dtaToken.nonce,
      expiresMs: NOW_MS + 60_000,
    });
    expect(verifyBusToken(engine, domain, aliceToken, NOW_MS).subject).toEqual({ kind: "identity", identity: ALICE });
    expect(formatBusSubject({ kind: "identity", identity: ALICE })).toBe(ALICE);
  });

  test("every field is signed", () => {
    const changes: Partial<BusToken>[] = [
      { subject: "dta:2" },
      { subject: BOB },
      { subject: "dta:01" },
      { subject: "somebody" },
      { time: aliceToken.time + 1 },
      { nonce: flip(aliceToken.nonce) },
      { epoch: parseEpoch(EPOCH + 1) },
      { domainId: parseDomainId(flip(domain.domainId)) },
      { signature: flip(aliceToken.signature, -1) },
      { signature: dtaToken.signature },
    ];
    for (const change of changes)
      for (const token of [dtaToken, aliceToken]) {
        if (token === dtaToken && change.signature === dtaToken.signature) continue;
        expect(verify({ ...token, ...change })).toBe("ERR_BUS_TOKEN_INVALID");
      }
  });

  test("are good for a minute to either side", () => {
    for (const [seconds, code] of [
      [0, "ok"],
      [60, "ok"],
      [-60, "ok"],
      [61, "ERR_BUS_TOKEN_INVALID"],
      [-61, "ERR_BUS_TOKEN_INVALID"],
    ] as const)
      expect(verify(dtaToken, NOW_MS + seconds * 1000)).toBe(code);
  });

  test("are refused from keys of another epoch, of another identity, of another D-TA, or without expiry", () => {
    expect(verify(identity(ALICE, parseEpoch(EPOCH - 2)))).toBe("ERR_BUS_TOKEN_INVALID");
    expect(verify(identity(ALICE, parseEpoch(0)))).toBe("ERR_BUS_TOKEN_INVALID");
    expect(verify(identity(BOB))).toBe("ERR_BUS_TOKEN_INVALID");
    expect(verify(dta(2))).toBe("ERR_BUS_TOKEN_INVALID");
    expect(verify(dta(9))).toBe("ERR_BUS_TOKEN_INVALID");
    const { epoch: _, ...without } = aliceToken;
    expect(verify(without)).toBe("ERR_BUS_TOKEN_INVALID");
  });

  test.each(["", "hunter2", "e30", "AAAAB", "bnVsbA", "x".repeat(5000)])("%j is no token", (text) => {
    expect(codeOf(() => parseBusToken(text))).toBe("ERR_BUS_TOKEN_INVALID");
  });

  test("survive the wire, and no two are alike", () => {
    expect(parseBusToken(encodeBusToken(aliceToken))).toEqual(aliceToken);
    expect(dta().nonce).not.toEqual(dta().nonce);
  });
});

describe("topics", () => {
  test("those we make are those we parse", () => {
    const { domainId } = domain;
    expect(parseTopic(requestsTopic(domainId, 2))).toEqual({ kind: "requests", domainId, index: 2 });
    expect(parseTopic(answersTopic(domainId, 32))).toEqual({ kind: "answers", domainId, index: 32 });
    expect(parseTopic(eventsTopic(domainId, ALICE))?.kind).toBe("events");
    expect(eventsTopic(domainId, ALICE)).not.toContain("alice");
  });

  test("nothing else is one, wildcards least of all", () => {
    const id = "A".repeat(43);
    for (const text of [
      "",
      "#",
      "+",
      "$SYS/#",
      "milagro/v1/#",
      `milagro/v1/${id}/#`,
      `milagro/v1/${id}/dta/+/requests`,
      `milagro/v1/${id}/dta/0/requests`,
      `milagro/v1/${id}/dta/33/requests`,
      `milagro/v1/${id}/dta/01/requests`,
      `milagro/v1/${id}/dta/1/events`,
      `milagro/v1/${id}/endpoint/1/events`,
      `milagro/v1/${id}/endpoint/${id}/requests`,
      `milagro/v1/${id}/dta/1/requests/x`,
      ` milagro/v1/${id}/dta/1/requests`,
      `milagro/v1/${"A".repeat(42)}B/dta/1/requests`,
      "x".repeat(300),
    ])
      expect(parseTopic(text), text).toBeUndefined();
  });

  test("who may do what: this table and nothing else", () => {
    const { domainId } = domain;
    const subjects: Record<string, BusSubject> = {
      dta1: { kind: "dta", index: 1 },
      alice: { kind: "identity", identity: ALICE },
      kms: { kind: "identity", identity: kmsIdentity(domain) },
      strangeKms: { kind: "identity", identity: parseIdentity("milagro:example.net/service/kms") },
    };
    const topics: Record<string, string> = {
      requests1: requestsTopic(domainId, 1),
      requests2: requestsTopic(domainId, 2),
      answers1: answersTopic(domainId, 1),
      answers2: answersTopic(domainId, 2),
      allAnswers: allAnswersTopic(domainId),
      alice: eventsTopic(domainId, ALICE),
      bob: eventsTopic(domainId, BOB),
      otherDomain: requestsTopic(parseDomainId(flip(domainId)), 1),
      otherAnswers: allAnswersTopic(parseDomainId(flip(domainId))),
      everything: "#",
    };
    const allowed = Object.entries(subjects).flatMap(([who, subject]) =>
      Object.entries(topics).flatMap(([where, topic]) =>
        (["publish", "subscribe"] as const)
          .filter((action) => decideTopic(domain, subject, action, topic))
          .map((action) => `${who} ${action} ${where}`),
      ),
    );
    expect(allowed).toEqual([
      "dta1 subscribe requests1",
      "dta1 publish answers1",
      "alice subscribe alice",
      "kms publish requests1",
      "kms publish requests2",
      "kms subscribe answers1",
      "kms subscribe answers2",
      "kms subscribe allAnswers",
      "kms publish alice",
      "kms publish bob",
    ]);
  });
});
