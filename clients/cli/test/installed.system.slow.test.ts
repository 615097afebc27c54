/**
 * `milagro channel` as people have it: the bundle that `tools/build.mjs` makes for a checkout, and the packages as npm installs them. In both the thread that checks
 * signatures is a file of its own, which somebody has to have put where the program looks.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { firstSight } from "@milagro/client/known-domain";
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import { createIdentityStore } from "@milagro/endpoint/identity-store";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { ALICE, BOB, engine, foundDomain, issueKey, random } from "../../../core/protocol/test/fixture.ts";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { keyFile, writeKnownDomain } from "../src/profile.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const CLI = join(ROOT, "clients", "cli");
let folder: string;

beforeAll(async () => {
  folder = await makeTempFolder();
  const founded = await foundDomain(1);
  const home = join(folder, "home");
  await writeKnownDomain(home, firstSight(engine, random, founded.signed).known);
  writeFileSync(join(folder, "pass"), "open sesame\n", { mode: 0o600 });
  const give = async (identity: Identity): Promise<void> => {
    const path = keyFile(home, identity);
    mkdirSync(dirname(path), { recursive: true });
    const passphrase = passphraseFromText("open sesame");
    const store = await createIdentityStore({ path, passphrase, engine, domain: founded.domain, identity });
    const now = epochAt(Date.now(), founded.domain.epochSeconds);
    const usage = "sig";
    // Of the next one as well: it may begin before the last test.
    const epochs = [now, (now + 1) as Epoch];
    store.ring.add(epochs.map((epoch) => ({ usage, epoch, key: issueKey(founded, identity, usage, epoch) })));
    await store.save();
    await store.close();
  };
  await Promise.all([give(ALICE), give(BOB)]);
  // Says what threads the program starts, and what they answer.
  writeFileSync(
    join(folder, "watch.mjs"),
    `import { appendFileSync } from "node:fs";
process.on("worker", (worker) => worker.on("message", ({ kind }) => appendFileSync(process.env.WATCHED, kind + "\\n")));\n`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function milagro(program: string, watched: string, identity: Identity, ...args: readonly string[]): ChildProcess {
  const flags = ["--home", join(folder, "home"), "--passphrase-file", join(folder, "pass"), "--id", identity];
  const child = spawn(process.execPath, ["--import", join(folder, "watch.mjs"), program, ...args, ...flags], {
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, NO_COLOR: "1", WATCHED: watched },
    stdio: ["pipe", "pipe", "pipe"],
  });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "close");
  });
  return child;
}

const textOf = async (stream: NodeJS.ReadableStream | null): Promise<string> => {
  let text = "";
  for await (const chunk of stream ?? []) text += chunk;
  return text;
};

/** One channel from Alice to Bob, both of them this program. @returns what Bob's threads have answered */
async function channelBy(program: string): Promise<readonly string[]> {
  const watched = join(folder, `watched-${Math.random()}`);
  const listening = milagro(program, watched, BOB, "channel", "listen", "127.0.0.1:0", "--allow", ALICE);
  const heard = textOf(listening.stdout);
  const port = await new Promise<string>((resolve, reject) => {
    let said = "";
    listening.stderr?.on("data", (chunk) => {
      said += chunk;
      const found = /listens on 127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    listening.once("close", () => reject(new Error(said)));
  });
  const dialling = milagro(program, join(folder, "unwatched"), ALICE, "channel", "dial", BOB, `127.0.0.1:${port}`);
  const failed = textOf(dialling.stderr);
  listening.stdin?.end("from bob");
  dialling.stdin?.end("from alice");
  expect(await textOf(dialling.stdout), await failed).toBe("from bob");
  expect(await heard).toBe("from alice");
  return existsSync(watched) ? readFileSync(watched, "utf8").trim().split("\n") : [];
}

/** The bundle of the command line as `tools/build.mjs` makes it, in a folder of its own. */
async function bundled(name: string): Promise<string> {
  const { bundle } = (await import(new URL("../../../tools/bundle.mjs", import.meta.url).href)) as {
    bundle(folder: string, into: string): Promise<void>;
  };
  await bundle(CLI, join(folder, name));
  return join(folder, name, "main.js");
}

/** What npm would put into `node_modules`: of ours the files that the packages name, of others whatever is here. @returns the launcher */
function installed(): string {
  const modules = join(folder, "installed", "node_modules");
  mkdirSync(join(modules, "@milagro"), { recursive: true });
  for (const name of readdirSync(join(ROOT, "node_modules")).filter(
    (one) => !one.startsWith(".") && one !== "@milagro",
  ))
    symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  for (const name of readdirSync(join(ROOT, "node_modules", "@milagro"))) {
    const from = join(ROOT, "node_modules", "@milagro", name);
    const { files = [] } = JSON.parse(readFileSync(join(from, "package.json"), "utf8")) as { files?: string[] };
    for (const file of ["package.json", ...files.filter((one) => one !== "src")])
      if (existsSync(join(from, file)))
        cpSync(join(from, file), join(modules, "@milagro", name, file), { recursive: true, dereference: true });
  }
  return join(modules, "@milagro", "cli", "bin", "milagro.js");
}

test("the bundle checks signatures in its thread", async () => {
  const answers = await channelBy(await bundled("bundle"));
  expect(answers).toEqual(["started", "result"]);
});

test("without the thread's module it checks them all the same, and has no thread: so the tests beside this one can fail", async () => {
  const main = await bundled("bundle-without");
  rmSync(join(dirname(main), "channel-worker.js"));
  expect(await channelBy(main)).toEqual([]);
});

test("the installed packages check signatures in their thread", async () => {
  // Of the present sources: what `npm run build` publishes.
  const compiler = spawn(process.execPath, [join(ROOT, "node_modules", "typescript", "bin", "tsc"), "-b", CLI], {
    stdio: "inherit",
  });
  expect((await once(compiler, "close"))[0]).toBe(0);
  const answers = await channelBy(installed());
  expect(answers).toEqual(["started", "result"]);
});
