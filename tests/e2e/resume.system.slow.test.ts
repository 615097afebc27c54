/**
 * `milagro dev` is killed outright while it stays up; the next run ends what was left, goes on with the same domain, and loses
 * nothing.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeTempFolder } from "../support/temp-folder.ts";
import { milagro, spawnMilagro } from "./milagro.ts";

let folder: string;
beforeAll(async () => {
  folder = await makeTempFolder();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function running(): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((pid) => /^\d+$/.test(pid));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line.includes(join(folder, "dev")));
}

test("killed and started again", async () => {
  const home = ["--home", join(folder, "dev")];
  const first = spawnMilagro(["dev", ...home], { cwd: folder });
  let output = "";
  await new Promise<void>((resolve, reject) => {
    first.stdout?.on("data", (chunk) => {
      output += chunk;
      if (output.includes("Ctrl-C ends all of it")) resolve();
    });
    first.once("exit", () => reject(new Error(output)));
  });
  const busy = await milagro(["dev", "--exit", ...home], { cwd: folder });
  expect(busy).toMatchObject({ status: 1, stderr: expect.stringContaining("ERR_ADDRESS_IN_USE") });

  first.removeAllListeners("exit");
  first.kill("SIGKILL");
  await new Promise((resolve) => first.once("close", resolve).stdout?.resume());
  expect((await running()).length).toBeGreaterThan(0);

  const second = await milagro(["dev", "--exit", ...home], { cwd: folder });
  expect(second.status).toBe(0);
  expect(second.stdout).toContain("going on from last time");
  expect(second.stdout).toContain("app/signing-key version 3");
  expect(await running()).toEqual([]);
}, 300_000);
