import { MilagroError } from "@milagro/engine/error";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCidr, parseInterfaceName } from "../src/wireguard-config.ts";
import { parseDump } from "../src/wireguard-tool.ts";
import { encodeUapiSet, parseUapiState } from "../src/wireguard-uapi.ts";

const KEY = new Uint8Array(32).fill(0x0a);
const PSK = new Uint8Array(32).fill(0xf0);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const code = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return error instanceof MilagroError ? error.code : String(error);
  }
  return "ok";
};

describe("the configuration protocol", () => {
  test("a change is written as the protocol says, peers after the interface", () => {
    const text = encodeUapiSet({
      privateKey: PSK,
      listenPort: 51820,
      peers: [
        {
          publicKey: KEY,
          presharedKey: PSK,
          endpoint: { address: "fd00::1", port: 7 },
          keepaliveSeconds: 25,
          allowedIps: ["10.7.0.2/32"],
        },
        { publicKey: PSK, remove: true },
      ],
    }).toString();
    expect(text).toBe(
      `set=1\nprivate_key=${hex(PSK)}\nlisten_port=51820\npublic_key=${hex(KEY)}\npreshared_key=${hex(PSK)}\nendpoint=[fd00::1]:7\n` +
        `persistent_keepalive_interval=25\nreplace_allowed_ips=true\nallowed_ip=10.7.0.2/32\npublic_key=${hex(PSK)}\nremove=true\n\n`,
    );
  });

  test("what a change does not say is not in the message: sessions and roamed addresses stay", () => {
    expect(encodeUapiSet({ peers: [{ publicKey: KEY, presharedKey: PSK }] }).toString()).toBe(
      `set=1\npublic_key=${hex(KEY)}\npreshared_key=${hex(PSK)}\n\n`,
    );
  });

  test("a key of another length is a caller's bug", () => {
    expect(() => encodeUapiSet({ privateKey: new Uint8Array(31) })).toThrow(TypeError);
  });

  test("the state holds no secret key", () => {
    const answer = `private_key=${hex(PSK)}\nlisten_port=9\npublic_key=${hex(KEY)}\npreshared_key=${hex(PSK)}\nprotocol_version=1\nlast_handshake_time_sec=5\nlast_handshake_time_nsec=0\ntx_bytes=3\nrx_bytes=4\nallowed_ip=10.7.0.2/32\nallowed_ip=fd00::2/128\nerrno=0\n\n`;
    const state = parseUapiState(Buffer.from(answer));
    expect(state).toEqual({
      listenPort: 9,
      peers: [
        { key: hex(KEY), lastHandshake: 5, sentBytes: 3, receivedBytes: 4, allowedIps: ["10.7.0.2/32", "fd00::2/128"] },
      ],
    });
    expect(JSON.stringify(state)).not.toContain(hex(PSK));
  });

  test.each([
    ["an error", "errno=-22\n\n"],
    ["no errno", "listen_port=9\n\n"],
    ["nothing", "\n\n"],
    ["a line without =", "listen_port\nerrno=0\n\n"],
    ["a key that is none", "public_key=zz\nerrno=0\n\n"],
    ["a port that is none", "listen_port=x\nerrno=0\n\n"],
    ["bytes that are none", `public_key=${hex(KEY)}\nrx_bytes=-1\nerrno=0\n\n`],
  ])("refused: %s", (_, answer) => {
    expect(code(() => parseUapiState(Buffer.from(answer)))).toBe("ERR_WIREGUARD_FAILED");
  });

  test("whatever a socket answers, nothing but the one error is thrown", () =>
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii", maxLength: 200 }), (text) => {
        expect(["ok", "ERR_WIREGUARD_FAILED"]).toContain(code(() => parseUapiState(Buffer.from(text))));
      }),
    ));
});

describe("the tool's table", () => {
  const key = Buffer.from(KEY).toString("base64");
  test("is read, keys of the interface passed over", () => {
    expect(
      parseDump(`priv\tpub\t51820\toff\n${key}\t(none)\t10.99.0.1:5\t10.7.0.2/32,fd00::2/128\t7\t1\t2\toff\n`),
    ).toEqual({
      listenPort: 51820,
      peers: [
        { key: hex(KEY), lastHandshake: 7, receivedBytes: 1, sentBytes: 2, allowedIps: ["10.7.0.2/32", "fd00::2/128"] },
      ],
    });
  });
  test.each([
    ["nothing", ""],
    ["no port", "a\tb"],
    ["a peer without a key", "a\tb\t1\toff\nx\t(none)\t(none)\t(none)\t0\t0\t0\toff"],
    ["a peer with words for numbers", `a\tb\t1\toff\n${key}\t(none)\t(none)\t(none)\tx\t0\t0\toff`],
    ["a peer cut short", `a\tb\t1\toff\n${key}\t(none)`],
  ])("refused: %s", (_, text) => {
    expect(code(() => parseDump(text))).toBe("ERR_WIREGUARD_FAILED");
  });
});

test.each(["10.7.0.2/32", "0.0.0.0/0", "fd00::2/128", "::/0"])("%s is a network", (text) => {
  expect(parseCidr(text)).toBe(text);
});
test.each([
  "10.7.0.2",
  "10.7.0.2/33",
  "10.7.0/24",
  "fd00::2/129",
  "fe80::1%eth0/64",
  "x/1",
  "/1",
  "10.0.0.0/01",
  "10.0.0.0/8/8",
  "",
])("refused as a network: %j", (text) => {
  expect(code(() => parseCidr(text))).toBe("ERR_CONFIG_INVALID");
});
test.each(["", "-x", "a/b", "..", "sixteen-letters-", "a b", "a\n"])(
  "refused as the name of an interface: %j",
  (text) => {
    expect(code(() => parseInterfaceName(text))).toBe("ERR_CONFIG_INVALID");
  },
);
