/** A store behind S3 that fails on real connections, in every stage of a request: what clients get, and that the store holds nothing half. */
import { createHash } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import * as S3 from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { type BreakingProxy, type Fault, startBreakingProxy } from "./breaking-proxy.ts";
import { type ObjectStore, startObjectStore } from "./object-store.ts";
import { S3RequestPresigner } from "./presign.ts";
import { bytesOf, startWorld, type World } from "./world.ts";

const Bucket = "upstream";
const OLD = bytesOf(1_500_000, 3);
/** How long the wait for what comes without being asked may take. */
const SOON = { timeout: 60_000 };
let home: string;
let store: ObjectStore;
let proxy: BreakingProxy;
/** Waits for the store longer than any test: what it ends, it ends for a reason other than time. */
let world: World;
/** Only where a test is about a store that keeps silent: a machine with much to do is silent for a second as well. */
let hasty: World;
let s3: S3.S3Client;
beforeAll(async () => {
  home = await makeTempFolder();
  store = await startObjectStore(join(home, "s3rver"));
  proxy = await startBreakingProxy(store.endpoint);
  world = await startWorld(home, { backend: backendOf(300_000) });
  await mkdir(join(home, "hasty"));
  hasty = await startWorld(join(home, "hasty"), { backend: backendOf(1000) });
  s3 = world.client();
  await s3.send(new S3.CreateBucketCommand({ Bucket }));
  await put("old", OLD);
});
afterEach(() => {
  proxy.fault = undefined;
});
afterAll(async () => {
  await world.close();
  await hasty.close();
  await proxy.close();
  await store.close();
  await rm(home, { recursive: true, force: true });
});

const backendOf = (timeoutMs: number) => store.backend({ endpoint: proxy.url, timeoutMs });
const put = (Key: string, Body: Uint8Array, by = s3) => by.send(new S3.PutObjectCommand({ Bucket, Key, Body }));
const nameOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: Error) => error.name,
  );
/** Breaks requests of a method for one object; the first `times` of them. */
function breakOn(method: string, key: string, fault: Fault, times = Number.POSITIVE_INFINITY): () => number {
  let count = 0;
  proxy.fault = (one, path) => {
    if (one !== method || !path.split("?")[0]?.endsWith(`/${key}`)) return undefined;
    count += 1;
    return count <= times ? fault : undefined;
  };
  return () => count;
}
/** Status and bytes, or the bytes that came before the connection broke. */
async function read(key: string, by = world): Promise<{ readonly end: number | string; readonly bytes: Buffer }> {
  const url = await new S3RequestPresigner(by).url("GET", Bucket, key, 600);
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    httpRequest(url, (response) => {
      response.on("data", (chunk: Buffer) => parts.push(chunk));
      response.on("end", () => resolve({ end: response.statusCode ?? 0, bytes: Buffer.concat(parts) }));
      response.on("error", () => resolve({ end: "broken", bytes: Buffer.concat(parts) }));
    })
      .on("error", (error) => resolve({ end: `no answer: ${error.message}`, bytes: Buffer.concat(parts) }))
      .end();
  });
}
const expectOld = async (): Promise<void> => {
  proxy.fault = undefined;
  expect(Buffer.compare((await read("old")).bytes, OLD)).toBe(0);
};

describe("reading", () => {
  test.each<[string, Fault]>([
    ["down", { kind: "down" }],
    ["silent: in the time that the configuration says", { kind: "silent" }],
    ["500", { kind: "500" }],
  ])("%s: 503, and well again afterwards", async (_, fault) => {
    const count = breakOn("GET", "old", fault);
    expect((await read("old", fault.kind === "silent" ? hasty : world)).end).toBe(503);
    expect(count()).toBeGreaterThan(0);
    await expectOld();
  });

  test.each<[string, Fault]>([
    ["the connection is cut in mid-body", { kind: "answer cut", after: 700_000 }],
    ["the body stops coming", { kind: "answer stuck", after: 700_000 }],
    ["the answer is shorter than the object, and says so", { kind: "answer short", by: 500_000 }],
    ["a bit of a later segment is another", { kind: "answer changed", at: 900_000 }],
  ])("%s: the client's connection breaks, and what it has is genuine", async (_, fault) => {
    const count = breakOn("GET", "old", fault);
    const { end, bytes } = await read("old", fault.kind === "answer stuck" ? hasty : world);
    expect(count()).toBeGreaterThan(0);
    expect(end).toBe("broken");
    expect(bytes.length).toBeLessThan(OLD.length);
    expect(Buffer.compare(bytes, OLD.subarray(0, bytes.length))).toBe(0);
    await expectOld();
  });

  test("a failure that passes is tried again, and the client sees nothing of it", async () => {
    const count = breakOn("GET", "old", { kind: "500" }, 1);
    const { end, bytes } = await read("old");
    expect([end, Buffer.compare(bytes, OLD), count() > 1]).toEqual([200, 0, true]);
  });
});

describe("writing over an object", () => {
  test.each<[string, Fault]>([
    ["down", { kind: "down" }],
    ["silent", { kind: "silent" }],
    ["500 at once", { kind: "500" }],
    ["500 in mid-body", { kind: "500 in the body", after: 600_000 }],
    ["the connection is cut in mid-body", { kind: "request cut", after: 600_000 }],
    ["the answer is cut: it may have been written", { kind: "answer cut", after: 0 }],
  ])("%s: 503, and the object is the old one or the new one as a whole", async (what, fault) => {
    const fresh = bytesOf(1_200_000, 8);
    await put("over", OLD);
    const count = breakOn("PUT", "over", fault);
    const answer = await nameOf(put("over", fresh, fault.kind === "silent" ? hasty.client() : s3));
    proxy.fault = undefined;
    expect([answer, count() > 0]).toEqual(["ServiceUnavailable", true]);
    const { end, bytes } = await read("over");
    expect(end).toBe(200);
    const is = (text: Uint8Array): boolean => Buffer.compare(bytes, text) === 0;
    if (what.startsWith("the answer")) expect(is(OLD) || is(fresh)).toBe(true);
    else expect(is(OLD)).toBe(true);
    expect(await nameOf(put("over", fresh))).toBe("ok");
    expect(Buffer.compare((await read("over")).bytes, fresh)).toBe(0);
  });
});

describe("a client that sends something wrong", () => {
  const expectToServe = async (): Promise<void> => {
    await expect.poll(() => proxy.open.size, SOON).toBe(0);
    proxy.fault = undefined;
    expect(await nameOf(s3.send(new S3.ListObjectsV2Command({ Bucket })))).toBe("ok");
    await expectOld();
  };

  test.each([1000, 700_000, 6_000_000])(
    "goes away after %i bytes: so does the request to the store, and the gateway serves on",
    async (length) => {
      const count = breakOn("PUT", "gone", { kind: "no end" });
      const url = await new S3RequestPresigner(world).url("PUT", Bucket, "gone", 600);
      const request = httpRequest(url, { method: "PUT", headers: { "content-length": 10_000_000 } });
      const closed = new Promise<void>((resolve) => request.on("error", () => resolve()));
      request.write(bytesOf(length));
      await expect.poll(count, SOON).toBe(1);
      request.destroy();
      await closed;
      await expectToServe();
    },
  );

  test.each([1000, 700_000, 6_000_000])(
    "%i bytes of another MD5: BadDigest, and the request to the store ends",
    async (length) => {
      breakOn("PUT", "other", { kind: "no end" });
      const ContentMD5 = createHash("md5").digest("base64");
      const put = new S3.PutObjectCommand({ Bucket, Key: "other", Body: bytesOf(length), ContentMD5 });
      expect(await nameOf(s3.send(put))).toBe("BadDigest");
      await expectToServe();
    },
  );
});

test("a store that keeps the half of an upload that was cut, as s3rver does: what it holds is refused, not served", async () => {
  await put("half", OLD);
  breakOn("PUT", "half", { kind: "request cut at the store", after: 600_000 });
  expect(await nameOf(put("half", bytesOf(1_200_000, 8)))).toBe("ServiceUnavailable");
  proxy.fault = undefined;
  await store.settled();
  const { end, bytes } = await read("half");
  const isOld = end === 200 && Buffer.compare(bytes, OLD) === 0;
  expect(isOld || end === 500).toBe(true);
  await put("half", OLD);
  expect(Buffer.compare((await read("half")).bytes, OLD)).toBe(0);
});

test("a part that the store refuses in mid-body is no part: completing with it fails, sending it again works", async () => {
  const Key = "parts";
  const { UploadId } = await s3.send(new S3.CreateMultipartUploadCommand({ Bucket, Key }));
  const part = (PartNumber: number, Body: Uint8Array) =>
    s3.send(new S3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
  const [first, last] = [bytesOf(5 * 1024 * 1024, 1), bytesOf(1000, 2)];
  breakOn("PUT", Key, { kind: "500 in the body", after: 3_000_000 });
  expect(await nameOf(part(1, first))).toBe("ServiceUnavailable");
  proxy.fault = undefined;
  const { ETag: two } = await part(2, last);
  const complete = (Parts: S3.CompletedPart[]) =>
    s3.send(new S3.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
  expect(
    await nameOf(
      complete([
        { PartNumber: 1, ETag: '"0"' },
        { PartNumber: 2, ETag: two },
      ]),
    ),
  ).toBe("InvalidPart");
  expect((await read(Key)).end).toBe(404);
  const { ETag: one } = await part(1, first);
  await complete([
    { PartNumber: 1, ETag: one },
    { PartNumber: 2, ETag: two },
  ]);
  expect(Buffer.compare((await read(Key)).bytes, Buffer.concat([first, last]))).toBe(0);
});
