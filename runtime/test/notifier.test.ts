import { expect, test } from "vitest";
import { createNotifier } from "../src/notifier.ts";

test("what is there already is returned at once", async () => {
  const notifier = createNotifier();
  expect(await notifier.waitFor("a", 10_000, async () => 1)).toBe(1);
  expect(notifier.waiting).toBe(0);
});

test("a wake during the look is not slept through", async () => {
  const notifier = createNotifier();
  let there = false;
  const started = performance.now();
  const found = notifier.waitFor("a", 10_000, async () => {
    const answer = there ? "news" : undefined;
    if (!there) {
      there = true;
      notifier.wake("a"); // between the question and the sleep
    }
    return answer;
  });
  expect(await found).toBe("news");
  expect(performance.now() - started).toBeLessThan(500);
});

test("nothing comes: undefined when the time is over", async () => {
  const notifier = createNotifier();
  expect(await notifier.waitFor("a", 20, async () => undefined)).toBeUndefined();
});

test("wakes of another topic change nothing", async () => {
  const notifier = createNotifier();
  let looks = 0;
  const found = notifier.waitFor("a", 50, async () => {
    looks++;
    return undefined;
  });
  for (let i = 0; i < 10; i++) notifier.wake("b");
  await found;
  expect(looks).toBe(2); // at the beginning and at the end
});

test("a look that fails reaches the caller and leaves nobody waiting", async () => {
  const notifier = createNotifier();
  await expect(notifier.waitFor("a", 1000, () => Promise.reject(new Error("database gone")))).rejects.toThrow(
    "database gone",
  );
  expect(notifier.waiting).toBe(0);
});

test("closing lets everyone go", async () => {
  const notifier = createNotifier();
  const waiters = [1, 2, 3].map(() => notifier.waitFor("a", 60_000, async () => undefined));
  notifier.close();
  expect(await Promise.all(waiters)).toEqual([undefined, undefined, undefined]);
});

test("a request that went away is not kept", async () => {
  const notifier = createNotifier();
  const gone = new AbortController();
  const found = notifier.waitFor("a", 60_000, async () => undefined, gone.signal);
  gone.abort();
  expect(await found).toBeUndefined();
  expect(notifier.waiting).toBe(0);
});

test("another instance's writing is seen within two seconds, without a wake", async () => {
  const notifier = createNotifier();
  let there = false;
  setTimeout(() => {
    there = true;
  }, 100);
  const started = performance.now();
  expect(await notifier.waitFor("a", 60_000, async () => (there ? "found" : undefined))).toBe("found");
  expect(performance.now() - started).toBeLessThan(2000);
});
