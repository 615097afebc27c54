/** Encrypted to an epoch: closed until every D-TA's clock says that it has begun, open to everybody from then on. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Stack, startStack, who } from "../faults/stack.ts";

const DAY = 86_400_000;
const ALICE = who("person/alice");
const BOB = who("person/bob");
/** The start of the day after tomorrow lies ahead by a day at least; every epoch of the stack that begins after it has begun five days later. */
const OPENS = new Date(Date.now() + 2 * DAY).toISOString().slice(0, 10);
const AFTER_MS = 5 * DAY;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
  for (const identity of [ALICE, BOB]) {
    const { status, stderr } = await stack.cli(`enrol --id ${identity} --evidence -`, await stack.tokens(identity));
    if (status !== 0) throw new Error(stderr);
  }
});
afterAll(() => stack?.close());
beforeEach(() => setClocks(0));

function setClocks(offsetMs: number, dtas = stack.dtaClocks): void {
  for (const clock of dtas) clock.offsetMs = offsetMs;
}

const codeOf = (stderr: string): string => JSON.parse(stderr.trim().split("\n").at(-1) ?? "").error.code;

test("a file: nobody can open it before, everybody after; one D-TA whose clock is behind keeps it closed", async () => {
  writeFileSync(join(stack.folder, "bid"), "ninety thousand");
  const sealed = await stack.cli(`encrypt --opens-at ${OPENS} --domain example.org -o bid.milagro bid`);
  expect([sealed.status, sealed.stderr]).toEqual([0, expect.stringContaining("Opens to everybody")]);
  const open = () => stack.cli(`decrypt --online --id ${BOB} -o opened bid.milagro`);

  const offline = await stack.cli(`decrypt --id ${BOB} -o opened bid.milagro`);
  expect([offline.status, codeOf(offline.stderr)]).toEqual([1, "ERR_KEY_MISSING"]);
  const early = await open();
  expect([early.status, codeOf(early.stderr)]).toEqual([3, "ERR_EPOCH_OUT_OF_WINDOW"]);
  setClocks(AFTER_MS, stack.dtaClocks.slice(1));
  expect(codeOf((await open()).stderr)).toBe("ERR_EPOCH_OUT_OF_WINDOW");
  expect(() => readFileSync(join(stack.folder, "opened"))).toThrow();

  setClocks(AFTER_MS);
  expect((await open()).status).toBe(0);
  expect(readFileSync(join(stack.folder, "opened"), "utf8")).toBe("ninety thousand");
  // Somebody without any keys, with the pinned domain alone.
  expect((await stack.cli("domain verify domain.json --home nobody")).status).toBe(0);
  const nobody = await stack.cli("decrypt --online --domain example.org --home nobody -o by-nobody bid.milagro");
  expect([nobody.status, readFileSync(join(stack.folder, "by-nobody"), "utf8")]).toEqual([0, "ninety thousand"]);
});

test("a secret: its recipient reads it at once, whoever else the policy lets read it when the epoch begins", async () => {
  const stored = await stack.cli(`secret put --id ${ALICE} news/result - --to person/alice --opens-at ${OPENS}`, "42");
  expect(stored.status).toBe(0);
  expect(await stack.cli(`secret get --id ${ALICE} news/result -o mine`)).toMatchObject({ status: 0 });
  expect(readFileSync(join(stack.folder, "mine"), "utf8")).toBe("42");
  const early = await stack.cli(`secret get --id ${BOB} news/result`);
  expect([early.status, codeOf(early.stderr)]).toEqual([3, "ERR_EPOCH_OUT_OF_WINDOW"]);
  setClocks(AFTER_MS);
  const late = await stack.cli(`secret get --id ${BOB} news/result`);
  expect(JSON.parse(late.stdout)).toMatchObject({ value: "42", author: ALICE });
  // A new version keeps its time.
  setClocks(0);
  expect((await stack.cli(`secret rotate --id ${ALICE} news/result -`, "43")).status).toBe(0);
  expect(codeOf((await stack.cli(`secret get --id ${BOB} news/result`)).stderr)).toBe("ERR_EPOCH_OUT_OF_WINDOW");
});

test("a D-TA that denies the epoch's identity keeps it closed, whatever the time", async () => {
  writeFileSync(join(stack.folder, "plan"), "later");
  await stack.cli(`encrypt --opens-at ${OPENS} --domain example.org -o plan.milagro plan`);
  setClocks(AFTER_MS);
  const denial = { v: 1, pattern: "milagro:example.org/epoch/*" };
  await stack.dtas[0]?.admin.request({ method: "POST", path: "/v1/deny", body: denial });
  const { status, stderr } = await stack.cli(`decrypt --online --id ${BOB} plan.milagro`);
  expect([status, codeOf(stderr)]).toEqual([3, "ERR_IDENTITY_REVOKED"]);
  await stack.dtas[0]?.admin.request({ method: "DELETE", path: "/v1/deny", body: denial });
  expect(await stack.cli(`decrypt --online --id ${BOB} plan.milagro`)).toMatchObject({ status: 0, stdout: "later" });
});

test.each(["2020-01-01", "tomorrow", "2099-13-01", "2099-01-01T09:00", "4000000000"])(
  "--opens-at %s is refused",
  async (time) => {
    const { status, stderr } = await stack.cli(`encrypt --opens-at ${time} --domain example.org -o never domain.json`);
    expect([status === 0, codeOf(stderr)]).toEqual([
      false,
      time === "2020-01-01" ? "ERR_EPOCH_OUT_OF_WINDOW" : "ERR_USAGE",
    ]);
  },
);
