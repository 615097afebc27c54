import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { beginLogin } from "@milagro/crypto/mpin-two-pass";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Auth } from "../src/auth.ts";
import { type EnrolledDevice, engine, enrolDevice, type Founded, foundDomain, random, SERVICE } from "./domain.ts";
import { Browser, cleanUp, start } from "./support.ts";

let founded: Founded;
let auth: Auth;
let alice: EnrolledDevice;
beforeAll(async () => {
  founded = await foundDomain();
  auth = await start(founded, {
    attempts: { max: 100, total: 1000 },
    limits: { loginsPerMinute: 1000, userPerMinute: 1000 },
  });
  alice = enrolDevice(founded);
  expect((await new Browser(auth).register(alice)).status).toBe(200);
});
afterAll(cleanUp);

test("the right PIN logs in, and the device is pending no more", async () => {
  const browser = new Browser(auth);
  expect((await browser.call("GET", "/v1/me")).json.code).toBe("ERR_SESSION_MISSING");
  const { status, json } = await browser.login(alice, "2580");
  expect({ status, json }).toEqual({
    status: 200,
    json: { v: 1, outcome: "accepted", identity: alice.identity, user: "alice@example.org" },
  });
  const me = await browser.call("GET", "/v1/me");
  expect(me.json).toMatchObject({
    user: "alice@example.org",
    identity: alice.identity,
    devices: [{ identity: alice.identity, state: "active", label: "My phone" }],
  });
});

test("a wrong PIN is refused and says how many attempts are left", async () => {
  const { status, json } = await new Browser(auth).login(alice, "2581");
  expect(status).toBe(200);
  expect(json).toEqual({ v: 1, outcome: "refused", attemptsLeft: 99 });
});

test("two logins of one user at once both succeed", async () => {
  const [one, other] = [new Browser(auth), new Browser(auth)];
  const [first, second] = [await one.begin(alice), await other.begin(alice)];
  const nonces = [(await one.commit(alice, first)).json.nonce, (await other.commit(alice, second)).json.nonce];
  const outcomes = await Promise.all([one.prove(first, nonces[0], "2580"), other.prove(second, nonces[1], "2580")]);
  expect(outcomes.map(({ json }) => json.outcome)).toEqual(["accepted", "accepted"]);
});

test("replay: a commitment, a proof and a whole login are each taken once", async () => {
  const browser = new Browser(auth);
  const begun = await browser.begin(alice);
  const { json } = await browser.commit(alice, begun);
  const again = await browser.commit(alice, begun);
  expect([again.status, again.json.code]).toEqual([404, "ERR_LOGIN_UNKNOWN"]);
  const before = browser.cookie;
  const v = await browser.prove(begun, json.nonce, "2580");
  expect(v.json.outcome).toBe("accepted");
  browser.cookie = before; // even in the browser as it was
  const body = { v: 1, response: encodeBase64url(begun.attempt.u) };
  const replay = await browser.call("POST", `/v1/logins/${begun.session}/proofs`, body);
  expect([replay.status, replay.json.code]).toEqual([404, "ERR_LOGIN_UNKNOWN"]);
});

test("nobody overwrites a challenge: a login belongs to its browser, and to its first commitment", async () => {
  const victim = new Browser(auth);
  const begun = await victim.begin(alice);
  const thief = new Browser(auth);
  await thief.begin(alice);
  expect((await thief.commit(alice, begun)).json.code).toBe("ERR_LOGIN_UNKNOWN");
  const { json } = await victim.commit(alice, begun);
  expect((await thief.commit(alice, begun)).json.code).toBe("ERR_LOGIN_UNKNOWN");
  const stolen = { v: 1, response: encodeBase64url(begun.attempt.u) };
  const path = `/v1/logins/${begun.session}/proofs`;
  expect((await thief.call("POST", path, stolen)).json.code).toBe("ERR_LOGIN_UNKNOWN");
  expect((await victim.prove(begun, json.nonce, "2580")).json.outcome).toBe("accepted");
});

test("an answer that was made for another origin, client or session is refused", async () => {
  const browser = new Browser(auth);
  const [one, other] = [await browser.begin(alice), await browser.begin(alice)];
  await browser.commit(alice, one);
  const { json } = await browser.commit(alice, other);
  expect((await browser.prove({ ...one, session: other.session }, json.nonce, "2580")).json.outcome).toBe("refused");
});

test.each([
  ["at infinity", encodeBase64url(Uint8Array.from([0xc0, ...new Uint8Array(47)]))],
  ["not on the curve", encodeBase64url(Uint8Array.from([0x80, ...new Uint8Array(46), 2]))],
  // (4, …): on the curve, in no subgroup of prime order.
  ["outside the subgroup", encodeBase64url(Uint8Array.from([0x80, ...new Uint8Array(46), 4]))],
])("U or V %s is refused like a wrong PIN", async (_, point) => {
  const browser = new Browser(auth);
  const begun = await browser.begin(alice);
  const { json } = await browser.call("POST", `/v1/logins/${begun.session}/commitments`, {
    v: 1,
    identity: alice.identity,
    u: point,
  });
  expect((await browser.prove(begun, json.nonce, "2580")).json.outcome).toBe("refused");
  const second = await browser.begin(alice);
  await browser.commit(alice, second);
  const answer = await browser.call("POST", `/v1/logins/${second.session}/proofs`, { v: 1, response: point });
  expect(answer.json.outcome).toBe("refused");
});

test("identities of another domain or service are no logins here", async () => {
  const browser = new Browser(auth);
  const elsewhere = enrolDevice(await foundDomain("example.com"));
  const begun = await browser.begin(alice);
  expect((await browser.commit(elsewhere, begun)).json.code).toBe("ERR_DOMAIN_MISMATCH");
  const shop = enrolDevice(founded, { service: "shop" });
  expect((await browser.commit(shop, begun)).json.code).toBe("ERR_IDENTITY_INVALID");
});

test("a domain of the same name with other masters issues nothing that counts here", async () => {
  const rogue = await foundDomain();
  const device = enrolDevice(rogue);
  // Already the proof of the user's key names the domain.
  expect((await new Browser(auth).register(device)).json.code).toBe("ERR_PUBLIC_KEY_INVALID");
  expect((await new Browser(auth).login(device, "2580")).json.outcome).toBe("refused");
});

test("a login without the permit of this epoch is refused", async () => {
  const browser = new Browser(auth);
  const begun = await browser.begin(alice);
  expect(begun.started.permitEpoch).toBeGreaterThan(0);
  // As a client would that knows of no permits.
  const attempt = beginLogin(engine, random, alice.token, undefined, {
    session: parseBase64url(begun.session),
    origin: auth.origin,
    client: SERVICE,
    payloadHash: new Uint8Array(0),
  });
  const { json } = await browser.commit(alice, { ...begun, attempt });
  expect((await browser.prove({ ...begun, attempt }, json.nonce, "2580")).json.outcome).toBe("refused");
});
