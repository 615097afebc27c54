/** awscli, rclone, s3cmd and the AWS SDK v3, unmodified, against a folder and against another S3 implementation as the store. */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as S3 from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { needs } from "../../../tests/support/needs.ts";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { type Clients, clientsOf, ok } from "./clients.ts";
import { type ObjectStore, startObjectStore } from "./object-store.ts";
import { bytesOf, startWorld, type World } from "./world.ts";

const MARK = "this must not lie at the store";
/** Names that file systems allow and S3 programs have to encode. */
const FILES: Readonly<Record<string, Uint8Array>> = {
  empty: new Uint8Array(0),
  "mark.txt": new TextEncoder().encode(MARK.repeat(1000)),
  // s3rver forgets prefixes of folders that hold folders only.
  "a folder/file": bytesOf(10),
  "a folder/with spaces + signs/50% & more.bin": bytesOf(200_000),
  "ünïcödé/日本.txt": bytesOf(65_536),
  "large.bin": bytesOf(18 * 1024 * 1024 + 77),
};

async function writeTree(folder: string): Promise<void> {
  for (const [name, bytes] of Object.entries(FILES)) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
}

async function treeOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(
      files.map(async (file) => [
        file.slice(folder.length + 1),
        createHash("sha256")
          .update(await readFile(file))
          .digest("hex"),
      ]),
    ),
  );
}

describe.each(["folder", "s3rver"] as const)("in front of a %s", (kind) => {
  let home: string;
  let world: World;
  let clients: Clients;
  let upstream: ObjectStore | undefined;
  let expected: Record<string, string>;
  const store = () => (kind === "folder" ? join(home, "store") : join(home, "s3rver"));

  beforeAll(async () => {
    home = await makeTempFolder();
    await writeTree(join(home, "up"));
    expected = await treeOf(join(home, "up"));
    if (kind === "s3rver") upstream = await startObjectStore(store());
    world = await startWorld(home, upstream ? { backend: upstream.backend() } : {});
    clients = await clientsOf(home, world.running.url, world.staff);
  });
  afterAll(async () => {
    await world.close();
    await upstream?.close();
    await rm(home, { recursive: true, force: true });
  });

  /** Nothing of the plaintext, in no file of the store. */
  const expectCiphertext = async () => {
    for (const entry of await readdir(store(), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const bytes = await readFile(join(entry.parentPath, entry.name));
      expect(bytes.includes(MARK), entry.name).toBe(false);
      expect(bytes.includes(Buffer.from(bytesOf(200_000).subarray(1000, 1032))), entry.name).toBe(false);
    }
  };

  needs("aws")("aws s3 sync up and down gives back the same bytes while the store holds ciphertext only", async () => {
    await ok(clients.aws("s3", "mb", "s3://by-aws"));
    await ok(clients.aws("s3", "sync", "up", "s3://by-aws/tree"));
    expect(await ok(clients.aws("s3", "sync", "up", "s3://by-aws/tree"))).toBe("");
    await ok(clients.aws("s3", "sync", "s3://by-aws/tree", "down-aws"));
    expect(await treeOf(join(home, "down-aws"))).toEqual(expected);
    await expectCiphertext();
    expect(await ok(clients.aws("s3", "ls", "s3://by-aws/tree/"))).toMatch(
      /PRE a folder\/\n(.|\n)*18874445 large.bin\n/,
    );
    await ok(clients.aws("s3", "mv", "s3://by-aws/tree/mark.txt", "s3://by-aws/moved.txt"));
    await ok(clients.aws("s3", "rm", "--recursive", "s3://by-aws/tree"));
    expect(await ok(clients.aws("s3", "ls", "--recursive", "s3://by-aws"))).toMatch(/moved.txt\n$/);
    const url = (await ok(clients.aws("s3", "presign", "s3://by-aws/moved.txt"))).trim();
    expect((await (await fetch(url)).text()).length).toBe(MARK.length * 1000);
  });

  needs("rclone")("rclone copies, checks by MD5, moves and deletes", async () => {
    await ok(clients.rclone("mkdir", "gw:by-rclone"));
    await ok(clients.rclone("copy", "up", "gw:by-rclone/tree"));
    await ok(clients.rclone("check", "up", "gw:by-rclone/tree", "--download"));
    const checked = await clients.rclone("check", "up", "gw:by-rclone/tree");
    expect([checked.status, checked.stderr]).toEqual([0, expect.stringContaining("0 differences found")]);
    await ok(clients.rclone("sync", "gw:by-rclone/tree", "down-rclone"));
    expect(await treeOf(join(home, "down-rclone"))).toEqual(expected);
    await ok(clients.rclone("moveto", "gw:by-rclone/tree/empty", "gw:by-rclone/empty-2"));
    await ok(clients.rclone("purge", "gw:by-rclone"));
    expect((await clients.rclone("lsd", "gw:")).stdout).not.toMatch(/by-rclone/);
  });

  needs("s3cmd")("s3cmd puts, syncs by the MD5s of listings, gets and deletes", async () => {
    await ok(clients.s3cmd("mb", "s3://by-s3cmd"));
    await ok(clients.s3cmd("sync", "up/", "s3://by-s3cmd/tree/"));
    expect(await ok(clients.s3cmd("sync", "up/", "s3://by-s3cmd/tree/"))).not.toMatch(/upload:/);
    await mkdir(join(home, "down-s3cmd"));
    await ok(clients.s3cmd("sync", "s3://by-s3cmd/tree/", "down-s3cmd/"));
    expect(await treeOf(join(home, "down-s3cmd"))).toEqual(expected);
    await ok(clients.s3cmd("cp", "s3://by-s3cmd/tree/mark.txt", "s3://by-s3cmd/copy.txt"));
    expect(await ok(clients.s3cmd("info", "s3://by-s3cmd/copy.txt"))).toMatch(/File size: 30000/);
    await ok(clients.s3cmd("del", "--recursive", "--force", "s3://by-s3cmd"));
    await ok(clients.s3cmd("rb", "s3://by-s3cmd"));
  });

  test("the AWS SDK v3 puts, gets, ranges, lists, copies, uploads in parts and deletes", async () => {
    const s3 = world.client();
    const Bucket = "by-sdk";
    await s3.send(new S3.CreateBucketCommand({ Bucket }));
    const body = bytesOf(300_001, 6);
    for (const Key of ["a/1", "a/2", "b"])
      await s3.send(new S3.PutObjectCommand({ Bucket, Key, Body: body, Metadata: { k: "v" } }));
    const part = await s3.send(new S3.GetObjectCommand({ Bucket, Key: "a/1", Range: "bytes=100000-299999" }));
    expect(
      Buffer.compare((await part.Body?.transformToByteArray()) ?? Buffer.alloc(0), body.subarray(100_000, 300_000)),
    ).toBe(0);
    const listed = await s3.send(new S3.ListObjectsV2Command({ Bucket, Delimiter: "/" }));
    expect([
      listed.Contents?.map(({ Key, Size }) => [Key, Size]),
      listed.CommonPrefixes?.map(({ Prefix }) => Prefix),
    ]).toEqual([[["b", 300_001]], ["a/"]]);
    await s3.send(new S3.CopyObjectCommand({ Bucket, Key: "c", CopySource: `${Bucket}/b` }));
    const { UploadId } = await s3.send(new S3.CreateMultipartUploadCommand({ Bucket, Key: "m" }));
    const big = bytesOf(5 * 1024 * 1024, 3);
    const Parts = [];
    for (const [i, Body] of [big, bytesOf(9)].entries()) {
      const { ETag } = await s3.send(new S3.UploadPartCommand({ Bucket, Key: "m", UploadId, PartNumber: i + 1, Body }));
      Parts.push({ PartNumber: i + 1, ETag });
    }
    await s3.send(new S3.CompleteMultipartUploadCommand({ Bucket, Key: "m", UploadId, MultipartUpload: { Parts } }));
    const m = await s3.send(new S3.GetObjectCommand({ Bucket, Key: "m" }));
    expect(
      Buffer.compare((await m.Body?.transformToByteArray()) ?? Buffer.alloc(0), Buffer.concat([big, bytesOf(9)])),
    ).toBe(0);
    const Objects = ["a/1", "a/2", "b", "c", "m"].map((Key) => ({ Key }));
    await s3.send(new S3.DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    await s3.send(new S3.DeleteBucketCommand({ Bucket }));
  });
});
