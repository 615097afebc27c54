/** What goes wrong around a D-TA: each ends closed or can be retried, nothing is half done, nothing secret comes out. */
import { readFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { verifyStatement } from "@milagro/crypto/bls";
import { encodeHex } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { parseLogHead } from "@milagro/protocol/dta-messages";
import { encodeIssuanceAnswer, encodeSealedRequest } from "@milagro/protocol/issuance-messages";
import { statementBytes } from "@milagro/protocol/statement";
import { authorityAt } from "@milagro/protocol/trust-domain";
import { openKeyStore } from "@milagro/runtime/key-store";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Issuer } from "../src/issuer.ts";
import { checkNewestHead } from "../src/log-page.ts";
import {
  ask,
  cleanUp,
  engine,
  foundDomain,
  joinToken,
  logged,
  madeTokens,
  OPEN_POLICY,
  outcome,
  PASSPHRASE,
  post,
  random,
  requestWithToken,
  setPolicy,
  startHome,
  stop,
  type TestDomain,
  type TestDta,
} from "./support.ts";

let world: TestDomain;
let dta: TestDta;
/** What the issuer is asked for after the decision, and what happens instead while a test says so. */
let crash: (() => never) | undefined;
const afterDecision: string[] = [];
const errors: unknown[] = [];

const wrap = {
  issuer: (issuer: Issuer): Issuer => ({
    call: async (call, input) => {
      if (call === "issue" || call === "refuse") {
        afterDecision.push(call);
        crash?.();
      }
      return issuer.call(call, input);
    },
    get sealed() {
      return issuer.sealed;
    },
    get pending() {
      return issuer.pending;
    },
    close: () => issuer.close(),
  }),
};

beforeAll(async () => {
  world = await foundDomain(1, { wrap });
  dta = world.dtas[0] as TestDta;
  await setPolicy(dta, OPEN_POLICY);
});
afterAll(cleanUp);

const database = () => dta.running.context.store.db;
const head = async () => (await dta.running.context.audit.head(database())).index;
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "ok",
    (error: { code: string }) => {
      errors.push(error);
      return error.code;
    },
  );

test("stopped between log and answer: after the restart the same request is answered, with the one record, and the token is not spent twice", async () => {
  const token = await joinToken(dta);
  const sealed = await requestWithToken(world, token);
  const before = await head();
  crash = () => {
    throw new MilagroError("ERR_INTERNAL", "the machine lost power here");
  };
  expect(await codeOf(ask(dta, sealed))).toBe("ERR_INTERNAL");
  crash = undefined;
  expect(await head()).toBe(before + 1);

  await stop(dta);
  // Long after: the request's time is stale by now, but it was fresh when it was decided.
  world.clock.nowMs += 3 * 86_400_000;
  dta = await startHome(dta.home, world.clock, { wrap });
  const answer = await ask(dta, sealed);
  expect("receipt" in answer && answer.receipt.logIndex).toBe(before + 1);
  expect(encodeIssuanceAnswer(await ask(dta, sealed))).toEqual(encodeIssuanceAnswer(answer));
  expect(await outcome(dta, await requestWithToken(world, token))).toBe("ERR_JOIN_TOKEN_SPENT");
});

test("when the audit log cannot be written, no share leaves and no token is spent", async () => {
  const sealed = await requestWithToken(world, await joinToken(dta));
  const before = await head();
  await sql`create trigger broken before insert on audit_log begin select raise(abort, 'disk on fire'); end`.execute(
    database(),
  );
  afterDecision.length = 0;
  expect(await codeOf(ask(dta, sealed))).toBe("ERR_INTERNAL");
  expect(await codeOf(joinToken(dta))).toBe("ERR_INTERNAL");
  expect(await codeOf(post(dta.admin, "/v1/unseal", { v: 1, passphrase: PASSPHRASE }))).toBe("ERR_INTERNAL");
  expect(dta.running.context.issuer.sealed).toBe(true);
  await sql`drop trigger broken`.execute(database());
  expect(afterDecision).toEqual([]);
  expect(await head()).toBe(before);
  await post(dta.admin, "/v1/unseal", { v: 1, passphrase: PASSPHRASE });
  expect(await outcome(dta, sealed)).toBe("issued");
});

test("disk full: refused with its code, nothing spent; with room again the same request is answered", async () => {
  const requests = [];
  for (let i = 0; i < 16; i++) requests.push(await requestWithToken(world, await joinToken(dta)));
  const pages = await sql<{ page_count: number }>`pragma page_count`.execute(database());
  await sql`pragma max_page_count = ${sql.lit(pages.rows[0]?.page_count ?? 0)}`.execute(database());
  let refused: (typeof requests)[number];
  try {
    // The last pages have room for a few more; each that passes is on record, and then one does not.
    for (const sealed of requests) {
      const before = await head();
      afterDecision.length = 0;
      const code = await codeOf(ask(dta, sealed));
      expect([code, await head(), afterDecision]).toEqual(
        code === "ok" ? ["ok", before + 1, ["issue"]] : ["ERR_STORAGE_FULL", before, []],
      );
      refused = sealed;
      if (code !== "ok") break;
    }
  } finally {
    await sql`pragma max_page_count = 1073741823`.execute(database());
  }
  expect(refused).not.toBe(requests.at(-1));
  expect(await outcome(dta, refused)).toBe("issued");
});

test("sealed: healthy, not ready, refuses to issue with a code that says retry; a wrong passphrase is on record", async () => {
  const sealed = await requestWithToken(world, await joinToken(dta));
  await post(dta.admin, "/v1/seal");
  const url = dta.running.url as string;
  expect((await fetch(`${url}/health`)).status).toBe(200);
  const ready = await fetch(`${url}/ready`);
  expect([ready.status, await ready.json()]).toEqual([
    503,
    { ready: false, checks: { database: "ok", domain: "ok", seal: "ERR_SEALED" } },
  ]);
  const response = await fetch(`${url}/v1/issue`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(encodeSealedRequest(sealed as NonNullable<typeof sealed>)),
  });
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
  expect(((await response.json()) as { code: string }).code).toBe("ERR_SEALED");
  expect((await dta.http.request({ path: "/v1/dta" })).body).toMatchObject({ sealed: true, name: "dta-1" });

  expect(await codeOf(post(dta.admin, "/v1/unseal", { v: 1, passphrase: "wrong but not secret" }))).toBe(
    "ERR_KEYSTORE_PASSPHRASE",
  );
  const { audit, store } = dta.running.context;
  expect((await audit.read(store.db, (await head()) - 1, 1))[0]).toMatchObject({
    action: "unseal",
    outcome: "ERR_KEYSTORE_PASSPHRASE",
  });
  await post(dta.admin, "/v1/unseal", { v: 1, passphrase: PASSPHRASE });
  expect(await outcome(dta, sealed)).toBe("issued");
});

test("nothing secret is in logs, metrics, the audit log, the database, answers or errors", async () => {
  const { home, running, http } = dta;
  await codeOf(post(dta.http, "/v1/issue", { v: 1, passphrase: PASSPHRASE, [PASSPHRASE]: 1 }));
  const store = await openKeyStore(home.masters, {
    kind: "dta-masters",
    passphrase: passphraseFromText(PASSPHRASE),
    random,
  });
  const bytes = store.get("masters")?.use((held) => held.slice()) as Uint8Array;
  await store.close();
  expect(bytes.length).toBe(225);
  const parts = Array.from({ length: 6 }, (_, i) => bytes.slice(1 + 32 * i, 33 + 32 * i)); // the seventh is public
  const secrets = [
    PASSPHRASE,
    ...madeTokens.map((token) => token.slice(-43)),
    ...parts.flatMap((part) => [encodeBase64url(part), encodeHex(part), Buffer.from(part).toString("base64")]),
  ];
  const outputs = [
    logged.join(""),
    await (await fetch(`${running.url}/metrics`)).text(),
    JSON.stringify((await http.request({ path: "/v1/log", query: { after: 0, limit: 1000 } })).body),
    JSON.stringify((await http.request({ path: "/v1/dta" })).body),
    errors.map((error) => `${String(error)} ${JSON.stringify(error)} ${(error as Error).stack}`).join("\n"),
    readFileSync(home.database, "latin1"),
    readFileSync(`${home.database}-wal`, "latin1"),
    readFileSync(home.config, "utf8"),
    readFileSync(home.policy, "utf8"),
  ];
  expect(logged.length).toBeGreaterThan(20);
  for (const [at, output] of outputs.entries()) {
    for (const [which, secret] of secrets.entries())
      expect(output.includes(secret), `output ${at}, secret ${which}`).toBe(false);
    for (const part of parts) expect(output.includes(Buffer.from(part).toString("latin1"))).toBe(false);
  }
});

test("the head of the log is signed once per index; a forged head is found out, and a log that contradicts it keeps the D-TA from starting", async () => {
  const first = (await dta.http.request({ path: "/v1/log/head" })).body;
  world.clock.nowMs += 5000;
  expect((await dta.http.request({ path: "/v1/log/head" })).body).toEqual(first);
  const body = parseLogHead(first);
  expect(body.index).toBe(await head());
  const { statement } = authorityAt(world.domain, 1).publicShares;
  const { signature: _, ...unsigned } = first as { signature: string };
  expect(verifyStatement(engine, statement, statementBytes("log-head", unsigned), body.signature)).toBe(true);

  await checkNewestHead(dta.running.context);
  await database()
    .updateTable("audit_head")
    .set({ time: body.time * 1000 + 60_000 })
    .execute();
  expect(await codeOf(checkNewestHead(dta.running.context))).toBe("ERR_AUDIT_CORRUPT");

  await stop(dta);
  const copy = readFileSync(dta.home.database);
  const edit = (statement: string) => {
    const direct = new DatabaseSync(dta.home.database);
    direct.exec(statement);
    direct.close();
  };
  edit(`delete from audit_log where entry = ${body.index}`);
  expect(await codeOf(startHome(dta.home, world.clock))).toBe("ERR_AUDIT_CORRUPT");
  writeFileSync(dta.home.database, copy);
  edit("update audit_log set outcome = 'ok' where outcome = 'ERR_KEYSTORE_PASSPHRASE'");
  expect(await codeOf(startHome(dta.home, world.clock))).toBe("ERR_AUDIT_CORRUPT");
});

test("a damaged database keeps the D-TA from starting", async () => {
  const file = readFileSync(dta.home.database);
  file.fill(0xa5, 4096 * 2, 4096 * 5);
  writeFileSync(dta.home.database, file);
  expect(await codeOf(startHome(dta.home, world.clock))).toBe("ERR_DATABASE_CORRUPT");
});

test("a policy that does not parse keeps it from starting: no policy is guessed", async () => {
  writeFileSync(dta.home.policy, '{"v":1,"version":1,"rules":[],"registrars":[],"oidc":[]}');
  expect(await codeOf(startHome(dta.home, world.clock))).toBe("ERR_CONFIG_INVALID");
});
