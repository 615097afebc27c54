import { createPublicKey, verify } from "node:crypto";
import { copyFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { loginAuditHeadMessage } from "@milagro/protocol/login-audit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signHead } from "../src/audit-heads.ts";
import type { Home } from "../src/config.ts";
import { enrolDevice, type Founded, foundDomain } from "./domain.ts";
import { Browser, cleanUp, makeHome, startHome, stop } from "./support.ts";

let founded: Founded;
let home: Home;
let publicKey: Uint8Array;
let server: string;

/** A server that has signed two heads, or more where it took minutes, and is down. */
beforeAll(async () => {
  founded = await foundDomain();
  home = await makeHome(founded);
  const auth = await startHome(home);
  ({ approvalPublicKey: publicKey } = auth.context.keys);
  ({ server } = auth.context);
  const alice = enrolDevice(founded, { user: "alice" });
  const browser = new Browser(auth);
  await browser.register(alice);
  await signHead(auth.context);
  const signed = rows().length;
  await signHead(auth.context); // nothing new: nothing signed
  expect(rows()).toHaveLength(signed);
  await browser.login(alice, "2580");
  await browser.login(alice, "2581");
  await stop(auth);
  copyFileSync(home.database, `${home.database}.good`);
});
afterAll(cleanUp);

type Row = Readonly<Record<"entry" | "time", number> & Record<"hash" | "signature", Uint8Array>>;
function rows(): readonly Row[] {
  const database = new DatabaseSync(home.database);
  const all = database.prepare("select * from audit_head order by entry").all() as unknown as readonly Row[];
  database.close();
  return all;
}

function lastEntry(): unknown {
  const database = new DatabaseSync(home.database);
  const last = database.prepare("select max(entry) as entry from audit_log").get();
  database.close();
  return last?.["entry"];
}

test("heads are signed with the approval key, once for each length of the log, and at the end", () => {
  const heads = rows();
  expect(heads.length).toBeGreaterThanOrEqual(2);
  expect(heads.at(-1)?.entry).toBe(lastEntry());
  const key = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: encodeBase64url(publicKey) },
    format: "jwk",
  });
  for (const { entry, time, hash, signature } of heads) {
    const message = loginAuditHeadMessage(founded.domain.domainId, server as never, {
      index: entry,
      hash,
      time: Math.floor(time / 1000),
    });
    expect(verify(null, message, key, signature)).toBe(true);
  }
});

test.each([
  ["a log that was cut off", "delete from audit_log where entry = (select max(entry) from audit_log)"],
  [
    "a log whose newest entry was written anew",
    "update audit_log set hash = zeroblob(32) where entry = (select max(entry) from audit_head)",
  ],
  ["a head that somebody else has signed", "update audit_head set signature = zeroblob(64)"],
  ["a head of another time", "update audit_head set time = time + 1000"],
])("a server does not start behind %s", async (_, change) => {
  const database = new DatabaseSync(home.database);
  database.exec(change);
  database.close();
  await expect(startHome(home)).rejects.toMatchObject({ code: "ERR_AUDIT_CORRUPT" });
  copyFileSync(`${home.database}.good`, home.database);
});

test("it starts again behind the log as it was", async () => {
  await stop(await startHome(home));
});
