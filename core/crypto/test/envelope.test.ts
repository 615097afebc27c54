import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nobleAead } from "../src/aead.ts";
import { concat, transcript, u16, u32 } from "../src/bytes.ts";
import { type Envelope, encodeEnvelope, openEnvelope, parseEnvelope, sealEnvelope } from "../src/envelope.ts";
import { parseEpoch } from "../src/epoch.ts";
import { decapsulate } from "../src/ibe.ts";
import { deriveKey } from "../src/kdf.ts";
import { recipientInputs } from "../src/recipients.ts";
import {
  alice,
  bob,
  bytes,
  carol,
  codeOf,
  engine,
  enrol,
  epoch,
  flip,
  makeDomain,
  NOTHING,
  random,
} from "./fixtures.ts";
import { collide } from "./gcm-collision.ts";

const domain = makeDomain();
const { domainId, publicKey } = domain;
const context = bytes("database/password 3");
const plaintext = bytes("correct horse battery staple");
const recipients = [
  { identity: alice, epoch },
  { identity: bob, epoch },
];
const { key } = enrol(domain, "enc", bob);
const seal = (text: Uint8Array): Envelope =>
  sealEnvelope(engine, random, { domainId, publicKey, recipients, context, plaintext: text });
const envelope = seal(plaintext);
const wire = encodeEnvelope(envelope);
const opening = { domainId, publicKey, recipient: { identity: bob, epoch }, context, envelope };
const open = (options: typeof opening, with_ = key): Uint8Array =>
  openEnvelope(engine, with_, options).use((text) => text.slice());

test("what is sealed opens, for each recipient, also from the wire", () => {
  expect(open(opening)).toEqual(plaintext);
  const other = { ...opening, recipient: { identity: alice, epoch }, envelope: parseEnvelope(wire) };
  expect(open(other, enrol(domain, "enc", alice).key)).toEqual(plaintext);
});

test("any plaintext comes back, also an empty one", () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (text) => {
      const alone = { domainId, publicKey, recipients: [opening.recipient], context, plaintext: text };
      const sent = encodeEnvelope(sealEnvelope(engine, random, alone));
      expect(open({ ...opening, envelope: parseEnvelope(sent) })).toEqual(text);
    }),
  ));

test("the wire form is the layout of the spec", () => {
  const names = [alice, bob].map((name) => concat(u16(name.length), bytes(name), bytes("\0\0\0\0\0\0"), u16(epoch)));
  const head = concat(Uint8Array.of(1), domainId, u16(2), ...names, envelope.ibe);
  const body = concat(u32(plaintext.length + 16), envelope.ciphertext);
  expect(wire).toEqual(concat(head, envelope.commitment, body));
});

describe("refuses to open", () => {
  test.each<[string, () => unknown, string]>([
    [
      "for an identity not listed",
      () => open({ ...opening, recipient: { identity: carol, epoch } }),
      "ERR_NOT_RECIPIENT",
    ],
    [
      "for another epoch",
      () => open({ ...opening, recipient: { identity: bob, epoch: parseEpoch(epoch + 1) } }),
      "ERR_NOT_RECIPIENT",
    ],
    ["in another domain", () => open({ ...opening, domainId: makeDomain().domainId }), "ERR_NOT_RECIPIENT"],
    ["with another key", () => open(opening, enrol(domain, "enc", alice).key), "ERR_DECAPSULATION_FAILED"],
    [
      "under another context",
      () => open({ ...opening, context: bytes("database/password 4") }),
      "ERR_DECAPSULATION_FAILED",
    ],
    [
      "under another domain key",
      () => open({ ...opening, publicKey: makeDomain().publicKey }),
      "ERR_DECAPSULATION_FAILED",
    ],
  ])("%s", (_what, run, code) => {
    expect(codeOf(run)).toBe(code);
  });

  test.each<[string, (e: Envelope) => Envelope]>([
    ["U", (e) => ({ ...e, ibe: flip(e.ibe, 50) })],
    ["its own slot", (e) => ({ ...e, ibe: flip(e.ibe, -1) })],
    ["another's slot", (e) => ({ ...e, ibe: flip(e.ibe, 96) })],
    ["the commitment", (e) => ({ ...e, commitment: flip(e.commitment, 0) })],
    ["the ciphertext", (e) => ({ ...e, ciphertext: flip(e.ciphertext, 0) })],
    ["the tag", (e) => ({ ...e, ciphertext: flip(e.ciphertext, -1) })],
    ["the ciphertext's length", (e) => ({ ...e, ciphertext: e.ciphertext.slice(0, -1) })],
    ["the list's order", (e) => ({ ...e, recipients: e.recipients.toReversed() })],
    ["another recipient", (e) => ({ ...e, recipients: [{ identity: carol, epoch }, ...e.recipients.slice(1)] })],
    ["body and commitment, taken from another envelope", (e) => ({ ...seal(plaintext), ibe: e.ibe })],
  ])("when it was changed in %s", (_what, change) => {
    expect(codeOf(() => open({ ...opening, envelope: change(envelope) }))).toBe("ERR_DECAPSULATION_FAILED");
  });
});

test("the salamander: one ciphertext made for two keys opens under neither but the committed one", () => {
  // Bob's key gives two different keys for two contexts; a hostile sender knows both and wants the two texts to differ.
  const inputs = recipientInputs(domainId, recipients);
  const head = wire.subarray(0, wire.length - 32 - 4 - envelope.ciphertext.length);
  const aad = concat(head, envelope.commitment);
  const keyFor = (text: string): Uint8Array =>
    decapsulate(engine, key, publicKey, inputs, 1, envelope.ibe, transcript("MILAGRO-V1-ENVELOPE", bytes(text))).use(
      (secret) => deriveKey(secret, "MILAGRO-V1-ENVELOPE-KEY"),
    );
  const [first, second] = ["database/password 3", "another context"].map(keyFor) as [Uint8Array, Uint8Array];
  const nonce = new Uint8Array(12);
  const ciphertext = collide(first, second, nonce, aad);
  const texts = [first, second].map((aeadKey) => nobleAead.open(aeadKey, nonce, aad, ciphertext));
  expect(texts[0]).not.toEqual(texts[1]); // AES-GCM alone accepts both
  const forged = { ...opening, envelope: { ...envelope, ciphertext } };
  expect(open(forged)).toEqual(texts[0]);
  expect(codeOf(() => open({ ...forged, context: bytes("another context") }))).toBe("ERR_DECAPSULATION_FAILED");
});

describe("parsing", () => {
  const at = (index: number, value: number): Uint8Array => {
    const out = wire.slice();
    out[index] = value;
    return out;
  };
  test.each<[string, Uint8Array]>([
    ["nothing", NOTHING],
    ["another version", at(0, 2)],
    ["no recipients", concat(wire.subarray(0, 33), u16(0), wire.subarray(35))],
    ["more recipients than there are", at(34, 3)],
    ["too many recipients", concat(wire.subarray(0, 33), u16(1025), wire.subarray(35))],
    ["an identity outside the grammar", at(37, 0x20)],
    ["an epoch out of range", at(37 + alice.length, 0xff)],
    ["a body cut short", wire.subarray(0, -1)],
    ["bytes after the end", concat(wire, Uint8Array.of(0))],
    ["no tag", encodeEnvelope({ ...envelope, ciphertext: random(15) })],
  ])("refuses %s", (_what, input) => {
    expect(codeOf(() => parseEnvelope(input))).toBe("ERR_ENVELOPE_INVALID");
  });

  test("refuses every truncation", () => {
    for (let length = 0; length < wire.length; length += 7) {
      expect(codeOf(() => parseEnvelope(wire.subarray(0, length)))).toBe("ERR_ENVELOPE_INVALID");
    }
  });

  test("is the inverse of encoding", () => {
    expect(parseEnvelope(wire)).toEqual(envelope);
  });
});

test("more than 1 MiB is refused, on the way in and out", () => {
  const large = new Uint8Array(1024 * 1024 + 1);
  expect(codeOf(() => seal(large))).toBe("ERR_ENVELOPE_TOO_LARGE");
  const forged = encodeEnvelope({ ...envelope, ciphertext: new Uint8Array(large.length + 16) });
  expect(codeOf(() => parseEnvelope(forged))).toBe("ERR_ENVELOPE_TOO_LARGE");
});
