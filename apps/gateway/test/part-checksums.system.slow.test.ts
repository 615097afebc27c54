/** Checksums of uploads in parts, as the AWS SDK v3 sends and verifies them. */
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as S3 from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allFiles } from "../../../tests/e2e/milagro.ts";
import { needs } from "../../../tests/support/needs.ts";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { createDigests, type DigestAlgorithm } from "../src/digest-algorithms.ts";
import { clientsOf, ok } from "./clients.ts";
import { nameOf, s3Calls } from "./s3-calls.ts";
import { bytesOf, filesOf, startWorld } from "./world.ts";

const Bucket = "first-bucket";
const MIB = 1024 * 1024;
const bodies = [bytesOf(5 * MIB, 1), bytesOf(5 * MIB + 7, 2), bytesOf(1001, 3)] as const;
const whole = Buffer.concat(bodies);
let home: string;
let world: Awaited<ReturnType<typeof startWorld>>;
let s3: S3.S3Client;
beforeAll(async () => {
  home = await makeTempFolder();
  world = await startWorld(home);
  s3 = world.client();
  for (const name of [Bucket, "other-bucket"]) await s3.send(new S3.CreateBucketCommand({ Bucket: name }));
});
afterAll(async () => {
  await world.close();
  await rm(home, { recursive: true, force: true });
});
const { put, get } = s3Calls(() => s3, Bucket);

type Algorithm = "CRC32" | "CRC32C" | "CRC64NVME" | "SHA1" | "SHA256";
const element = (algorithm: Algorithm) => `Checksum${algorithm}` as const;
async function digest(algorithm: Algorithm, ...pieces: Uint8Array[]): Promise<Uint8Array> {
  const name = algorithm.toLowerCase() as DigestAlgorithm;
  const digests = createDigests([name]);
  for (const piece of pieces) digests.update(piece);
  return (await digests.end())[name] as Uint8Array;
}
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const full = async (algorithm: Algorithm) => base64(await digest(algorithm, whole));
const composite = async (algorithm: Algorithm) =>
  `${base64(await digest(algorithm, ...(await Promise.all(bodies.map((body) => digest(algorithm, body))))))}-3`;

const begin = async (Key: string, more: Partial<S3.CreateMultipartUploadCommandInput> = {}) =>
  s3.send(new S3.CreateMultipartUploadCommand({ Bucket, Key, ...more }));
async function parts(Key: string, UploadId: string | undefined, more: Partial<S3.UploadPartCommandInput> = {}) {
  const sent: S3.CompletedPart[] = [];
  for (const [i, Body] of bodies.entries()) {
    const answer = await s3.send(new S3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber: i + 1, Body, ...more }));
    const { ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 } = answer;
    sent.push({
      PartNumber: i + 1,
      ETag,
      ChecksumCRC32,
      ChecksumCRC32C,
      ChecksumCRC64NVME,
      ChecksumSHA1,
      ChecksumSHA256,
    });
  }
  return sent;
}
const complete = (
  Key: string,
  UploadId: string | undefined,
  Parts: S3.CompletedPart[],
  more: Partial<S3.CompleteMultipartUploadCommandInput> = {},
) => s3.send(new S3.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more }));
/** An upload in parts from beginning to end. */
async function upload(Key: string, algorithm: Algorithm, type: S3.ChecksumType) {
  const { UploadId } = await begin(Key, { ChecksumAlgorithm: algorithm, ChecksumType: type });
  return complete(Key, UploadId, await parts(Key, UploadId, { ChecksumAlgorithm: algorithm }));
}
const head = (Key: string, bucket = Bucket) =>
  s3.send(new S3.HeadObjectCommand({ Bucket: bucket, Key, ChecksumMode: "ENABLED" }));

describe("a checksum of an upload in parts", () => {
  test.each<[Algorithm, S3.ChecksumType]>([
    ["CRC32", "FULL_OBJECT"],
    ["CRC32C", "FULL_OBJECT"],
    ["CRC64NVME", "FULL_OBJECT"],
    ["CRC32", "COMPOSITE"],
    ["SHA1", "COMPOSITE"],
    ["SHA256", "COMPOSITE"],
  ])("%s %s: echoed, listed, compared, kept, given back, and verified by the client", async (algorithm, type) => {
    const Key = `${algorithm}-${type}`;
    const begun = await begin(Key, { ChecksumAlgorithm: algorithm, ChecksumType: type });
    expect(begun).toMatchObject({ ChecksumAlgorithm: algorithm, ChecksumType: type });
    const sent = await parts(Key, begun.UploadId, { ChecksumAlgorithm: algorithm });
    const expectedParts = await Promise.all(bodies.map(async (body) => base64(await digest(algorithm, body))));
    expect(sent.map((part) => part[element(algorithm)])).toEqual(expectedParts);
    const listed = await s3.send(new S3.ListPartsCommand({ Bucket, Key, UploadId: begun.UploadId }));
    expect(listed).toMatchObject({ ChecksumAlgorithm: algorithm, ChecksumType: type });
    expect(listed.Parts?.map((part) => part[element(algorithm)])).toEqual(expectedParts);
    const uploads = await s3.send(new S3.ListMultipartUploadsCommand({ Bucket }));
    expect(uploads.Uploads).toMatchObject([{ Key, ChecksumAlgorithm: algorithm, ChecksumType: type }]);

    const expected = {
      [element(algorithm)]: await (type === "COMPOSITE" ? composite : full)(algorithm),
      ChecksumType: type,
    };
    const wrong = { [element(algorithm)]: base64(await digest(algorithm, Buffer.from("other"))) };
    expect(await nameOf(complete(Key, begun.UploadId, sent, wrong))).toBe("BadDigest");
    expect(await nameOf(complete(Key, begun.UploadId, sent, { MpuObjectSize: whole.length + 1 }))).toBe(
      "InvalidRequest",
    );
    const swapped = sent.map((part, i) => (i === 2 ? { ...part, ...wrong } : part));
    expect(await nameOf(complete(Key, begun.UploadId, swapped))).toBe("InvalidPart");
    expect(await nameOf(head(Key))).toBe("NotFound");

    const done = await complete(Key, begun.UploadId, sent, { ...expected, MpuObjectSize: whole.length });
    expect(done).toMatchObject(expected);
    expect(await head(Key)).toMatchObject(expected);
    const plain = await s3.send(new S3.HeadObjectCommand({ Bucket, Key }));
    expect([plain[element(algorithm)], plain.ChecksumType]).toEqual([undefined, undefined]);
    // The client compares what it was sent with what it got, where the checksum is of all bytes.
    const got = await get(Key, { ChecksumMode: "ENABLED" });
    expect([got, Buffer.compare(got.bytes, whole)]).toMatchObject([expected, 0]);
  });

  test("of a part that is another: refused, and nothing of it stays", async () => {
    const { UploadId } = await begin("bad-part", { ChecksumAlgorithm: "CRC64NVME" });
    const wrong = base64(await digest("CRC64NVME", Buffer.from("other")));
    const sending = s3.send(
      new S3.UploadPartCommand({
        Bucket,
        Key: "bad-part",
        UploadId,
        PartNumber: 1,
        Body: bytesOf(100),
        ChecksumCRC64NVME: wrong,
      }),
    );
    expect(await nameOf(sending)).toBe("BadDigest");
    expect((await s3.send(new S3.ListPartsCommand({ Bucket, Key: "bad-part", UploadId }))).Parts ?? []).toEqual([]);
    await s3.send(new S3.AbortMultipartUploadCommand({ Bucket, Key: "bad-part", UploadId }));
  });

  test("of an upload that named none, and of parts that were copied or came without: what the gateway saw", async () => {
    // The SDK sends a CRC32 with each part by itself.
    const first = await begin("unnamed");
    await complete("unnamed", first.UploadId, await parts("unnamed", first.UploadId));
    expect(await head("unnamed")).toMatchObject({ ChecksumCRC32: await full("CRC32"), ChecksumType: "FULL_OBJECT" });

    await put("source", bodies[0]);
    const { UploadId } = await begin("copied", { ChecksumAlgorithm: "CRC32C", ChecksumType: "FULL_OBJECT" });
    const copy = await s3.send(
      new S3.UploadPartCopyCommand({ Bucket, Key: "copied", UploadId, PartNumber: 1, CopySource: `${Bucket}/source` }),
    );
    expect(copy.CopyPartResult?.ChecksumCRC32C).toBe(base64(await digest("CRC32C", bodies[0])));
    const last = await s3.send(
      new S3.UploadPartCommand({
        Bucket,
        Key: "copied",
        UploadId,
        PartNumber: 2,
        Body: bodies[2],
        ChecksumAlgorithm: "SHA1",
      }),
    );
    await complete("copied", UploadId, [
      { PartNumber: 1, ETag: copy.CopyPartResult?.ETag },
      { PartNumber: 2, ETag: last.ETag },
    ]);
    const expected = base64(await digest("CRC32C", bodies[0], bodies[2]));
    expect(await head("copied")).toMatchObject({ ChecksumCRC32C: expected, ChecksumType: "FULL_OBJECT" });
  });

  test("goes along with a copy, is made anew where the bytes are, and is another algorithm's where that is asked for", async () => {
    await upload("original", "SHA256", "COMPOSITE");
    const CopySource = `${Bucket}/original`;
    const same = await s3.send(new S3.CopyObjectCommand({ Bucket, Key: "same", CopySource }));
    expect(same.CopyObjectResult).toMatchObject({
      ChecksumSHA256: await composite("SHA256"),
      ChecksumType: "COMPOSITE",
    });
    await s3.send(new S3.CopyObjectCommand({ Bucket: "other-bucket", Key: "moved", CopySource }));
    expect(await head("moved", "other-bucket")).toMatchObject({
      ChecksumSHA256: createHash("sha256").update(whole).digest("base64"),
      ChecksumType: "FULL_OBJECT",
    });
    const asked = await s3.send(
      new S3.CopyObjectCommand({ Bucket, Key: "asked", CopySource, ChecksumAlgorithm: "CRC64NVME" }),
    );
    expect(asked.CopyObjectResult).toMatchObject({
      ChecksumCRC64NVME: await full("CRC64NVME"),
      ChecksumType: "FULL_OBJECT",
    });
    expect(Buffer.compare((await get("asked")).bytes, whole)).toBe(0);
  });

  test("is not at the store: neither in metadata nor beside the bytes", async () => {
    await upload("secret-sums", "SHA256", "COMPOSITE");
    await upload("secret-crc", "CRC64NVME", "FULL_OBJECT");
    const hidden = [await full("CRC64NVME"), await composite("SHA256")].flatMap((text) => [
      text,
      Buffer.from(text.split("-")[0] ?? "", "base64"),
    ]);
    const files = allFiles(filesOf(home));
    expect(files.filter(({ content }) => content.length > whole.length).length).toBeGreaterThanOrEqual(2);
    for (const { content } of files) for (const one of hidden) expect(content.includes(one)).toBe(false);
  });
});

test("a checksum that the gateway does not know is refused, not ignored", async () => {
  const client = world.client();
  client.middlewareStack.add(
    (next) => (args) => {
      (args.request as { headers: Record<string, string> }).headers["x-amz-checksum-xxhash3"] = "AAAAAAAAAAA=";
      return next(args);
    },
    { step: "build", name: "unknown-checksum" },
  );
  expect(await nameOf(client.send(new S3.PutObjectCommand({ Bucket, Key: "unknown", Body: "x" })))).toBe(
    "NotImplemented",
  );
  expect(await nameOf(head("unknown"))).toBe("NotFound");
});

needs("aws")(
  "awscli: what it puts and what it uploads in parts is compared, kept and verified; what is wrong is refused",
  async () => {
    const { aws } = await clientsOf(home, world.running.url, world.staff);
    for (const [i, body] of bodies.entries()) await writeFile(join(home, `part-${i + 1}`), body);
    const api = (command: string, key: string, ...more: string[]) =>
      aws("s3api", command, "--output", "json", "--bucket", Bucket, "--key", key, ...more);
    const json = async (...call: Parameters<typeof api>) => JSON.parse(await ok(api(...call)));
    const crc = base64(await digest("CRC32", bodies[2]));
    await ok(api("put-object", "by-aws", "--body", "part-3", "--checksum-algorithm", "CRC32"));
    expect(await json("head-object", "by-aws", "--checksum-mode", "ENABLED")).toMatchObject({ ChecksumCRC32: crc });
    const wrong = await api("put-object", "by-aws-2", "--body", "part-3", "--checksum-crc32", "AAAAAA==");
    expect(wrong.stderr).toContain("BadDigest");

    const { UploadId } = await json("create-multipart-upload", "in-parts", "--checksum-algorithm", "SHA256");
    const of = ["--upload-id", UploadId as string];
    const Parts: object[] = [];
    for (const [i] of bodies.entries()) {
      const named = [
        ...of,
        "--part-number",
        String(i + 1),
        "--body",
        `part-${i + 1}`,
        "--checksum-algorithm",
        "SHA256",
      ];
      const { ETag, ChecksumSHA256 } = await json("upload-part", "in-parts", ...named);
      Parts.push({ PartNumber: i + 1, ETag, ChecksumSHA256 });
    }
    const complete = (parts: object[], ...more: string[]) =>
      api(
        "complete-multipart-upload",
        "in-parts",
        ...of,
        "--multipart-upload",
        JSON.stringify({ Parts: parts }),
        ...more,
      );
    const swapped = [...Parts.slice(0, 2), { ...Parts[2], ChecksumSHA256: base64(new Uint8Array(32)) }];
    expect((await complete(swapped)).stderr).toContain("InvalidPart");
    expect((await complete(Parts, "--checksum-sha256", base64(new Uint8Array(32)))).stderr).toContain("BadDigest");
    const ChecksumSHA256 = await composite("SHA256");
    expect(JSON.parse(await ok(complete(Parts, "--checksum-sha256", ChecksumSHA256)))).toMatchObject({
      ChecksumSHA256,
    });
    expect(await json("get-object", "in-parts", "--checksum-mode", "ENABLED", "got")).toMatchObject({ ChecksumSHA256 });
    expect(Buffer.compare(await readFile(join(home, "got")), whole)).toBe(0);
  },
);
