/** Chunks that take turns in their buffers: what overlaps, and what does not. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { ahead } from "../src/ahead.ts";
import { openFolderBackend } from "../src/backend/folder.ts";
import { bytesOf } from "./world.ts";

async function* counting(log: string[], end: number): AsyncGenerator<number, void> {
  try {
    for (let i = 0; i < end; i += 1) {
      log.push(`make ${i}`);
      yield i;
    }
  } finally {
    log.push("end");
  }
}

test("the next is made while one is used, and never more than that", async () => {
  const log: string[] = [];
  for await (const i of ahead(counting(log, 3))) log.push(`use ${i}`);
  expect(log).toEqual(["make 0", "make 1", "use 0", "make 2", "use 1", "end", "use 2"]);
});

test("whoever stops early ends the source; what the source throws comes in its turn", async () => {
  const log: string[] = [];
  for await (const i of ahead(counting(log, 9))) if (i === 1) break;
  await expect.poll(() => log.at(-1), { timeout: 20_000 }).toBe("end");
  expect(log).not.toContain("make 3");
  const failing = async function* () {
    yield 1;
    throw new Error("broken");
  };
  const seen: number[] = [];
  const all = async () => {
    for await (const i of ahead(failing())) seen.push(i);
  };
  await expect(all()).rejects.toThrow("broken");
  expect(seen).toEqual([1]);
});

test("a source that waits for ever is not waited for", async () => {
  const stuck = async function* () {
    yield 1;
    await new Promise(() => {});
  };
  for await (const _ of ahead(stuck())) break;
});

test("what a folder reads it can write, chunk by chunk as it comes: a part that was kept aside becomes one of an object like this", async () => {
  const home = await makeTempFolder();
  const folder = await openFolderBackend(join(home, "store"), Date.now);
  const bytes = bytesOf(4_000_001);
  await folder.createBucket("b");
  await folder.write("b", "one", { header: "", length: bytes.length, body: [bytes] });
  for (let i = 0; i < 5; i += 1) {
    const found = await folder.read("b", "one", "all");
    await folder.write("b", "two", { header: "", length: bytes.length, body: found?.body ?? [] });
    const parts: Buffer[] = [];
    for await (const chunk of (await folder.read("b", "two", "all"))?.body ?? []) parts.push(Buffer.from(chunk));
    expect(Buffer.compare(Buffer.concat(parts), bytes)).toBe(0);
  }
  await folder.close();
  await rm(home, { recursive: true, force: true });
});
