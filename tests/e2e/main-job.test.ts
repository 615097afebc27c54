/**
 * `milagro dev --exit` on real processes, from nothing; then everything it printed and wrote is searched for the secrets that were
 * in play.
 */
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTempFolder } from "../support/temp-folder.ts";
import { allFiles, type Finished, forms, milagro } from "./milagro.ts";

const SECRET = `known-secret-${"k".repeat(30)}`;
let folder: string;
let home: string;
let finished: Finished;
/** Command lines of all processes that were seen with the secret in them. */
const seenInCommandLines: string[] = [];

beforeAll(async () => {
  folder = await makeTempFolder();
  home = join(folder, "dev");
  await writeFile(join(folder, "value"), SECRET, { mode: 0o600 });
  const watch = setInterval(() => void lookAtCommandLines(), 100);
  finished = await milagro(["dev", "--exit", "--home", home, "--value", "@value"], { cwd: folder });
  clearInterval(watch);
}, 180_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

async function lookAtCommandLines(): Promise<void> {
  for (const pid of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (line.includes(SECRET)) seenInCommandLines.push(line);
  }
}

describe("milagro dev --exit", () => {
  test("does the main job and ends with status 0", () => {
    expect(finished.stderr).toBe("");
    expect(finished.status).toBe(0);
    for (const said of [
      "verified and pinned",
      "3 shares added up",
      "by name alone: it has no key yet",
      "order accepted",
      "signature refused",
      "All of it worked",
    ]) {
      expect(finished.stdout).toContain(said);
    }
  });

  test("left no process behind", async () => {
    const lines = await Promise.all(
      (await readdir("/proc"))
        .filter((pid) => /^\d+$/.test(pid))
        .map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
    );
    expect(lines.filter((line) => line.includes(home))).toEqual([]);
  });

  test("left behind what a second run goes on with", () => {
    const names = allFiles(home).map(({ path }) => path.slice(home.length + 1));
    for (const name of [
      "acme.json",
      "dta-1/dta.sqlite",
      "dta-2/masters.sealed",
      "kms/kms.sqlite",
      "endpoint/identity.keys",
      "logs/dta-3.log",
    ]) {
      expect(names).toContain(name);
    }
  });
});

describe("nothing secret", () => {
  test("is in anything it printed", () => {
    for (const form of forms(SECRET)) expect(`${finished.stdout}${finished.stderr}`).not.toContain(form.toString());
  });

  test("was in the command line of any process", () => {
    expect(seenInCommandLines).toEqual([]);
  });

  test("is in any database, log or key store: neither the delivered secret", () => {
    const found = allFiles(home).filter(({ content }) => forms(SECRET).some((form) => content.includes(form)));
    expect(found.map(({ path }) => path)).toEqual([]);
  });

  test("nor a passphrase or join token, but in the file it came in", () => {
    const files = allFiles(home);
    const owned = files.filter(({ path }) =>
      /\/(passphrases\/[^/]+|(kms|login)\/join-tokens|endpoint\/evidence)$/.test(path),
    );
    expect(owned.length).toBe(12);
    for (const { path, content } of owned) {
      for (const secret of content.toString().trim().split("\n")) {
        const needle = Buffer.from(secret.slice(-40));
        const found = files
          .filter((file) => file.path !== path && file.content.includes(needle))
          .map((file) => file.path);
        expect(found).toEqual([]);
        expect(finished.stdout).not.toContain(needle.toString());
      }
    }
  });
});
