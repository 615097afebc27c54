/**
 * Vectors of signatures, signcryption and key agreement.
 * @module
 */
import { encodeHex, parseHex } from "../../src/bytes.ts";
import { ALICE, BOB, CAROL, EPOCH, flip, hexFor, hexOf, negate, Scheme, type Setting, succeed } from "./builder.ts";
import type { Fields, VectorFile } from "./runner.ts";

export async function signatures(setting: Setting): Promise<VectorFile> {
  const { engine, publicKey, publicShares } = setting;
  const s = new Scheme(engine, "signatures");
  const key = await setting.key("sig", ALICE);
  const input = await setting.input("sig", ALICE);
  const message = hexOf("a release");
  const { signature } = await s.ok("sign", "sign", { key, publicKey, input, message, random: hexFor("sig", 32) });
  const signed = signature as string;
  const zeros = await s.ok("sign with a random source of zeros", "sign", {
    key,
    publicKey,
    input,
    message,
    random: "00".repeat(32),
  });
  const claim = { publicKey, input, message, signature: signed };
  const code = "ERR_SIGNATURE_INVALID";
  const refuse = (name: string, change: Fields): Promise<void> =>
    s.refuse(code, name, "verify", { ...claim, ...change });
  await s.ok("verify", "verify", claim);
  await refuse("another message", { message: hexOf("another release") });
  await refuse("another signer", { input: await setting.input("sig", BOB) });
  await refuse("another epoch", { input: await setting.input("sig", ALICE, EPOCH + 1) });
  await refuse("another usage", { input: await setting.input("enc", ALICE) });
  await refuse("another public key", { publicKey: publicShares[0] as string });
  await refuse("U and V exchanged", { signature: signed.slice(96) + signed.slice(0, 96) });
  await refuse("U of another signature", { signature: (zeros["signature"] as string).slice(0, 96) + signed.slice(96) });
  await refuse("V negated", { signature: signed.slice(0, 96) + encodeHex(negate(parseHex(signed.slice(96)))) });
  await refuse("V the identity element", { signature: `${signed.slice(0, 96)}c0${"00".repeat(47)}` });
  await refuse("cut short", { signature: signed.slice(2) });
  await refuse("a byte too many", { signature: `${signed}00` });
  const other = { key: await setting.key("sig", BOB), publicKey, input: await setting.input("sig", BOB), message };
  const theirs = (await succeed(engine, "sign", { ...other, random: hexFor("sig 2", 32) }))["signature"] as string;
  const claims = [
    { input, message, signature: signed },
    { input: other.input, message, signature: theirs },
  ];
  const [first, second] = claims as [(typeof claims)[0], (typeof claims)[0]];
  await s.ok("a batch", "verify-batch", { publicKey, claims });
  await s.refuse(code, "a batch with one wrong message", "verify-batch", {
    publicKey,
    claims: [first, { ...second, message: "" }],
  });
  await s.refuse(code, "a batch with signatures exchanged", "verify-batch", {
    publicKey,
    claims: [
      { ...first, signature: theirs },
      { ...second, signature: signed },
    ],
  });
  await s.refuse(code, "an empty batch", "verify-batch", { publicKey, claims: [] });
  return s.file();
}

export async function signcryption(setting: Setting): Promise<VectorFile> {
  const { engine, publicKey } = setting;
  const s = new Scheme(engine, "signcryption");
  const [sender, recipient] = [await setting.input("sig", ALICE), await setting.input("enc", BOB)];
  const context = hexOf("orders");
  const sending = { key: await setting.key("sig", ALICE), publicKey, sender, recipient, context };
  const sealed = await s.ok("signcrypt", "signcrypt", {
    ...sending,
    message: hexOf("pay 100"),
    random: hexFor("sc", 64),
  });
  const signcrypted = sealed["signcrypted"] as string;
  const opening = { key: await setting.key("enc", BOB), publicKey, recipient, context, signcrypted };
  const refuse = (name: string, change: Fields): Promise<void> =>
    s.refuse("ERR_UNSIGNCRYPT_FAILED", name, "unsigncrypt", { ...opening, ...change });
  await s.ok("unsigncrypt", "unsigncrypt", opening);
  await refuse("another key", { key: await setting.key("enc", CAROL) });
  await refuse("another recipient", { recipient: await setting.input("enc", CAROL) });
  await refuse("another context", { context: "" });
  for (const at of [0, 60, 97, 129, 161, -1])
    await refuse(`byte ${at} changed`, { signcrypted: flip(signcrypted, at) });
  for (const length of [0, 128, 161, 176])
    await refuse(`cut to ${length} bytes`, { signcrypted: signcrypted.slice(0, 2 * length) });
  return s.file();
}

export async function keyAgreement(setting: Setting): Promise<VectorFile> {
  const { engine, publicKey, domainId } = setting;
  const s = new Scheme(engine, "key-agreement");
  const [a, b] = [await setting.input("kex", ALICE), await setting.input("kex", BOB)];
  const own = { publicKey, key: await setting.key("kex", ALICE), own: a, context: hexOf("psk") };
  await s.ok("alice's side", "agree-key", { ...own, peer: b });
  await s.ok("bob's side", "agree-key", { ...own, key: await setting.key("kex", BOB), own: b, peer: a });
  const foreign = await succeed(engine, "identity-input", {
    domainId: flip(domainId, 0),
    usage: "kex",
    identity: BOB,
    epoch: EPOCH,
  });
  const refuse = (code: string, name: string, change: Fields): Promise<void> =>
    s.refuse(code, name, "agree-key", { ...own, peer: b, ...change });
  await refuse("ERR_PEER_INVALID", "oneself", { peer: a });
  await refuse("ERR_PEER_INVALID", "another usage", { peer: await setting.input("enc", BOB) });
  await refuse("ERR_PEER_INVALID", "another domain", { peer: foreign["input"] as string });
  await refuse("ERR_POINT_INVALID", "half a key", { key: (own.key as string).slice(0, 96) });
  return s.file();
}
