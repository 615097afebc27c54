/**
 * The heads that a service signed and kept in its database: `milagro audit verify` says whose they are, and finds what is not theirs.
 */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { firstSight } from "@milagro/client/known-domain";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { concat, u64 } from "@milagro/crypto/bytes";
import { epochAt } from "@milagro/crypto/epoch";
import { signAs } from "@milagro/crypto/ibs";
import { identityInput } from "@milagro/crypto/identity-input";
import type { SignedDescriptor } from "@milagro/protocol/descriptor";
import { kmsAuditHeadMessage } from "@milagro/protocol/kms-audit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeKnownDomain } from "../../clients/cli/src/profile.ts";
import { run } from "../../clients/cli/test/run-cli.ts";
import { signHead } from "../../services/auth/src/audit-heads.ts";
import { enrolDevice, foundDomain as foundLogins } from "../../services/auth/test/domain.ts";
import {
  Browser,
  cleanUp as cleanUpAuth,
  makeHome as makeAuthHome,
  startHome as startAuthHome,
  stop as stopAuth,
} from "../../services/auth/test/support.ts";
import { cleanUp, engine, foundDomain, joinToken, newFolder, random, stop } from "../../services/dta/test/support.ts";
import {
  allow,
  Client,
  foundDomain as foundFor,
  engine as kmsEngine,
  makeHome,
  startInProcess,
  who,
} from "../../services/kms/test/support.ts";

interface Case {
  readonly file: string;
  readonly signed: SignedDescriptor;
  readonly signer: string;
  /** What whoever checks it has to bring. */
  readonly more?: readonly string[];
}
const cases = new Map<string, Case>();
const removals: (() => void)[] = [];

async function makeDta(): Promise<Case> {
  const { dtas, domain } = await foundDomain(2);
  const second = dtas[1];
  if (!second) throw new Error("no D-TA");
  for (let i = 0; i < 3; i++) {
    await joinToken(second);
    await second.http.request({ path: "/v1/log/head" });
  }
  for (const dta of dtas) await stop(dta);
  return { file: second.home.database, signed: domain.signed, signer: "D-TA 2" };
}

/** With heads as the D-KMS signs them once it has an identity. */
async function makeKms(): Promise<Case> {
  const founded = await foundFor("example.org", 1);
  const { home, remove } = makeHome(founded, [allow("user/alice", ["put", "read"])]);
  removals.push(remove);
  const kms = await startInProcess(home);
  const alice = new Client(founded, who("user/alice"));
  for (const version of [1, 2, 3]) await alice.put(kms.url, "a/b", version, [alice.identity], "x");
  await kms.close();
  const file = join(home, "kms.sqlite");
  const database = new DatabaseSync(file);
  const self = new Client(founded, who("service/kms"));
  const { domainId, publicKey } = founded.domain;
  for (const { entry, hash } of database.prepare("select entry, hash from audit_log where entry > 1").all()) {
    const timeMs = Date.now();
    const epoch = epochAt(timeMs, founded.domain.epochSeconds);
    const head = { index: Number(entry), hash: new Uint8Array(hash as Uint8Array), time: Math.floor(timeMs / 1000) };
    const input = identityInput(domainId, "sig", self.identity, epoch);
    const message = kmsAuditHeadMessage(domainId, head);
    const signature = signAs(kmsEngine, random, self.key("sig", epoch), publicKey, input, message);
    const add = database.prepare("insert into audit_head (entry, time, hash, signature) values (?, ?, ?, ?)");
    add.run(head.index, timeMs, head.hash, concat(u64(epoch), signature));
  }
  database.close();
  return { file, signed: founded.signed, signer: "milagro:example.org/service/kms" };
}

/** Signed by a login server; whoever checks brings its key. */
async function makeLoginServer(): Promise<Case> {
  const founded = await foundLogins();
  const home = await makeAuthHome(founded);
  const auth = await startAuthHome(home);
  const user = new Browser(auth);
  const alice = enrolDevice(founded, { user: "alice" });
  await user.register(alice);
  await signHead(auth.context);
  await user.login(alice, "2580");
  const { server, keys, config } = auth.context;
  const loginKey = `${config.service}:${encodeBase64url(keys.approvalPublicKey)}`;
  await stopAuth(auth);
  return { file: home.database, signed: founded.signed, signer: server, more: ["--login-key", loginKey] };
}

beforeAll(async () => {
  cases.set("login server", await makeLoginServer());
  cases.set("D-TA", await makeDta());
  cases.set("D-KMS", await makeKms());
});
afterAll(async () => {
  await cleanUpAuth();
  await cleanUp();
  for (const remove of removals) remove();
});

const caseOf = (service: string) => cases.get(service) as Case;

/** A profile that has pinned a domain. */
async function profile(signed: SignedDescriptor): Promise<string> {
  const home = newFolder();
  await writeKnownDomain(home, firstSight(engine, random, signed).known);
  return home;
}

function copyOf(service: string, ...statements: readonly string[]): string {
  const to = join(newFolder(), "copy.sqlite");
  copyFileSync(caseOf(service).file, to);
  const database = new DatabaseSync(to);
  for (const statement of statements) database.exec(statement);
  database.close();
  return to;
}

const verify = (service: string, file: string, home: string) =>
  run(["audit", "verify", file, ...(caseOf(service).more ?? []), "--home", home, "--format", "json"]);

async function refusal(service: string, file: string, home: string): Promise<string> {
  const { status, stdout, stderr } = await verify(service, file, home);
  expect([status, stdout]).toEqual([1, ""]);
  const { code, message } = JSON.parse(stderr).error as { code: string; message: string };
  expect(code).toBe("ERR_AUDIT_CORRUPT");
  return message;
}

describe.each(["D-TA", "D-KMS", "login server"])("the heads kept by a %s", (service) => {
  test("are its own, and it says whose", async () => {
    const { signed, signer } = caseOf(service);
    const { status, stdout } = await verify(service, copyOf(service), await profile(signed));
    expect([status, JSON.parse(stdout).heads]).toMatchObject([0, { signedBy: signer }]);
    expect(JSON.parse(stdout).heads.count).toBeGreaterThan(1);
  });

  test("are not checked where no domain is pinned, and it says so", async () => {
    const { status, stdout } = await verify(service, copyOf(service), newFolder());
    expect(status).toBe(0);
    expect(JSON.parse(stdout).heads).toMatchObject({ unchecked: expect.stringContaining("no domain is pinned") });
    expect(JSON.parse(stdout).heads.signedBy).toBeUndefined();
  });

  test("of which one was signed by somebody else, or at another time, are found", async () => {
    const home = await profile(caseOf(service).signed);
    const oldest = "(select min(entry) from audit_head)";
    const newest = "(select max(entry) from audit_head)";
    for (const change of [
      `update audit_head set signature = (select signature from audit_head where entry = ${newest}) where entry = ${oldest}`,
      `update audit_head set time = time + 1000 where entry = ${newest}`,
      `update audit_head set signature = zeroblob(48) where entry = ${newest}`,
      `update audit_head set signature = zeroblob(104) where entry = ${newest}`,
      `update audit_head set signature = x'00' where entry = ${oldest}`,
    ])
      expect(await refusal(service, copyOf(service, change), home)).toMatch(
        /the head kept at entry \d+ is not signed by/,
      );
  });

  test("are another domain's for who has pinned another one", async () => {
    const other = await foundFor("example.org", 1);
    expect(await refusal(service, copyOf(service), await profile(other.signed))).toContain("of another domain");
  });
});
