/**
 * Vectors of encapsulation, envelopes and files.
 * @module
 */
import { encodeHex, parseHex } from "../../src/bytes.ts";
import { ALICE, BOB, CAROL, EPOCH, flip, hexFor, hexOf, negate, Scheme, type Setting } from "./builder.ts";
import type { Fields, VectorFile } from "./runner.ts";

export async function encapsulation(setting: Setting): Promise<VectorFile> {
  const { engine, publicKey, publicShares } = setting;
  const s = new Scheme(engine, "ibe");
  const context = hexOf("vector");
  const [a, b, c] = await Promise.all([ALICE, BOB, CAROL].map((identity) => setting.input("enc", identity)));
  const lists = [[a], [a, b, c]] as string[][];
  for (const recipients of lists) {
    const n = recipients.length;
    const random = hexFor(`ibe ${n}`, 32);
    const { ciphertext } = await s.ok(`n = ${n}: encapsulate`, "encapsulate", {
      publicKey,
      recipients,
      context,
      random,
    });
    const sent = ciphertext as string;
    const index = n - 1;
    const identity = [ALICE, BOB, CAROL][index] as string;
    const opening = {
      publicKey,
      key: await setting.key("enc", identity),
      recipients,
      index,
      ciphertext: sent,
      context,
    };
    const refuse = (name: string, change: Fields): Promise<void> =>
      s.refuse("ERR_DECAPSULATION_FAILED", `n = ${n}: ${name}`, "decapsulate", { ...opening, ...change });
    await s.ok(`n = ${n}: decapsulate`, "decapsulate", opening);
    await s.ok(`n = ${n}: another context gives another secret`, "decapsulate", { ...opening, context: "" });
    await refuse("another identity's key", { key: await setting.key("enc", n === 1 ? BOB : ALICE) });
    await refuse("a key of another epoch", { key: await setting.key("enc", identity, EPOCH + 1) });
    await refuse("a sig key", { key: await setting.key("sig", identity) });
    await refuse("one D-TA's public key", { publicKey: publicShares[0] as string });
    await refuse("U no point", { ciphertext: flip(sent, 95) });
    await refuse("U the identity element", { ciphertext: `c0${"00".repeat(95)}${sent.slice(192)}` });
    await refuse("U negated", { ciphertext: encodeHex(negate(parseHex(sent))) });
    await refuse("its slot changed", { ciphertext: flip(sent, -1) });
    await refuse("another recipient", {
      recipients: [...recipients.slice(0, -1), await setting.input("enc", identity, 7)],
    });
    await refuse("a recipient added", { recipients: [...recipients, await setting.input("enc", identity, 7)] });
    await refuse("a slot that is not there", { index: n });
    if (n > 1) await refuse("another order", { recipients: recipients.toReversed() });
    if (n > 1) await refuse("another's slot", { index: 0 });
    await s.refuse("ERR_CIPHERTEXT_INVALID", `n = ${n}: cut short`, "decapsulate", {
      ...opening,
      ciphertext: sent.slice(2),
    });
  }
  for (const [name, recipients] of [
    ["nobody", []],
    ["one twice", [a, b, a]],
  ] as [string, string[]][]) {
    await s.refuse("ERR_RECIPIENTS_INVALID", `to ${name}`, "encapsulate", {
      publicKey,
      recipients,
      context,
      random: hexFor("x", 32),
    });
  }
  return s.file();
}

export async function envelopes(setting: Setting): Promise<VectorFile> {
  const { engine, publicKey, domainId } = setting;
  const s = new Scheme(engine, "envelopes");
  const context = hexOf("database/password 3");
  const recipients = [ALICE, BOB].map((identity) => ({ identity, epoch: EPOCH }));
  const sealing = { domainId, publicKey, recipients, context };
  const random = hexFor("envelope", 32);
  const plaintext = hexOf("correct horse battery staple");
  const sealed = await s.ok("seal", "seal-envelope", { ...sealing, plaintext, random });
  const envelope = sealed["envelope"] as string;
  const key = await setting.key("enc", BOB);
  const opening = { domainId, publicKey, key, identity: BOB, epoch: EPOCH, context, envelope };
  const refuse = (code: string, name: string, change: Fields): Promise<void> =>
    s.refuse(code, name, "open-envelope", { ...opening, ...change });
  await s.ok("open", "open-envelope", opening);
  const nothing = await s.ok("seal nothing", "seal-envelope", { ...sealing, plaintext: "", random });
  await s.ok("open nothing", "open-envelope", { ...opening, envelope: nothing["envelope"] as string });
  const failed = "ERR_DECAPSULATION_FAILED";
  const ends = envelope.length / 2 - (28 + 16) - 4; // where the commitment ends
  await refuse(failed, "another key", { key: await setting.key("enc", ALICE) });
  await refuse(failed, "another context", { context: hexOf("database/password 4") });
  await refuse(failed, "a changed body", { envelope: flip(envelope, ends + 4) });
  await refuse(failed, "a changed tag", { envelope: flip(envelope, -1) });
  await refuse(failed, "a changed commitment", { envelope: flip(envelope, ends - 1) });
  await refuse(failed, "a changed slot of its own", { envelope: flip(envelope, ends - 33) });
  await refuse(failed, "a changed slot of another", { envelope: flip(envelope, ends - 65) });
  await refuse("ERR_NOT_RECIPIENT", "an identity not listed", { identity: CAROL });
  await refuse("ERR_NOT_RECIPIENT", "another epoch", { epoch: EPOCH + 1 });
  await refuse("ERR_NOT_RECIPIENT", "another domain", { domainId: hexFor("another domain", 32) });
  await refuse("ERR_ENVELOPE_INVALID", "another version", { envelope: flip(envelope, 0) });
  await refuse("ERR_ENVELOPE_INVALID", "cut short", { envelope: envelope.slice(0, -2) });
  await refuse("ERR_ENVELOPE_INVALID", "a byte too many", { envelope: `${envelope}00` });
  await refuse("ERR_ENVELOPE_INVALID", "nothing", { envelope: "" });
  return s.file();
}

export async function files(setting: Setting): Promise<VectorFile> {
  const { engine, publicKey, domainId } = setting;
  const s = new Scheme(engine, "files");
  const context = "";
  const recipients = [{ identity: BOB, epoch: EPOCH }];
  const random = hexFor("file", 32);
  const sealing = { domainId, publicKey, recipients, context, random };
  const seal = (length: number) => s.ok(`seal ${length} bytes of 0x61`, "seal-file", { ...sealing, length });
  for (const length of [0, 65_536, 65_537]) await seal(length);
  const file = (await seal(3))["file"] as string;
  const key = await setting.key("enc", BOB);
  const opening = { domainId, publicKey, key, identity: BOB, epoch: EPOCH, context, file };
  await s.ok("open 3 bytes", "open-file", opening);
  const refuse = (code: string, name: string, change: Fields): Promise<void> =>
    s.refuse(code, name, "open-file", { ...opening, ...change });
  const header = file.length / 2 - 19;
  await refuse("ERR_ENVELOPE_INVALID", "another version line", { file: flip(file, 22) });
  await refuse("ERR_ENVELOPE_INVALID", "cut in the header", { file: file.slice(0, 2 * header - 2) });
  await refuse("ERR_ENVELOPE_INVALID", "nothing", { file: "" });
  await refuse("ERR_ENVELOPE_CORRUPT", "cut after the header", { file: file.slice(0, 2 * header) });
  await refuse("ERR_ENVELOPE_CORRUPT", "cut by a byte", { file: file.slice(0, -2) });
  await refuse("ERR_ENVELOPE_CORRUPT", "a byte too many", { file: `${file}00` });
  await refuse("ERR_ENVELOPE_CORRUPT", "a changed segment", { file: flip(file, header) });
  await refuse("ERR_DECAPSULATION_FAILED", "a changed commitment", { file: flip(file, header - 1) });
  await refuse("ERR_DECAPSULATION_FAILED", "a changed slot", { file: flip(file, header - 33) });
  await refuse("ERR_DECAPSULATION_FAILED", "another context", { context: hexOf("x") });
  await refuse("ERR_DECAPSULATION_FAILED", "another key", { key: await setting.key("enc", ALICE) });
  await refuse("ERR_NOT_RECIPIENT", "an identity not listed", { identity: ALICE });
  await refuse("ERR_NOT_RECIPIENT", "another domain", { domainId: hexFor("another domain", 32) });
  return s.file();
}
