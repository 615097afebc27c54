import { parseIdentity } from "@milagro/crypto/identity";
import { generateJoinToken } from "@milagro/protocol/join-token";
import { systemRandom } from "@milagro/runtime/random";
import { expect, test } from "vitest";
import { type JoinTokenFacts, judgeJoinToken } from "../src/join-token.ts";
import type { JoinTokenRow } from "../src/store.ts";

const NOW_MS = 1_800_000_000_000;
const made = generateJoinToken(systemRandom, 2);
const other = generateJoinToken(systemRandom, 2);
const foreign = generateJoinToken(systemRandom, 3);
const requestHash = new Uint8Array(32).fill(7);

const row = (changes: Partial<JoinTokenRow> = {}): JoinTokenRow => ({
  domain_id: new Uint8Array(32),
  id: made.id,
  digest: made.digest,
  pattern: "milagro:example.org/service/*",
  usages: '["enc"]',
  created_ms: NOW_MS - 1000,
  expires_ms: NOW_MS + 1000,
  request_hash: null,
  identity: null,
  used_ms: null,
  ...changes,
});
const judge = (changes: Partial<JoinTokenFacts> = {}) =>
  judgeJoinToken({
    token: made.token,
    ownIndex: 2,
    row: row(),
    identity: parseIdentity("milagro:example.org/service/alice"),
    requestHash,
    nowMs: NOW_MS,
    ...changes,
  });
const codeOf = (changes: Partial<JoinTokenFacts>) => {
  const verdict = judge(changes);
  return verdict.ok ? "ok" : verdict.code;
};

test("a good token speaks for its usages", () => {
  expect(judge()).toEqual({ type: "join-token", ok: true, usages: ["enc"] });
});

test.each([
  ["unknown", { row: undefined }],
  ["the right id with another secret", { token: made.token.replace(/.{43}$/, other.token.slice(-43)) }],
  ["expired, to the millisecond", { nowMs: NOW_MS + 1000 }],
  ["for other identities", { identity: parseIdentity("milagro:example.org/person/alice") }],
  [
    "another D-TA's, even where its row is here",
    { token: foreign.token, row: row({ id: foreign.id, digest: foreign.digest }) },
  ],
  ["no token at all", { token: "mjt1_nonsense", row: undefined }],
] as const)("%s: one code, which tells nothing", (_what, changes) => {
  expect(codeOf(changes)).toBe("ERR_JOIN_TOKEN_INVALID");
});

test("spent on this request, it stays good; on another, its holder is told", () => {
  expect(codeOf({ row: row({ request_hash: requestHash }) })).toBe("ok");
  expect(codeOf({ row: row({ request_hash: new Uint8Array(32) }) })).toBe("ERR_JOIN_TOKEN_SPENT");
});

test("who does not hold the secret is not told that it was spent", () => {
  const stranger = made.token.replace(/.{43}$/, other.token.slice(-43));
  expect(codeOf({ token: stranger, row: row({ request_hash: new Uint8Array(32) }) })).toBe("ERR_JOIN_TOKEN_INVALID");
});
