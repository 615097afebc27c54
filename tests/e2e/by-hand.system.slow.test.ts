/**
 * The whole main job by separate `milagro` commands, as three operators, a person and a machine would do it: three D-TAs in three
 * folders, run by three different Unix users where this test may become them.
 */
import { chownSync, mkdirSync, statSync } from "node:fs";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { epochSecondsAwayFromTheEnd } from "../support/epochs.ts";
import { freePorts } from "../support/ports.ts";
import { makeTempFolder } from "../support/temp-folder.ts";
import { allFiles, canRunAs, type Daemon, forms, milagro, startDaemon } from "./milagro.ts";

const SECRET = `by-hand-secret-${"h".repeat(30)}`;
const ALICE = "milagro:acme/person/alice";
const WEB = "milagro:acme/endpoint/web-1";
const MEMBERS = [1, 2, 3] as const;
/** Ids that belong to nobody. */
const USERS = [23_101, 23_102, 23_103] as const;
const asThreeUsers = canRunAs(USERS[0]);
const userOf = (member: number) => (asThreeUsers ? USERS[member - 1] : undefined);

let folder: string;
/** Of the D-KMS and its bus. */
let ports: readonly number[];
const daemons: Daemon[] = [];
const outputs: string[] = [];
const path = (...parts: string[]) => join(folder, ...parts);
/** Each operator has a folder that only it can open. */
const operatorFolder = (member: number) => path(`operator-${member}`);

interface As {
  readonly input?: string;
  /** The operator who types it. */
  readonly member?: number;
  /** Arguments with spaces in them. */
  readonly more?: readonly string[];
}

/** Where and as whom a line is typed. */
const placeOf = ({ member }: As) => ({
  cwd: member === undefined ? folder : operatorFolder(member),
  user: member === undefined ? undefined : userOf(member),
  env: { NODE_COMPILE_CACHE: path(member === undefined ? "cache" : `cache-${member}`) },
});

/** A line as one would type it after `milagro`. */
async function run(line: string, as: As = {}): Promise<string> {
  const args = [...line.split(" "), ...(as.more ?? [])];
  const result = await milagro(args, { ...placeOf(as), ...(as.input === undefined ? {} : { input: as.input }) });
  outputs.push(result.stdout, result.stderr);
  if (result.status !== 0) throw new Error(`milagro ${line} ended with ${result.status}: ${result.stderr}`);
  return result.stdout;
}

async function start(line: string, as: As = {}): Promise<Daemon> {
  const daemon = await startDaemon(line.split(" "), placeOf(as));
  daemons.push(daemon);
  return daemon;
}

const eachMember = <T>(work: (member: number) => Promise<T>): Promise<T[]> => Promise.all(MEMBERS.map(work));
/** One join token of each D-TA, made by its operator. */
const tokensFor = async (identity: string) =>
  (await eachMember((member) => run(`dta token --home dta ${identity}`, { member }))).join("");

beforeAll(async () => {
  folder = await makeTempFolder();
  await chmod(folder, 0o711);
  for (const member of MEMBERS) {
    for (const [name, mode] of [
      [operatorFolder(member), 0o700],
      [path(`cache-${member}`), 0o700],
    ] as const) {
      mkdirSync(name, { mode });
      const user = userOf(member);
      if (user !== undefined) chownSync(name, user, user);
    }
    const passphrase = join(operatorFolder(member), "pass");
    await writeFile(passphrase, `passphrase of operator ${member}\n`, { mode: 0o600 });
    const user = userOf(member);
    if (user !== undefined) chownSync(passphrase, user, user);
  }
  await writeFile(path("alice.pass"), "passphrase of alice\n", { mode: 0o600 });
});

afterAll(async () => {
  for (const daemon of daemons.toReversed()) await daemon.stop();
  await rm(folder, { recursive: true, force: true });
});

describe("by hand", () => {
  test("three operators start three D-TAs and found a domain; a person enrols and puts a secret; a machine enrols, gets it and uses it", async () => {
    await eachMember((member) =>
      run(
        `dta init --home dta --name dta-${member} --operator operator-${member} --jurisdiction CH --passphrase-file pass`,
        { member },
      ),
    );
    // The first operator starts its D-TA sealed and unseals it; the others do both at once.
    const dtas = await eachMember((member) =>
      start(`dta serve --home dta --listen 127.0.0.1:0${member === 1 ? "" : " --passphrase-file pass"}`, { member }),
    );
    await run("dta unseal --home dta --passphrase-file pass", { member: 1 });
    const urls = dtas.map(({ ready }) => `--dta ${String(ready["url"])}`).join(" ");

    ports = await freePorts(2);
    const [kms, bus] = ports;
    const epoch = epochSecondsAwayFromTheEnd(3600, 900);
    await run(
      `domain propose acme ${urls} --kms http://127.0.0.1:${kms} --bus mqtt://127.0.0.1:${bus} --epoch ${epoch} --out proposal.json`,
    );
    const input = await readFile(path("proposal.json"), "utf8");
    await eachMember((member) => run("dta approve --home dta -", { member, input }));
    await run("domain found proposal.json --home alice --out acme.json");
    await eachMember((member) => run("dta policy --home dta --allow milagro:acme/*/**", { member }));

    const acting = `--home alice --id ${ALICE} --passphrase-file alice.pass`;
    const [alice, web] = await Promise.all([tokensFor(ALICE), tokensFor(WEB), startKms()]);
    await run(`enrol ${acting} --evidence -`, { input: alice });
    await run(`secret put app/key - --to endpoint/web-1 ${acting}`, { input: SECRET });

    await startEndpoint(web);
    const program = ["sh", "-c", 'printf %s "$KEY" | wc -c'];
    const used = await run(`run --socket web/endpoint.sock --id ${WEB} --wait 60 --env KEY=app/key --`, {
      more: program,
    });
    expect(used.trim()).toBe(String(SECRET.length));
  }, 180_000);

  test("what the D-KMS's policy does not allow ends with status 3, what is not there with 2", async () => {
    const acting = ["--home", "alice", "--id", ALICE, "--passphrase-file", "alice.pass", "--format", "json"];
    const [refused, unknown] = await Promise.all([
      milagro(["secret", "rm", "app/key", "--yes", ...acting], placeOf({})),
      milagro(["secret", "get", "app/nothing", ...acting], placeOf({})),
    ]);
    expect([refused.status, JSON.parse(refused.stderr).error.code]).toEqual([3, "ERR_ACCESS_DENIED"]);
    expect([unknown.status, JSON.parse(unknown.stderr).error.code]).toEqual([2, "ERR_SECRET_UNKNOWN"]);
  });

  test("a path that was deleted is used again without a word about numbers", async () => {
    const acting = `--home alice --id ${ALICE} --passphrase-file alice.pass --format json`;
    await run(`secret put scratch/key - --to endpoint/web-1 ${acting}`, { input: "first" });
    await run(`secret rm scratch/key --yes ${acting}`);
    const again = await run(`secret put scratch/key - --to endpoint/web-1 ${acting}`, { input: "second" });
    expect(JSON.parse(again)).toMatchObject({ path: "scratch/key", version: 2 });
  });

  test("each D-TA's folder belongs to its operator alone", () => {
    for (const member of MEMBERS) {
      const { uid, mode } = statSync(join(operatorFolder(member), "dta", "masters.sealed"));
      expect(mode & 0o077).toBe(0);
      expect(uid).toBe(userOf(member) ?? process.getuid?.());
    }
    if (asThreeUsers)
      expect(new Set(MEMBERS.map((member) => statSync(join(operatorFolder(member), "dta")).uid)).size).toBe(3);
  });

  test("the secret is in nothing that was printed or written", () => {
    const printed = [...outputs, ...daemons.map(({ output }) => output())].join("\n");
    for (const form of forms(SECRET)) {
      expect(printed).not.toContain(form.toString());
      expect(
        allFiles(folder)
          .filter(({ content }) => content.includes(form))
          .map((file) => file.path),
      ).toEqual([]);
    }
  });
});

async function startKms(): Promise<void> {
  await mkdir(path("kms"));
  const rules = [
    { effect: "allow", identities: [ALICE], actions: ["put", "list", "read"], paths: ["app/**"] },
    { effect: "allow", identities: [ALICE], actions: ["put", "delete"], paths: ["scratch/**"] },
  ];
  await writeFile(path("kms", "policy.json"), JSON.stringify({ v: 1, version: 1, rules }));
  const [kms, bus] = ports;
  await start(`kms serve --home kms --descriptor acme.json --listen 127.0.0.1:${kms} --bus-listen 127.0.0.1:${bus}`);
}

async function startEndpoint(evidence: string): Promise<void> {
  await mkdir(path("web"), { mode: 0o700 });
  await writeFile(path("web", "pass"), "passphrase of web-1\n", { mode: 0o600 });
  await writeFile(path("web", "evidence"), evidence, { mode: 0o600 });
  const config = {
    identity: WEB,
    domain: "../acme.json",
    authors: [ALICE],
    passphraseFile: "pass",
    evidenceFile: "evidence",
  };
  await writeFile(path("web", "config.json"), JSON.stringify(config));
  await start("endpoint run --home web");
}
