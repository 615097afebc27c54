/** Rotation at three levels, stopped and gone on with; revocation at the next epoch; many objects, and names of every kind. */
import { rm } from "node:fs/promises";
import * as S3 from "@aws-sdk/client-s3";
import { MilagroError } from "@milagro/engine/error";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { openOffline } from "../src/offline.ts";
import { beginRotation, listRotations, runRotation } from "../src/rotation.ts";
import { alice, bytesOf, GATEWAY, GATEWAY_ATTRIBUTES, keysOf, renew, startWorld, type World } from "./world.ts";

const Bucket = "rotated";
const OBJECTS = 150;
let home: string;
let world: World;
let s3: S3.S3Client;
beforeAll(async () => {
  home = await makeTempFolder();
  world = await startWorld(home);
  s3 = world.client();
  await s3.send(new S3.CreateBucketCommand({ Bucket }));
  await Promise.all(
    Array.from({ length: OBJECTS }, (_, i) =>
      s3.send(new S3.PutObjectCommand({ Bucket, Key: `o/${i}`, Body: `${i}` })),
    ),
  );
  await s3.send(new S3.PutObjectCommand({ Bucket, Key: "large", Body: bytesOf(200_000), Tagging: "a=b" }));
});
afterAll(async () => {
  await world.close();
  await rm(home, { recursive: true, force: true });
});

const read = async (Key: string): Promise<Uint8Array> => {
  const { Body } = await s3.send(new S3.GetObjectCommand({ Bucket, Key }));
  return (Body as { transformToByteArray(): Promise<Uint8Array> }).transformToByteArray();
};
const stored = async (name: string) => {
  const info = await world.running.gateway.backend.head(Bucket, name);
  return {
    header: info?.header ?? "",
    kek: Buffer.from(info?.header ?? "", "base64url")
      .subarray(1, 17)
      .toString("hex"),
  };
};
const offline = (epoch: number, key: string): Promise<string> =>
  openOffline(world.running.gateway.backend, keysOf(alice, { role: ["staff"] }, { epoch, writes: false }), [GATEWAY], {
    bucket: Bucket,
    key,
  }).then(
    () => "opens",
    (error: unknown) => (error instanceof MilagroError ? error.code : String(error)),
  );
const bodyOf = async (name: string): Promise<Buffer> => {
  const found = await world.running.gateway.backend.read(Bucket, name, "all");
  const parts: Uint8Array[] = [];
  for await (const part of found?.body ?? []) parts.push(part.slice());
  return Buffer.concat(parts);
};

test("revocation takes effect at the next epoch; kek brings it to what is there already, dek and body go deeper, and everything still reads", async () => {
  const { gateway } = world.running;
  expect(await offline(20_000, "large")).toBe("opens");
  const [before, body] = [await stored("large"), await bodyOf("large")];
  renew(world.keys, GATEWAY, GATEWAY_ATTRIBUTES, 20_001);
  await s3.send(new S3.PutObjectCommand({ Bucket, Key: "new", Body: "written in the next epoch" }));
  // Somebody whose last key is of the epoch before.
  expect([await offline(20_000, "new"), await offline(20_000, "large")]).toEqual(["ERR_POLICY_UNSATISFIED", "opens"]);

  const kek = await runRotation(gateway, await beginRotation(gateway, "kek", Bucket));
  expect(kek).toMatchObject({ level: "kek", finished_ms: expect.any(Number) });
  expect([await offline(20_000, "large"), await offline(20_001, "large")]).toEqual(["ERR_POLICY_UNSATISFIED", "opens"]);
  expect(await stored("large")).toEqual(before);

  const dek = await runRotation(gateway, await beginRotation(gateway, "dek", Bucket));
  expect(dek).toMatchObject({ done: OBJECTS + 1, skipped: 1 }); // "new" is right already
  const rewrapped = await stored("large");
  expect(rewrapped.kek).not.toBe(before.kek);
  expect(Buffer.compare(await bodyOf("large"), body)).toBe(0);

  await runRotation(gateway, await beginRotation(gateway, "body", Bucket, "large"));
  expect(Buffer.compare(await bodyOf("large"), body)).not.toBe(0);
  expect(Buffer.compare(await read("large"), bytesOf(200_000))).toBe(0);
  expect((await s3.send(new S3.GetObjectTaggingCommand({ Bucket, Key: "large" }))).TagSet).toEqual([
    { Key: "a", Value: "b" },
  ]);
  for (const i of [0, 77, OBJECTS - 1]) expect(new TextDecoder().decode(await read(`o/${i}`))).toBe(`${i}`);
});

test("a rotation that is stopped in the middle goes on where it was, and says how far it is; done twice it does nothing", async () => {
  renew(world.keys, GATEWAY, GATEWAY_ATTRIBUTES, 20_002);
  const { gateway } = world.running;
  const id = await beginRotation(gateway, "dek", Bucket, "o/");
  const stop = new AbortController();
  const steps: number[] = [];
  const stopped = runRotation(gateway, id, {
    signal: stop.signal,
    onProgress: ({ done }) => {
      steps.push(done);
      stop.abort(new Error("killed"));
    },
  });
  await expect(stopped).rejects.toThrow("killed");
  const [half] = (await listRotations(gateway)).filter((row) => row.id === id);
  expect(half).toMatchObject({ done: 64, finished_ms: null });
  // Some of what is left was written anew meanwhile.
  await s3.send(new S3.PutObjectCommand({ Bucket, Key: "o/99", Body: "99" }));
  world = await world.restart();
  s3 = world.client();
  expect(await runRotation(world.running.gateway, id)).toMatchObject({
    done: OBJECTS - 1,
    skipped: 1,
    finished_ms: expect.any(Number),
  });
  expect(
    await runRotation(world.running.gateway, await beginRotation(world.running.gateway, "dek", Bucket, "o/")),
  ).toMatchObject({ done: 0, skipped: OBJECTS });
  expect(new TextDecoder().decode(await read("o/99"))).toBe("99");
});

test("keys with every legal character, and of 1024 bytes, come back and are listed in byte order", async () => {
  const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
  const odd = [
    "//",
    "a//b",
    "/",
    ".",
    "..",
    "../x",
    "a/../b",
    "a/./b",
    " ",
    "+",
    "%2F",
    "%",
    "?",
    "#",
    "&amp;",
    "<>",
    "'\"",
    "\t",
    "\u0301",
    "\ud7ff",
    "\ue000",
    "\u{1f511}",
    "x".repeat(1024),
    "é".repeat(512),
  ];
  const keys = [
    ...new Set([...ascii.map((char) => `c${char}d`), ...odd.map((name) => (name.length > 500 ? name : `k/${name}`))]),
  ];
  await Promise.all(keys.map((Key) => s3.send(new S3.PutObjectCommand({ Bucket, Key, Body: Key }))));
  for (const key of keys) expect(new TextDecoder().decode(await read(key)), JSON.stringify(key.slice(0, 20))).toBe(key);
  const { Contents = [] } = await s3.send(new S3.ListObjectsV2Command({ Bucket, EncodingType: "url" }));
  const listed = Contents.map(({ Key = "" }) => decodeURIComponent(Key)).filter(
    (key) => !/^(?:o\/|large$|new$)/.test(key),
  );
  expect(listed).toEqual(keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  const refused = s3.send(new S3.PutObjectCommand({ Bucket, Key: "x".repeat(1025), Body: "" }));
  await expect(refused).rejects.toMatchObject({ name: "KeyTooLongError" });
});
