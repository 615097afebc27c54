import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Auth } from "../src/auth.ts";
import { foundDomain } from "./domain.ts";
import { Browser, cleanUp, newFolder, start } from "./support.ts";

const LARGE = "export const text = 'the same again';\n".repeat(100);
let auth: Auth;
const mails = newFolder();
beforeAll(async () => {
  const pages = newFolder();
  for (const name of ["index", "login", "interaction", "handover", "activate"])
    writeFileSync(join(pages, `${name}.html`), `<title>${name}</title>`);
  mkdirSync(join(pages, "assets"));
  writeFileSync(join(pages, "assets", "pad-Ab12Cd34.js"), "export {};");
  writeFileSync(join(pages, "assets", "large-Ab12Cd34.js"), LARGE);
  writeFileSync(join(pages, "assets", ".env"), "SECRET=1");
  writeFileSync(join(newFolder(), "outside.html"), "outside");
  auth = await start(await foundDomain(), { pages, demo: true, demoMail: [mails, join(mails, "missing")] });
});
afterAll(cleanUp);

test.each([
  ["/", "index"],
  ["/login", "login"],
  [`/h/${"A".repeat(43)}`, "handover"],
  ["/activate", "activate"],
])("%s shows the page %s", async (path, title) => {
  const answer = await new Browser(auth).call("GET", path);
  expect([answer.status, answer.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
  expect(answer.text).toBe(`<title>${title}</title>`);
  expect(answer.headers["cache-control"]).toBe("no-cache");
  const again = await new Browser(auth).call("GET", path, undefined, {
    "if-none-match": String(answer.headers["etag"]),
  });
  expect([again.status, again.text]).toEqual([304, ""]);
});

test("files with a hash in their name may be kept", async () => {
  const answer = await new Browser(auth).call("GET", "/assets/pad-Ab12Cd34.js");
  expect(answer.headers).toMatchObject({
    "content-type": "text/javascript; charset=utf-8",
    "cache-control": "public, max-age=31536000, immutable",
  });
});

test.each(["gzip", "deflate, gzip;q=0.5, br", undefined, "br", "gzip;q=0", "identity"])(
  "compressed only for who takes it: %s",
  async (accepted) => {
    const taken = accepted?.includes("gzip") === true && accepted !== "gzip;q=0";
    const headers = accepted === undefined ? {} : { "accept-encoding": accepted };
    const answer = await new Browser(auth).call("GET", "/assets/large-Ab12Cd34.js", undefined, headers);
    expect(answer.headers["content-encoding"]).toBe(taken ? "gzip" : undefined);
    expect(answer.headers["vary"]).toContain("accept-encoding");
    const length = Number(answer.headers["content-length"]);
    if (taken) expect(length).toBeLessThan(LARGE.length / 10);
    else expect(answer.text).toBe(LARGE);
  },
);

test.each([
  "/assets/.env",
  "/../outside.html",
  "/..%2foutside.html",
  "/%2e%2e/outside.html",
  "/assets",
  "/login.html/x",
  "/etc/passwd",
])("%s is not found", async (path) => {
  const answer = await new Browser(auth).call("GET", path);
  expect(answer.status).toBe(404);
  expect(answer.json.code).toMatch(/^ERR_(ROUTE_UNKNOWN|NOT_FOUND)$/);
});

test("the demonstration shows the mails of whom they are for, newest first", async () => {
  const mail = (to: string, time: number) =>
    JSON.stringify({
      v: 1,
      time,
      from: "dta-1",
      to,
      subject: "Code",
      text: `code of ${to} at ${time}`,
      language: "en",
    });
  writeFileSync(join(mails, "000001.json"), mail("alice@example.org", 1000));
  writeFileSync(join(mails, "000002.json"), mail("bob@example.org", 1001));
  writeFileSync(join(mails, "000003.json"), mail("alice@example.org", 1002));
  const { json } = await new Browser(auth).call("GET", `/v1/demo/mail?user=${encodeURIComponent("alice@example.org")}`);
  expect(json.mails.map(({ text }: { text: string }) => text)).toEqual([
    "code of alice@example.org at 1002",
    "code of alice@example.org at 1000",
  ]);
  expect((await new Browser(auth).call("GET", "/v1/service")).json).toMatchObject({ demo: true, mail: true });
});

test("a server that is no demonstration shows no mails", async () => {
  const real = await start(await foundDomain(), { demoMail: [mails] });
  expect((await new Browser(real).call("GET", "/v1/demo/mail?user=alice")).status).toBe(404);
  expect((await new Browser(real).call("GET", "/v1/service")).json.mail).toBeUndefined();
});
