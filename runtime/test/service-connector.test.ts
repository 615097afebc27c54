import { expect, test } from "vitest";
import { peerAt } from "../src/channel/service-connector.ts";

const domain = {
  name: "acme",
  authorities: ["http://dta1.example:7101", "https://dta2.example", "milagro://[2001:db8::3]"].map((url) => ({
    entry: { url },
  })),
};

test.each([
  ["milagro://kms.example:7400/v1/secrets", "milagro:acme/service/kms"],
  ["milagro://anything", "milagro:acme/service/kms"],
  ["http://dta1.example:7101/v1/issue", "dta:1"],
  ["milagro://dta1.example:7101", "dta:1"],
  ["milagro://[2001:db8::3]:7400/v1/dta", "dta:3"],
  ["http://dta1.example:7102/", undefined],
  ["http://dta1.example/", undefined],
  ["http://dta2.example/", undefined],
  ["https://dta2.example/v1/issue", undefined],
  ["https://dta1.example:7101/", undefined],
  ["http://127.0.0.1:7400/", undefined],
  ["mqtt://bus.example", undefined],
])("%s leads to %s", (url, peer) => {
  expect(peerAt(domain, new URL(url))).toBe(peer);
});
