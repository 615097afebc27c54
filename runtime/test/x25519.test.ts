import { encodeHex, parseHex } from "@milagro/crypto/bytes";
import { generateHpkeKeyPair, hpkeOpen, hpkeSeal, parseHpkePrivateKey } from "@milagro/crypto/hpke";
import { nobleX25519 } from "@milagro/crypto/hpke-suite";
import { expect, test } from "vitest";
import published from "../../vectors/published/rfc9180/base-x25519-aes256gcm.json" with { type: "json" };
import { systemRandom as random } from "../src/random.ts";
import { drawX25519, nativeX25519 } from "../src/x25519.ts";

test("the published key pair of RFC 9180, and what it is sealed", async () => {
  const [receiver, ephemeral] = [parseHex(published.skRm), parseHex(published.enc)];
  expect(encodeHex(nativeX25519(receiver).publicKey())).toBe(published.pkRm);
  const opened = await hpkeOpen({
    privateKey: parseHpkePrivateKey(receiver),
    encapsulatedKey: ephemeral,
    ciphertext: parseHex(published.ct),
    info: parseHex(published.info),
    aad: parseHex(published.aad),
    x25519: nativeX25519,
  });
  expect(encodeHex(opened)).toBe(published.pt);
});

test("what one implementation seals the other opens", async () => {
  const info = new Uint8Array();
  const plaintext = random(40);
  for (const [sender, receiver] of [
    [nativeX25519, undefined],
    [undefined, nativeX25519],
  ]) {
    const { publicKey, privateKey } = await generateHpkeKeyPair(random, receiver);
    const sealed = await hpkeSeal({ publicKey, info, aad: info, plaintext, random, x25519: sender });
    expect(await hpkeOpen({ privateKey, info, aad: info, ...sealed, x25519: receiver })).toEqual(plaintext);
  }
});

test("the same randomness gives the same bytes natively: answers do not depend on where they were made", async () => {
  const seed = random(32);
  const info = new Uint8Array();
  const { publicKey } = await generateHpkeKeyPair(random);
  const seal = (x25519?: typeof nativeX25519) =>
    hpkeSeal({ publicKey, info, aad: info, plaintext: info, random: () => seed.slice(), x25519 });
  expect(await seal(nativeX25519)).toEqual(await seal());
});

test("a public key of small order is refused when sealing and when opening", async () => {
  const small = new Uint8Array(32);
  const info = new Uint8Array();
  const common = { info, aad: info, x25519: nativeX25519 };
  const { privateKey } = await generateHpkeKeyPair(random, nativeX25519);
  await expect(hpkeSeal({ ...common, publicKey: small as never, plaintext: info, random })).rejects.toMatchObject({
    code: "ERR_HPKE_KEY_INVALID",
  });
  await expect(
    hpkeOpen({ ...common, privateKey, encapsulatedKey: small, ciphertext: new Uint8Array(16) }),
  ).rejects.toMatchObject({ code: "ERR_HPKE_OPEN_FAILED" });
});

test("a drawn key pair agrees with noble's function, and is another each time", () => {
  const [one, other] = [drawX25519(), drawX25519()];
  const secret = random(32);
  const noble = nobleX25519(secret);
  expect(one.sharedSecret(noble.publicKey())).toEqual(noble.sharedSecret(one.publicKey()));
  expect(one.publicKey()).not.toEqual(other.publicKey());
});
