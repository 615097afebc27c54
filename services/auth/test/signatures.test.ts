import { encodeBase64url } from "@milagro/crypto/base64url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Auth } from "../src/auth.ts";
import { type EnrolledDevice, enrolDevice, type Founded, foundDomain } from "./domain.ts";
import { Browser, cleanUp, start } from "./support.ts";

let founded: Founded;
let auth: Auth;
let alice: EnrolledDevice;
const clock = { nowMs: Date.now() };
beforeAll(async () => {
  founded = await foundDomain();
  auth = await start(founded, { limits: { loginsPerMinute: 1000, userPerMinute: 1000 } }, { clock: () => clock.nowMs });
  alice = enrolDevice(founded);
  await new Browser(auth).register(alice);
});
afterAll(cleanUp);

const TEXT = "Pay 120.00 EUR\nto Example Ltd";

test("a text is signed with the PIN, kept, and shown to its user", async () => {
  const browser = new Browser(auth);
  const { json } = await browser.sign(alice, "2580", TEXT, { nowMs: clock.nowMs });
  expect(json).toMatchObject({ outcome: "accepted", time: Math.floor(clock.nowMs / 1000) });
  expect((await browser.call("GET", "/v1/signatures")).json.code).toBe("ERR_SESSION_MISSING");
  await browser.login(alice, "2580");
  const list = (await browser.call("GET", "/v1/signatures")).json;
  expect(list.signatures).toEqual([{ id: json.id, identity: alice.identity, text: TEXT, time: json.time }]);
});

test("a wrong PIN, another text and an unknown device are refused alike and counted", async () => {
  const device = enrolDevice(founded, { user: "bob", nowMs: clock.nowMs });
  const browser = new Browser(auth);
  await browser.register(device);
  const now = { nowMs: clock.nowMs };
  expect((await browser.sign(device, "1111", TEXT, now)).json).toEqual({ v: 1, outcome: "refused", attemptsLeft: 4 });
  expect((await browser.sign(device, "2580", TEXT, { ...now, said: "Pay 120,000" })).json.attemptsLeft).toBe(3);
  const unknown = enrolDevice(founded, { user: "nobody" });
  expect((await browser.sign(unknown, "2580", TEXT, now)).json).toEqual({ v: 1, outcome: "refused", attemptsLeft: 4 });
  for (let i = 0; i < 3; i++) await browser.sign(device, "1111", TEXT, now);
  expect((await browser.sign(device, "2580", TEXT, now)).json).toMatchObject({ outcome: "blocked" });
});

test("a proof holds once, also when it comes twice at the same moment", async () => {
  const proof = encodeBase64url(new Browser(auth).proofOf(alice, "2580", TEXT, clock.nowMs));
  const body = { v: 1, identity: alice.identity, text: TEXT, proof };
  const answers = await Promise.all([1, 2, 3].map(() => new Browser(auth).call("POST", "/v1/signatures", body)));
  expect(answers.map(({ json }) => json.outcome ?? json.code).sort()).toEqual([
    "ERR_REQUEST_REPLAYED",
    "ERR_REQUEST_REPLAYED",
    "accepted",
  ]);
  expect((await new Browser(auth).call("POST", "/v1/signatures", body)).json.code).toBe("ERR_REQUEST_REPLAYED");
});

test("a clock that is off is said so, and costs no attempt", async () => {
  const device = enrolDevice(founded, { user: "carol", nowMs: clock.nowMs });
  const browser = new Browser(auth);
  await browser.register(device);
  for (const off of [-121_000, 121_000])
    expect((await browser.sign(device, "2580", TEXT, { nowMs: clock.nowMs + off })).json.code).toBe(
      "ERR_REQUEST_EXPIRED",
    );
  expect((await browser.sign(device, "1111", TEXT, { nowMs: clock.nowMs })).json.attemptsLeft).toBe(4);
});

test("the list goes back page by page", async () => {
  const device = enrolDevice(founded, { user: "dave", nowMs: clock.nowMs });
  const browser = new Browser(auth);
  await browser.register(device);
  await browser.login(device, "2580");
  for (let i = 0; i < 53; i++) {
    await auth.context.store.db
      .insertInto("auth_signatures")
      .values({
        id: `signature-number-${String(i).padStart(5, "0")}`,
        user: "dave",
        identity: device.identity,
        text: `text ${i}`,
        proof: "",
        time_ms: clock.nowMs + Math.floor(i / 10),
      })
      .execute();
  }
  const first = (await browser.call("GET", "/v1/signatures")).json;
  const second = (await browser.call("GET", `/v1/signatures?cursor=${first.cursor}`)).json;
  expect([...first.signatures, ...second.signatures].map(({ text }) => text)).toEqual(
    Array.from({ length: 53 }, (_, i) => `text ${52 - i}`),
  );
  expect(second.cursor).toBeUndefined();
  expect((await browser.call("GET", "/v1/signatures?cursor=elsewhere")).json.code).toBe("ERR_CURSOR_INVALID");
});

test.each([
  ["that turns what follows around", "Pay \u202e00.021"],
  ["with a bell in it", "Pay \u0007"],
  ["with a line separator", "a\u2028b"],
  ["that is empty", ""],
])("a text %s is no text to sign", async (_, text) => {
  const body = { v: 1, identity: alice.identity, text, proof: "A".repeat(139) };
  expect((await new Browser(auth).call("POST", "/v1/signatures", body)).json.code).toBe("ERR_MESSAGE_INVALID");
});
