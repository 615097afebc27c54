/** Digests in a thread: what they are, and that nobody waits for a stream that was given up. */
import { createHash } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { createDigestThreads } from "../src/digest-threads.ts";
import { BLOCK_LENGTH } from "../src/format/segments.ts";

const threads = createDigestThreads();
afterAll(() => threads.close());

test("many blocks have the digest that they have in one piece", async () => {
  const stream = threads.begin(["md5", "crc32"]);
  const whole = createHash("md5");
  for (let i = 0; i < 12; i += 1) {
    const block = await stream.block();
    block.fill(i);
    const length = i === 11 ? 5 : BLOCK_LENGTH;
    whole.update(block.subarray(0, length));
    await stream.update(block, length);
  }
  const { md5 } = await stream.end();
  expect(Buffer.from(md5 ?? []).toString("hex")).toBe(whole.digest("hex"));
});

test("many streams at once, more than the thread may be busy with, come to their ends with their own digests", async () => {
  const hash = async (seed: number): Promise<string> => {
    const stream = threads.begin(["md5"]);
    for (let i = 0; i < 4; i += 1) {
      const block = await stream.block();
      block.fill(seed + i);
      await stream.update(block, 1000);
    }
    return Buffer.from((await stream.end())["md5"] ?? []).toString("hex");
  };
  const expected = (seed: number): string => {
    const whole = createHash("md5");
    for (let i = 0; i < 4; i += 1) whole.update(new Uint8Array(1000).fill(seed + i));
    return whole.digest("hex");
  };
  const seeds = Array.from({ length: 40 }, (_, seed) => seed);
  // One is given up with blocks under way: the others do not wait for it.
  const left = threads.begin(["md5"]);
  for (let i = 0; i < 3; i += 1) await left.update(await left.block(), BLOCK_LENGTH);
  left.drop();
  expect(await Promise.all(seeds.map(hash))).toEqual(seeds.map(expected));
});

test("given up while somebody waits for a block, and while somebody waits for the end", async () => {
  const full = threads.begin(["md5"]);
  // Without a turn of the event loop no block comes back.
  for (let i = 0; i < 2; i += 1) await full.update(await full.block(), BLOCK_LENGTH);
  const blocks = Array.from({ length: 4 }, () => new Uint8Array(new SharedArrayBuffer(BLOCK_LENGTH)));
  for (const block of blocks) full.update(block, BLOCK_LENGTH);
  const waiting = Promise.resolve(full.block());
  full.drop();
  await expect(waiting).rejects.toMatchObject({ code: "ERR_CANCELLED" });
  const ending = threads.begin(["md5"]);
  for (let i = 0; i < 2; i += 1) await ending.update(await ending.block(), BLOCK_LENGTH);
  const end = ending.end();
  ending.drop();
  await expect(end).rejects.toMatchObject({ code: "ERR_CANCELLED" });
});
