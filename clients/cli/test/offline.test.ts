import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { firstSight } from "@milagro/client/known-domain";
import { epochAt } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import { createIdentityStore } from "@milagro/endpoint/identity-store";
import { encodeSignedDescriptor } from "@milagro/protocol/descriptor";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ALICE,
  BOB,
  engine,
  type Founded,
  flip,
  foundDomain,
  issueKey,
  random,
} from "../../../core/protocol/test/fixture.ts";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { keyFile, writeKnownDomain } from "../src/profile.ts";
import { type Ran, run } from "./run-cli.ts";

let founded: Founded;
let folder: string;
const TEXT = Buffer.alloc(200_000, "The quick brown fox. ");

async function giveKeys(identity: Identity): Promise<void> {
  const path = keyFile(join(folder, "home"), identity);
  await mkdir(dirname(path), { recursive: true });
  const passphrase = passphraseFromText("open sesame");
  const store = await createIdentityStore({ path, passphrase, engine, domain: founded.domain, identity });
  const epoch = epochAt(Date.now(), founded.domain.epochSeconds);
  store.ring.add(
    (["enc", "sig"] as const).map((usage) => ({ usage, epoch, key: issueKey(founded, identity, usage, epoch) })),
  );
  await store.save();
  await store.close();
}

beforeAll(async () => {
  founded = await foundDomain(2);
  folder = await makeTempFolder();
  await writeKnownDomain(join(folder, "home"), firstSight(engine, random, founded.signed).known);
  await Promise.all([giveKeys(ALICE), giveKeys(BOB)]);
  await writeFile(join(folder, "pass"), "open sesame\n", { mode: 0o600 });
  await writeFile(join(folder, "wrong"), "close sesame\n", { mode: 0o600 });
  await writeFile(join(folder, "open-to-all"), "open sesame\n", { mode: 0o644 });
  await writeFile(join(folder, "plain"), TEXT);
  await writeFile(join(folder, "acme.json"), JSON.stringify(encodeSignedDescriptor(founded.signed)));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const milagro = (line: string, input?: Uint8Array): Promise<Ran> =>
  run(["--home", "home", ...line.split(" ")], { cwd: folder, ...(input ? { input } : {}) });
const asBob = `--id ${BOB} --passphrase-file pass`;
const asAlice = `--id ${ALICE} --passphrase-file pass`;
const exists = (name: string) =>
  stat(join(folder, name)).then(
    () => true,
    () => false,
  );

describe("encrypt and decrypt", () => {
  test("a file to a name and back, offline, whole and private", async () => {
    expect(await milagro("encrypt -r person/bob -o sealed plain")).toMatchObject({ status: 0, stdout: "", stderr: "" });
    expect(await milagro(`decrypt ${asBob} -o opened sealed`)).toMatchObject({ status: 0, stdout: "" });
    expect(await readFile(join(folder, "opened"))).toEqual(TEXT);
    expect((await stat(join(folder, "opened"))).mode & 0o777).toBe(0o600);
  });

  test("in a pipe", async () => {
    await milagro(`encrypt -r ${BOB} -o piped`, Buffer.from("through a pipe"));
    expect(await milagro(`decrypt ${asBob}`, await readFile(join(folder, "piped")))).toMatchObject({
      status: 0,
      stdout: "through a pipe",
    });
  });

  test("a file that is not there ends with a line, not with a crash, and leaves nothing", async () => {
    for (const line of [
      `decrypt ${asBob} -o none absent`,
      "encrypt -t person/bob -o none absent",
      `sign ${asBob} absent`,
    ])
      expect(await milagro(line)).toMatchObject({ status: 1, stderr: expect.stringContaining("absent: no such file") });
    expect(await exists("none")).toBe(false);
  });

  test("another recipient cannot, and is told so", async () => {
    expect(await milagro(`decrypt ${asAlice} -o stolen sealed`)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("ERR_NOT_RECIPIENT"),
    });
    expect(await exists("stolen")).toBe(false);
  });

  test.each([
    ["cut short", (bytes: Buffer) => bytes.subarray(0, bytes.length - 20)],
    ["changed at the end", (bytes: Buffer) => Buffer.from(flip(bytes, -1))],
    ["changed in the header", (bytes: Buffer) => Buffer.from(flip(bytes, 120))],
  ])("a file that was %s leaves nothing behind", async (_name, change) => {
    await writeFile(join(folder, "broken"), change(await readFile(join(folder, "sealed"))));
    const { status } = await milagro(`decrypt ${asBob} -o from-broken broken`);
    expect(status).toBe(1);
    expect(await exists("from-broken")).toBe(false);
  });

  test.each([
    ["a file that is there is not replaced", "encrypt -r person/bob -o opened plain", "ERR_FILE_EXISTS"],
    ["input and output are not the same", "encrypt -r person/bob -o plain plain --force", "ERR_USAGE"],
    ["a recipient is needed", "encrypt plain", "ERR_USAGE"],
    [
      "a recipient of another domain is refused",
      "encrypt -r milagro:example.com/person/bob --domain example.org plain",
      "ERR_DOMAIN_MISMATCH",
    ],
    ["a domain that is not pinned is refused", "encrypt -r milagro:example.com/person/bob plain", "ERR_DOMAIN_UNKNOWN"],
    [
      "the wrong passphrase is refused",
      `decrypt --id ${BOB} --passphrase-file wrong sealed`,
      "ERR_KEYSTORE_PASSPHRASE",
    ],
    [
      "a passphrase file that others can read is refused",
      `decrypt --id ${BOB} --passphrase-file open-to-all sealed`,
      "ERR_PASSPHRASE_MODE",
    ],
    [
      "an identity without keys is told to enrol",
      "decrypt --id milagro:example.org/person/carol --passphrase-file pass sealed",
      "ERR_KEY_MISSING",
    ],
  ])("%s", async (_name, line, code) => {
    expect(await milagro(line)).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining(code) });
  });

  test("binary is not printed to a terminal", async () => {
    const ran = await run(["--home", "home", "encrypt", "-r", "person/bob", "plain"], { cwd: folder, tty: true });
    expect(ran).toMatchObject({ status: 1, stdout: "" });
    expect(ran.stderr).toContain("ERR_USAGE");
  });
});

describe("sign and verify", () => {
  beforeAll(async () => {
    await milagro(`sign ${asAlice} -o plain.sig plain`);
  });

  test("whoever has the descriptor can check it", async () => {
    const ran = await milagro("--format json verify -s plain.sig plain");
    expect([ran.status, JSON.parse(ran.stdout)]).toMatchObject([0, { valid: true, identity: ALICE }]);
    expect((await milagro("verify -s plain.sig --by milagro:example.org/person/* plain")).status).toBe(0);
  });

  test.each([
    ["another file", "verify -s plain.sig pass", 2, "ERR_SIGNATURE_INVALID"],
    [
      "another signer than wanted",
      "verify -s plain.sig --by milagro:example.org/person/bob plain",
      3,
      "ERR_AUTHOR_REFUSED",
    ],
    ["no signature", "verify -s acme.json plain", 1, "ERR_MESSAGE_INVALID"],
    ["a missing signature", "verify plain", 1, "ERR_USAGE"],
  ])("%s", async (_name, line, status, code) => {
    expect(await milagro(line)).toMatchObject({ status, stdout: "", stderr: expect.stringContaining(code) });
  });
});

describe("domains and identities", () => {
  test("are listed without a passphrase", async () => {
    expect(
      JSON.parse((await milagro("identity show --format json")).stdout).map(
        ({ identity }: { identity: string }) => identity,
      ),
    ).toEqual([ALICE, BOB]);
    expect(JSON.parse((await milagro("domain show --format json")).stdout)).toMatchObject([
      { name: "example.org", authorities: 2 },
    ]);
  });

  test("keys are shown by usage and epoch, never themselves", async () => {
    const { stdout } = await milagro(`identity show ${ALICE} --passphrase-file pass --format json`);
    expect(JSON.parse(stdout).keys).toMatchObject([
      { usage: "enc", state: "current" },
      { usage: "sig", state: "current" },
    ]);
  });

  test("a descriptor is checked against the pin, and pinned only then", async () => {
    const elsewhere = (line: string) => run(["--home", "other", ...line.split(" ")], { cwd: folder });
    expect(await elsewhere(`domain verify acme.json --pin ${"A".repeat(43)}`)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("ERR_DESCRIPTOR_PIN"),
    });
    expect((await elsewhere("domain verify acme.json --no-store")).status).toBe(0);
    expect((await elsewhere("domain show")).stdout).toContain("no domain is pinned");
    expect((await elsewhere("domain verify acme.json")).status).toBe(0);
    const second = await foundDomain(1);
    await writeFile(join(folder, "impostor.json"), JSON.stringify(encodeSignedDescriptor(second.signed)));
    expect(await elsewhere("domain verify impostor.json")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("ERR_DESCRIPTOR_PIN"),
    });
  });
});

describe("plain HTTP to another machine is refused, without a connection", () => {
  test.each([
    "dta status --url http://192.0.2.1:7101",
    "domain verify http://dta.example --no-store",
    `secret list --kms http://192.0.2.1:7400 ${asBob}`,
    `secret list --kms http://kms.example ${asAlice}`,
  ])("%s", async (line) => {
    const { status, stderr } = await milagro(line);
    expect(status).not.toBe(0);
    expect(stderr).toContain("ERR_PLAIN_REFUSED");
    expect(stderr).toContain("milagro://");
  });
});
