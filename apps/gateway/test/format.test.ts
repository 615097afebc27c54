/** The format by its vectors, and laws: every length and every range comes back; nothing else does. */
import { readFileSync } from "node:fs";
import { Secret } from "@milagro/crypto/secret";
import { MilagroError } from "@milagro/engine/error";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planRead, SEGMENT_LENGTH, sealedLength } from "../src/format/layout.ts";
import { manifestLengthFrom, openManifest } from "../src/format/manifest.ts";
import { createNameCipher } from "../src/format/names.ts";
import { type Kek, parseObjectHeader, unwrapDek } from "../src/format/object-header.ts";
import { BLOCK_LENGTH, type Dek, openPlan, partKey, sealPart } from "../src/format/segments.ts";
import { createTagCipher } from "../src/format/tags.ts";
import { ruleFor } from "../src/policies.ts";
import { stretch, VECTORS } from "./vectors.ts";
import { bytesOf, rules } from "./world.ts";

type Case = { readonly expect: string } & Readonly<Record<string, never>>;
const vectors = JSON.parse(readFileSync(VECTORS, "utf8")) as Record<"headers" | "objects" | "names" | "tags", Case[]>;
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
const secret = <K extends string>(kind: K, text: string) => new Secret(kind, hex(text));
const outcome = async (work: () => unknown): Promise<string> => {
  try {
    await work();
    return "ok";
  } catch (error) {
    return error instanceof MilagroError ? error.code : String(error);
  }
};
const collect = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
};

describe("vectors", () => {
  test("headers", async () => {
    for (const { name, kek, dek, bucket, key, header, expect: expected } of vectors.headers as never as Record<
      string,
      string
    >[]) {
      const work = () => {
        const opened = unwrapDek(secret("KEK", kek as string) as Kek, parseObjectHeader(header as string), {
          bucket: bucket as string,
          key: key as string,
        });
        opened.use((bytes) => expect(Buffer.from(bytes).toString("hex")).toBe(dek));
      };
      expect(await outcome(work), name).toBe(expected);
    }
  });
  test("objects", async () => {
    for (const { name, dek, stored, text, expect: expected } of vectors.objects as never as Record<string, string>[]) {
      const work = async () => {
        const bytes = hex(stored as string);
        const key = secret("object key", dek as string) as Dek;
        const tailLength = manifestLengthFrom(bytes);
        const manifest = await openManifest(key, bytes.subarray(Math.max(0, bytes.length - tailLength)), bytes.length);
        const plan = planRead(
          manifest.parts.map(([size]) => size),
          0,
          manifest.size,
        );
        const keyOf = (i: number) =>
          partKey(key, new Uint8Array(Buffer.from(manifest.parts[i]?.[1] ?? "", "base64url")));
        expect(
          (await collect(openPlan(keyOf, plan, [bytes.subarray(plan.from, plan.from + plan.length)]))).toString("hex"),
        ).toBe(text);
      };
      expect(await outcome(work), name).toBe(expected);
    }
  });
  test("names and tags", async () => {
    for (const { bucketKey, key, name, expect: expected } of vectors.names as never as Record<string, string>[]) {
      const cipher = createNameCipher(secret("KEK", bucketKey as string) as Kek);
      expect(await outcome(() => expect(cipher.open(name as string)).toBe(key)), name).toBe(expected);
      if (expected === "ok") expect(cipher.seal(key as string)).toBe(name);
    }
    for (const { bucketKey, indexed, tags, stored, expect: expected } of vectors.tags as never as {
      bucketKey: string;
      indexed: string[];
      tags: object;
      stored: Record<string, string>;
      expect: string;
    }[]) {
      const cipher = createTagCipher(stretch("t"), secret("KEK", bucketKey) as Kek, new Set(indexed));
      expect(await outcome(() => expect(cipher.open(stored)).toEqual(tags))).toBe(expected);
    }
  });
});

describe("laws", () => {
  const dek: Dek = new Secret("object key", bytesOf(32));
  const salts = [0, 1, 2].map((i) => bytesOf(16, i + 5));
  const lengths = fc.oneof(
    fc.integer({ min: 0, max: 300_000 }),
    fc.constantFrom(0, 1, SEGMENT_LENGTH - 1, SEGMENT_LENGTH, SEGMENT_LENGTH + 1, BLOCK_LENGTH, BLOCK_LENGTH + 1),
  );
  test("any parts, any range: the plan fetches neighbouring bytes and opens to the very bytes asked for", () =>
    fc.assert(
      fc.asyncProperty(fc.array(lengths, { minLength: 1, maxLength: 3 }), fc.nat(), fc.nat(), async (parts, a, b) => {
        const texts = parts.map((length, i) => bytesOf(length, i + 1));
        const sealed = await Promise.all(
          texts.map((text, i) => collect(sealPart(partKey(dek, salts[i] as Uint8Array), cut(text, 10_007)))),
        );
        expect(sealed.map((part) => part.length)).toEqual(parts.map(sealedLength));
        const [whole, stored] = [Buffer.concat(texts), Buffer.concat(sealed)];
        const from = whole.length === 0 ? 0 : a % whole.length;
        const length = whole.length === 0 ? 0 : 1 + (b % (whole.length - from));
        const plan = planRead(parts, from, length);
        const fetched = stored.subarray(plan.from, plan.from + plan.length);
        const opened = await collect(openPlan((i) => partKey(dek, salts[i] as Uint8Array), plan, cut(fetched, 7001)));
        expect(Buffer.compare(opened, whole.subarray(from, from + length))).toBe(0);
      }),
      // An empty part between others has a segment too.
      { examples: [[[SEGMENT_LENGTH, 0, 5], 0, SEGMENT_LENGTH + 4]] },
    ));
  test("chunks that are used again: each is right until the one after the next is asked for, whatever the blocks", async () => {
    const text = bytesOf(3 * BLOCK_LENGTH + 5, 9);
    const key = partKey(dek, salts[0] as Uint8Array);
    const plain = await collect(sealPart(key, [text]));
    const given: Uint8Array[] = [];
    const kept: Buffer[] = [];
    const shared = new Uint8Array(new SharedArrayBuffer(BLOCK_LENGTH));
    for await (const chunk of sealPart(key, cut(text, 65_000), { block: () => shared, reusesChunks: true })) {
      const [before] = given.slice(-1);
      if (before) expect(Buffer.compare(before, kept.at(-1) as Buffer)).toBe(0);
      given.push(chunk);
      kept.push(Buffer.from(chunk));
    }
    expect(Buffer.compare(Buffer.concat(kept), plain)).toBe(0);
    // They are used again indeed: else this says nothing.
    expect(given[2]?.buffer).toBe(given[0]?.buffer);
  });
  test("names: what is sealed opens again, and two keys have two names", () => {
    const cipher = createNameCipher(new Secret("KEK", bytesOf(32)));
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (one, two) => {
        fc.pre(one.isWellFormed() && two.isWellFormed());
        expect(cipher.open(cipher.seal(one))).toBe(one);
        expect(cipher.seal(one) === cipher.seal(two)).toBe(one === two);
      }),
    );
  });
  test("of rules the one with the longest prefix counts", () => {
    expect(ruleFor(rules, "records", "eu/x")?.prefix).toBe("eu/");
    expect(ruleFor(rules, "records", "e")?.prefix).toBe("");
    expect(ruleFor({ ...rules, rules: [] }, "records", "e")).toBeUndefined();
  });
});

function* cut(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
