/** Many objects and large ones: ten thousand listed, a hundred thousand keys rotated, five gibibytes in one piece. */
import { createHash } from "node:crypto";
import { readdir, rm, stat } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import * as S3 from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { encodeObjectHeader, parseObjectHeader, unwrapDek, wrapDek } from "../src/format/object-header.ts";
import { beginRotation, runRotation } from "../src/rotation.ts";
import { S3RequestPresigner } from "./presign.ts";
import { GATEWAY, GATEWAY_ATTRIBUTES, random, renew, startWorld, type World } from "./world.ts";

let home: string;
let world: World;
let s3: S3.S3Client;
beforeAll(async () => {
  home = await makeTempFolder();
  world = await startWorld(home);
  s3 = world.client();
});
afterAll(async () => {
  await world.close();
  await rm(home, { recursive: true, force: true });
});

/** Rows of objects that all have the bytes of one: what is at stake is names and headers. */
async function multiply(bucket: string, count: number, nameOf: (i: number) => string): Promise<void> {
  await s3.send(new S3.CreateBucketCommand({ Bucket: bucket }));
  await s3.send(new S3.PutObjectCommand({ Bucket: bucket, Key: "seed", Body: "the same" }));
  const { backend, keks } = world.running.gateway;
  const info = await backend.head(bucket, "seed");
  const header = parseObjectHeader(info?.header ?? "");
  const { kek } = await keks.open(bucket, header.kekId);
  const dek = unwrapDek(kek, header, { bucket, key: "seed" });
  const database = new DatabaseSync(join(home, "store", "index.sqlite"), { timeout: 10_000 });
  const seed = database.prepare("select * from object where bucket = ? and name = 'seed'").get(bucket) as Record<
    string,
    string
  >;
  const insert = database.prepare("insert into object values (?, ?, ?, ?, ?, ?, ?, ?)");
  database.exec("begin immediate");
  for (let i = 0; i < count; i += 1) {
    const key = nameOf(i);
    const own = encodeObjectHeader(wrapDek(random, kek, header.kekId, { bucket, key }, dek));
    const { length, modified_ms, pieces, tags } = seed;
    insert.run(bucket, key, own, length as string, `e${i}`, modified_ms as string, pieces as string, tags as string);
  }
  database.exec("commit");
  database.close();
}

test("ten thousand objects are listed in byte order, with sizes and ETags of the plaintext", async () => {
  const nameOf = (i: number): string =>
    `d${createHash("md5").update(`${i}`).digest("hex").slice(0, 2)}/${i}-é${String.fromCodePoint(0x4e00 + i)}`;
  await multiply("many", 10_000, nameOf);
  const listed: string[] = [];
  let token: string | undefined;
  do {
    const page = await s3.send(new S3.ListObjectsV2Command({ Bucket: "many", Prefix: "d", ContinuationToken: token }));
    for (const { Key = "", Size, ETag } of page.Contents ?? []) {
      listed.push(Key);
      if (Size !== 8 || ETag !== `"${createHash("md5").update("the same").digest("hex")}"`)
        throw new Error(`${Key}: ${Size} ${ETag}`);
    }
    token = page.NextContinuationToken;
  } while (token !== undefined);
  const expected = Array.from({ length: 10_000 }, (_, i) => nameOf(i)).sort((a, b) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  );
  expect(listed).toEqual(expected);
  const folded = await s3.send(new S3.ListObjectsV2Command({ Bucket: "many", Prefix: "d", Delimiter: "/" }));
  expect(folded.CommonPrefixes).toHaveLength(256);
});

test("a hundred thousand keys are wrapped anew without a body being touched", async () => {
  const count = 100_000;
  await multiply("rotated", count, (i) => `o/${i}`);
  const files = async () => {
    const entries = (await readdir(join(home, "store", "data"), { recursive: true, withFileTypes: true })).filter(
      (entry) => entry.isFile(),
    );
    const stamps = entries.map(
      async ({ parentPath, name }) => `${name} ${(await stat(join(parentPath, name))).mtimeMs}`,
    );
    return (await Promise.all(stamps)).sort();
  };
  renew(world.keys, GATEWAY, GATEWAY_ATTRIBUTES, 20_001);
  const { gateway } = world.running;
  const before = await files();
  expect(await runRotation(gateway, await beginRotation(gateway, "dek", "rotated"))).toMatchObject({
    done: count + 1,
    skipped: 0,
  });
  const after = await files();
  // One file more: the record of the new KEK.
  expect(after.filter((file) => !before.includes(file))).toHaveLength(1);
  expect(before.filter((file) => !after.includes(file))).toEqual([]);
  const { Body } = await s3.send(new S3.GetObjectCommand({ Bucket: "rotated", Key: "o/77777" }));
  expect(await Body?.transformToString()).toBe("the same");
});

test("five gibibytes in one piece: put, read at its ends and in the middle; one byte more is refused", async () => {
  const size = 5 * 1024 ** 3;
  const sign = new S3RequestPresigner(world);
  await s3.send(new S3.CreateBucketCommand({ Bucket: "large" }));
  const block = Buffer.alloc(1024 * 1024);
  const put = async (length: number): Promise<number | undefined> => {
    const url = await sign.url("PUT", "large", "object", 3600);
    return new Promise((resolve, reject) => {
      const request = httpRequest(url, { method: "PUT", headers: { "content-length": length } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on("error", reject);
      let sent = 0;
      const more = (): void => {
        while (sent < length) {
          block.writeDoubleBE(sent, 0);
          const chunk = Buffer.from(block.subarray(0, Math.min(block.length, length - sent)));
          sent += chunk.length;
          if (!request.write(chunk)) return void request.once("drain", more);
        }
        request.end();
      };
      more();
    });
  };
  expect(await put(size)).toBe(200);
  expect((await s3.send(new S3.HeadObjectCommand({ Bucket: "large", Key: "object" }))).ContentLength).toBe(size);
  for (const mebibyte of [0, 1, 2560, 5119]) {
    const from = mebibyte * 1024 * 1024;
    const { Body } = await s3.send(
      new S3.GetObjectCommand({ Bucket: "large", Key: "object", Range: `bytes=${from}-${from + 7}` }),
    );
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).readDoubleBE(0)).toBe(from);
  }
  const refused = await put(size + 1).catch((error: NodeJS.ErrnoException) => error.code);
  expect([400, "EPIPE", "ECONNRESET"]).toContain(refused);
  await s3.send(new S3.DeleteObjectCommand({ Bucket: "large", Key: "object" }));
}, 900_000);
