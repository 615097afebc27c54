import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { expect, test } from "vitest";
import { createCursorBox } from "../src/cursor.ts";

const alice = { identity: "milagro:example.org/user/alice", prefix: "db/" };
const bob = { identity: "milagro:example.org/user/bob", prefix: "db/" };
const box = createCursorBox(new Uint8Array(32).fill(7));
const refused = expect.objectContaining({ code: "ERR_CURSOR_INVALID" });

function parse(scope: typeof alice, text: string): unknown {
  try {
    return box.parse(scope, text);
  } catch (error) {
    return error;
  }
}

test("a cursor leads back to its place", () => {
  expect(box.parse(alice, box.encode(alice, "db/password"))).toBe("db/password");
});

test.each([
  ["another identity's cursor", () => box.encode(bob, "db/password")],
  ["a cursor of another prefix", () => box.encode({ ...alice, prefix: "" }, "db/password")],
  ["another process's cursor", () => createCursorBox(new Uint8Array(32)).encode(alice, "db/password")],
  ["prefix and place shifted against each other", () => box.encode({ ...alice, prefix: "db" }, "/password")],
  ["no text", () => ""],
  ["a tag without a place", () => encodeBase64url(new Uint8Array(16))],
  ["not base64url", () => `${box.encode(alice, "db/x")}=`],
  ["endless text", () => "A".repeat(100_000)],
])("refused: %s", (_, make) => {
  expect(parse(alice, make())).toEqual(refused);
});

test("refused: any single bit flipped", () => {
  const bytes = parseBase64url(box.encode(alice, "db/x"));
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const forged = bytes.slice();
    forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(parse(alice, encodeBase64url(forged))).toEqual(refused);
  }
});
