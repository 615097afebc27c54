import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "@milagro/crypto/secret";
import { MilagroError } from "@milagro/engine/error";
import { expect, test } from "vitest";
import { tempFolder } from "../../tests/support/temp-folder.ts";
import { createLogger, errorFields, type Log, type LogFields, silentLog } from "../src/log.ts";

const SECRET = "correct-horse-battery";

function captured(level: "debug" | "info" | "silent" = "debug"): {
  log: Log;
  lines: () => Record<string, unknown>[];
  text: () => string;
} {
  let text = "";
  const stream = {
    write: (line: string) => {
      text += line;
    },
  };
  return {
    log: createLogger({ component: "test", level, stream }),
    text: () => text,
    lines: () =>
      text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
  };
}

test("a line is one JSON object: level, time, component, event, fields", () => {
  const { log, lines } = captured();
  log.with({ requestId: "r1" }).warn("request failed", { status: 503, retry: true });
  expect(lines()).toEqual([
    {
      level: "warn",
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      component: "test",
      pid: process.pid,
      requestId: "r1",
      status: 503,
      retry: true,
      event: "request failed",
    },
  ]);
});

test("secrets in fields that are not on the list, of whatever type, never appear; how many were dropped does", () => {
  const { log, lines, text } = captured();
  const hostile: unknown[] = [
    { passphrase: SECRET },
    { body: { deep: SECRET } },
    { headers: { authorization: SECRET } },
    { identity: { toString: () => SECRET, toJSON: () => SECRET } },
    { reason: [SECRET] },
    { reason: new TextEncoder().encode(SECRET) },
    { count: SECRET },
    { reason: new Secret("passphrase", new TextEncoder().encode(SECRET)) },
    { err: new Error(SECRET) },
    { error: new Error(SECRET), msg: SECRET, event: SECRET, time: SECRET, [SECRET]: 1 },
    Object.create({ reason: SECRET }),
  ];
  for (const fields of hostile) {
    log.error("mistake", fields as LogFields);
    log.with(fields as LogFields).info("mistake");
  }
  expect(text()).not.toContain(SECRET);
  expect(text()).not.toContain(Buffer.from(SECRET).toString("base64").slice(0, 12));
  expect(lines()).toHaveLength(2 * hostile.length);
  expect(lines()[0]).toMatchObject({ event: "mistake", dropped: 1 });
  expect(lines()[18]).toMatchObject({ dropped: 5 });
  // @ts-expect-error the type refuses it before the run time does
  log.info("mistake", { passphrase: SECRET });
});

test("errors are told by code and frames; the message of a foreign error, which may quote its input, is not", () => {
  const { log, text, lines } = captured();
  let thrown: unknown;
  try {
    JSON.parse(`{"pin": ${SECRET}}`);
  } catch (error) {
    thrown = error;
  }
  expect(String(thrown)).toContain(SECRET.slice(0, 5));
  log.error("failed", errorFields(thrown));
  log.error("failed", errorFields(new MilagroError("ERR_TIMEOUT", "too slow", { cause: new Error(SECRET) })));
  log.error("failed", errorFields(SECRET));
  log.error(
    "failed",
    errorFields(Object.assign(new Error(`${SECRET}\n at ${SECRET}`), { code: "EPIPE", syscall: "write" })),
  );
  expect(lines()[0]).toMatchObject({ errorName: "SyntaxError", stack: expect.stringContaining("log.test.ts") });
  expect(lines()[1]).toMatchObject({ code: "ERR_TIMEOUT", reason: "too slow" });
  expect(lines()[2]).toMatchObject({ errorName: "string" });
  expect(lines()[3]).toMatchObject({ code: "EPIPE", syscall: "write" });
  expect(text()).not.toContain("correct");
});

test("long values are cut, line breaks stay inside the JSON", () => {
  const { log, lines, text } = captured();
  log.info("x", { reason: "a\nb".repeat(1000), name: "line\u2028break\u001b[31m" });
  expect(String(lines()[0]?.["reason"]).length).toBe(513);
  expect(text().split("\n")).toHaveLength(2);
  expect(text()).not.toContain("\u001b");
});

test("levels below the chosen one are not written; files are for their owner", async () => {
  const quiet = captured("info");
  quiet.log.debug("no");
  quiet.log.info("yes");
  expect(quiet.lines().map((line) => line["event"])).toEqual(["yes"]);
  const path = join(await tempFolder(), "log", "x.log");
  const log = createLogger({ component: "test", file: path });
  log.info("written");
  log.flush();
  expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ event: "written" });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  silentLog.with({}).fatal("nothing happens");
});
