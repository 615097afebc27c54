import { expect, test } from "vitest";
import published from "../../../vectors/published/rfc9180/base-x25519-aes256gcm.json" with { type: "json" };
import { concat, encodeHex, parseHex } from "../src/bytes.ts";
import { generateHpkeKeyPair, hpkeOpen, hpkeSeal, parseHpkePrivateKey, parseHpkePublicKey } from "../src/hpke.ts";
import { bytes, codeOf, codeOfAsync, flip, NOTHING, random } from "./fixtures.ts";

const info = bytes("milagro test");
const aad = bytes("header");
const plaintext = bytes("a share");
const pair = await generateHpkeKeyPair(random);
const { publicKey, privateKey } = pair;
const sealed = await hpkeSeal({ publicKey, info, aad, plaintext, random });
const opening = { privateKey, info, aad, ...sealed };

test("what is sealed opens, also nothing", async () => {
  expect(await hpkeOpen(opening)).toEqual(plaintext);
  const empty = await hpkeSeal({ publicKey, info: NOTHING, aad: NOTHING, plaintext: NOTHING, random });
  expect(await hpkeOpen({ privateKey, info: NOTHING, aad: NOTHING, ...empty })).toEqual(NOTHING);
});

test("the published vector of RFC 9180: keys, encapsulation and ciphertext, from injected randomness", async () => {
  const receiver = await generateHpkeKeyPair(() => parseHex(published.ikmR));
  expect(encodeHex(receiver.publicKey)).toBe(published.pkRm);
  expect(receiver.privateKey.use(encodeHex)).toBe(published.skRm);
  const context = { info: parseHex(published.info), aad: parseHex(published.aad) };
  const made = await hpkeSeal({
    publicKey: parseHpkePublicKey(parseHex(published.pkRm)),
    plaintext: parseHex(published.pt),
    random: () => parseHex(published.ikmE),
    ...context,
  });
  expect(encodeHex(made.encapsulatedKey)).toBe(published.enc);
  expect(encodeHex(made.ciphertext)).toBe(published.ct);
  const opened = await hpkeOpen({ privateKey: parseHpkePrivateKey(parseHex(published.skRm)), ...context, ...made });
  expect(encodeHex(opened)).toBe(published.pt);
});

test.each<[string, () => Promise<Parameters<typeof hpkeOpen>[0]>]>([
  ["another private key", async () => ({ ...opening, privateKey: (await generateHpkeKeyPair(random)).privateKey })],
  ["another info", async () => ({ ...opening, info: bytes("milagro tess") })],
  ["another aad", async () => ({ ...opening, aad: NOTHING })],
  ["a changed ciphertext", async () => ({ ...opening, ciphertext: flip(sealed.ciphertext, 0) })],
  ["a changed tag", async () => ({ ...opening, ciphertext: flip(sealed.ciphertext, -1) })],
  ["a cut ciphertext", async () => ({ ...opening, ciphertext: sealed.ciphertext.subarray(0, -1) })],
  ["no ciphertext", async () => ({ ...opening, ciphertext: NOTHING })],
  ["bytes appended", async () => ({ ...opening, ciphertext: concat(sealed.ciphertext, Uint8Array.of(0)) })],
  ["a changed encapsulated key", async () => ({ ...opening, encapsulatedKey: flip(sealed.encapsulatedKey, 3) })],
  ["an encapsulated key of small order", async () => ({ ...opening, encapsulatedKey: new Uint8Array(32) })],
  ["an encapsulated key of 31 bytes", async () => ({ ...opening, encapsulatedKey: random(31) })],
])("does not open with %s", async (_what, make) => {
  const options = await make();
  expect(await codeOfAsync(() => hpkeOpen(options))).toBe("ERR_HPKE_OPEN_FAILED");
});

test("does not seal to a key of small order, with which anybody could open", async () => {
  const small = parseHpkePublicKey(new Uint8Array(32));
  expect(await codeOfAsync(() => hpkeSeal({ publicKey: small, info, aad, plaintext, random }))).toBe(
    "ERR_HPKE_KEY_INVALID",
  );
});

test("keys of another length are refused", () => {
  for (const bad of [NOTHING, random(31), random(33)]) {
    expect(codeOf(() => parseHpkePublicKey(bad))).toBe("ERR_HPKE_KEY_INVALID");
    expect(codeOf(() => parseHpkePrivateKey(bad))).toBe("ERR_HPKE_KEY_INVALID");
  }
});

test("a failing random source fails the sealing: there is no fall-back to another one", async () => {
  const broken = (): Uint8Array => {
    throw new TypeError("no entropy");
  };
  await expect(hpkeSeal({ publicKey, info, aad, plaintext, random: broken })).rejects.toThrow("no entropy");
  await expect(generateHpkeKeyPair(broken)).rejects.toThrow("no entropy");
});

test("each sealing is fresh", async () => {
  const again = await hpkeSeal({ publicKey, info, aad, plaintext, random });
  expect(again.encapsulatedKey).not.toEqual(sealed.encapsulatedKey);
});
