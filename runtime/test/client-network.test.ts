import { expect, test } from "vitest";
import { clientNetwork } from "../src/client-network.ts";

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:0DB8:0001:0002::1", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:db8::2:0:0:1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["", ""],
  ["own identity", "own identity"],
])("%j counts as %j", (address, expected) => expect(clientNetwork(address)).toBe(expected));

test("all addresses of one /64 are one, of two are two", () => {
  const networks = Array.from({ length: 50 }, (_, i) => clientNetwork(`2001:db8:0:${i % 2}::${(i + 1).toString(16)}`));
  expect(new Set(networks).size).toBe(2);
});
