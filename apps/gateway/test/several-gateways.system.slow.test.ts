/** Two gateways with one PostgreSQL in front of one S3 store: what one begins, the other goes on with. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import * as S3 from "@aws-sdk/client-s3";
import type { AuditEntry } from "@milagro/runtime/audit-log";
import { auditEntries, verifyAuditLog } from "@milagro/runtime/audit-verify";
import { afterAll, beforeAll, describe, expect } from "vitest";
import {
  hasPostgres,
  needsPostgres,
  type PostgresServer,
  startPostgres,
} from "../../../tests/support/postgres-server.ts";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { type ObjectStore, startObjectStore } from "./object-store.ts";
import { nameOf, s3Calls } from "./s3-calls.ts";
import { bytesOf, startWorld, type World } from "./world.ts";

const Bucket = "shared";
const MIB = 1024 * 1024;

describe("two gateways with one database", () => {
  let home: string;
  let store: ObjectStore;
  let postgres: PostgresServer;
  let worlds: World[] = [];
  let one: S3.S3Client;
  let other: S3.S3Client;
  beforeAll(async () => {
    if (!hasPostgres()) return;
    home = await makeTempFolder();
    store = await startObjectStore(join(home, "s3rver"));
    postgres = await startPostgres();
    const flags = { database: await postgres.freshUrl() };
    const first = await startWorld(home, { backend: store.backend(), flags });
    worlds = [first];
    worlds.push(await startWorld(home, { backend: store.backend(), flags, keys: first.keys, staff: first.staff }));
    [one, other] = worlds.map((world) => world.client()) as [S3.S3Client, S3.S3Client];
    await one.send(new S3.CreateBucketCommand({ Bucket }));
  });
  afterAll(async () => {
    for (const world of worlds) await world.close();
    await postgres?.stop();
    await store?.close();
    if (home) await rm(home, { recursive: true, force: true });
  });
  const { put, get } = s3Calls(() => one, Bucket);

  needsPostgres("an upload in parts goes through both, and has the checksum of all of it", async () => {
    const bodies = [bytesOf(5 * MIB, 1), bytesOf(5 * MIB + 1, 2), bytesOf(77, 3)];
    const at = { Bucket, Key: "parts" };
    const { UploadId } = await one.send(
      new S3.CreateMultipartUploadCommand({ ...at, ChecksumAlgorithm: "CRC32", ChecksumType: "FULL_OBJECT" }),
    );
    const Parts = await Promise.all(
      bodies.map(async (Body, i) => {
        const part = new S3.UploadPartCommand({ ...at, UploadId, PartNumber: i + 1, Body });
        return { PartNumber: i + 1, ETag: (await (i % 2 ? other : one).send(part)).ETag };
      }),
    );
    const listed = await other.send(new S3.ListPartsCommand({ ...at, UploadId }));
    expect(listed.Parts?.map(({ ETag }) => ETag)).toEqual(Parts.map(({ ETag }) => ETag));
    const complete = new S3.CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } });
    const { ChecksumCRC32 } = await other.send(complete);
    const whole = Buffer.concat(bodies);
    const expected = Buffer.alloc(4);
    expected.writeUInt32BE(crc32(whole));
    expect(ChecksumCRC32).toBe(expected.toString("base64"));
    expect(Buffer.compare((await get("parts")).bytes, whole)).toBe(0);
    expect(await nameOf(one.send(new S3.ListPartsCommand({ ...at, UploadId })))).toBe("NoSuchUpload");
  });

  needsPostgres("what one has read before, it reads as the other has written it since; gone is gone", async () => {
    await put("replaced", bytesOf(100_000, 1));
    await get("replaced");
    await other.send(new S3.PutObjectCommand({ Bucket, Key: "replaced", Body: bytesOf(200_000, 2) }));
    expect(Buffer.compare((await get("replaced")).bytes, bytesOf(200_000, 2))).toBe(0);
    await other.send(new S3.DeleteObjectCommand({ Bucket, Key: "replaced" }));
    expect(await nameOf(get("replaced"))).toBe("NoSuchKey");
  });

  needsPostgres("both write under one KEK", async () => {
    const Body = "x";
    for (const [i, client] of [one, other, one, other].entries())
      await client.send(new S3.PutObjectCommand({ Bucket, Key: `kek/${i}`, Body }));
    const ids: string[] = [];
    for await (const id of (worlds[1] as World).running.gateway.keks.list(Bucket)) ids.push(id);
    expect(ids).toHaveLength(1);
  });

  needsPostgres("forty writes at once, half at each: all are there, and all records are one unbroken log", async () => {
    const clients = Array.from({ length: 40 }, (_, i) => (i % 2 ? other : one));
    await Promise.all(
      clients.map((client, i) => client.send(new S3.PutObjectCommand({ Bucket, Key: `many/${i}`, Body: `${i}` }))),
    );
    const listed = await one.send(new S3.ListObjectsV2Command({ Bucket, Prefix: "many/" }));
    expect(listed.KeyCount).toBe(40);
    const [{ audit, store }] = worlds.map(({ running }) => running.gateway) as [World["running"]["gateway"]];
    const entries: AuditEntry[] = [];
    for await (const entry of auditEntries((after, limit) => audit.log.read(store.db, after, limit)))
      entries.push(entry);
    expect(await verifyAuditLog({ entries })).toMatchObject({ ok: true, index: entries.length });
    const written = entries.filter(
      ({ action, details }) => action === "object.write" && /many/.test(JSON.stringify(details)),
    );
    expect(written).toHaveLength(40);
  });
});
