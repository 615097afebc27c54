/** What uploads in parts may ask for, and what is made of their parts' checksums. */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { createDigests } from "../src/digest-algorithms.ts";
import {
  type ChecksummedPart,
  completedChecksums,
  type UploadChecksum,
  uploadChecksumOf,
} from "../src/operations/multipart-checksum.ts";
import { bytesOf } from "./world.ts";

const headers = (given: Record<string, string>): ReadonlyMap<string, string> => new Map(Object.entries(given));
const ALGORITHMS = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"] as const;
const bodies = [bytesOf(3000, 1), bytesOf(70_001, 2), bytesOf(0), bytesOf(17, 3)];
const whole = Buffer.concat(bodies);

async function base64Of(algorithm: (typeof ALGORITHMS)[number], ...pieces: Uint8Array[]): Promise<string> {
  const digests = createDigests([algorithm]);
  for (const piece of pieces) digests.update(piece);
  return Buffer.from((await digests.end())[algorithm] as Uint8Array).toString("base64");
}
/** As the gateway notes them: with each of these algorithms. */
const partsWith = (...algorithms: (typeof ALGORITHMS)[number][]): Promise<ChecksummedPart[]> =>
  Promise.all(
    bodies.map(async (body) => ({
      size: body.length,
      checksums: Object.fromEntries(
        await Promise.all(algorithms.map(async (name) => [name, await base64Of(name, body)] as const)),
      ),
    })),
  );

describe("beginning", () => {
  test.each([
    [{}, undefined],
    [{ "x-amz-checksum-algorithm": "CRC32" }, { algorithm: "crc32", type: "COMPOSITE" }],
    [
      { "x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "FULL_OBJECT" },
      { algorithm: "crc32", type: "FULL_OBJECT" },
    ],
    [
      { "x-amz-checksum-algorithm": "CRC32C", "x-amz-checksum-type": "COMPOSITE" },
      { algorithm: "crc32c", type: "COMPOSITE" },
    ],
    [{ "x-amz-checksum-algorithm": "CRC64NVME" }, { algorithm: "crc64nvme", type: "FULL_OBJECT" }],
    [{ "x-amz-checksum-algorithm": "SHA256" }, { algorithm: "sha256", type: "COMPOSITE" }],
  ])("%j asks for %j", (given, expected) => {
    expect(uploadChecksumOf(headers(given))).toEqual(expected);
  });

  test.each([
    { "x-amz-checksum-algorithm": "MD5" },
    { "x-amz-checksum-algorithm": "XXHASH3" },
    { "x-amz-checksum-algorithm": "" },
    { "x-amz-checksum-type": "FULL_OBJECT" },
    { "x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "HALF_OBJECT" },
    { "x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-type": "FULL_OBJECT" },
    { "x-amz-checksum-algorithm": "SHA1", "x-amz-checksum-type": "FULL_OBJECT" },
    { "x-amz-checksum-algorithm": "CRC64NVME", "x-amz-checksum-type": "COMPOSITE" },
  ])("%j is refused", (given) => {
    expect(() => uploadChecksumOf(headers(given))).toThrow(expect.objectContaining({ code: "InvalidRequest" }));
  });
});

describe("completing", () => {
  test.each(["crc32", "crc32c", "crc64nvme"] as const)(
    "%s of the full object is that of all bytes",
    async (algorithm) => {
      const begun: UploadChecksum = { algorithm, type: "FULL_OBJECT" };
      const expected = await base64Of(algorithm, whole);
      const sent = headers({
        [`x-amz-checksum-${algorithm}`]: expected,
        "x-amz-checksum-type": "FULL_OBJECT",
        "x-amz-mp-object-size": String(whole.length),
      });
      const parts = await partsWith(algorithm);
      const kept = { whole: { [algorithm]: expected }, ofParts: parts.map(({ checksums }) => checksums[algorithm]) };
      expect(await completedChecksums(sent, begun, parts)).toEqual(kept);
      expect(await completedChecksums(headers({}), begun, parts)).toEqual(kept);
    },
  );

  test("CRC32 is zlib's of all bytes", async () => {
    const expected = Buffer.alloc(4);
    expected.writeUInt32BE(crc32(whole));
    const begun: UploadChecksum = { algorithm: "crc32", type: "FULL_OBJECT" };
    const { whole: kept } = await completedChecksums(headers({}), begun, await partsWith("crc32"));
    expect(kept).toEqual({ crc32: expected.toString("base64") });
  });

  test.each(["sha1", "sha256"] as const)(
    "a composite %s is that of the parts' digests, with their number",
    async (algorithm) => {
      const outer = createHash(algorithm);
      for (const body of bodies) outer.update(createHash(algorithm).update(body).digest());
      const expected = outer.digest("base64");
      const begun: UploadChecksum = { algorithm, type: "COMPOSITE" };
      for (const sent of [
        {},
        { [`x-amz-checksum-${algorithm}`]: expected },
        { [`x-amz-checksum-${algorithm}`]: `${expected}-4` },
      ])
        expect((await completedChecksums(headers(sent), begun, await partsWith(algorithm))).whole).toEqual({
          [algorithm]: `${expected}-4`,
        });
    },
  );

  test("begun without one: the CRC that all parts came with, of the full object; else none", async () => {
    const parts = await partsWith("sha256", "crc32c");
    expect(await completedChecksums(headers({}), undefined, parts)).toEqual({
      whole: { crc32c: await base64Of("crc32c", whole) },
      ofParts: parts.map(({ checksums }) => checksums["crc32c"]),
    });
    const [first, ...others] = parts;
    const none = { whole: {}, ofParts: [] };
    expect(
      await completedChecksums(headers({}), undefined, [{ size: first?.size ?? 0, checksums: {} }, ...others]),
    ).toEqual(none);
    expect(await completedChecksums(headers({}), undefined, await partsWith("sha256"))).toEqual(none);
  });

  test.each<[string, UploadChecksum | undefined, Record<string, string>, string]>([
    ["another value", { algorithm: "crc32", type: "FULL_OBJECT" }, { "x-amz-checksum-crc32": "AAAAAA==" }, "BadDigest"],
    [
      "text that is no checksum",
      { algorithm: "crc32", type: "FULL_OBJECT" },
      { "x-amz-checksum-crc32": "no" },
      "BadDigest",
    ],
    [
      "the full object's for a composite",
      { algorithm: "crc32", type: "COMPOSITE" },
      { "x-amz-checksum-crc32": "FULL" },
      "BadDigest",
    ],
    [
      "another number of parts",
      { algorithm: "crc32", type: "COMPOSITE" },
      { "x-amz-checksum-crc32": "COMPOSITE-3" },
      "BadDigest",
    ],
    [
      "a number of parts for the full object",
      { algorithm: "crc32", type: "FULL_OBJECT" },
      { "x-amz-checksum-crc32": "FULL-4" },
      "BadDigest",
    ],
    ["another type", { algorithm: "crc32", type: "COMPOSITE" }, { "x-amz-checksum-type": "FULL_OBJECT" }, "BadDigest"],
    ["a type without any checksum", undefined, { "x-amz-checksum-type": "COMPOSITE" }, "BadDigest"],
    [
      "another algorithm",
      { algorithm: "crc32", type: "FULL_OBJECT" },
      { "x-amz-checksum-crc32c": "AAAAAA==" },
      "InvalidRequest",
    ],
    ["one that the parts did not come with", undefined, { "x-amz-checksum-sha256": "AAAA" }, "InvalidRequest"],
    ["another size", undefined, { "x-amz-mp-object-size": "73017" }, "InvalidRequest"],
    ["a size that is none", undefined, { "x-amz-mp-object-size": "73018.0" }, "InvalidRequest"],
  ])("%s is refused", async (_what, begun, given, code) => {
    const parts = await partsWith("crc32");
    const composite = await completedChecksums(headers({}), { algorithm: "crc32", type: "COMPOSITE" }, parts);
    const crc = composite.whole["crc32"] ?? "";
    const full = await base64Of("crc32", whole);
    const sent = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [
        name,
        value.replace(/^FULL(?=-|$)/, full).replace(/^COMPOSITE(?=-)/, crc.split("-")[0] ?? ""),
      ]),
    );
    const error = await completedChecksums(headers(sent), begun, parts).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code });
  });
});
