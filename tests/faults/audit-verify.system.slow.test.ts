/**
 * Corrupt databases and audit logs, found by `milagro audit verify`: whatever is done to the files of a D-TA or a D-KMS ends with status 1 and a code, and what nobody touched with 0.
 */
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../clients/cli/test/run-cli.ts";
import { cleanUp, foundDomain, joinToken, newFolder, stop } from "../../services/dta/test/support.ts";
import {
  allow,
  Client,
  foundDomain as foundFor,
  makeHome,
  startInProcess,
  who,
} from "../../services/kms/test/support.ts";

const databases = new Map<string, string>();
let headAtThree = "";
const removals: (() => void)[] = [];

async function makeDtaDatabase(): Promise<string> {
  const { dtas } = await foundDomain(1);
  const [dta] = dtas;
  if (!dta) throw new Error("no D-TA");
  for (let i = 0; i < 3; i++) await joinToken(dta);
  await dta.http.request({ path: "/v1/log/head" });
  const file = dta.home.database;
  await stop(dta);
  return file;
}

async function makeKmsDatabase(): Promise<string> {
  const founded = await foundFor("example.org", 1);
  const { home, remove } = makeHome(founded, [allow("user/alice", ["put", "read"])]);
  removals.push(remove);
  const kms = await startInProcess(home);
  const alice = new Client(founded, who("user/alice"));
  for (const version of [1, 2, 3]) await alice.put(kms.url, "a/b", version, [alice.identity], "x".repeat(20_000));
  for (let i = 0; i < 4; i++) await alice.call("GET", `${kms.url}/v1/secrets/a/b`);
  await kms.close();
  return join(home, "kms.sqlite");
}

beforeAll(async () => {
  databases.set("D-TA", await makeDtaDatabase());
  databases.set("D-KMS", await makeKmsDatabase());
  const copy = copyOf("D-TA");
  sql(copy, "delete from audit_head", "delete from audit_log where entry > 3");
  headAtThree = (JSON.parse((await verify(copy)).stdout) as { head: string }).head;
});
afterAll(async () => {
  await cleanUp();
  for (const remove of removals) remove();
});

function copyOf(service: string): string {
  const to = join(newFolder(), "copy.sqlite");
  copyFileSync(databases.get(service) ?? "", to);
  return to;
}

function sql(file: string, ...statements: readonly string[]): void {
  const database = new DatabaseSync(file);
  for (const statement of statements) database.exec(statement);
  database.close();
}

const verify = (source: string, ...more: readonly string[]) =>
  run(["audit", "verify", source, "--format", "json", ...more]);

async function refusal(source: string, ...more: readonly string[]): Promise<{ code: string; message: string }> {
  const { status, stdout, stderr } = await verify(source, ...more);
  expect([status, stdout]).toEqual([1, ""]);
  return JSON.parse(stderr).error;
}

describe.each(["D-TA", "D-KMS"])("the log of a %s", (service) => {
  test("is whole when nobody has touched it", async () => {
    const { status, stdout } = await verify(copyOf(service));
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, vouchedUpTo: 0 });
    expect(JSON.parse(stdout).entries).toBeGreaterThan(5);
  });

  test("a page that is damaged is found, whatever table it belongs to", async () => {
    const file = copyOf(service);
    const database = new DatabaseSync(file);
    const table = service === "D-TA" ? "join_token" : "kms_versions";
    const root = Number(database.prepare("select rootpage from sqlite_schema where name = ?").get(table)?.["rootpage"]);
    database.exec("pragma wal_checkpoint(truncate)");
    database.close();
    const bytes = readFileSync(file);
    bytes.fill(0xff, (root - 1) * 4096 + 8, (root - 1) * 4096 + 1024);
    writeFileSync(file, bytes);
    expect((await refusal(file)).code).toBe("ERR_DATABASE_CORRUPT");
  });

  test("a file that was cut off is found", async () => {
    const file = copyOf(service);
    sql(file, "pragma wal_checkpoint(truncate)");
    truncateSync(file, Math.floor(statSync(file).size / 2 / 4096) * 4096);
    expect((await refusal(file)).code).toBe("ERR_DATABASE_CORRUPT");
  });
});

describe("tampering", () => {
  test.each([
    ["an outcome edited", "update audit_log set outcome = 'ok.' where entry = 3", 3],
    ["a time edited", "update audit_log set time = time + 1 where entry = 2", 2],
    ["a subject added", "update audit_log set subject = 'milagro:example.org/x/y' where entry = 1", 1],
    ["a detail written twice", `update audit_log set details = '{"x":"y",' || substr(details, 2) where entry = 4`, 4],
    ["details that are none", "update audit_log set details = 'none' where entry = 4", 4],
    ["an entry dropped", "delete from audit_log where entry = 3", 3],
    ["the first dropped", "delete from audit_log where entry = 1", 1],
    ["a hash exchanged", "update audit_log set hash = zeroblob(32) where entry = 4", 4],
    ["a hash that is text", "update audit_log set hash = 'x' where entry = 4", 4],
    [
      "two entries swapped",
      "update audit_log set entry = 0 where entry = 3; update audit_log set entry = 3 where entry = 4; update audit_log set entry = 4 where entry = 0",
      3,
    ],
    [
      "an entry slipped in",
      "insert into audit_log select (select max(entry) + 1 from audit_log), time, action, outcome, subject, details, previous, hash from audit_log where entry = 2",
      0,
    ],
  ])("%s is found, and where", async (_, statement, entry) => {
    const file = copyOf("D-TA");
    sql(file, statement);
    const { code, message } = await refusal(file);
    expect(code).toBe("ERR_AUDIT_CORRUPT");
    expect(message).toContain(entry === 0 ? "entry" : `entry ${entry}`);
  });

  test("with a D-KMS's log is found as well", async () => {
    const file = copyOf("D-KMS");
    sql(file, "update audit_log set outcome = 'ERR_ACCESS_DENIED' where entry = 2");
    expect((await refusal(file)).message).toContain("entry 2");
  });
});

describe("a log that is sound in itself", () => {
  test("but shorter than a head that the D-TA has signed and kept, is found", async () => {
    const file = copyOf("D-TA");
    sql(file, "delete from audit_log where entry > 4");
    expect(await refusal(file)).toMatchObject({
      code: "ERR_AUDIT_CORRUPT",
      message: expect.stringContaining("truncated"),
    });
  });

  test("but cut off together with the kept heads, is found by who kept one elsewhere", async () => {
    const file = copyOf("D-TA");
    sql(file, "delete from audit_head", "delete from audit_log where entry > 2");
    expect((await verify(file)).status).toBe(0);
    expect((await refusal(file, "--head", headAtThree)).code).toBe("ERR_AUDIT_CORRUPT");
  });

  test("but another D-TA's, put in this one's place, is found by who kept a head; so it vouches for the right one", async () => {
    const other = await makeDtaDatabase();
    expect(await refusal(other, "--head", headAtThree)).toMatchObject({
      code: "ERR_AUDIT_CORRUPT",
      message: expect.stringContaining("contradicts signed head"),
    });
    const right = await verify(copyOf("D-TA"), "--head", headAtThree);
    expect([right.status, JSON.parse(right.stdout).vouchedUpTo]).toEqual([0, 3]);
  });
});
