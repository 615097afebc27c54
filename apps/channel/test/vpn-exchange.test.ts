import { MilagroError } from "@milagro/engine/error";
import { describe, expect, test } from "vitest";
import { type AgreedTunnel, answerTunnel, offerTunnel } from "../src/vpn-exchange.ts";
import { encodeVpnMessage, parseVpnMessage } from "../src/vpn-messages.ts";
import { channelPair } from "./duplex-pair.ts";

const party = (fill: number) => ({ publicKey: new Uint8Array(32).fill(fill), port: 1000 + fill });
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "ok",
    (error: unknown) => (error instanceof MilagroError ? error.code : String(error)),
  );

describe("an agreement about a tunnel", () => {
  test("gives both ends the same key, bound to both WireGuard keys, and the responder configures first", async () => {
    const order: string[] = [];
    const seen: Record<string, AgreedTunnel> = {};
    const agree = async (a: number, b: number) => {
      const { initiator, responder } = channelPair();
      await Promise.all([
        offerTunnel(initiator, party(a), async (tunnel) => {
          order.push("initiator");
          seen[`initiator ${a}`] = tunnel;
        }),
        answerTunnel(responder, party(b), async (tunnel) => {
          order.push("responder");
          seen[`responder ${a}`] = tunnel;
          return async () => {
            order.push("undone");
          };
        }),
      ]);
    };
    await agree(1, 2);
    await agree(3, 2);
    expect(order).toEqual(["responder", "initiator", "responder", "initiator"]);
    expect(seen["initiator 1"]?.presharedKey).toEqual(seen["responder 1"]?.presharedKey);
    expect(seen["initiator 1"]?.presharedKey).not.toEqual(seen["initiator 3"]?.presharedKey);
    expect(seen["initiator 1"]?.peer).toMatchObject(party(2));
    expect(seen["responder 1"]?.peer).toMatchObject(party(1));
  });

  test("when the initiator cannot configure, the responder goes back to the key that was before", async () => {
    const { initiator, responder } = channelPair();
    let undone = 0;
    const [offered, answered] = await Promise.all([
      codeOf(offerTunnel(initiator, party(1), () => Promise.reject(new MilagroError("ERR_WIREGUARD_FAILED", "no")))),
      codeOf(
        answerTunnel(responder, party(2), async () => async () => {
          undone++;
        }),
      ),
    ]);
    expect([offered, answered, undone]).toEqual(["ERR_WIREGUARD_FAILED", "ERR_UNREACHABLE", 1]);
  });

  test("when the responder cannot configure, the initiator has changed nothing", async () => {
    const { initiator, responder } = channelPair();
    let configured = 0;
    const [offered, answered] = await Promise.all([
      codeOf(
        offerTunnel(initiator, party(1), async () => {
          configured++;
        }),
      ),
      codeOf(answerTunnel(responder, party(2), () => Promise.reject(new MilagroError("ERR_WIREGUARD_FAILED", "no")))),
    ]);
    expect([offered, answered, configured]).toEqual(["ERR_UNREACHABLE", "ERR_WIREGUARD_FAILED", 0]);
  });

  test("a peer that shows our own key is refused at either end", async () => {
    const { initiator, responder } = channelPair();
    const never = () => Promise.reject(new Error("configured"));
    const [, answered] = await Promise.all([
      codeOf(offerTunnel(initiator, party(1), never)),
      codeOf(answerTunnel(responder, party(1), never)),
    ]);
    expect(answered).toBe("ERR_PEER_INVALID");
  });

  test.each([
    ["nothing", ""],
    ["no JSON", "hello\n"],
    ["a message out of order", encodeVpnMessage({ type: "done" })],
    ["an answer instead of an offer", encodeVpnMessage({ type: "answer", ...party(1) })],
    ["a line without end", "x".repeat(5000)],
  ])("the responder refuses %s and configures nothing", async (_, text) => {
    const { initiator, responder } = channelPair();
    initiator.on("error", () => {});
    initiator.end(text);
    const answered = await codeOf(answerTunnel(responder, party(2), () => Promise.reject(new Error("configured"))));
    expect(["ERR_PEER_INVALID", "ERR_UNREACHABLE"]).toContain(answered);
  });
});

const KEY = Buffer.alloc(32, 1).toString("base64url");
test.each([
  ["another version", { v: 2, type: "offer", key: KEY, port: 1 }],
  ["a field too many", { v: 1, type: "offer", key: KEY, port: 1, allowedIps: ["0.0.0.0/0"] }],
  ["no key", { v: 1, type: "offer", port: 1 }],
  ["a short key", { v: 1, type: "offer", key: "AAAA", port: 1 }],
  ["the key that means none", { v: 1, type: "offer", key: Buffer.alloc(32).toString("base64url"), port: 1 }],
  ["a key with padding", { v: 1, type: "offer", key: `${KEY}=`, port: 1 }],
  ["port 0", { v: 1, type: "offer", key: KEY, port: 0 }],
  ["port 65536", { v: 1, type: "offer", key: KEY, port: 65_536 }],
  ["a port as text", { v: 1, type: "offer", key: KEY, port: "1" }],
  ["half a port", { v: 1, type: "offer", key: KEY, port: 1.5 }],
  ["a list", [1]],
  ["null", null],
])("an offer with %s is refused", (_, value) => {
  expect(() => parseVpnMessage(JSON.stringify(value), "offer")).toThrow(
    expect.objectContaining({ code: "ERR_PEER_INVALID" }),
  );
});
test("done carries nothing", () => {
  expect(parseVpnMessage('{"v":1,"type":"done"}', "done")).toEqual({ type: "done" });
  expect(() => parseVpnMessage('{"v":1,"type":"done","port":1}', "done")).toThrow(MilagroError);
});
