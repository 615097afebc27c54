/** Versions are passed through to a store that keeps them: which one is meant, and what the store says of it. */
import { rm } from "node:fs/promises";
import * as S3 from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { openS3Backend } from "../src/backend/s3.ts";
import { startVersioningStore, type VersioningStore } from "./versioning-store.ts";
import { startWorld, type World } from "./world.ts";

const Bucket = "versions";
let home: string;
let store: VersioningStore;
let world: World;
let s3: S3.S3Client;
beforeAll(async () => {
  home = await makeTempFolder();
  store = await startVersioningStore();
  const credentials = { accessKeyId: "any", secretAccessKey: "any" };
  const backend = openS3Backend({ region: "us-east-1", endpoint: store.url, credentials });
  world = await startWorld(home, { backend });
  s3 = world.client();
  await s3.send(new S3.CreateBucketCommand({ Bucket }));
});
afterAll(async () => {
  await world.close();
  await store.close();
  await rm(home, { recursive: true, force: true });
});

const put = async (Key: string, Body: string): Promise<string> =>
  (await s3.send(new S3.PutObjectCommand({ Bucket, Key, Body }))).VersionId ?? "none";
const get = async (Key: string, VersionId?: string, Range?: string): Promise<string> => {
  const { Body } = await s3.send(new S3.GetObjectCommand({ Bucket, Key, VersionId, Range }));
  return (Body as { transformToString(): Promise<string> }).transformToString();
};
const nameOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: Error) => error.name,
  );
/** What the store was asked while `work` ran. */
const asked = async (work: () => Promise<unknown>): Promise<readonly string[]> => {
  const before = store.requests.length;
  await work();
  return store.requests.slice(before);
};
const encoded = (id: string): string => `versionId=${encodeURIComponent(id)}`;

test("each write is a version; old ones are read by their id, whole and in part, with size and ETag of their own", async () => {
  const [one, two] = [await put("k", "first"), await put("k", "the second")];
  expect(store.versionsOf(Bucket, "k")).toEqual([two, one]);
  expect([await get("k"), await get("k", one), await get("k", two)]).toEqual(["the second", "first", "the second"]);
  expect(await get("k", one, "bytes=1-2")).toBe("ir");
  const head = await s3.send(new S3.HeadObjectCommand({ Bucket, Key: "k", VersionId: one }));
  expect([head.VersionId, head.ContentLength, head.ETag]).toEqual([one, 5, '"8b04d5e3775d298e78455efc5ca404d5"']);
});

test("the id reaches the store byte for byte, though it has / and +", async () => {
  const id = await put("exact", "x");
  expect(id).toMatch(/\/.*\+/);
  const requests = await asked(() => get("exact", id));
  const own = requests.filter((request) => request.includes("/exact"));
  expect(own.length).toBeGreaterThan(0);
  for (const request of own) expect(request).toContain(encoded(id));
});

test("a plain delete puts a marker on top, and says so; what is under it is read by id; the marker is taken away by its own", async () => {
  const id = await put("marked", "under it");
  const removed = await s3.send(new S3.DeleteObjectCommand({ Bucket, Key: "marked" }));
  expect(removed.DeleteMarker).toBe(true);
  expect(store.versionsOf(Bucket, "marked")).toEqual([removed.VersionId, id]);
  expect(await nameOf(get("marked"))).toBe("NoSuchKey");
  expect(await get("marked", id)).toBe("under it");
  expect(await nameOf(get("marked", removed.VersionId))).toBe("NoSuchVersion");
  const VersionId = removed.VersionId;
  const requests = await asked(() => s3.send(new S3.DeleteObjectCommand({ Bucket, Key: "marked", VersionId })));
  expect(requests.filter((request) => request.startsWith("DELETE"))).toEqual([
    expect.stringContaining(encoded(VersionId ?? "")),
  ]);
  expect(await get("marked")).toBe("under it");
});

test("deleting many names each version", async () => {
  const [one, two] = [await put("many", "1"), await put("many", "2")];
  const Objects = [{ Key: "many", VersionId: one }];
  await s3.send(new S3.DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  expect(store.versionsOf(Bucket, "many")).toEqual([two]);
  expect(await get("many")).toBe("2");
});

test("versions and markers are listed with the plaintext's sizes and ETags, page by page, without the gateway's own", async () => {
  const [one, two] = [await put("list/a", "12345"), await put("list/a", "1")];
  const marker = await s3.send(new S3.DeleteObjectCommand({ Bucket, Key: "list/b" }));
  const whole = await s3.send(new S3.ListObjectVersionsCommand({ Bucket, Prefix: "list/" }));
  expect(whole.Versions?.map(({ Key, VersionId, IsLatest, Size }) => [Key, VersionId, IsLatest, Size])).toEqual([
    ["list/a", two, true, 1],
    ["list/a", one, false, 5],
  ]);
  expect(whole.Versions?.[1]?.ETag).toBe('"827ccb0eea8a706c4c34a16891f84e7b"');
  expect(whole.Versions?.[1]).toMatchObject({ ChecksumAlgorithm: ["CRC32"], ChecksumType: "FULL_OBJECT" });
  expect(whole.DeleteMarkers?.map(({ Key, VersionId }) => [Key, VersionId])).toEqual([["list/b", marker.VersionId]]);
  const pages: (string | undefined)[] = [];
  let from: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
  do {
    const page: S3.ListObjectVersionsCommandOutput = await s3.send(
      new S3.ListObjectVersionsCommand({ Bucket, Prefix: "list/", MaxKeys: 1, ...from }),
    );
    pages.push(...[...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(({ VersionId }) => VersionId));
    from = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
  } while (from.KeyMarker !== undefined);
  expect(pages).toEqual([two, one, marker.VersionId]);
  const all = await s3.send(new S3.ListObjectVersionsCommand({ Bucket }));
  expect(all.Versions?.some(({ Key }) => Key?.startsWith(".milagro/"))).toBe(false);
});

test("versioning is switched on and off at the store", async () => {
  const set = (Status: "Enabled" | "Suspended") =>
    s3.send(new S3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
  const status = async () => (await s3.send(new S3.GetBucketVersioningCommand({ Bucket }))).Status;
  expect(await status()).toBeUndefined();
  await set("Enabled");
  expect(await status()).toBe("Enabled");
  await set("Suspended");
  expect(await status()).toBe("Suspended");
});

test("a version that there is not is NoSuchVersion, and so is one of another key: the store's answer for another version is not believed", async () => {
  const id = await put("own", "x");
  expect(await nameOf(get("own", "nothing"))).toBe("NoSuchVersion");
  expect(await nameOf(get("other", id))).toBe("NoSuchVersion");
});
