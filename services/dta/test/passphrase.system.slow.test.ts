/** Changing the passphrase of the masters: recorded first, in force at once, and nothing when anything is wrong. */
import { copyFileSync, readFileSync } from "node:fs";
import { MilagroError } from "@milagro/engine/error";
import { afterAll, beforeEach, expect, test } from "vitest";
import type { DtaOptions } from "../src/dta.ts";
import { cleanUp, HeldClock, initHome, logged, PASSPHRASE, post, startHome, stop, type TestDta } from "./support.ts";

const NEXT = "the next passphrase, as secret";
let dta: TestDta;
beforeEach(async () => {
  dta = await startHome(await initHome(1), new HeldClock());
  return () => stop(dta);
});
afterAll(cleanUp);

const change = (passphrase: string, next: string) => post(dta.admin, "/v1/passphrase", { v: 1, passphrase, next });
const unseal = (passphrase: string) => post(dta.admin, "/v1/unseal", { v: 1, passphrase });
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "ok",
    (error: unknown) => (error instanceof MilagroError ? error.code : String(error)),
  );
async function recorded(): Promise<string[]> {
  const { body } = await dta.http.request({ path: "/v1/log", query: { limit: 1000 } });
  const { entries } = body as { entries: { action: string; outcome: string }[] };
  return entries.filter(({ action }) => action === "passphrase").map(({ outcome }) => outcome);
}

test("the new one opens, the old one does not, a backup still opens with the old one; all of it is recorded", async () => {
  const backup = `${dta.home.masters}.backup`;
  copyFileSync(dta.home.masters, backup);
  await change(PASSPHRASE, NEXT);
  expect(await dta.admin.request({ path: "/v1/status" })).toMatchObject({ body: { sealed: false } });
  await post(dta.admin, "/v1/seal");
  expect(await codeOf(unseal(PASSPHRASE))).toBe("ERR_KEYSTORE_PASSPHRASE");
  expect(await codeOf(unseal(NEXT))).toBe("ok");
  copyFileSync(backup, dta.home.masters);
  expect(await codeOf(unseal(PASSPHRASE))).toBe("ok");
  expect(await recorded()).toEqual(["begun", "ok"]);
});

test("works while sealed, and leaves it sealed", async () => {
  await post(dta.admin, "/v1/seal");
  await change(PASSPHRASE, NEXT);
  expect(await dta.admin.request({ path: "/v1/status" })).toMatchObject({ body: { sealed: true } });
  expect(await codeOf(unseal(NEXT))).toBe("ok");
});

test("a wrong one, an empty one, or one of several lines changes nothing, and is not repeated anywhere", async () => {
  const before = readFileSync(dta.home.masters);
  expect(await codeOf(change("wrong but not secret", NEXT))).toBe("ERR_KEYSTORE_PASSPHRASE");
  expect(await codeOf(change(PASSPHRASE, ""))).toBe("ERR_MESSAGE_INVALID");
  expect(await codeOf(change(PASSPHRASE, "two\nlines"))).toBe("ERR_PASSPHRASE_INVALID");
  expect(readFileSync(dta.home.masters).equals(before)).toBe(true);
  expect(await recorded()).toEqual(["begun", "ERR_KEYSTORE_PASSPHRASE"]);
  expect(logged.join("\n")).not.toMatch(/next passphrase|wrong but not secret/);
});

test("fault: without a record nothing changes", async () => {
  const before = readFileSync(dta.home.masters);
  await stop(dta);
  let isFull = false;
  const wrap: DtaOptions["wrap"] = {
    store: (store) => ({
      ...store,
      transaction: (work) => (isFull ? Promise.reject(new Error("disk full")) : store.transaction(work)),
    }),
  };
  dta = await startHome(dta.home, new HeldClock(), { wrap });
  isFull = true;
  expect(await codeOf(change(PASSPHRASE, NEXT))).toBe("ERR_INTERNAL");
  expect(readFileSync(dta.home.masters).equals(before)).toBe(true);
});

test("the public address knows nothing of it", async () => {
  expect(await codeOf(post(dta.http, "/v1/passphrase", { v: 1, passphrase: PASSPHRASE, next: NEXT }))).toBe(
    "ERR_ROUTE_UNKNOWN",
  );
});
