import { duplexPair } from "node:stream";
import { MilagroError } from "@milagro/engine/error";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatTarget } from "../src/forward-target.ts";
import { acceptSocks, parseSocksGreeting, parseSocksRequest, SOCKS_REPLY } from "../src/socks.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const named = (host: string, port: number) =>
  Buffer.concat([bytes(5, 1, 0, 3, host.length), Buffer.from(host), bytes(port >> 8, port & 255)]);
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return error instanceof MilagroError ? error.code : String(error);
  }
  return "ok";
};

describe("requests", () => {
  test.each([
    ["a name", named("db.internal", 5432), "db.internal:5432"],
    ["an IPv4 address", bytes(5, 1, 0, 1, 192, 0, 2, 7, 0, 80), "192.0.2.7:80"],
    ["an IPv6 address", bytes(5, 1, 0, 4, 0xfd, ...Array(14).fill(0), 1, 1, 0), "[fd00:0:0:0:0:0:0:1]:256"],
  ])("CONNECT to %s", (_, request, target) => {
    const parsed = parseSocksRequest(request);
    expect(parsed.kind === "message" && typeof parsed.value === "object" && formatTarget(parsed.value)).toBe(target);
  });

  test.each([
    ["BIND", bytes(5, 2, 0, 1, 1, 2, 3, 4, 0, 1), SOCKS_REPLY.commandUnsupported],
    ["UDP ASSOCIATE", bytes(5, 3, 0, 1, 1, 2, 3, 4, 0, 1), SOCKS_REPLY.commandUnsupported],
    ["an unknown kind of address", bytes(5, 1, 0, 2, 1), SOCKS_REPLY.addressUnsupported],
    ["port 0", bytes(5, 1, 0, 1, 1, 2, 3, 4, 0, 0), SOCKS_REPLY.addressUnsupported],
    ["an empty name", bytes(5, 1, 0, 3, 0, 0, 80), SOCKS_REPLY.addressUnsupported],
    ["a name with NUL", named("a\0b", 80), SOCKS_REPLY.addressUnsupported],
    ["a name with a line feed", named("a\nb", 80), SOCKS_REPLY.addressUnsupported],
    ["a number for a name", named("2130706433", 80), SOCKS_REPLY.addressUnsupported],
  ])("%s is answered with its reply", (_, request, reply) => {
    expect(parseSocksRequest(request)).toMatchObject({ kind: "message", value: reply });
  });

  test.each([
    ["SOCKS 4", bytes(4, 1, 0, 80, 1, 2, 3, 4, 0)],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\n")],
    ["a reserved byte", bytes(5, 1, 1, 1, 1, 2, 3, 4, 0, 80)],
  ])("%s is refused", (_, request) => {
    expect(codeOf(() => parseSocksRequest(request))).toBe("ERR_SOCKS_INVALID");
  });

  test("whatever comes, it is a message, not enough yet, or the one error", () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (input, versioned) => {
        if (versioned && input.length > 0) input[0] = 5;
        for (const parse of [parseSocksGreeting, parseSocksRequest])
          expect(["ok", "ERR_SOCKS_INVALID"]).toContain(codeOf(() => parse(input)));
      }),
    ));
});

test("a conversation cut into pieces anywhere leads to the same target, and early data stays in the stream", () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 6 }), async (cuts) => {
      const [client, server] = duplexPair();
      const all = Buffer.concat([bytes(5, 2, 2, 0), named("db.internal", 5432), Buffer.from("early")]);
      const accepted = acceptSocks(server);
      let at = 0;
      for (const cut of cuts) {
        client.write(all.subarray(at, at + cut));
        at += cut;
      }
      client.end(all.subarray(at));
      expect(formatTarget(await accepted)).toBe("db.internal:5432");
      expect(Buffer.concat(await server.toArray()).toString()).toBe("early");
    }),
  ));

test.each([
  ["wants a password", bytes(5, 1, 2), "ERR_SOCKS_INVALID", [5, 0xff]],
  ["speaks SOCKS 4", bytes(4, 1, 0, 80, 1, 2, 3, 4, 0), "ERR_SOCKS_INVALID", []],
  [
    "wants UDP",
    bytes(5, 1, 0, 5, 3, 0, 1, 1, 2, 3, 4, 0, 1),
    "ERR_SOCKS_INVALID",
    [5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0],
  ],
  ["goes away", bytes(5), "ERR_UNREACHABLE", []],
])("a client that %s is told so", async (_, input, code, answer) => {
  const [client, server] = duplexPair();
  client.end(input);
  await expect(acceptSocks(server)).rejects.toThrow(expect.objectContaining({ code }));
  server.end();
  expect([...Buffer.concat(await client.toArray())]).toEqual(answer);
});
