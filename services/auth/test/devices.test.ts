import { createPublicKey } from "node:crypto";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import { signDeviceApproval } from "@milagro/protocol/device-approval";
import { encodeIssuanceClaim, type IssuanceClaim, requestHashOf } from "@milagro/protocol/issuance-messages";
import { loginPayloadHash, parseLoginPayload } from "@milagro/protocol/login-messages";
import { commitQuickCode } from "@milagro/protocol/quick-code-number";
import { jwtVerify } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Auth } from "../src/auth.ts";
import {
  drawDevice,
  type EnrolledDevice,
  engine,
  enrolDevice,
  type Founded,
  foundDomain,
  random,
  signingKeyOf,
} from "./domain.ts";
import { Browser, cleanUp, start } from "./support.ts";

let founded: Founded;
let auth: Auth;
let alice: EnrolledDevice;
let old: Browser;
const clock = { nowMs: Date.now() };
beforeAll(async () => {
  founded = await foundDomain();
  const limits = { loginsPerMinute: 1000, userPerMinute: 1000 };
  auth = await start(founded, { limits }, { clock: () => clock.nowMs });
  alice = enrolDevice(founded, { user: "alice" });
  await new Browser(auth).register(alice);
});
beforeEach(async () => {
  old = new Browser(auth);
  expect((await old.login(alice, "2580")).json.outcome).toBe("accepted");
});
afterAll(cleanUp);

const NONCE = random(32);

function claimFor(user = "alice"): IssuanceClaim {
  const { identity, registration } = enrolDevice(founded, { user, device: drawDevice() });
  return {
    v: 1,
    domainId: founded.domain.domainId,
    identity,
    keys: [{ usage: "mpin", epoch: NO_EXPIRY, dvs: registration.dvs }],
    requestKey: random(32),
    nonce: random(16),
    time: Math.floor(clock.nowMs / 1000),
  };
}

const claimWith = (code: string, claim: IssuanceClaim, user = "alice") =>
  new Browser(auth).call("POST", "/v1/quick-codes/claims", {
    v: 1,
    code,
    user,
    claim: encodeIssuanceClaim(claim),
    label: "Tablet",
    commitment: encodeBase64url(commitQuickCode({ requestHash: requestHashOf(claim), label: "Tablet" }, NONCE)),
  });

/** Both devices' nonces, through the server. */
async function meet(code: { readonly id: string }, claimed: { readonly id: string }) {
  const nonce = encodeBase64url(random(32));
  const challenge = await old.call("POST", `/v1/quick-codes/${code.id}/challenges`, { v: 1, nonce });
  const opening = await new Browser(auth).call("POST", `/v1/quick-codes/claims/${claimed.id}/openings`, {
    v: 1,
    nonce: encodeBase64url(NONCE),
  });
  expect([challenge.status, opening.status]).toEqual([200, 200]);
}

const sign = (claim: IssuanceClaim, device = alice) =>
  encodeBase64url(
    signDeviceApproval({
      engine,
      random,
      domainId: founded.domain.domainId,
      publicKey: founded.domain.publicKey,
      device: device.identity,
      key: signingKeyOf(device),
      requestHash: requestHashOf(claim),
    }),
  );

/** A wrong code that is no other person's right one. */
const wrongCode = (code: string): string => (code.startsWith("0") ? "1" : "0") + code.slice(1);

describe("QuickCode", () => {
  test("brings two devices together; the approval is for this request alone", async () => {
    const code = (await old.call("POST", "/v1/quick-codes", { v: 1 })).json;
    expect((await old.call("GET", `/v1/quick-codes/${code.id}`)).json).toMatchObject({ state: "open" });
    const claim = claimFor();
    const claimed = (await claimWith(code.code, claim)).json;
    const waiting = new Browser(auth).call("GET", `/v1/quick-codes/claims/${claimed.id}?wait=20`);
    const path = `/v1/quick-codes/${code.id}`;
    const view = (await old.call("GET", `${path}?wait=5`)).json;
    expect(view).toMatchObject({ state: "claimed", label: "Tablet", claim: encodeIssuanceClaim(claim) });
    expect(view).not.toHaveProperty("nonce");
    const purpose = { type: "quick-code", id: code.id };
    const early = await old.call("POST", "/v1/logins", { v: 1, purpose });
    expect(early.json.code).toBe("ERR_QUICK_CODE_UNKNOWN"); // the person has seen no number yet

    // Each nonce once, in this order; the same one again changes nothing.
    const nonce = encodeBase64url(random(32));
    const open = (value: string) =>
      new Browser(auth).call("POST", `/v1/quick-codes/claims/${claimed.id}/openings`, { v: 1, nonce: value });
    expect((await open(encodeBase64url(NONCE))).json.code).toBe("ERR_QUICK_CODE_UNKNOWN");
    const challenge = (value: string) => old.call("POST", `${path}/challenges`, { v: 1, nonce: value });
    expect((await challenge(nonce)).status).toBe(200);
    expect((await challenge(nonce)).status).toBe(200);
    expect((await challenge(encodeBase64url(random(32)))).json.code).toBe("ERR_QUICK_CODE_UNKNOWN");
    expect((await waiting).json).toMatchObject({ state: "challenged", nonce });
    expect((await open(encodeBase64url(NONCE))).status).toBe(200);
    expect((await open(encodeBase64url(NONCE))).status).toBe(200);
    expect((await open(encodeBase64url(random(32)))).json.code).toBe("ERR_QUICK_CODE_UNKNOWN");
    expect((await old.call("GET", path)).json).toMatchObject({ state: "opened", nonce: encodeBase64url(NONCE) });

    const begun = await old.begin(alice, purpose);
    const requestHash = encodeBase64url(requestHashOf(claim));
    expect(begun.started.payload).toEqual({ type: "quick-code", requestHash, label: "Tablet" });
    expect(loginPayloadHash(parseLoginPayload(begun.started.payload))).toHaveLength(32);
    const { json } = await old.commit(alice, begun);
    expect((await old.prove(begun, json.nonce, "2580")).json.outcome).toBe("accepted");
    const approve = { v: 1, session: begun.session, signature: sign(claim) };
    expect((await old.call("POST", `/v1/quick-codes/${code.id}/approvals`, approve)).json).toEqual({
      v: 1,
      done: true,
    });

    const state = (await new Browser(auth).call("GET", `/v1/quick-codes/claims/${claimed.id}`)).json;
    expect(state).toMatchObject({ state: "approved", device: alice.identity, signature: approve.signature });
    const key = createPublicKey({
      key: { kty: "OKP", crv: "Ed25519", x: encodeBase64url(auth.context.keys.approvalPublicKey) },
      format: "jwk",
    });
    const { payload } = await jwtVerify(state.approval, key, { currentDate: new Date(clock.nowMs) });
    expect(payload).toMatchObject({
      iss: "login",
      sub: claim.identity,
      aud: encodeBase64url(founded.domain.domainId),
      request_hash: requestHash,
      device: alice.identity,
    });
    expect((payload.exp ?? 0) - clock.nowMs / 1000).toBeLessThanOrEqual(600);
    // Once: neither the code nor another approval.
    expect((await claimWith(code.code, claimFor())).json.code).toBe("ERR_QUICK_CODE_INVALID");
    const again = (signature: string) =>
      old.call("POST", `/v1/quick-codes/${code.id}/approvals`, { ...approve, signature });
    expect((await again(approve.signature)).json).toEqual({ v: 1, done: true }); // its answer may have been lost
    expect((await again(sign(claim))).json.code).toBe("ERR_QUICK_CODE_UNKNOWN");
  });

  test("is not approved without the PIN entered for it, or by a signature on another request", async () => {
    const code = (await old.call("POST", "/v1/quick-codes", { v: 1 })).json;
    const claim = claimFor();
    await meet(code, (await claimWith(code.code, claim)).json);
    const path = `/v1/quick-codes/${code.id}/approvals`;
    const session = encodeBase64url(random(32));
    expect((await old.call("POST", path, { v: 1, session, signature: sign(claim) })).json.code).toBe(
      "ERR_LOGIN_UNKNOWN",
    );
    // A login for something else does not count.
    const plain = await old.begin(alice);
    const { json } = await old.commit(alice, plain);
    await old.prove(plain, json.nonce, "2580");
    expect((await old.call("POST", path, { v: 1, session: plain.session, signature: sign(claim) })).json.code).toBe(
      "ERR_LOGIN_UNKNOWN",
    );
    const begun = await old.begin(alice, { type: "quick-code", id: code.id });
    // Nor does one that was not finished.
    expect((await old.call("POST", path, { v: 1, session: begun.session, signature: sign(claim) })).json.code).toBe(
      "ERR_LOGIN_UNKNOWN",
    );
    await old.prove(begun, (await old.commit(alice, begun)).json.nonce, "2580");
    const forged = { v: 1, session: begun.session, signature: sign(claimFor()) };
    expect((await old.call("POST", path, forged)).json.code).toBe("ERR_SIGNATURE_INVALID");
    const stranger = { v: 1, session: begun.session, signature: sign(claim, enrolDevice(founded, { user: "bob" })) };
    expect((await old.call("POST", path, stranger)).json.code).toBe("ERR_SIGNATURE_INVALID");
  });

  test("refused, it is over on both sides; an approved one is not undone, and nobody else refuses", async () => {
    const code = (await old.call("POST", "/v1/quick-codes", { v: 1 })).json;
    const claimed = (await claimWith(code.code, claimFor())).json;
    await meet(code, claimed);
    const path = `/v1/quick-codes/${code.id}/refusals`;
    expect((await new Browser(auth).call("POST", path, { v: 1 })).json.code).toBe("ERR_SESSION_MISSING");
    const carol = enrolDevice(founded, { user: "carol.r", nowMs: clock.nowMs });
    const other = new Browser(auth);
    await other.register(carol);
    await other.login(carol, "2580");
    for (const action of ["refusals", "challenges"])
      expect(
        (
          await other.call("POST", `/v1/quick-codes/${code.id}/${action}`, {
            v: 1,
            ...(action === "challenges" ? { nonce: encodeBase64url(NONCE) } : {}),
          })
        ).json.code,
      ).toBe("ERR_QUICK_CODE_UNKNOWN");
    expect((await old.call("POST", path, { v: 1 })).status).toBe(200);
    expect((await old.call("POST", path, { v: 1 })).status).toBe(200);
    const purpose = { type: "quick-code", id: code.id };
    expect((await old.call("POST", "/v1/logins", { v: 1, purpose })).json.code).toBe("ERR_QUICK_CODE_UNKNOWN");
    expect((await new Browser(auth).call("GET", `/v1/quick-codes/claims/${claimed.id}`)).json.state).toBe("refused");
    expect((await old.call("GET", `/v1/quick-codes/${code.id}`)).json.state).toBe("refused");
  });

  test("guesses are counted before they are compared: of 20 at once five are looked at, then not even the right one", async () => {
    const bob = enrolDevice(founded, { user: "bob", nowMs: clock.nowMs });
    const browser = new Browser(auth);
    await browser.register(bob);
    await browser.login(bob, "2580");
    const { code } = (await browser.call("POST", "/v1/quick-codes", { v: 1 })).json;
    const guesses = await Promise.all(
      Array.from({ length: 20 }, () => claimWith(wrongCode(code), claimFor("bob"), "bob")),
    );
    expect(new Set(guesses.map(({ json }) => json.code))).toEqual(new Set(["ERR_QUICK_CODE_INVALID"]));
    const row = await auth.context.store.db
      .selectFrom("auth_attempts")
      .select("failures")
      .where("subject", "=", "quick-code bob")
      .executeTakeFirst();
    expect(row?.failures).toBe(5);
    expect((await claimWith(code, claimFor("bob"), "bob")).json.code).toBe("ERR_QUICK_CODE_INVALID");
    // An unknown user gets the same answer.
    expect((await claimWith(code, claimFor("nobody"), "nobody")).json.code).toBe("ERR_QUICK_CODE_INVALID");
  });

  test("codes end after ten minutes, belong to their user, and only one is open at a time", async () => {
    const first = (await old.call("POST", "/v1/quick-codes", { v: 1 })).json;
    const second = (await old.call("POST", "/v1/quick-codes", { v: 1 })).json;
    expect((await claimWith(first.code, claimFor())).json.code).toBe("ERR_QUICK_CODE_INVALID");
    expect((await claimWith(second.code, claimFor("carol"), "carol")).json.code).toBe("ERR_QUICK_CODE_INVALID");
    expect((await claimWith(second.code, claimFor("carol"), "alice")).json.code).toBe("ERR_QUICK_CODE_INVALID");
    const carol = enrolDevice(founded, { user: "carol", nowMs: clock.nowMs });
    const other = new Browser(auth);
    await other.register(carol);
    await other.login(carol, "2580");
    expect((await other.call("GET", `/v1/quick-codes/${second.id}`)).json.code).toBe("ERR_QUICK_CODE_UNKNOWN");
    clock.nowMs += 600_000;
    expect((await claimWith(second.code, claimFor())).json.code).toBe("ERR_QUICK_CODE_INVALID");
    expect((await new Browser(auth).call("POST", "/v1/quick-codes", { v: 1 })).json.code).toBe("ERR_SESSION_MISSING");
  });
});

describe("handover", () => {
  const begin = async (screen: Browser) =>
    (await screen.call("POST", "/v1/handovers", { v: 1 }, { "user-agent": "Laptop Browser/1" })).json;

  test("logs the screen in, and the screen alone", async () => {
    const screen = new Browser(auth);
    const handover = await begin(screen);
    expect(handover.url).toBe(`${auth.origin}/h/${handover.id}`);
    const phone = new Browser(auth);
    const view = (await phone.call("GET", `/v1/handovers/${handover.id}`)).json;
    expect(view).toMatchObject({ client: "login", place: { address: "127.0.0.1", agent: "Laptop Browser/1" } });
    expect(view.choices).toContain(handover.number);
    const waiting = screen.call("GET", `/v1/handovers/${handover.id}/state?wait=20`);
    const { json } = await phone.login(alice, "2580", { type: "handover", id: handover.id, number: handover.number });
    expect(json.outcome).toBe("accepted");
    expect((await waiting).json.state).toBe("accepted");
    // The phone approved; it did not log in itself.
    expect((await phone.call("GET", "/v1/me")).json.code).toBe("ERR_SESSION_MISSING");
    const onlooker = new Browser(auth);
    await onlooker.begin(alice);
    const collect = `/v1/handovers/${handover.id}/session`;
    expect((await onlooker.call("POST", collect, { v: 1 })).json.code).toBe("ERR_HANDOVER_UNKNOWN");
    expect((await onlooker.call("GET", `/v1/handovers/${handover.id}/state`)).json.code).toBe("ERR_HANDOVER_UNKNOWN");
    expect((await new Browser(auth).call("POST", collect, { v: 1 })).json.code).toBe("ERR_HANDOVER_UNKNOWN");
    const before = screen.cookie;
    expect((await screen.call("POST", collect, { v: 1 })).json).toMatchObject({ outcome: "accepted", user: "alice" });
    expect(screen.cookie).not.toBe(before);
    expect((await screen.call("GET", "/v1/me")).json.user).toBe("alice");
    expect((await new Browser(auth, before).call("POST", collect, { v: 1 })).json.code).toBe("ERR_HANDOVER_UNKNOWN");
  });

  test("what the screen's browser calls itself is shown in plain characters only", async () => {
    const { plainAgent } = await import("../src/handover.ts");
    expect(plainAgent("Laptop\u0000\u001b[31m\u202e Browser/1")).toBe("Laptop[31m Browser/1");
    expect(plainAgent("x".repeat(500))).toHaveLength(128);
  });

  test("a wrong number ends it: the right one comes too late", async () => {
    const screen = new Browser(auth);
    const { id, number } = await begin(screen);
    const wrong = String((Number(number) + 7) % 100).padStart(2, "0");
    const phone = new Browser(auth);
    const pick = (chosen: string) =>
      phone.call("POST", "/v1/logins", { v: 1, purpose: { type: "handover", id, number: chosen } });
    expect((await pick(wrong)).json.code).toBe("ERR_NUMBER_MISMATCH");
    expect((await pick(number)).json.code).toBe("ERR_HANDOVER_UNKNOWN");
    expect((await screen.call("GET", `/v1/handovers/${id}/state`)).json.state).toBe("refused");
    expect((await screen.call("POST", `/v1/handovers/${id}/session`, { v: 1 })).json.code).toBe("ERR_HANDOVER_UNKNOWN");
  });

  test("a wrong PIN accepts nothing, two devices at once accept once, and time ends it", async () => {
    const screen = new Browser(auth);
    const { id, number } = await begin(screen);
    const purpose = { type: "handover", id, number };
    expect((await new Browser(auth).login(alice, "1111", purpose)).json.outcome).toBe("refused");
    expect((await screen.call("GET", `/v1/handovers/${id}/state`)).json.state).toBe("waiting");
    const both = await Promise.all([1, 2].map(() => new Browser(auth).login(alice, "2580", purpose)));
    expect(both.map(({ json }) => json.outcome ?? json.code).sort()).toEqual(["ERR_HANDOVER_UNKNOWN", "accepted"]);
    clock.nowMs += 300_000;
    expect((await screen.call("POST", `/v1/handovers/${id}/session`, { v: 1 })).json.code).toBe("ERR_HANDOVER_UNKNOWN");
  });
});

test("an application that nobody knows cannot ask for logins", async () => {
  const browser = new Browser(auth);
  const purpose = { type: "interaction", uid: "nothing" };
  expect((await browser.call("POST", "/v1/logins", { v: 1, purpose })).json.code).toBe("ERR_INTERACTION_UNKNOWN");
  const handover = await browser.call("POST", "/v1/handovers", { v: 1, interaction: "nothing" });
  expect(handover.json.code).toBe("ERR_INTERACTION_UNKNOWN");
});
