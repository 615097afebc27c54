import { describe, expect, test } from "vitest";
import { concat, encodeHex, utf8 } from "../src/bytes.ts";
import { parseDomainId } from "../src/domain-id.ts";
import { NO_EXPIRY } from "../src/epoch.ts";
import { hashIdentity1, identityInput } from "../src/identity-input.ts";
import {
  checkingKey,
  type DvsPublicKey,
  dvsInput,
  hashMpin,
  hashPermit,
  isDvsInput,
  type MpinInput,
  mpinIdentity,
  mpinInput,
  parseDvsPublicKey,
  parseMpinIdentity,
  parseMpinInput,
  permitInput,
  splitMpinIdentity,
  splitMpinInput,
} from "../src/mpin-identity.ts";
import { codeOf, flip } from "./fixtures.ts";
import { alice, aliceName, bob, encode, engine, epoch, nextEpoch } from "./mpin-fixtures.ts";

const domainId = parseDomainId(new Uint8Array(32).fill(7));
const key = parseDvsPublicKey(engine, engine.g2.encode(engine.g2.hash(utf8("key"), "DVS-TEST")));
const plain = mpinInput(domainId, alice, epoch);
const dvs = dvsInput(domainId, alice, epoch, key);

test("an identity holds service, user and device, and comes apart again", () => {
  expect(alice).toBe("milagro:example/mpin/login.example/alice@example.org/d-1");
  expect(splitMpinIdentity(alice)).toEqual(aliceName);
  expect(parseMpinIdentity(alice)).toBe(alice);
});

test.each([
  ["another kind", "milagro:example/user/login.example/alice/d-1"],
  ["no device", "milagro:example/mpin/login.example/alice"],
  ["a part too many", "milagro:example/mpin/login.example/alice/d-1/x"],
  ["an empty user", "milagro:example/mpin/login.example//d-1"],
  ["no identity", "alice"],
])("refuses %s", (_, text) => {
  expect(codeOf(() => parseMpinIdentity(text))).toBe("ERR_IDENTITY_INVALID");
});

test("refuses a part that would be two", () => {
  for (const part of ["service", "user", "device"] as const) {
    expect(codeOf(() => mpinIdentity({ ...aliceName, [part]: "a/b" }))).toBe("ERR_IDENTITY_INVALID");
    expect(codeOf(() => mpinIdentity({ ...aliceName, [part]: "" }))).toBe("ERR_IDENTITY_INVALID");
  }
});

test("the bytes of the inputs are those of the specification", () => {
  const tail = `046d70696e0038${encodeHex(utf8(alice))}0000000000004e20`;
  expect(encodeHex(plain)).toBe(`01${"07".repeat(32)}${tail}`);
  expect(encodeHex(dvs)).toBe(`02${"07".repeat(32)}${tail}${encodeHex(key)}`);
  expect(encodeHex(permitInput(plain, nextEpoch))).toBe(
    `01${"07".repeat(32)}067065726d69740038${encodeHex(utf8(alice))}0000000000004e21`,
  );
});

test("inputs come apart again", () => {
  expect(splitMpinInput(plain)).toEqual({ domainId, identity: alice, epoch, dvsKey: undefined });
  expect(splitMpinInput(dvs)).toEqual({ domainId, identity: alice, epoch, dvsKey: key });
  expect(parseMpinInput(engine, plain)).toEqual(plain);
  expect(parseMpinInput(engine, dvs)).toEqual(dvs);
  expect([isDvsInput(plain), isDvsInput(dvs)]).toEqual([false, true]);
});

test("no two of user, device, epoch, domain, variant and permit share a point", () => {
  const other = parseDomainId(new Uint8Array(32).fill(8));
  const second = mpinIdentity({ ...aliceName, device: "d-2" });
  const points = [
    plain,
    dvs,
    mpinInput(domainId, bob, epoch),
    mpinInput(domainId, second, epoch),
    mpinInput(domainId, alice, nextEpoch),
    mpinInput(other, alice, epoch),
  ].map((input) => encode(hashMpin(engine, input)).join());
  points.push(encode(hashPermit(engine, permitInput(plain, epoch))).join());
  points.push(encode(hashIdentity1(engine, identityInput(domainId, "permit", alice, epoch))).join());
  points.push(encode(hashIdentity1(engine, identityInput(domainId, "sig", alice, epoch))).join());
  expect(new Set(points).size).toBe(points.length);
});

test("a permit is the identity's, not the DVS key's, and never without expiry", () => {
  expect(permitInput(dvs, epoch)).toEqual(permitInput(plain, epoch));
  expect(codeOf(() => permitInput(plain, NO_EXPIRY))).toBe("ERR_EPOCH_INVALID");
});

test("what V is paired with is told by the input alone", () => {
  expect(engine.g2.equals(checkingKey(engine, plain), engine.g2.generator)).toBe(true);
  expect(engine.g2.encode(checkingKey(engine, dvs))).toEqual(key as Uint8Array);
});

describe("refuses from outside", () => {
  test.each([
    ["another version", flip(plain, 0, 1)],
    ["a DVS input without its key", flip(flip(plain, 0, 0), 0, 1)],
    ["another usage", identityInput(domainId, "sig", alice, epoch)],
    ["a permit's input", permitInput(plain, epoch)],
    ["a byte less", plain.slice(0, -1)],
    ["a byte more", concat(plain, Uint8Array.of(0))],
    ["a DVS input with a byte less", dvs.slice(0, -1)],
    ["a DVS input with a byte more", concat(dvs, Uint8Array.of(0))],
    ["a plain input with a key behind it", concat(plain, key)],
    ["nothing", new Uint8Array(0)],
    ["the DVS version alone", Uint8Array.of(2)],
  ])("%s", (_, input) => {
    expect(codeOf(() => parseMpinInput(engine, input as MpinInput))).toBe("ERR_IDENTITY_INVALID");
  });

  test("DVS keys: the identity element, g2, no point, another length", () => {
    const bad = [
      engine.g2.encode(engine.g2.identity),
      engine.g2.encode(engine.g2.generator),
      engine.g2.encode(engine.g2.hash(utf8("key"), "DVS-TEST"), "uncompressed"),
      flip(key as Uint8Array, 0, 7),
      key.slice(1),
      new Uint8Array(0),
    ];
    for (const wrong of bad) {
      expect(codeOf(() => parseDvsPublicKey(engine, wrong))).toBe("ERR_PUBLIC_KEY_INVALID");
      if (wrong.length !== 96) continue;
      const input = dvsInput(domainId, alice, epoch, wrong as DvsPublicKey);
      expect(codeOf(() => parseMpinInput(engine, input))).toBe("ERR_PUBLIC_KEY_INVALID");
    }
  });
});
