/** Codes by e-mail at a real D-TA: who gets one, what it is good for, how often it may be guessed, how much mail leaves. */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { parseIdentityPattern } from "@milagro/crypto/identity";
import { EMAIL_CODE_GUESSES, EMAIL_CODE_SECONDS } from "@milagro/protocol/email-code";
import { encodeSealedRequest } from "@milagro/protocol/issuance-messages";
import type { MpinEnrolment } from "@milagro/protocol/mpin-issuance";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createEmailCodes } from "../src/email-codes.ts";
import { MAILBOX_LIMITS, RESEND_MS } from "../src/mail-limits.ts";
import {
  askFor,
  askForCode,
  beginDevice,
  codeIn,
  device,
  LOGIN_POLICY,
  MAILS,
  mailsOf,
  outcomeOf,
  sealedCodeRequest,
} from "./mpin-support.ts";
import { cleanUp, foundDomain, logged, NOW_MS, post, setPolicy, type TestDomain, type TestDta } from "./support.ts";

let world: TestDomain;
let dta: TestDta;
let version = 1;
let users = 0;

beforeAll(async () => {
  world = await foundDomain(1, { config: { ...MAILS, trustProxy: ["127.0.0.1"] } });
  dta = world.dtas[0] as TestDta;
  await setPolicy(dta, LOGIN_POLICY);
});
beforeEach(() => {
  world.clock.nowMs += 86_400_000; // limits of the day before do not matter
});
afterAll(cleanUp);

/** A user of its own for every test. */
const fresh = (name = "k7w2m9x4ab") => device(name, `user${++users}@example.org`);
async function mailedCode(enrolment: MpinEnrolment): Promise<string> {
  const before = mailsOf(dta).length;
  world.clock.nowMs += 1000; // so that it is the last one
  await askForCode(world, enrolment);
  expect(mailsOf(dta)).toHaveLength(before + 1);
  return codeIn(mailsOf(dta).at(-1));
}
const withCode = (enrolment: MpinEnrolment, code: string) =>
  outcomeOf(world, enrolment, [{ type: "email-code", code }]);
const wrongCodes = (code: string, count: number): string[] =>
  ["0000-0000", "0000-0001", "0000-0002", "ZZZZ-ZZZZ", "7777-7777", "1234-5678", "8888-8888"]
    .filter((other) => other !== code)
    .slice(0, count);
const lastEntry = async () => {
  const { audit, store } = dta.running.context;
  const { index } = await audit.head(store.db);
  return (await audit.read(store.db, index - 1, 1))[0];
};

describe("the code", () => {
  test("goes to the user segment of the identity, and issues the device's keys once it comes back", async () => {
    const identity = fresh();
    const enrolment = await beginDevice(world, identity);
    const code = await mailedCode(enrolment);
    const mail = mailsOf(dta).at(-1);
    expect(mail?.to).toBe(identity.split("/")[3]);
    expect(mail?.text).toContain("login.example.org");
    expect(mail?.text).toContain("dta-1 (Operator 1)");
    expect(mail?.text).not.toMatch(/https?:|k7w2m9x4ab/);
    expect(await lastEntry()).toMatchObject({ action: "email-code", outcome: "ok", subject: identity });
    expect(await withCode(enrolment, code)).toBe("issued");
    expect(await lastEntry()).toMatchObject({ action: "issue", outcome: "ok", details: { evidence: "email-code" } });
  });

  test("may be used again for the same request, and for no other", async () => {
    const enrolment = await beginDevice(world, fresh());
    const code = await mailedCode(enrolment);
    const evidence = [{ type: "email-code", code }] as const;
    const answer = await askFor(world, enrolment, evidence);
    expect(await askFor(world, enrolment, evidence)).toEqual(answer);
    const claim = { ...enrolment.claim, nonce: new Uint8Array(16) };
    expect(await outcomeOf(world, { ...enrolment, claim }, evidence)).toBe("ERR_EMAIL_CODE_INVALID");
  });

  test("is worth nothing for another device, another user, or another request key", async () => {
    const identity = fresh();
    const enrolment = await beginDevice(world, identity);
    const code = await mailedCode(enrolment);
    const others = [device("another123", identity.split("/")[3]), device("k7w2m9x4ab", "mallory@example.org")];
    for (const other of others) {
      const claim = { ...enrolment.claim, identity: other };
      expect(await withCode({ ...enrolment, claim }, code)).toBe("ERR_EMAIL_CODE_INVALID");
    }
    expect(await withCode(await beginDevice(world, identity), code)).toBe("ERR_EMAIL_CODE_INVALID");
    expect(await withCode(enrolment, code)).toBe("issued");
  });

  test("has an end, and a newer one takes its place", async () => {
    const enrolment = await beginDevice(world, fresh());
    const code = await mailedCode(enrolment);
    world.clock.nowMs += RESEND_MS;
    const newer = await mailedCode(enrolment);
    expect(await withCode(enrolment, code)).toBe("ERR_EMAIL_CODE_INVALID");
    world.clock.nowMs += EMAIL_CODE_SECONDS * 1000 - 1001; // the next mail takes the second that is left
    const late = await beginDevice(world, fresh());
    const lateCode = await mailedCode(late);
    expect(await withCode(enrolment, newer)).toBe("issued");
    world.clock.nowMs += EMAIL_CODE_SECONDS * 1000;
    expect(await withCode(late, lateCode)).toBe("ERR_EMAIL_CODE_INVALID");
  });

  test("can be mistyped, but not guessed: after so many tries the right one is refused, too", async () => {
    const mistyped = await beginDevice(world, fresh());
    const right = await mailedCode(mistyped);
    for (const wrong of wrongCodes(right, EMAIL_CODE_GUESSES - 1))
      expect(await withCode(mistyped, wrong)).toBe("ERR_EMAIL_CODE_INVALID");
    expect(await withCode(mistyped, right)).toBe("issued");
    const guessed = await beginDevice(world, fresh());
    const code = await mailedCode(guessed);
    for (const wrong of wrongCodes(code, EMAIL_CODE_GUESSES)) await withCode(guessed, wrong);
    expect(await withCode(guessed, code)).toBe("ERR_EMAIL_CODE_INVALID");
  });

  test("guesses at once are counted like guesses one by one", async () => {
    const enrolment = await beginDevice(world, fresh());
    const code = await mailedCode(enrolment);
    // Eight pieces in each of four requests: the right code comes last.
    const wrong = wrongCodes(code, 7).map((other) => ({ type: "email-code", code: other }) as const);
    const evidence = [...wrong, { type: "email-code", code } as const];
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => outcomeOf(world, enrolment, evidence)));
    expect(outcomes).toEqual(Array.from({ length: 4 }, () => "ERR_EMAIL_CODE_INVALID"));
    expect(await withCode(enrolment, code)).toBe("ERR_EMAIL_CODE_INVALID");
  });

  test("is stored as a digest, and stands in no log, record or answer", async () => {
    const identity = fresh();
    const enrolment = await beginDevice(world, identity);
    const code = await mailedCode(enrolment);
    await withCode(enrolment, wrongCodes(code, 1)[0] as string);
    await withCode(enrolment, code);
    const rows = await dta.running.context.store.db.selectFrom("email_code").selectAll().execute();
    const entries = await dta.http.request({ path: "/v1/log?limit=1000" });
    const everything = JSON.stringify([rows, entries.body, logged]);
    for (const secret of [code, code.replace("-", "")]) expect(everything).not.toContain(secret);
    // The address stands where the identity stands, and nowhere else.
    const address = identity.split("/")[3] as string;
    expect(logged.join("\n").replaceAll(identity, "")).not.toContain(address);
  });
});

describe("no mail", () => {
  const askedFor = async (
    change: (enrolment: MpinEnrolment) => Parameters<typeof askForCode>[1],
    identity = fresh(),
  ) => {
    const before = mailsOf(dta).length;
    await askForCode(world, change(await beginDevice(world, identity)));
    return mailsOf(dta).length - before;
  };
  const sealedWith = (changes: Partial<Parameters<typeof askForCode>[1] & object>) => (enrolment: MpinEnrolment) => ({
    v: 1 as const,
    domainId: world.domain.domainId,
    identity: enrolment.claim.identity,
    requestKey: enrolment.claim.requestKey,
    time: Math.floor(world.clock.nowMs / 1000),
    ...changes,
  });

  test.each([
    ["a name that is no address", device("k7w2m9x4ab", "alice")],
    ["an address without a domain", device("k7w2m9x4ab", "root@localhost")],
    ["an address in another script", device("k7w2m9x4ab", "zoë@example.org")],
    ["capitals", device("k7w2m9x4ab", "Alice@example.org")],
    ["two at signs", device("k7w2m9x4ab", "a@b@example.org")],
    ["another service than the policy's", device("k7w2m9x4ab", "alice@example.org", "shop.example.org")],
  ])("for %s", async (_, identity) => {
    expect(await askedFor((enrolment) => enrolment, identity)).toBe(0);
  });

  test("for identities of other kinds, requests of another time, and requests for another D-TA", async () => {
    const old = { time: Math.floor(NOW_MS / 1000) };
    expect(await askedFor(sealedWith({ identity: "milagro:example.org/service/a@example.org" as never }))).toBe(0);
    expect(await askedFor(sealedWith(old))).toBe(0);
    expect(await askedFor(sealedWith({ domainId: new Uint8Array(32) as never }))).toBe(0);
    expect(await askedFor(sealedWith({}))).toBe(1);
  });

  test("for what is denied, until it is allowed again", async () => {
    const identity = fresh();
    const pattern = parseIdentityPattern(identity);
    await post(dta.admin, "/v1/deny", { v: 1, pattern });
    expect(await askedFor((enrolment) => enrolment, identity)).toBe(0);
    await dta.admin.request({ method: "DELETE", path: "/v1/deny", body: { v: 1, pattern } });
    expect(await askedFor((enrolment) => enrolment, identity)).toBe(1);
  });

  test("for a device that has its keys; and nobody else gets them by another code", async () => {
    const identity = fresh();
    const enrolment = await beginDevice(world, identity);
    const thief = await beginDevice(world, identity);
    const [code, stolen] = [await mailedCode(enrolment), await mailedCode(thief)];
    expect(await withCode(enrolment, code)).toBe("issued");
    expect(await withCode(thief, stolen)).toBe("ERR_IDENTITY_ISSUED");
    expect(await askedFor((mine) => mine, identity)).toBe(0);
    // Who has no evidence learns nothing about it.
    expect(await outcomeOf(world, thief, [])).toBe("ERR_EVIDENCE_MISSING");
  });

  test("where the policy does not take codes, also not for one that was mailed before", async () => {
    const enrolment = await beginDevice(world, fresh());
    const code = await mailedCode(enrolment);
    const rules = LOGIN_POLICY.rules.map((rule) => ({
      ...rule,
      evidence: rule.evidence.filter((type) => type !== "email-code"),
    }));
    await setPolicy(dta, { ...LOGIN_POLICY, version: ++version, rules } as typeof LOGIN_POLICY);
    expect(await askedFor((mine) => mine)).toBe(0);
    expect(await withCode(enrolment, code)).toBe("ERR_EVIDENCE_INVALID");
    await setPolicy(dta, { ...LOGIN_POLICY, version: ++version });
  });

  test("answers all alike: done, at once, whatever becomes of it", async () => {
    const garbage = {
      v: 1,
      domainId: encodeBase64url(world.domain.domainId),
      index: 1,
      encapsulatedKey: encodeBase64url(new Uint8Array(32).fill(9)),
      ciphertext: encodeBase64url(new Uint8Array(64)),
    };
    const answer = await dta.http.request({ method: "POST", path: "/v1/email-codes", body: garbage });
    expect([answer.status, answer.body]).toEqual([202, { v: 1, done: true }]);
    await expect(post(dta.http, "/v1/email-codes", { ...garbage, to: "a@example.org" })).rejects.toMatchObject({
      code: "ERR_MESSAGE_INVALID",
    });
  });
});

describe("what goes wrong", () => {
  test("a mail that nobody takes is an error in the log, without the address, and tells the requester nothing", async () => {
    const identity = fresh();
    const outcomes: string[] = [];
    const failing = { send: () => Promise.reject(new Error(`550 <${identity.split("/")[3]}> unknown`)) };
    const codes = createEmailCodes(dta.running.context, failing, (outcome) => outcomes.push(outcome));
    const before = logged.length;
    codes.accept(await sealedCodeRequest(world, await beginDevice(world, identity)), "192.0.2.1");
    await codes.idle();
    expect(outcomes).toEqual(["failed"]);
    expect(logged.slice(before).join("\n")).toContain("code not mailed");
    expect(logged.slice(before).join("\n")).not.toContain("550");
  });

  test("more at once than can be worked on is dropped, and so is everything beyond the limit in all", async () => {
    const outcomes: string[] = [];
    const { context } = dta.running;
    const count = (outcome: string) => void outcomes.push(outcome);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = createEmailCodes(context, { send: () => held }, count);
    const sealed = await Promise.all(
      Array.from({ length: 3 }, async () => sealedCodeRequest(world, await beginDevice(world, fresh()))),
    );
    for (let i = 0; i < 70; i++) slow.accept(sealed[i % 3] as (typeof sealed)[number], "192.0.2.1");
    expect(outcomes).toEqual(Array.from({ length: 6 }, () => "overloaded"));
    release();
    await slow.idle();
    expect(outcomes.filter((outcome) => outcome === "sent")).toHaveLength(3);
    outcomes.length = 0;
    const few = createEmailCodes(
      { ...context, config: { ...context.config, mailsPerHour: 4 } },
      { send: () => held },
      count,
    );
    for (let i = 0; i < 3; i++) {
      few.accept(await sealedCodeRequest(world, await beginDevice(world, fresh())), `192.0.2.${i}`);
      await few.idle();
    }
    expect(outcomes).toEqual(["sent", "total-limit", "total-limit"]);
  });

  test("without a record in the log no mail leaves", async () => {
    const { context } = dta.running;
    const outcomes: string[] = [];
    const sent: unknown[] = [];
    const broken = { ...context, audit: { ...context.audit, append: () => Promise.reject(new Error("disk full")) } };
    const mailer = { send: async (mail: unknown) => void sent.push(mail) };
    const codes = createEmailCodes(broken, mailer, (outcome) => outcomes.push(outcome));
    codes.accept(await sealedCodeRequest(world, await beginDevice(world, fresh())), "192.0.2.1");
    await codes.idle();
    expect([outcomes, sent]).toEqual([["failed"], []]);
  });

  test("a D-TA that sends no mail answers as ever, and refuses codes", async () => {
    const outcomes: string[] = [];
    const none = createEmailCodes(dta.running.context, undefined, (outcome) => outcomes.push(outcome));
    const enrolment = await beginDevice(world, fresh());
    none.accept(await sealedCodeRequest(world, enrolment), "192.0.2.1");
    await none.idle();
    expect(outcomes).toEqual(["not-allowed"]);
    expect(await withCode(enrolment, "ABCD-EFGH")).toBe("ERR_EMAIL_CODE_INVALID");
  });
});

describe("nobody's mailbox is flooded", () => {
  /** Mails that leave when a code is asked for these, one a second. */
  async function sentFor(identities: readonly ReturnType<typeof device>[]): Promise<number> {
    const before = mailsOf(dta).length;
    for (const identity of identities) {
      world.clock.nowMs += 1000;
      await askForCode(world, await beginDevice(world, identity));
    }
    return mailsOf(dta).length - before;
  }
  const [short, day] = MAILBOX_LIMITS;
  const names = Array.from({ length: day.mails + 4 }, (_, i) => `devicename${i}`);

  test("by one request again and again", async () => {
    const enrolment = await beginDevice(world, fresh());
    const before = mailsOf(dta).length;
    for (let i = 0; i < 3; i++) await askForCode(world, enrolment);
    expect(mailsOf(dta)).toHaveLength(before + 1);
  });

  test("by ever new devices, nor by spellings of one address", async () => {
    const user = `flooded${++users}`;
    expect(await sentFor(names.map((name) => device(name, `${user}@example.org`)))).toBe(short.mails);
    expect(await sentFor(names.map((name, i) => device(name, `${user}+${i}@example.org`)))).toBe(0);
    expect(await sentFor([device("k7w2m9x4ab", `f.looded${users}@example.org`)])).toBe(0);
    let sent: number = short.mails;
    for (let i = 0; i < 5; i++) {
      world.clock.nowMs += short.windowMs;
      sent += await sentFor(names.slice(0, 4).map((name) => device(name, `${user}@example.org`)));
    }
    expect(sent).toBe(day.mails);
  });

  test("from one address for many people", async () => {
    const many = Array.from({ length: 33 }, () => fresh());
    expect(await sentFor(many)).toBe(30);
    // Behind a proxy that is trusted, the address is that of the proxy's client.
    const before = mailsOf(dta).length;
    const body = encodeSealedRequest(await sealedCodeRequest(world, await beginDevice(world, fresh())));
    const headers = { "x-forwarded-for": "192.0.2.7" };
    await dta.http.request({ method: "POST", path: "/v1/email-codes", body, headers });
    await dta.running.codes.idle();
    expect(mailsOf(dta)).toHaveLength(before + 1);
  });
});
