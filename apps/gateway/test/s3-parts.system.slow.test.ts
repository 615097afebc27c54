/** Uploads in parts, as the AWS SDK v3 makes them. */

import { rm } from "node:fs/promises";
import * as S3 from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { nameOf, s3Calls } from "./s3-calls.ts";
import { bytesOf, startWorld } from "./world.ts";

const Bucket = "first-bucket";
let home: string;
let world: Awaited<ReturnType<typeof startWorld>>;
let s3: S3.S3Client;
beforeAll(async () => {
  home = await makeTempFolder();
  world = await startWorld(home);
  s3 = world.client();
  for (const name of [Bucket]) await s3.send(new S3.CreateBucketCommand({ Bucket: name }));
});
afterAll(async () => {
  await world.close();
  await rm(home, { recursive: true, force: true });
});

const { put, get } = s3Calls(() => s3, Bucket);

describe("uploads in parts", () => {
  const MIB = 1024 * 1024;
  const begin = async (Key: string) =>
    (await s3.send(new S3.CreateMultipartUploadCommand({ Bucket, Key, ContentType: "a/b", Metadata: { m: "1" } })))
      .UploadId as string;
  const part = async (Key: string, UploadId: string, PartNumber: number, Body: Uint8Array) => ({
    PartNumber,
    ETag: (await s3.send(new S3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }))).ETag,
  });
  const complete = (Key: string, UploadId: string, Parts: S3.CompletedPart[]) =>
    s3.send(new S3.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));

  test("in any order, one sent twice, the last one small; also copied from an object", async () => {
    const [first, second, third] = [bytesOf(5 * MIB, 1), bytesOf(5 * MIB + 1, 2), bytesOf(100, 3)];
    await put("source", bytesOf(6 * MIB, 9));
    const id = await begin("parts");
    const third3 = await part("parts", id, 30, third);
    await part("parts", id, 1, bytesOf(5 * MIB, 77));
    const first1 = await part("parts", id, 1, first);
    const second2 = await part("parts", id, 2, second);
    const copied = await s3.send(
      new S3.UploadPartCopyCommand({
        Bucket,
        Key: "parts",
        UploadId: id,
        PartNumber: 3,
        CopySource: `${Bucket}/source`,
        CopySourceRange: `bytes=1-${5 * MIB}`,
      }),
    );
    const listed = await s3.send(new S3.ListPartsCommand({ Bucket, Key: "parts", UploadId: id }));
    expect(listed.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [1, 5 * MIB],
      [2, 5 * MIB + 1],
      [3, 5 * MIB],
      [30, 100],
    ]);
    expect((await s3.send(new S3.ListMultipartUploadsCommand({ Bucket }))).Uploads).toMatchObject([
      { Key: "parts", UploadId: id },
    ]);
    const done = await complete("parts", id, [
      first1,
      second2,
      { PartNumber: 3, ETag: copied.CopyPartResult?.ETag },
      third3,
    ]);
    expect(done.ETag).toMatch(/^"[0-9a-f]{32}-4"$/);
    const whole = Buffer.concat([first, second, bytesOf(6 * MIB, 9).subarray(1, 5 * MIB + 1), third]);
    const answer = await get("parts");
    expect(Buffer.compare(answer.bytes, whole)).toBe(0);
    expect(answer).toMatchObject({ ETag: done.ETag, ContentType: "a/b", Metadata: { m: "1" } });
    const across = await get("parts", { Range: `bytes=${5 * MIB - 10}-${5 * MIB + 9}` });
    expect(Buffer.compare(across.bytes, whole.subarray(5 * MIB - 10, 5 * MIB + 10))).toBe(0);
    const last = await get("parts", { PartNumber: 4 });
    expect(Buffer.compare(last.bytes, third)).toBe(0);
    expect((await s3.send(new S3.ListMultipartUploadsCommand({ Bucket }))).Uploads).toBeUndefined();
  });

  test("a wrong ETag, a wrong order, a small part in the middle, no parts, an aborted upload: refused, and no object appears", async () => {
    const id = await begin("refused");
    const [a, b] = [await part("refused", id, 1, bytesOf(100)), await part("refused", id, 2, bytesOf(100))];
    expect(await nameOf(complete("refused", id, [{ PartNumber: 1, ETag: '"00"' }]))).toBe("InvalidPart");
    expect(await nameOf(complete("refused", id, [{ PartNumber: 9, ETag: a.ETag }]))).toBe("InvalidPart");
    expect(await nameOf(complete("refused", id, [b, a]))).toBe("InvalidPartOrder");
    expect(await nameOf(complete("refused", id, [a, b]))).toBe("EntityTooSmall");
    expect(await nameOf(complete("refused", id, []))).toBe("MalformedXML");
    expect(await nameOf(part("other-key", id, 1, bytesOf(1)))).toBe("NoSuchUpload");
    await s3.send(new S3.AbortMultipartUploadCommand({ Bucket, Key: "refused", UploadId: id }));
    expect(await nameOf(complete("refused", id, [a]))).toBe("NoSuchUpload");
    expect(await nameOf(get("refused"))).toBe("NoSuchKey");
  });

  test("the gateway restarts in the middle: the upload goes on", async () => {
    const id = await begin("resumed");
    const a = await part("resumed", id, 1, bytesOf(5 * MIB, 4));
    const again = await world.restart();
    world = { ...again, extra: [] };
    s3 = world.client();
    const b = await part("resumed", id, 2, bytesOf(10, 5));
    await complete("resumed", id, [a, b]);
    expect(Buffer.compare((await get("resumed")).bytes, Buffer.concat([bytesOf(5 * MIB, 4), bytesOf(10, 5)]))).toBe(0);
  });
});
