/** Whoever proves nothing cannot fill the audit log; nothing is left out unsaid. */
import { rm } from "node:fs/promises";
import * as S3 from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { createUnknownRefusals } from "../src/unknown-refusals.ts";
import { alice, startWorld, type World } from "./world.ts";

let home: string;
let world: World;
beforeAll(async () => {
  home = await makeTempFolder();
  world = await startWorld(home);
});
afterAll(async () => {
  await world.close();
  await rm(home, { recursive: true, force: true });
});

test("a source has twenty lines at once; then some a minute, which say how many were left out", () => {
  const refusals = createUnknownRefusals();
  const at = (nowMs: number, address = "192.0.2.1") => refusals.admit(address, nowMs);
  expect(Array.from({ length: 20 }, () => at(0))).toEqual(Array.from({ length: 20 }, () => 0));
  expect([at(0), at(1000), at(2000)]).toEqual([undefined, undefined, undefined]);
  expect(at(10_000)).toBe(3);
  expect(at(10_000, "192.0.2.2")).toBe(0);
});

test("many sources have two hundred together", () => {
  const refusals = createUnknownRefusals();
  const lines = Array.from({ length: 500 }, (_, i) => refusals.admit(`10.0.${i >> 8}.${i & 255}`, 0));
  expect(lines.filter((line) => line !== undefined)).toHaveLength(200);
  expect(refusals.admit("10.9.9.9", 60_000)).toBe(300);
});

test("a flood without a key leaves twenty lines; who is known and refused is written all the same", async () => {
  for (let i = 0; i < 40; i += 1) expect((await fetch(`${world.running.url}/b/k`)).status).toBe(403);
  const s3 = world.client();
  const put = () => s3.send(new S3.PutObjectCommand({ Bucket: "records", Key: "ward/x", Body: "x" }));
  for (let i = 0; i < 25; i += 1) await expect(put()).rejects.toMatchObject({ name: "AccessDenied" });
  const rows = await world.running.gateway.store.db
    .selectFrom("audit_log")
    .select(["subject", "outcome"])
    .where("outcome", "!=", "ok")
    .execute();
  // Should this machine take seconds for it, a line more.
  const unknown = rows.filter(({ subject }) => subject === null).length;
  expect(unknown).toBeGreaterThanOrEqual(20);
  expect(unknown).toBeLessThan(30);
  expect(rows.filter(({ subject }) => subject === alice)).toHaveLength(25);
});
