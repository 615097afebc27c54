import { formatDomainId, parseDomainId } from "@milagro/crypto/domain-id";
import { type DomainDescriptor, encodeSignedDescriptor } from "@milagro/protocol/descriptor";
import { beforeAll, describe, expect, test } from "vitest";
import {
  codeOf,
  describe as describeDomain,
  engine,
  type Founded,
  foundDomain,
  makeProposal,
  outcome,
  random,
  signDescriptor,
} from "../../../core/protocol/test/fixture.ts";
import { parseEvidenceText } from "../src/evidence.ts";
import type { HttpPort } from "../src/http-port.ts";
import { apiUrl, callJson } from "../src/json-call.ts";
import {
  encodeKnownDomain,
  firstSight,
  type KnownDomain,
  laterSight,
  openKnownDomain,
  parseKnownDomain,
} from "../src/known-domain.ts";
import { findLaterDescriptor, isRefusedDescriptor } from "../src/later-descriptor.ts";
import { json, problem } from "./network.ts";

let founded: Founded;
let other: Founded;
let known: KnownDomain;
let second: ReturnType<typeof signDescriptor>;

beforeAll(async () => {
  founded = await foundDomain(2);
  other = await foundDomain(1);
  ({ known } = firstSight(engine, random, founded.signed));
  const later: DomainDescriptor = {
    ...founded.signed.descriptor,
    sequence: 1,
    domainId: founded.domain.domainId,
    previous: founded.domain.hash,
    kms: { url: "https://kms.example.org" },
  };
  second = signDescriptor(founded.members, later);
});

describe("a pinned domain", () => {
  test("is remembered through JSON", () => {
    const again = parseKnownDomain(JSON.parse(JSON.stringify(encodeKnownDomain(known))));
    expect(formatDomainId(openKnownDomain(engine, random, again).domainId)).toBe(
      formatDomainId(founded.domain.domainId),
    );
  });

  test("moves on to a later descriptor, and never back", () => {
    const moved = laterSight(engine, random, known, second).known;
    expect(openKnownDomain(engine, random, parseKnownDomain(encodeKnownDomain(moved))).descriptor.kms?.url).toBe(
      "https://kms.example.org",
    );
    expect(codeOf(() => laterSight(engine, random, moved, founded.signed))).toBe("ERR_DESCRIPTOR_STALE");
  });

  test("refuses another domain of the same name", () => {
    expect(codeOf(() => laterSight(engine, random, known, other.signed))).toBe("ERR_DESCRIPTOR_PIN");
    expect(codeOf(() => firstSight(engine, random, other.signed, known.pin))).toBe("ERR_DESCRIPTOR_PIN");
  });

  test("refuses a memory that was tampered with", () => {
    expect(codeOf(() => openKnownDomain(engine, random, { ...known, pin: parseDomainId(new Uint8Array(32)) }))).toBe(
      "ERR_DESCRIPTOR_PIN",
    );
    const resigned = signDescriptor(other.members, describeDomain(other.members, makeProposal(1)));
    expect(codeOf(() => openKnownDomain(engine, random, { ...known, genesis: resigned }))).toBe("ERR_DESCRIPTOR_PIN");
    const half = { ...second, signatures: [...second.signatures].reverse() };
    expect(codeOf(() => openKnownDomain(engine, random, { ...known, newest: half }))).toBe("ERR_DESCRIPTOR_FORGED");
  });

  test.each([null, 1, [], {}, { v: 2 }, { v: 1, pin: 3, genesis: {} }])("refuses what is no memory: %j", (value) => {
    expect(codeOf(() => parseKnownDomain(value))).toBe("ERR_MESSAGE_INVALID");
  });
});

describe("what the D-KMS gives for the descriptor", () => {
  const ask = async (descriptor: unknown, memory = known) => {
    const urls: string[] = [];
    const http: HttpPort = async ({ url }) => {
      urls.push(url);
      return json(200, descriptor);
    };
    const sight = await findLaterDescriptor({ engine, random, http, kmsUrl: "http://kms" }, memory);
    expect(urls).toEqual(["http://kms/v1/descriptor"]);
    return sight?.domain.descriptor.sequence;
  };
  const moved = () => laterSight(engine, random, known, second).known;
  const refusal = (work: Promise<unknown>) =>
    work.then(
      () => "ok",
      (error: unknown) => (isRefusedDescriptor(error) ? error.code : error),
    );

  test("is taken when it is newer, and nothing happens when it is the known one", async () => {
    expect(await ask(encodeSignedDescriptor(second))).toBe(1);
    expect(await ask(encodeSignedDescriptor(second), moved())).toBeUndefined();
    expect(await ask(encodeSignedDescriptor(founded.signed))).toBeUndefined();
  });

  test("is refused when it is older, of another domain, or not signed by all", async () => {
    expect(await refusal(ask(encodeSignedDescriptor(founded.signed), moved()))).toBe("ERR_DESCRIPTOR_STALE");
    expect(await refusal(ask(encodeSignedDescriptor(other.signed)))).toBe("ERR_DESCRIPTOR_PIN");
    const half = { ...second, signatures: [...second.signatures].reverse() };
    expect(await refusal(ask(encodeSignedDescriptor(half)))).toBe("ERR_DESCRIPTOR_FORGED");
    const twin = signDescriptor(founded.members, { ...second.descriptor, kms: { url: "https://elsewhere.example" } });
    expect(await refusal(ask(encodeSignedDescriptor(twin), moved()))).toBe("ERR_DESCRIPTOR_FORGED");
  });

  test("that is no descriptor, or no answer, is no refusal of one", async () => {
    expect(await refusal(ask({ v: 1 }))).toMatchObject({ code: "ERR_PEER_INVALID" });
  });

  test("nobody is asked when the domain names no D-KMS", async () => {
    const http: HttpPort = () => Promise.reject(new Error("asked"));
    expect(await findLaterDescriptor({ engine, random, http }, known)).toBeUndefined();
  });
});

describe("evidence as text", () => {
  const token = (index: number) => `mjt1_${index}_abcdefgh_${"A".repeat(43)}`;
  test("tokens go to their own D-TA, grants to all", () => {
    const parsed = parseEvidenceText(
      `# from the operators\n${token(2)}\n\n ${token(1)} \ngrant:a.b.c\n`,
      founded.domain,
    );
    expect(parsed.map((list) => list.map(({ type }) => type))).toEqual([
      ["join-token", "grant"],
      ["join-token", "grant"],
    ]);
    expect(parsed[0]?.[0]).toEqual({ type: "join-token", token: token(1) });
  });

  test("a D-TA without evidence is named", () => {
    expect(outcome(() => parseEvidenceText(token(1), founded.domain))).toMatchObject({
      code: "ERR_EVIDENCE_MISSING",
      message: expect.stringContaining("dta-2"),
    });
  });

  test.each(["hello", "mjt1_1_short", `grant:${"x".repeat(10)}`, `${token(1)} and more`])(
    "a line that is none is refused without repeating it: %s",
    (line) => {
      const { code, message } = outcome(() => parseEvidenceText(`${token(2)}\n${line}`, founded.domain));
      expect(code).toBe("ERR_EVIDENCE_INVALID");
      expect(message).toContain("line 2");
      expect(message).not.toContain(line);
    },
  );

  test("a token of a D-TA that the domain does not have is refused", () => {
    expect(codeOf(() => parseEvidenceText(token(9), founded.domain))).toBe("ERR_EVIDENCE_INVALID");
  });
});

describe("JSON calls", () => {
  const call = { method: "GET", url: "http://x", idempotent: true } as const;
  const parse = (value: unknown) => {
    if (typeof value !== "object" || value === null || !("ok" in value)) throw new Error("not that");
    return value;
  };
  test("URLs are put together without doubling slashes, and leave out what is undefined", () => {
    expect(apiUrl("http://x:1/", "/v1/a", { after: 3, cursor: undefined, prefix: "a b" })).toBe(
      "http://x:1/v1/a?after=3&prefix=a%20b",
    );
  });
  test("a problem is the peer's own error", async () => {
    await expect(callJson(async () => problem("ERR_SEALED", "sealed here"), call, parse)).rejects.toMatchObject({
      code: "ERR_SEALED",
      message: "sealed here",
    });
  });
  test.each([
    ["an error page", { status: 502, headers: {}, body: new TextEncoder().encode("<html>") }],
    ["a body of another shape", json(200, { other: 1 })],
    ["bytes that are no text", { status: 200, headers: {}, body: new Uint8Array([0xff]) }],
  ])("%s is ERR_PEER_INVALID", async (_name, response) => {
    await expect(callJson(async () => response, call, parse)).rejects.toMatchObject({ code: "ERR_PEER_INVALID" });
  });
});
