import { expect, test } from "vitest";
import { generateJoinToken, joinTokenDigest, parseJoinToken } from "../src/join-token.ts";
import { outcome, random } from "./fixture.ts";

test("a token names its D-TA and its row, and nothing else repeats", () => {
  const tokens = Array.from({ length: 20 }, () => generateJoinToken(random, 2));
  for (const { token, index, id, digest } of tokens) {
    expect(parseJoinToken(token)).toEqual({ index: 2, id });
    expect(index).toBe(2);
    expect(joinTokenDigest(token)).toEqual(digest);
  }
  expect(new Set(tokens.map(({ id }) => id)).size).toBe(20);
  expect(new Set(tokens.map(({ token }) => token.slice(-43))).size).toBe(20);
});

test("whatever is not a token is refused in the same words", () => {
  const { token } = generateJoinToken(random, 1);
  const good = token.split("_");
  const bad = [
    "",
    "hunter2",
    token.slice(0, -1),
    `${token}A`,
    `${token.slice(0, -1)}B`,
    token.replace("mjt1", "mjt2"),
    token.replace("mjt1_1_", "mjt1_0_"),
    token.replace("mjt1_1_", "mjt1_33_"),
    token.replace("mjt1_1_", "mjt1_01_"),
    [good[0], good[1], "short", good[3]].join("_"),
    `${token}\n`,
    ` ${token}`,
    token.toUpperCase(),
    "mjt1_1_".padEnd(10_000, "a"),
  ];
  const answers = bad.map((text) => outcome(() => parseJoinToken(text)));
  for (const { code, message } of answers) {
    expect(code).toBe("ERR_JOIN_TOKEN_INVALID");
    expect(message).toBe(answers[0]?.message);
  }
});
