/** What leaves as mail: over SMTP, byte by byte; into a folder; in every language; and what keeps a D-TA from starting. */
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { MAIL_LANGUAGES } from "@milagro/protocol/email-code";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DtaConfig } from "../src/config.ts";
import { homeOf, readConfig } from "../src/config.ts";
import { createSourceLimit } from "../src/mail-limits.ts";
import { mailText } from "../src/mail-text.ts";
import { createMailer, type Mailer } from "../src/mailer.ts";
import { cleanUp, NOW_MS, newFolder, random } from "./support.ts";

/** A mail server that takes everything but what is to fail, and remembers what it was told. */
let server: Server;
let heard: string[] = [];
let refuse = "";

beforeAll(async () => {
  server = createServer((socket) => {
    let inData = false;
    let rest = "";
    socket.write("220 mail.example.org\r\n");
    socket.on("data", (chunk) => {
      const lines = (rest + chunk.toString("utf8")).split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        heard.push(line);
        if (inData) {
          if (line === ".") {
            inData = false;
            socket.write("250 taken\r\n");
          }
          continue;
        }
        const verb = line.slice(0, 4).toUpperCase();
        if (verb === refuse) socket.write("550 no\r\n");
        else if (verb === "EHLO") socket.write("250-mail.example.org\r\n250 8BITMIME\r\n");
        else if (verb === "DATA") {
          inData = true;
          socket.write("354 go on\r\n");
        } else if (verb === "QUIT") socket.end("221 bye\r\n");
        else socket.write("250 fine\r\n");
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await cleanUp();
});

const facts = {
  service: "login.example.org",
  code: "ABCD-1021",
  index: 2,
  count: 3,
  name: "north",
  operator: "North Trust Ltd",
};
const mail = { to: "alice@example.org", language: "en", ...mailText("en", facts) } as const;
function make(changes: Partial<DtaConfig>, folder = newFolder()): Promise<Mailer | undefined> {
  const config = { v: 1, name: "north", operator: "North Trust Ltd", jurisdiction: "CH", ...changes } as DtaConfig;
  return createMailer({ home: homeOf(folder), config, clock: () => NOW_MS, random });
}
const smtp = (changes: Partial<DtaConfig> = {}) =>
  make({
    mail: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mailFrom: "codes@north.example",
    ...changes,
  });

describe("by SMTP", () => {
  test("one recipient, one sender, a plain text that says it was made by a machine", async () => {
    heard = [];
    await (await smtp())?.send(mail);
    expect(heard.filter((line) => /^(?:MAIL|RCPT)/.test(line))).toEqual([
      "MAIL FROM:<codes@north.example>",
      "RCPT TO:<alice@example.org>",
    ]);
    const text = heard.join("\n");
    expect(text).toMatch(/^From: "?north"? <codes@north.example>$/m);
    expect(text).toMatch(/^To: (?:<alice@example.org>|alice@example.org)$/m);
    expect(text).toMatch(/^Subject: login.example.org: code 2 of 3$/m);
    expect(text).toMatch(/^Auto-Submitted: auto-generated$/m);
    expect(text).toMatch(/^ {4}ABCD-1021$/m);
    expect(text).not.toMatch(/^(?:Bcc|Cc|Reply-To):/im);
  });

  test.each([
    "alice@example.org\r\nBcc: bob@example.org",
    "alice@example.org, bob@example.org",
    "bob <alice@example.org>",
    "alice@example.org> SIZE=1",
  ])("nothing goes to %j", async (to) => {
    heard = [];
    const mailer = await smtp();
    await expect(mailer?.send({ ...mail, to })).rejects.toThrow(TypeError);
    expect(heard).toEqual([]);
  });

  test.each(["MAIL", "RCPT", "DATA"])("a server that refuses %s is an error", async (verb) => {
    refuse = verb;
    await expect((await smtp())?.send(mail)).rejects.toThrow();
    refuse = "";
  });

  test("a D-TA whose mail cannot work does not start", async () => {
    const invalid = { code: "ERR_CONFIG_INVALID" };
    await expect(smtp({ mailFrom: undefined as never })).rejects.toMatchObject(invalid);
    await expect(smtp({ mailFrom: "codes@north" })).rejects.toMatchObject(invalid);
    await expect(smtp({ mail: "smtps://codes@mail.north.example" })).rejects.toMatchObject(invalid);
    const file = join(newFolder(), "password");
    writeFileSync(file, "a secret");
    chmodSync(file, 0o644);
    const open = smtp({ mail: "smtps://codes@mail.north.example", mailPasswordFile: file });
    await expect(open).rejects.toMatchObject({ code: "ERR_PASSPHRASE_MODE" });
  });

  test.each([
    "smtp://user:password@mail.example.org",
    "http://mail.example.org",
    "folder:",
    "mail.example.org",
    "smtp://a b",
  ])("the setting %s is refused", (value) => {
    const home = homeOf(newFolder());
    const settings = { v: 1, name: "north", operator: "x", jurisdiction: "CH", mail: value };
    writeFileSync(home.config, JSON.stringify(settings));
    expect(() => readConfig(home, {}, {})).toThrow(expect.objectContaining({ code: "ERR_CONFIG_INVALID" }));
  });
});

test("into a folder, for development: one file a mail", async () => {
  const folder = newFolder();
  await (await make({ mail: "folder:mails" }, folder))?.send(mail);
  const [name = "", ...more] = readdirSync(join(folder, "mails"));
  expect(more).toEqual([]);
  expect(JSON.parse(readFileSync(join(folder, "mails", name), "utf8"))).toEqual({
    v: 1,
    time: NOW_MS / 1000,
    from: "north",
    ...mail,
  });
});

test("no setting, no mailer", async () => {
  expect(await make({})).toBeUndefined();
});

test.each(MAIL_LANGUAGES)(
  "the text in %s names the service, the D-TA and the time, has the code alone on a line, and no link",
  (language) => {
    const { subject, text } = mailText(language, facts);
    expect(text.split("\n")).toContain("    ABCD-1021");
    for (const part of ["login.example.org", "north", "North Trust Ltd", "15"]) expect(text).toContain(part);
    expect(subject).toContain("login.example.org");
    expect(subject).toMatch(/2.*3/);
    expect(subject + text).not.toMatch(/https?:|www\./);
    expect(subject).not.toContain("ABCD");
  },
);

describe("the limit by source", () => {
  test("counts an IPv6 network as one, and forgets after an hour", () => {
    const limit = createSourceLimit();
    const admit = (address: string, nowMs = 0) => limit.admit(address, nowMs);
    for (let i = 0; i < 30; i++) expect(admit(`2001:db8::${i + 1}`)).toBe(true);
    expect(admit("2001:db8::ffff")).toBe(false);
    expect(admit("2001:db8:0:1::1")).toBe(true);
    expect(admit("192.0.2.1")).toBe(true);
    expect(admit("::ffff:192.0.2.1")).toBe(true);
    expect(admit("2001:db8::1", 3_600_000)).toBe(true);
  });
});
