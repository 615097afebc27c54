/**
 * A second implementation of the receiving side, written from docs/spec on `@noble/curves` and node:crypto alone: it shares no
 * code with `src`, and takes the same vectors. Refusals cost a pairing each and are left to SLOW=1.
 */
import { createDecipheriv, createHash, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { describe, expect, test } from "vitest";

const { G1, G2 } = bls12_381;
const { Fp12, Fr } = bls12_381.fields;
type Fp12Element = ReturnType<typeof bls12_381.pairing>;
type Fp2Element = { readonly c0: bigint; readonly c1: bigint };

const hex = (text: string): Buffer => Buffer.from(text, "hex");
const be = (value: number | bigint, length: number): Buffer => hex(value.toString(16).padStart(2 * length, "0"));
const integer = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
const cat = (...parts: Uint8Array[]): Buffer => Buffer.concat(parts);
const transcript = (label: string, ...fields: Uint8Array[]): Buffer =>
  cat(be(label.length, 1), Buffer.from(label), ...fields.flatMap((field) => [be(field.length, 4), field]));
const digest = (label: string, ...fields: Uint8Array[]): Buffer =>
  createHash("sha256")
    .update(transcript(label, ...fields))
    .digest();
const hashToScalar = (label: string, ...fields: Uint8Array[]): bigint =>
  integer(
    createHash("sha384")
      .update(transcript(label, ...fields))
      .digest(),
  ) % Fr.ORDER;
const deriveKey = (key: Uint8Array, label: string, ...fields: Uint8Array[]): Buffer =>
  Buffer.from(hkdfSync("sha256", key, "", transcript(label, ...fields), 32));
const xor = (a: Uint8Array, b: Uint8Array): Buffer => Buffer.from(a.map((byte, i) => byte ^ (b[i] as number)));
const H1 = (input: Uint8Array) => G1.hashToCurve(input, { DST: "MILAGRO-V1-ID-BLS12381G1_XMD:SHA-256_SSWU_RO_" });
const gtBytes = (gt: Fp12Element): Buffer => {
  const fp2 = ({ c0, c1 }: Fp2Element): Buffer => cat(be(c1, 48), be(c0, 48));
  return cat(...[gt.c1, gt.c0].flatMap(({ c0, c1, c2 }) => [fp2(c2), fp2(c1), fp2(c0)]));
};
const g1 = (bytes: Uint8Array) => G1.Point.fromBytes(bytes);
const g2 = (bytes: Uint8Array) => G2.Point.fromBytes(bytes);
const pair = (p: Parameters<typeof bls12_381.pairing>[0], q: Parameters<typeof bls12_381.pairing>[1]) =>
  bls12_381.pairing(p, q);

const hashOfP = (publicKey: Uint8Array): Buffer => digest("MILAGRO-V1-PUBLIC-KEY", Buffer.from("id"), publicKey);

function decapsulate(
  key: Uint8Array,
  publicKey: Uint8Array,
  recipients: Uint8Array[],
  j: number,
  ciphertext: Uint8Array,
  context: Uint8Array,
): Buffer | undefined {
  const own = recipients[j];
  if (!own || ciphertext.length !== 96 + 32 * recipients.length) return undefined;
  const u = ciphertext.subarray(0, 96);
  const binding = digest("MILAGRO-V1-IBE-BINDING", hashOfP(publicKey), ...recipients);
  const mask = digest("MILAGRO-V1-IBE-H2", gtBytes(pair(g1(key), g2(u))), u, H1(own).toBytes(), be(j, 2));
  const m = xor(ciphertext.subarray(96 + 32 * j, 128 + 32 * j), mask);
  const rho = hashToScalar("MILAGRO-V1-IBE-H3", m, binding);
  if (!G2.Point.BASE.multiply(rho).equals(g2(u))) return undefined;
  return deriveKey(m, "MILAGRO-V1-IBE-KEY", u, ciphertext.subarray(96), binding, context);
}

function verify(publicKey: Uint8Array, input: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const [u, v] = [g1(signature.subarray(0, 48)), g1(signature.subarray(48))];
    if (u.is0() || v.is0() || input.subarray(33, 37).toString() !== "\x03sig") return false;
    const h = hashToScalar("MILAGRO-V1-IBS-CHALLENGE", signature.subarray(0, 48), hashOfP(publicKey), input, message);
    const right = u.add((H1(input) as typeof u).multiply(h));
    return Fp12.eql(pair(v, G2.Point.BASE), pair(right, g2(publicKey.subarray(48))));
  } catch {
    return false;
  }
}

function aesGcm(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): string {
  const decipher = createDecipheriv("aes-256-gcm", key, nonce).setAAD(aad).setAuthTag(sealed.subarray(-16));
  return cat(decipher.update(sealed.subarray(0, -16)), decipher.final()).toString("hex");
}

interface Case {
  readonly name: string;
  readonly operation: string;
  readonly input: Record<string, string> & {
    readonly recipients: string[];
    readonly index: number;
    readonly epoch: number;
  };
  readonly expect: string;
  readonly output: Record<string, string>;
}
const cases = (scheme: string, operation: string): Case[] => {
  const file = new URL(`../../../vectors/milagro/${scheme}.json`, import.meta.url);
  const all = JSON.parse(readFileSync(file, "utf8")).cases as Case[];
  const slow = process.env["SLOW"] === "1";
  return all.filter((entry) => entry.operation === operation && (slow || entry.expect === "ok"));
};
const field = (entry: Case, name: string): Buffer => hex(entry.input[name] ?? "");
const input = (domainId: Uint8Array, identity: Uint8Array, epoch: Uint8Array): Buffer =>
  cat(be(1, 1), domainId, Buffer.from("\x03enc"), be(identity.length, 2), identity, epoch);

/** Splits `recipients` off the front, giving the identity inputs. */
function splitRecipients(domainId: Buffer, bytes: Buffer): { inputs: Buffer[]; names: string[]; length: number } {
  let at = 2;
  const inputs: Buffer[] = [];
  const names: string[] = [];
  for (let left = bytes.readUInt16BE(0); left > 0; left -= 1) {
    const identity = bytes.subarray(at + 2, at + 2 + bytes.readUInt16BE(at));
    at += 2 + identity.length + 8;
    inputs.push(input(domainId, identity, bytes.subarray(at - 8, at)));
    names.push(identity.toString());
  }
  return { inputs, names, length: at };
}

describe("decapsulation", () => {
  const chosen = cases("ibe", "decapsulate").filter((entry) => !/U (no|the)|cut/.test(entry.name));
  test.each(chosen)("$name: $expect", (entry) => {
    const recipients = entry.input.recipients.map(hex);
    const [key, publicKey] = [field(entry, "key"), field(entry, "publicKey")];
    const got = decapsulate(
      key,
      publicKey,
      recipients,
      entry.input.index,
      field(entry, "ciphertext"),
      field(entry, "context"),
    );
    expect(got?.toString("hex")).toBe(entry.expect === "ok" ? entry.output["sharedSecret"] : undefined);
  });
});

test.each(cases("signatures", "verify"))("signature: $name: $expect", (entry) => {
  const [publicKey, signature] = [field(entry, "publicKey"), field(entry, "signature")];
  const holds = verify(publicKey, field(entry, "input"), field(entry, "message"), signature);
  expect(holds).toBe(entry.expect === "ok");
});

test.each(cases("envelopes", "open-envelope").filter((entry) => entry.expect === "ok"))("envelope: $name", (entry) => {
  const [envelope, domainId] = [field(entry, "envelope"), field(entry, "domainId")];
  const { inputs, names, length } = splitRecipients(domainId, envelope.subarray(33));
  const head = envelope.subarray(0, 33 + length + 96 + 32 * inputs.length);
  const [commitment, rest] = [envelope.subarray(head.length, head.length + 32), envelope.subarray(head.length + 32)];
  const context = transcript("MILAGRO-V1-ENVELOPE", field(entry, "context"));
  const j = names.indexOf(entry.input["identity"] as string);
  const ibe = head.subarray(33 + length);
  const k = decapsulate(field(entry, "key"), field(entry, "publicKey"), inputs, j, ibe, context) as Buffer;
  expect(commitment).toEqual(deriveKey(k, "MILAGRO-V1-ENVELOPE-COMMITMENT", head));
  expect(rest.readUInt32BE(0)).toBe(rest.length - 4);
  const key = deriveKey(k, "MILAGRO-V1-ENVELOPE-KEY");
  expect(aesGcm(key, Buffer.alloc(12), cat(head, commitment), rest.subarray(4))).toBe(entry.output["plaintext"] ?? "");
});

test.each(cases("files", "open-file").filter((entry) => entry.expect === "ok"))("file: $name", (entry) => {
  const [file, domainId] = [field(entry, "file"), field(entry, "domainId")];
  expect(file.subarray(0, 24).toString()).toBe("milagro.dev/envelope v1\n");
  const header = file.subarray(28, 28 + file.readUInt32BE(24));
  const head = header.subarray(0, -32);
  const { inputs, length } = splitRecipients(domainId, head.subarray(32));
  const context = transcript("MILAGRO-V1-FILE", field(entry, "context"));
  const ibe = head.subarray(32 + length);
  const k = decapsulate(field(entry, "key"), field(entry, "publicKey"), inputs, 0, ibe, context) as Buffer;
  expect(header.subarray(-32)).toEqual(deriveKey(k, "MILAGRO-V1-FILE-COMMITMENT", head));
  const segment = file.subarray(28 + header.length);
  const text = aesGcm(deriveKey(k, "MILAGRO-V1-FILE-KEY", head), be(1, 12), Buffer.alloc(0), segment);
  expect(text).toBe(entry.output["plaintext"]);
});

test.each(cases("signcryption", "unsigncrypt").filter((entry) => entry.expect === "ok"))(
  "signcryption: $name",
  (entry) => {
    const [wire, recipient, publicKey] = [
      field(entry, "signcrypted"),
      field(entry, "recipient"),
      field(entry, "publicKey"),
    ];
    const context = field(entry, "context");
    const [head, commitment] = [wire.subarray(0, 129), wire.subarray(129, 161)];
    const outer = transcript("MILAGRO-V1-SIGNCRYPTION", context);
    const k = decapsulate(field(entry, "key"), publicKey, [recipient], 0, head.subarray(1), outer) as Buffer;
    expect(commitment).toEqual(deriveKey(k, "MILAGRO-V1-SIGNCRYPTION-COMMITMENT", head));
    const key = deriveKey(k, "MILAGRO-V1-SIGNCRYPTION-KEY");
    const inner = hex(aesGcm(key, Buffer.alloc(12), cat(head, commitment), wire.subarray(161)));
    const sender = inner.subarray(2, 2 + inner.readUInt16BE(0));
    const signature = inner.subarray(2 + sender.length, 2 + sender.length + 96);
    const message = inner.subarray(2 + sender.length + 96);
    expect(message.toString("hex")).toBe(entry.output["message"]);
    const label = "MILAGRO-V1-SIGNCRYPTION-STATEMENT";
    const statement = transcript(label, sender, recipient, head.subarray(1), context, message);
    expect(verify(publicKey, sender, statement, signature)).toBe(true);
  },
);

test.each(cases("key-agreement", "agree-key").filter((entry) => entry.expect === "ok"))(
  "key agreement: $name",
  (entry) => {
    const [own, peer, key] = [field(entry, "own"), field(entry, "peer"), field(entry, "key")];
    const first = Buffer.compare(own, peer) < 0;
    const tag = "MILAGRO-V1-ID-BLS12381G2_XMD:SHA-256_SSWU_RO_";
    const gt = first
      ? pair(g1(key.subarray(0, 48)), G2.hashToCurve(peer, { DST: tag }))
      : pair(H1(peer), g2(key.subarray(48)));
    const inputs = first ? [own, peer] : [peer, own];
    const agreed = deriveKey(
      gtBytes(gt),
      "MILAGRO-V1-SOK",
      hashOfP(field(entry, "publicKey")),
      ...inputs,
      field(entry, "context"),
    );
    expect(agreed.toString("hex")).toBe(entry.output["key"]);
  },
);
