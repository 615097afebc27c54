/** GetObjectAttributes as the AWS SDK v3 asks for it, and what it refuses. */
import { rm } from "node:fs/promises";
import * as S3 from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { attributesIn, partPageIn } from "../src/operations/object-attributes.ts";
import { nameOf, s3Calls } from "./s3-calls.ts";
import { bob, bytesOf, startWorld } from "./world.ts";

const headers = (given: Record<string, string>): ReadonlyMap<string, string> => new Map(Object.entries(given));

describe("the request's headers", () => {
  test.each([
    ["ETag", ["ETag"]],
    [
      "ETag,Checksum,ObjectParts,StorageClass,ObjectSize",
      ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"],
    ],
    [" ObjectSize , ETag ", ["ObjectSize", "ETag"]],
    ["ETag,ETag", ["ETag"]],
  ])("%j names attributes", (text, expected) => {
    expect([...attributesIn(headers({ "x-amz-object-attributes": text }))]).toEqual(expected);
  });

  test.each([
    [undefined, "InvalidRequest"],
    ["", "InvalidRequest"],
    ["  ", "InvalidRequest"],
    ["etag", "InvalidArgument"],
    ["ETags", "InvalidArgument"],
    ["ETag,", "InvalidArgument"],
    ["ETag,,Checksum", "InvalidArgument"],
    ["ETag Checksum", "InvalidArgument"],
    ["ETag;Checksum", "InvalidArgument"],
    ["ETag,Everything", "InvalidArgument"],
  ])("%j is refused with %s", (text, code) => {
    const given = headers(text === undefined ? {} : { "x-amz-object-attributes": text });
    expect(() => attributesIn(given)).toThrow(expect.objectContaining({ code }));
  });

  test("parts come from the first on, a thousand at most", () => {
    expect(partPageIn(headers({}))).toEqual({ after: 0, limit: 1000 });
    expect(partPageIn(headers({ "x-amz-max-parts": "2", "x-amz-part-number-marker": "7" }))).toEqual({
      after: 7,
      limit: 2,
    });
    expect(partPageIn(headers({ "x-amz-max-parts": "5000" })).limit).toBe(1000);
  });

  test.each([
    { "x-amz-max-parts": "0" },
    { "x-amz-max-parts": "-1" },
    { "x-amz-max-parts": "1.5" },
    { "x-amz-max-parts": "" },
    { "x-amz-max-parts": "all" },
    { "x-amz-part-number-marker": "-1" },
    { "x-amz-part-number-marker": "one" },
    { "x-amz-part-number-marker": "12345678901" },
  ])("%j is refused", (given) => {
    expect(() => partPageIn(headers(given))).toThrow(expect.objectContaining({ code: "InvalidArgument" }));
  });
});

describe("by the SDK", () => {
  const Bucket = "attributes";
  const ALL: S3.ObjectAttributes[] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];
  let home: string;
  let world: Awaited<ReturnType<typeof startWorld>>;
  let s3: S3.S3Client;
  beforeAll(async () => {
    home = await makeTempFolder();
    world = await startWorld(home, { extra: [{ identity: bob, attributes: { role: ["guest"], region: "DE" } }] });
    s3 = world.client();
    await s3.send(new S3.CreateBucketCommand({ Bucket }));
  });
  afterAll(async () => {
    await world.close();
    await rm(home, { recursive: true, force: true });
  });
  const { put } = s3Calls(() => s3, Bucket);
  const ask = async (Key: string, more: Partial<S3.GetObjectAttributesCommandInput> = {}, by = s3) => {
    const { $metadata, ...answer } = await by.send(
      new S3.GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes: ALL, ...more }),
    );
    return answer;
  };
  const head = (Key: string) => s3.send(new S3.HeadObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));

  test("an object in one piece: what HeadObject says, of the plaintext, and no parts", async () => {
    await put("one", "hello", { ChecksumAlgorithm: "SHA256" });
    const { LastModified, ChecksumSHA256, ContentLength } = await head("one");
    expect(await ask("one")).toEqual({
      LastModified,
      ETag: "5d41402abc4b2a76b9719d911017c592",
      Checksum: { ChecksumSHA256, ChecksumType: "FULL_OBJECT" },
      StorageClass: "STANDARD",
      ObjectSize: ContentLength,
    });
    expect(ContentLength).toBe(5);
  });

  test("only what was asked for, also of an object without a checksum", async () => {
    await put("few", bytesOf(0));
    expect(await ask("few", { ObjectAttributes: ["ObjectSize"] })).toEqual({
      ObjectSize: 0,
      LastModified: expect.any(Date),
    });
    const own = world.client();
    own.config.requestChecksumCalculation = () => Promise.resolve("WHEN_REQUIRED");
    await own.send(new S3.PutObjectCommand({ Bucket, Key: "bare", Body: "x" }));
    expect(await ask("bare", { ObjectAttributes: ["Checksum", "ObjectParts"] })).toEqual({
      LastModified: expect.any(Date),
    });
    const kinds = async () =>
      (await s3.send(new S3.ListObjectsV2Command({ Bucket }))).Contents?.filter(({ Key }) =>
        ["bare", "few", "one"].includes(Key ?? ""),
      ).map(({ ChecksumAlgorithm, ChecksumType }) => [ChecksumAlgorithm, ChecksumType]);
    const expected = [
      [undefined, undefined],
      [["CRC32"], "FULL_OBJECT"],
      [["SHA256"], "FULL_OBJECT"],
    ];
    expect([await kinds(), await kinds()]).toEqual([expected, expected]);
  });

  test("an object in parts: their number, sizes and checksums, page by page, as they were uploaded", async () => {
    const Key = "parts";
    const bodies = [bytesOf(5 * 1024 * 1024, 1), bytesOf(5 * 1024 * 1024 + 7, 2), bytesOf(1001, 3)];
    const ChecksumAlgorithm = "SHA256";
    const { UploadId } = await s3.send(new S3.CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm }));
    const Parts: S3.CompletedPart[] = [];
    for (const [i, Body] of bodies.entries()) {
      const of = { Bucket, Key, UploadId, PartNumber: i + 1 };
      const { ETag, ChecksumSHA256 } = await s3.send(new S3.UploadPartCommand({ ...of, Body, ChecksumAlgorithm }));
      Parts.push({ PartNumber: i + 1, ETag, ChecksumSHA256 });
    }
    const MultipartUpload = { Parts };
    const done = await s3.send(new S3.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
    const expected = Parts.map(({ PartNumber, ChecksumSHA256 }, i) => ({
      PartNumber,
      Size: bodies[i]?.length,
      ChecksumSHA256,
    }));
    const whole = await ask(Key);
    expect(whole).toMatchObject({
      ETag: done.ETag?.replaceAll('"', ""),
      Checksum: { ChecksumSHA256: done.ChecksumSHA256, ChecksumType: "COMPOSITE" },
      ObjectSize: bodies.reduce((sum, { length }) => sum + length, 0),
      ObjectParts: { TotalPartsCount: 3, PartNumberMarker: "0", MaxParts: 1000, IsTruncated: false, Parts: expected },
    });
    const pages: (readonly S3.ObjectPart[] | undefined)[] = [];
    for (let PartNumberMarker: string | undefined = "0"; PartNumberMarker !== undefined; ) {
      const { ObjectParts }: S3.GetObjectAttributesOutput = await ask(Key, { MaxParts: 2, PartNumberMarker });
      expect(ObjectParts).toMatchObject({ TotalPartsCount: 3, PartNumberMarker, MaxParts: 2 });
      pages.push(ObjectParts?.Parts);
      PartNumberMarker = ObjectParts?.IsTruncated ? ObjectParts.NextPartNumberMarker : undefined;
    }
    expect(pages).toEqual([expected.slice(0, 2), expected.slice(2)]);
    expect((await ask(Key, { PartNumberMarker: "9" })).ObjectParts?.Parts).toBeUndefined();

    const { Contents } = await s3.send(new S3.ListObjectsV2Command({ Bucket, Prefix: Key }));
    expect(Contents).toMatchObject([{ Key, ChecksumAlgorithm: ["SHA256"], ChecksumType: "COMPOSITE" }]);

    // A copy at the store keeps its parts, whatever the place.
    await s3.send(new S3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/${Key}` }));
    expect((await ask("copy")).ObjectParts?.Parts).toEqual(expected);
  }, 30_000);

  test("an object in parts without a checksum: the parts are counted and not listed", async () => {
    const Key = "counted";
    const own = world.client();
    own.config.requestChecksumCalculation = () => Promise.resolve("WHEN_REQUIRED");
    const { UploadId } = await own.send(new S3.CreateMultipartUploadCommand({ Bucket, Key }));
    const { ETag } = await own.send(new S3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: "x" }));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    await own.send(new S3.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
    const answer = await ask(Key);
    expect([answer.Checksum, answer.ObjectParts]).toEqual([undefined, { TotalPartsCount: 1 }]);
  });

  test("conditions count, as for HeadObject", async () => {
    const { ETag } = await put("if", "x");
    const sent = async (name: string, value: string): Promise<string> => {
      const client = world.client();
      client.middlewareStack.add(
        (next) => (args) => {
          (args.request as { headers: Record<string, string> }).headers[name] = value;
          return next(args);
        },
        { step: "build", name: "condition" },
      );
      return nameOf(ask("if", {}, client));
    };
    expect(await sent("if-match", ETag ?? "")).toBe("no error");
    expect(await sent("if-match", '"other"')).toBe("PreconditionFailed");
    expect(await sent("if-none-match", '"other"')).toBe("no error");
    expect(await sent("if-none-match", ETag ?? "")).not.toBe("no error");
  });

  test("refused: what is not there, who may not read it, the gateway's own, a name that is no attribute, and writing", async () => {
    await put("secret", "x");
    expect(await nameOf(ask("nothing"))).toBe("NoSuchKey");
    expect(await nameOf(ask("secret", { Bucket: "no-bucket" }))).toBe("NoSuchBucket");
    expect(await nameOf(ask("secret", {}, world.client(world.extra[0])))).toBe("AccessDenied");
    expect(await nameOf(ask(".milagro/kek/00"))).toBe("AccessDenied");
    expect(await nameOf(ask("secret", { ObjectAttributes: ["Owner" as S3.ObjectAttributes] }))).toBe("InvalidArgument");
    expect(await nameOf(ask("secret", { ObjectAttributes: [] }))).toBe("InvalidRequest");
  });
});
