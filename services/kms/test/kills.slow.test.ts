/** Killed twenty-five times at random moments, on the same database. */
import { expect, onTestFinished, test } from "vitest";
import { inventoryOf, putUntilKilled } from "./kill.ts";
import { startProcess } from "./process.ts";
import { allow, Client, foundDomain, makeHome, who } from "./support.ts";

test("every acknowledged version is there in the end, none is half there, each is delivered once", async () => {
  const founded = await foundDomain("example.org", 1);
  const alice = new Client(founded, who("user/alice"));
  const web = new Client(founded, who("endpoint/web"));
  const home = makeHome(founded, [allow("user/alice", ["put", "read", "list"])]);
  onTestFinished(() => home.remove());
  let there: string[] = [];
  for (let round = 1; round <= 25; round++) {
    const kms = await startProcess(home.home);
    const now = await inventoryOf(alice, web, kms.url, "kill/me");
    expect(now.slice(0, there.length)).toEqual(there);
    const more = await putUntilKilled(alice, kms, [web.identity], "kill/me", now.length + 1, `round ${round}`);
    there = [...now, ...more];
  }
  const kms = await startProcess(home.home);
  expect((await inventoryOf(alice, web, kms.url, "kill/me")).slice(0, there.length)).toEqual(there);
  expect(await kms.end("SIGTERM")).toBe(0);
});
