/**
 * Makes vectors/milagro/gateway.json: run it with Node (`node --conditions=@milagro/source apps/gateway/test/vectors.ts`) after the format has changed, which a released format does not.
 * @module
 */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { Secret } from "@milagro/crypto/secret";
import { type Manifest, sealManifest } from "../src/format/manifest.ts";
import { createNameCipher } from "../src/format/names.ts";
import { encodeObjectHeader, type KekId, parseObjectHeader, wrapDek } from "../src/format/object-header.ts";
import { partKey, sealPart } from "../src/format/segments.ts";
import { createTagCipher } from "../src/format/tags.ts";

export const VECTORS: URL = new URL("../../../vectors/milagro/gateway.json", import.meta.url);

/** Bytes that look random and are always the same. */
export function stretch(label: string): (length: number) => Uint8Array {
  let count = 0;
  return (length) => {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) {
      const block = createHash("sha256").update(`${label} ${count++}`).digest();
      out.set(block.subarray(0, length - at), at);
    }
    return out;
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

async function build(): Promise<unknown> {
  const random = stretch("gateway vectors");
  const [kekBytes, dekBytes] = [random(32), random(32)];
  const [kekHex, dekHex] = [hex(kekBytes), hex(dekBytes)];
  const kek = new Secret("KEK", kekBytes);
  const dek = new Secret("object key", dekBytes);
  const kekId = "00112233445566778899aabbccddeeff" as KekId;
  const place = { bucket: "records", key: "hr/ä 1.txt" };
  const header = encodeObjectHeader(wrapDek(random, kek, kekId, place, dek));
  const bytes = Buffer.from(header, "base64url");
  const flip = (at: number): string => {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ 1;
    return changed.toString("base64url");
  };
  const salt = random(16);
  const parts: Uint8Array[] = [];
  const text = new TextEncoder().encode("attributes, not addresses");
  for await (const chunk of sealPart(partKey(dek, salt), [text])) parts.push(chunk);
  const body = Buffer.concat(parts);
  const manifest: Manifest = {
    v: 1,
    size: text.length,
    etag: createHash("md5").update(text).digest("hex"),
    parts: [[text.length, Buffer.from(salt).toString("base64url")]],
    headers: { "content-type": "text/plain" },
    metadata: { author: "a" },
    checksums: {},
  };
  const tail = await sealManifest(random, dek, manifest);
  const whole = Buffer.concat([body, tail]);
  const changed = (at: number): Buffer => {
    const copy = Buffer.from(whole);
    copy[at < 0 ? copy.length + at : at] = (copy[at < 0 ? copy.length + at : at] as number) ^ 1;
    return copy;
  };
  const inParts = await objectInParts(dek);
  const bucketKey = random(32);
  const bucketHex = hex(bucketKey);
  const key = new Secret("KEK", bucketKey);
  const names = createNameCipher(key);
  const tags = createTagCipher(random, key, new Set(["customer"]));
  const header_ = (what: string, change: object, expect: string) => ({
    name: what,
    kek: kekHex,
    dek: dekHex,
    ...place,
    header,
    ...change,
    expect,
  });
  const object_ = (what: string, stored: Uint8Array, expect: string) => ({
    name: what,
    dek: dekHex,
    stored: hex(stored),
    text: hex(text),
    expect,
  });
  const bad = "ERR_OBJECT_CORRUPT";
  parseObjectHeader(header);
  return {
    source: "docs/spec/gateway.md",
    headers: [
      header_("a header", {}, "ok"),
      header_("another bucket", { bucket: "record" }, bad),
      header_("another key", { key: "hr/ä 2.txt" }, bad),
      header_("another KEK", { kek: dekHex }, bad),
      header_("another version", { header: flip(0) }, bad),
      header_("another KEK id", { header: flip(1) }, bad),
      header_("another salt", { header: flip(20) }, bad),
      header_("another wrapped key", { header: flip(40) }, bad),
      header_("another commitment", { header: flip(112) }, bad),
      header_("cut short", { header: bytes.subarray(0, 112).toString("base64url") }, bad),
      header_("with more behind", { header: Buffer.concat([bytes, Buffer.alloc(1)]).toString("base64url") }, bad),
    ],
    objects: [
      object_("an object", whole, "ok"),
      object_("its text changed", changed(0), bad),
      object_("its segment's tag changed", changed(body.length - 1), bad),
      object_("its manifest changed", changed(-30), bad),
      object_("its manifest's length changed", changed(-1), bad),
      object_("without its first byte", whole.subarray(1), bad),
      object_("with a byte before the manifest", Buffer.concat([body, Buffer.alloc(1), tail]), bad),
      object_("the manifest alone", tail, bad),
      object_("nothing", new Uint8Array(0), bad),
      object_("two parts with checksums", await inParts(["rTJ/wQ==", "cqY5/Q=="]), "ok"),
      object_("two parts, of which one has a checksum", await inParts(["rTJ/wQ=="]), "ok"),
      object_("a part's checksum that is not base64", await inParts(["rTJ/wQ==", "cqY5_Q=="]), bad),
      object_("a part's checksum that is too long", await inParts(["rTJ/wQ==", "A".repeat(45)]), bad),
    ],
    names: ["a", "a/b", "a/b/", "b/b", "/", "", "ä/日本"]
      .map((name) => ({ bucketKey: bucketHex, key: name, name: names.seal(name), expect: "ok" }))
      .concat(
        ["AAAA", `${names.seal("a/b").split("/")[1]}`, "%"].map((name) => ({
          bucketKey: bucketHex,
          key: "",
          name,
          expect: bad,
        })),
      ),
    tags: [
      {
        bucketKey: bucketHex,
        indexed: ["customer"],
        tags: { customer: "acme", note: "x" },
        stored: tags.seal({ customer: "acme", note: "x" }),
        expect: "ok",
      },
      { bucketKey: bucketHex, indexed: [], tags: {}, stored: { AAAA: "dAAAA" }, expect: bad },
    ],
  };
}

/** @returns makes the object of `text` in two parts, with these checksums of them */
async function objectInParts(
  dek: Secret<"object key">,
): Promise<(checksums: readonly string[]) => Promise<Uint8Array>> {
  const random = stretch("gateway vectors, in parts");
  const texts = ["attributes, ", "not addresses"].map((part) => new TextEncoder().encode(part));
  const salts = texts.map(() => random(16));
  const body: Uint8Array[] = [];
  for (const [i, part] of texts.entries())
    for await (const chunk of sealPart(partKey(dek, salts[i] as Uint8Array), [part])) body.push(chunk);
  return async (checksums) => {
    const parts = texts.map(({ length }, i): Manifest["parts"][number] => {
      const salt = Buffer.from(salts[i] as Uint8Array).toString("base64url");
      return checksums[i] === undefined ? [length, salt] : [length, salt, checksums[i]];
    });
    const etag = `${createHash("md5").update("parts").digest("hex")}-2`;
    const about = {
      v: 1,
      size: 25,
      etag,
      parts,
      headers: {},
      metadata: {},
      checksums: { crc32: "AAAAAA==-2" },
    } as const;
    return Buffer.concat([
      ...body,
      await sealManifest(random, dek, { ...about, parts, checksums: { ...about.checksums } }),
    ]);
  };
}

if (process.argv[1] === new URL(import.meta.url).pathname)
  writeFileSync(VECTORS, `${JSON.stringify(await build(), null, 2)}\n`);
