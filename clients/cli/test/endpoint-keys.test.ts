/** Commands over channels that act as the endpoint beside its daemon, with the keys of its folder. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { firstSight } from "@milagro/client/known-domain";
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import { createIdentityStore, type IdentityStore } from "@milagro/endpoint/identity-store";
import { encodeSignedDescriptor } from "@milagro/protocol/descriptor";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  ALICE,
  BOB,
  engine,
  type Founded,
  foundDomain,
  issueKey,
  random,
} from "../../../core/protocol/test/fixture.ts";
import { freePorts } from "../../../tests/support/ports.ts";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { keyFile, writeKnownDomain } from "../src/profile.ts";
import { type Ran, run } from "./run-cli.ts";

let founded: Founded;
let folder: string;
let daemon: IdentityStore;
const keysFile = () => join(folder, "endpoint", "identity.keys");

async function storeWith(path: string, identity: Identity, ...epochs: readonly Epoch[]): Promise<IdentityStore> {
  await mkdir(dirname(path), { recursive: true });
  const passphrase = passphraseFromText("open sesame");
  const store = await createIdentityStore({ path, passphrase, engine, domain: founded.domain, identity });
  add(store, identity, epochs);
  await store.save();
  return store;
}
function add(store: IdentityStore, identity: Identity, epochs: readonly Epoch[]): void {
  const usages = ["enc", "sig"] as const;
  store.ring.add(
    epochs.flatMap((epoch) =>
      usages.map((usage) => ({ usage, epoch, key: issueKey(founded, identity, usage, epoch) })),
    ),
  );
}
const epochNow = (): Epoch => epochAt(Date.now(), founded.domain.epochSeconds);

beforeAll(async () => {
  founded = await foundDomain(1);
  folder = await makeTempFolder();
  await writeKnownDomain(join(folder, "home"), firstSight(engine, random, founded.signed).known);
  await (await storeWith(keyFile(join(folder, "home"), ALICE), ALICE, epochNow())).close();
  await writeFile(join(folder, "pass"), "open sesame\n", { mode: 0o600 });
  // As a daemon leaves it that has been down since the day before yesterday.
  daemon = await storeWith(keysFile(), BOB, (epochNow() - 2) as Epoch);
  await writeFile(join(folder, "endpoint", "domain.json"), JSON.stringify(encodeSignedDescriptor(founded.signed)));
  const config = { identity: BOB, passphraseFile: "../pass", evidenceFile: "none" };
  await writeFile(join(folder, "endpoint", "config.json"), JSON.stringify(config));
});
afterAll(async () => {
  await daemon?.close();
  await rm(folder, { recursive: true, force: true });
});

const milagro = (line: string, input?: string): Promise<Ran> =>
  run(["--home", "home", ...line.split(" ")], { cwd: folder, ...(input === undefined ? {} : { input }) });

/** Alice, by her profile, until somebody is there who can prove to be Bob. */
async function dialUntilAnswered(port: number): Promise<{ readonly answer: Ran; readonly before: readonly string[] }> {
  const before: string[] = [];
  for (;;) {
    const answer = await milagro(
      `channel dial ${BOB} 127.0.0.1:${port} --id ${ALICE} --passphrase-file pass`,
      "from alice",
    );
    if (answer.status === 0) return { answer, before };
    before.push(/ERR_\w+/.exec(answer.stderr)?.[0] ?? answer.stderr);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test("the endpoint's keys are read when its daemon has renewed them, and never written", async () => {
  const [port = 0] = await freePorts(1);
  const listening = milagro(`channel listen 127.0.0.1:${port} --endpoint endpoint --allow ${ALICE}`, "from bob");
  // With keys of an epoch that is over it proves nothing.
  const refused = await milagro(`channel dial ${BOB} 127.0.0.1:${port} --id ${ALICE} --passphrase-file pass`, "x");
  expect(refused.status).not.toBe(0);
  add(daemon, BOB, [epochNow()]);
  await daemon.save();
  const written = await readFile(keysFile());
  const { answer } = await dialUntilAnswered(port);
  expect(answer.stdout).toBe("from bob");
  expect(await listening).toMatchObject({ status: 0, stdout: "from alice" });
  expect(await readFile(keysFile())).toEqual(written);
});

test.each([
  ["of somebody else", `--endpoint endpoint --id ${ALICE}`, "ERR_KEY_MISSING"],
  ["that is not there", "--endpoint nowhere", "ERR_CONFIG_INVALID"],
  ["with another passphrase", "--endpoint endpoint --passphrase-file wrong", "ERR_KEYSTORE_PASSPHRASE"],
])("a folder %s is refused", async (_, options, code) => {
  await writeFile(join(folder, "wrong"), "close sesame\n", { mode: 0o600 });
  const { status, stderr } = await milagro(`channel dial ${ALICE} 127.0.0.1:9 ${options}`);
  expect(status).not.toBe(0);
  expect(stderr).toContain(code);
});

test("an endpoint that has not enrolled yet has no keys to act with", async () => {
  await mkdir(join(folder, "new"));
  for (const file of ["config.json", "domain.json"])
    await writeFile(join(folder, "new", file), await readFile(join(folder, "endpoint", file)));
  expect((await milagro(`channel dial ${ALICE} 127.0.0.1:9 --endpoint new`)).stderr).toContain("ERR_KEY_MISSING");
});
