/**
 * Writes vectors/milagro/*.json, deterministic from a seed:
 *   node --conditions=@milagro/source core/crypto/test/generate-vectors.ts
 *
 * A case is an operation with its input; the expected outcome is stated here for refusals and computed for successes.
 * `buildVectors` throws when an outcome is not the one stated, so a vector is never a record of a bug nobody looked at.
 * @module
 */
import { mkdir, writeFile } from "node:fs/promises";
import type { Engine } from "@milagro/engine/engine";
import { createNobleEngine } from "@milagro/engine/noble";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, encodeHex, parseHex, u32, utf8 } from "../src/bytes.ts";
import { type Fields, type Json, runCase, type VectorCase, type VectorFile } from "./vector-runner.ts";

const SEED = utf8("milagro vectors v1");
const SOURCE = "core/crypto/test/generate-vectors.ts";

/** SHA-256 in counter mode over the seed and a label: reproducible, and nothing anybody should use. */
function bytesFor(label: string, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) => sha256(concat(SEED, utf8(label), u32(i))));
  return concat(...blocks).slice(0, length);
}

const hexFor = (label: string, length: number): string => encodeHex(bytesFor(label, length));
const hexOf = (text: string): string => encodeHex(utf8(text));

/** Flips the lowest bit of one byte. */
function flip(hex: string, at: number): string {
  const bytes = parseHex(hex);
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] as number) ^ 1;
  return encodeHex(bytes);
}

/** Collects the cases of one scheme. */
class Scheme {
  readonly #engine: Engine;
  readonly #name: string;
  readonly #cases: VectorCase[] = [];
  constructor(engine: Engine, name: string) {
    this.#engine = engine;
    this.#name = name;
  }

  /** A success; its output becomes part of the vector. */
  async ok(name: string, operation: string, input: Fields): Promise<Record<string, Json>> {
    return (await this.#add(name, operation, input, "ok")) as Record<string, Json>;
  }

  /** A refusal. */
  async refuse(code: string, name: string, operation: string, input: Fields): Promise<void> {
    await this.#add(name, operation, input, code);
  }

  async #add(name: string, operation: string, input: Fields, expected: string): Promise<Fields | undefined> {
    const got = await runCase(this.#engine, operation, input);
    if (got.expect !== expected) throw new Error(`${this.#name}: ${name}: ${got.expect} instead of ${expected}`);
    const output = got.output && Object.keys(got.output).length > 0 ? { output: got.output } : {};
    this.#cases.push({ name, operation, input, expect: expected, ...output });
    return got.output;
  }

  file(): VectorFile {
    return { scheme: this.#name, source: SOURCE, cases: this.#cases };
  }
}

/** The domain that all files share. */
interface Setting {
  readonly engine: Engine;
  readonly domainId: string;
  readonly publicKey: string;
  readonly secrets: readonly string[];
  readonly publicShares: readonly string[];
  input(usage: string, identity: string, epoch?: number): Promise<string>;
  key(usage: string, identity: string, epoch?: number): Promise<string>;
  shares(usage: string, identity: string, epoch?: number): Promise<string[]>;
}

const ALICE = "milagro:example/service/alice";
const BOB = "milagro:example/service/bob";
const CAROL = "milagro:example/user/carol";
const EPOCH = 20_000;

async function succeed(engine: Engine, operation: string, input: Fields): Promise<Record<string, string>> {
  const { output, expect } = await runCase(engine, operation, input);
  if (!output) throw new Error(`${operation}: ${expect}`);
  return output as Record<string, string>;
}

async function prepare(engine: Engine): Promise<Setting> {
  const secrets = [1, 2, 3].map((i) =>
    encodeHex(engine.scalars.encode(engine.scalars.reduce(bytesFor(`id ${i}`, 48)))),
  );
  const published = secrets.map((secret) => succeed(engine, "public-share", { scheme: "id", secret }));
  const publicShares = (await Promise.all(published)).map((output) => output["publicShare"] as string);
  const summed = await succeed(engine, "combine-public-shares", { scheme: "id", shares: publicShares });
  const domainId = hexFor("domain", 32);
  const publicKey = summed["publicKey"] as string;
  const input = async (usage: string, identity: string, epoch = EPOCH): Promise<string> =>
    (await succeed(engine, "identity-input", { domainId, usage, identity, epoch }))["input"] as string;
  const shares = async (usage: string, identity: string, epoch = EPOCH): Promise<string[]> => {
    const fields = { usage, input: await input(usage, identity, epoch) };
    const issued = secrets.map((secret) => succeed(engine, "issue", { ...fields, secret }));
    return (await Promise.all(issued)).map((output) => output["share"] as string);
  };
  const key = async (usage: string, identity: string, epoch = EPOCH): Promise<string> => {
    const fields = { usage, input: await input(usage, identity, epoch), publicKey };
    return (await succeed(engine, "combine-shares", { ...fields, shares: await shares(usage, identity, epoch) }))[
      "key"
    ] as string;
  };
  return { engine, domainId, publicKey, secrets, publicShares, input, key, shares };
}

async function identities({ engine, domainId }: Setting): Promise<VectorFile> {
  const s = new Scheme(engine, "identities");
  for (const text of [
    ALICE,
    "milagro:prod.example/device-2/eu/rack-7/host.1",
    "milagro:example/user/Zoë@example.org",
  ]) {
    await s.ok(`parses ${text}`, "parse-identity", { text });
  }
  const bad: [string, string][] = [
    ["empty", ""],
    ["no name", "milagro:example/service"],
    ["empty segment", "milagro:example/service/a//b"],
    ["dot-dot segment", "milagro:example/service/../a"],
    ["capital in the domain", "milagro:Example/service/a"],
    ["space", "milagro:example/service/a b"],
    ["colon in the name", "milagro:example/service/a:b"],
    ["NFD", "milagro:example/user/Zoe\u0308"],
    ["zero-width joiner", "milagro:example/user/a\u200db"],
    ["invisible letter", "milagro:example/user/a\u3164"],
    ["256 bytes", `milagro:example/user/${"a".repeat(235)}`],
  ];
  for (const [name, text] of bad)
    await s.refuse("ERR_IDENTITY_INVALID", `refuses: ${name}`, "parse-identity", { text });
  await s.ok("a star is one segment", "match-pattern", {
    pattern: "milagro:example/*/web-*",
    identity: "milagro:example/service/web-1",
  });
  await s.ok("a star is not two segments", "match-pattern", {
    pattern: "milagro:example/service/*",
    identity: "milagro:example/service/a/b",
  });
  await s.ok("two stars are one or more", "match-pattern", {
    pattern: "milagro:example/service/**",
    identity: "milagro:example/service/a/b",
  });
  for (const pattern of ["milagro:*/service/a", "milagro:example/service/**/a", "milagro:example/service/a*b"]) {
    await s.refuse("ERR_IDENTITY_PATTERN_INVALID", `refuses the pattern ${pattern}`, "match-pattern", {
      pattern,
      identity: ALICE,
    });
  }
  const made = await s.ok("input for enc", "identity-input", { domainId, usage: "enc", identity: ALICE, epoch: EPOCH });
  await s.ok("input for mpin, no expiry", "identity-input", { domainId, usage: "mpin", identity: ALICE, epoch: 0 });
  const input = made["input"] as string;
  await s.ok("an input taken apart", "parse-identity-input", { bytes: input });
  const parse = "parse-identity-input";
  for (const [name, bytes] of [
    ["of another version", flip(input, 0)],
    ["with a wrong usage length", flip(input, 33)],
    ["with an unknown usage", flip(input, 34)],
    ["with a broken identity", flip(input, 40)],
    ["with an epoch past 2^53", `${input.slice(0, -16)}0020000000000000`],
    ["cut short", input.slice(0, -2)],
    ["with a byte too many", `${input}00`],
  ] as const) {
    await s.refuse("ERR_IDENTITY_INVALID", `refuses an input ${name}`, parse, { bytes });
  }
  await s.refuse("ERR_DOMAIN_ID_INVALID", "refuses a domain id of 31 bytes", "identity-input", {
    domainId: domainId.slice(2),
    usage: "enc",
    identity: ALICE,
    epoch: EPOCH,
  });
  await s.refuse("ERR_EPOCH_INVALID", "refuses an epoch below 0", "identity-input", {
    domainId,
    usage: "enc",
    identity: ALICE,
    epoch: -1,
  });
  await s.refuse("ERR_USAGE_INVALID", "refuses an unknown usage", "identity-input", {
    domainId,
    usage: "ENC",
    identity: ALICE,
    epoch: EPOCH,
  });
  return s.file();
}

async function issuance(setting: Setting): Promise<VectorFile> {
  const { engine, publicKey, secrets, publicShares } = setting;
  const [secret, other] = secrets as [string, string];
  const [published, second] = publicShares as [string, string];
  const s = new Scheme(engine, "issuance");
  const context = { domain: "example", index: 2, count: 3, ceremonyId: hexFor("ceremony", 32) };
  for (const scheme of ["id", "mpin", "cp", "kp", "statement"]) {
    const { publicShare } = await s.ok(`${scheme}: public share`, "public-share", { scheme, secret });
    const { proof } = await s.ok(`${scheme}: proof`, "prove-possession", { scheme, secret, ...context });
    const claim = { scheme, publicShare: publicShare as string, proof: proof as string, ...context };
    const check = (name: string, change: Fields): Promise<void> =>
      s.refuse("ERR_PUBLIC_KEY_INVALID", `${scheme}: ${name}`, "verify-possession", { ...claim, ...change });
    await s.ok(`${scheme}: the proof holds`, "verify-possession", claim);
    await check("a proof for another place", { index: 1 });
    await check("a proof for another ceremony", { ceremonyId: hexFor("another", 32) });
    await check("a proof changed", { proof: flip(proof as string, -1) });
    await check("a proof cut short", { proof: (proof as string).slice(2) });
    const stranger = await succeed(engine, "public-share", { scheme, secret: other });
    await check("a proof for another key", { publicShare: stranger["publicShare"] as string });
  }
  const statement = await succeed(engine, "public-share", { scheme: "statement", secret });
  await s.refuse("ERR_PUBLIC_KEY_INVALID", "mpin: a public share in G2", "verify-possession", {
    scheme: "mpin",
    publicShare: statement["publicShare"] as string,
    proof: hexFor("x", 80),
    ...context,
  });
  for (const [name, value] of [
    ["zero", "00".repeat(32)],
    ["the order", "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001"],
    ["31 bytes", secret.slice(2)],
  ] as const) {
    await s.refuse("ERR_SCALAR_INVALID", `a master secret share of ${name}`, "public-share", {
      scheme: "id",
      secret: value,
    });
  }
  await s.ok("the domain's public key", "combine-public-shares", { scheme: "id", shares: publicShares });
  const mixed = published.slice(0, 96) + second.slice(96);
  for (const [name, shares] of [
    ["no shares", []],
    ["equal shares", [published, second, published]],
    ["halves of different scalars", [mixed]],
    ["halves exchanged", [published.slice(96) + published.slice(0, 96)]],
    ["a point that is none", [flip(published, 60), second]],
  ] as const) {
    await s.refuse("ERR_PUBLIC_KEY_INVALID", `public key of ${name}`, "combine-public-shares", {
      scheme: "id",
      shares,
    });
  }
  for (const usage of ["enc", "sig", "kex"]) {
    const input = await setting.input(usage, ALICE);
    const { share } = await s.ok(`${usage}: a share`, "issue", { secret, usage, input });
    const fields = { usage, input, publicShare: published, share: share as string };
    await s.ok(`${usage}: the share is right`, "verify-share", fields);
    await s.refuse("ERR_SHARE_INVALID", `${usage}: a share of another D-TA`, "verify-share", {
      ...fields,
      publicShare: second,
    });
    await s.refuse("ERR_SHARE_INVALID", `${usage}: a share of another epoch`, "verify-share", {
      ...fields,
      input: await setting.input(usage, ALICE, EPOCH + 1),
    });
    await s.refuse("ERR_POINT_INVALID", `${usage}: a share cut short`, "verify-share", {
      ...fields,
      share: (share as string).slice(2),
    });
    const shares = await setting.shares(usage, ALICE);
    const whole = { usage, input, publicKey, shares };
    const stranger = await setting.shares(usage, BOB);
    await s.ok(`${usage}: the key`, "combine-shares", whole);
    await s.refuse("ERR_SHARE_INVALID", `${usage}: a share missing`, "combine-shares", {
      ...whole,
      shares: shares.slice(1),
    });
    await s.refuse("ERR_SHARE_INVALID", `${usage}: a share of another identity`, "combine-shares", {
      ...whole,
      shares: [...shares.slice(1), stranger[0] as string],
    });
    await s.refuse("ERR_SHARE_INVALID", `${usage}: no shares`, "combine-shares", { ...whole, shares: [] });
  }
  const anothers = { usage: "enc", input: await setting.input("sig", ALICE), publicShare: published };
  const [share] = (await setting.shares("sig", ALICE)) as [string];
  await s.refuse("ERR_SHARE_INVALID", "a share under another usage's name", "verify-share", { ...anothers, share });
  return s.file();
}

async function statements({ engine }: Setting): Promise<VectorFile> {
  const s = new Scheme(engine, "statements");
  const secret = encodeHex(engine.scalars.encode(engine.scalars.reduce(bytesFor("statement", 48))));
  const stranger = encodeHex(engine.scalars.encode(engine.scalars.reduce(bytesFor("stranger", 48))));
  const keyOf = async (of: string): Promise<string> =>
    (await succeed(engine, "public-share", { scheme: "statement", secret: of }))["publicShare"] as string;
  const publicKey = await keyOf(secret);
  for (const text of ["", "log head 17"]) {
    const message = hexOf(text);
    const { signature } = await s.ok(`signs "${text}"`, "sign-statement", { secret, message });
    const claim = { publicKey, message, signature: signature as string };
    const refuse = (name: string, change: Fields): Promise<void> =>
      s.refuse("ERR_SIGNATURE_INVALID", `"${text}": ${name}`, "verify-statement", { ...claim, ...change });
    await s.ok(`verifies "${text}"`, "verify-statement", claim);
    await refuse("another message", { message: hexOf("log head 18") });
    await refuse("another key", { publicKey: await keyOf(stranger) });
    await refuse("a changed signature", { signature: flip(signature as string, -1) });
    await refuse("a signature cut short", { signature: (signature as string).slice(2) });
    await refuse("the identity element", { signature: `c0${"00".repeat(47)}` });
    await refuse("no signature", { signature: "" });
  }
  return s.file();
}

async function encapsulation(setting: Setting): Promise<VectorFile> {
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

/** The sign flag of the compressed point in front. */
function negate(bytes: Uint8Array): Uint8Array {
  bytes[0] = (bytes[0] as number) ^ 0x20;
  return bytes;
}

async function envelopes(setting: Setting): Promise<VectorFile> {
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

async function files(setting: Setting): Promise<VectorFile> {
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

async function signatures(setting: Setting): Promise<VectorFile> {
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

async function signcryption(setting: Setting): Promise<VectorFile> {
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

async function keyAgreement(setting: Setting): Promise<VectorFile> {
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

/** All files by name. */
export async function buildVectors(): Promise<ReadonlyMap<string, VectorFile>> {
  // The engine's own randomness blinds computations and weights batches; no output depends on it.
  let counter = 0;
  const engine = createNobleEngine({
    random: (length) => {
      counter += 1;
      return bytesFor(`engine ${counter}`, length);
    },
  });
  const setting = await prepare(engine);
  const all = [
    identities,
    issuance,
    statements,
    encapsulation,
    envelopes,
    files,
    signatures,
    signcryption,
    keyAgreement,
  ];
  const built = new Map<string, VectorFile>();
  for (const build of all) {
    const file = await build(setting);
    built.set(`${file.scheme}.json`, file);
  }
  return built;
}

/** The text of a file, as it is committed. */
export function formatVectors(file: VectorFile): string {
  return `${JSON.stringify(file, null, 1)}\n`;
}

if (process.argv[1] === import.meta.filename) {
  const folder = new URL("../../../vectors/milagro/", import.meta.url);
  await mkdir(folder, { recursive: true });
  for (const [name, file] of await buildVectors()) await writeFile(new URL(name, folder), formatVectors(file));
}
