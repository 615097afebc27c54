/**
 * M-Pin from end to end: three D-TAs and a login server as processes, the headless client as browsers. What a person does, and what a
 * thief, a rogue server and a D-TA that says no come to.
 */
import { readFile, rm } from "node:fs/promises";
import {
  beginHandover,
  changePin,
  handoverIdOf,
  handoverState,
  listSignatures,
  login,
  signText,
  takeHandover,
  viewHandover,
  whoAmI,
} from "@milagro/client/mpin";
import {
  type AskingEnrolment,
  awaitApproval,
  beginEnrolment,
  claimQuickCode,
  createQuickCode,
  fetchLoginService,
  meetDevice,
  resumeEnrolment,
} from "@milagro/client/mpin-enrol";
import { encodeBase64url } from "@milagro/crypto/base64url";
import type { MpinIdentity } from "@milagro/crypto/mpin-identity";
import { requestHashOf } from "@milagro/protocol/issuance-messages";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Browser, loadEngine, openBrowser, pinOf, Stage } from "./mpin-stage.ts";

const LIMIT_MS = 180_000;
const PIN = "80685317";
const ALICE = "alice@example.org";
const rogue = await generateKeyPair("Ed25519", { extractable: true });

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open(await publicKeyOf());
}, LIMIT_MS);
afterAll(async () => {
  await stage.close();
  await rm(stage.folder, { recursive: true, force: true });
}, LIMIT_MS);

async function publicKeyOf() {
  const { kty, crv, x } = await exportJWK(rogue.publicKey);
  return { kty, crv, x };
}

async function begin({ client }: Browser, user: string): Promise<AskingEnrolment> {
  return beginEnrolment(client, { service: await fetchLoginService(client), user, label: "Laptop", loadEngine });
}

async function finish(enrolment: AskingEnrolment, digits = PIN): Promise<MpinIdentity> {
  const chosen = await enrolment.finish(pinOf(digits));
  if ("outcome" in chosen) throw new Error(chosen.outcome);
  expect(await chosen.register()).toMatchObject({ outcome: "registered" });
  return enrolment.identity;
}

/** A browser with a device that was enrolled by mail. */
async function enrolled(user: string, digits = PIN): Promise<Browser & { readonly identity: MpinIdentity }> {
  const browser = await openBrowser(stage.origin);
  const enrolment = await begin(browser, user);
  await enrolment.requestCodes("en");
  expect(await enrolment.submit(await stage.codes(user))).toEqual({ outcome: "issued" });
  return { ...browser, identity: await finish(enrolment, digits) };
}

describe("a person", () => {
  let alice: Browser & { readonly identity: MpinIdentity };

  test(
    "enrols with three codes from three D-TAs, logs in and is known",
    async () => {
      alice = await enrolled(ALICE);
      const { client, identity } = alice;
      expect(await login(client, { identity, pin: pinOf(PIN) })).toMatchObject({ outcome: "accepted", user: ALICE });
      expect(await whoAmI(client)).toMatchObject({
        user: ALICE,
        identity,
        devices: [{ label: "Laptop", state: "active" }],
      });
    },
    LIMIT_MS,
  );

  test(
    "enters a wrong PIN and is told how often that goes on; changes it on the device alone",
    async () => {
      const { client, identity } = alice;
      const wrong = await login(client, { identity, pin: pinOf("80685318") });
      expect(wrong).toMatchObject({ outcome: "refused", attemptsLeft: 4 });
      const to = "73925486";
      expect(await changePin(client, { identity, from: pinOf(PIN), to: pinOf(to) })).toEqual({ outcome: "changed" });
      expect(await login(client, { identity, pin: pinOf(to) })).toMatchObject({ outcome: "accepted" });
      expect(await changePin(client, { identity, from: pinOf(to), to: pinOf(PIN) })).toEqual({ outcome: "changed" });
    },
    LIMIT_MS,
  );

  test(
    "adds a second device by QuickCode, with the PIN and the number on its screen",
    async () => {
      const { client, identity } = alice;
      const { id, code } = await createQuickCode(client);
      const phone = await openBrowser(stage.origin);
      const enrolment = await begin(phone, ALICE);
      await claimQuickCode(phone.client, enrolment, code);
      const meeting = meetDevice(client, id);
      expect(await meeting.look()).toEqual({ state: "claimed" });
      const shown = await awaitApproval(phone.client, enrolment);
      const met = await meeting.look();
      if (met.state !== "met" || shown.outcome !== "number") throw new Error(met.state);
      expect(met.number).toBe(shown.number);
      const approval = await meeting.approve({ identity, number: met.number, pin: pinOf(PIN) });
      expect(approval).toEqual({ outcome: "approved" });
      expect(await awaitApproval(phone.client, enrolment)).toEqual({ outcome: "issued" });
      const second = await finish(enrolment, "46207193");
      const outcome = await login(phone.client, { identity: second, pin: pinOf("46207193") });
      expect(outcome).toMatchObject({ outcome: "accepted", user: ALICE });
      expect((await whoAmI(client)).devices).toHaveLength(2);
    },
    LIMIT_MS,
  );

  test(
    "logs in on another screen with the device in hand, by the number on that screen",
    async () => {
      const { client, identity } = alice;
      const screen = await openBrowser(stage.origin);
      const { id, number, url } = await beginHandover(screen.client);
      const view = await viewHandover(client, handoverIdOf(url));
      expect(view.choices).toContain(number);
      expect((await handoverState(screen.client, id, 0)).state).toBe("waiting");
      const purpose = { type: "handover", id: handoverIdOf(url), number, client: view.client } as const;
      expect(await login(client, { identity, pin: pinOf(PIN), purpose })).toMatchObject({ outcome: "accepted" });
      expect((await handoverState(screen.client, id)).state).toBe("accepted");
      expect(await takeHandover(screen.client, id)).toMatchObject({ outcome: "accepted", user: ALICE });
      expect(await whoAmI(screen.client)).toMatchObject({ user: ALICE });
    },
    LIMIT_MS,
  );

  test(
    "signs a text, and finds it again",
    async () => {
      const { client, identity } = alice;
      const text = "Pay 10 to Bob\nfrom my account";
      expect(await signText(client, { identity, text, pin: pinOf(PIN) })).toMatchObject({ outcome: "accepted" });
      expect((await listSignatures(client)).signatures).toMatchObject([{ identity, text }]);
    },
    LIMIT_MS,
  );
});

describe("what does not get in", () => {
  test(
    "a thief of a device who guesses is blocked, and then the right PIN is, too",
    async () => {
      const { client, identity } = await enrolled("bob@example.org");
      const outcomes: string[] = [];
      for (let guess = 0; guess < 6; guess += 1) {
        outcomes.push((await login(client, { identity, pin: pinOf(`9305${1000 + guess}`) })).outcome);
        if (outcomes.at(-1) === "blocked") break;
      }
      expect(outcomes.at(-1)).toBe("blocked");
      expect(await login(client, { identity, pin: pinOf(PIN) })).toMatchObject({ outcome: "blocked" });
    },
    LIMIT_MS,
  );

  test(
    "a device that one D-TA alone has denied: it is named, and the PIN is not used",
    async () => {
      const { client, identity } = await enrolled("carol@example.org");
      await stage.run(`dta deny --home dta-2 ${identity} --reason lost`);
      expect(await login(client, { identity, pin: pinOf(PIN) })).toEqual({
        outcome: "revoked",
        code: "ERR_IDENTITY_REVOKED",
        authority: { index: 2, name: "dta-2" },
      });
    },
    LIMIT_MS,
  );

  test(
    "a login server that approves a device of its own making gets nothing from any D-TA",
    async () => {
      const attacker = await openBrowser(stage.origin);
      const enrolment = await begin(attacker, ALICE);
      const mallory = await enrolled("mallory@example.org");
      const victim = enrolment.identity.replace(/[^/]+$/, "aaaaaaaaaa");
      const { claim } = enrolment;
      const approvalOf = (device: string) =>
        new SignJWT({ request_hash: encodeBase64url(requestHashOf(claim)), device })
          .setProtectedHeader({ alg: "EdDSA" })
          .setIssuer("rogue")
          .setSubject(claim.identity)
          .setAudience(encodeBase64url(claim.domainId))
          .setJti(crypto.randomUUID())
          .setIssuedAt()
          .setExpirationTime("5m")
          .sign(rogue.privateKey);
      const signature = crypto.getRandomValues(new Uint8Array(96));
      for (const device of [victim, mallory.identity]) {
        const evidence = {
          type: "device",
          device: device as MpinIdentity,
          signature,
          approval: await approvalOf(device),
        } as const;
        expect(await enrolment.submitToAll([evidence])).toMatchObject({
          outcome: "refused",
          refusals: [
            { code: "ERR_EVIDENCE_INVALID" },
            { code: "ERR_EVIDENCE_INVALID" },
            { code: "ERR_EVIDENCE_INVALID" },
          ],
        });
      }
    },
    LIMIT_MS,
  );

  test(
    "codes mailed to somebody else, or for another request of the same user",
    async () => {
      const attacker = await openBrowser(stage.origin);
      const enrolment = await begin(attacker, ALICE);
      expect(await enrolment.submit(await stage.codes("bob@example.org"))).toMatchObject({ outcome: "refused" });
      expect(await enrolment.submit(await stage.codes(ALICE))).toMatchObject({ outcome: "refused" });
    },
    LIMIT_MS,
  );
});

test(
  "a D-TA that goes down in the middle, and a browser that is closed meanwhile, cost nothing",
  async () => {
    const user = "dave@example.org";
    const browser = await openBrowser(stage.origin);
    const enrolment = await begin(browser, user);
    await enrolment.requestCodes("de");
    const codes = await stage.codes(user);
    await stage.stopDta(3);
    expect(await enrolment.submit(codes)).toEqual({
      outcome: "waiting",
      missing: [{ index: 3, name: "dta-3", code: "ERR_UNREACHABLE" }],
    });
    const again = await openBrowser(stage.origin, browser.values);
    await stage.startDta(3);
    const resumed = await resumeEnrolment(again.client, enrolment.identity, loadEngine);
    if (resumed?.stage !== "asking") throw new Error("another stage");
    expect(await resumed.submit()).toEqual({ outcome: "issued" });
    const identity = await finish(resumed);
    expect(await login(again.client, { identity, pin: pinOf(PIN) })).toMatchObject({ outcome: "accepted" });
  },
  LIMIT_MS,
);

test(
  "the operators rotate the mpin master by the command line, one D-TA down in between: a person logs in before, during and after, with the same PIN",
  async () => {
    const frank = await enrolled("frank@example.org");
    const enter = (digits = PIN) => login(frank.client, { identity: frank.identity, pin: pinOf(digits) });
    expect(await enter()).toMatchObject({ outcome: "accepted" });
    await stage.run("domain propose-rotation --home founder --seconds 3600 --out rotation.json");
    const proposal = await readFile(stage.path("rotation.json"), "utf8");
    await stage.run("dta approve --home dta-1 -", proposal);
    await stage.run("dta approve --home dta-2 -", proposal);
    const rotate = () =>
      stage.run("domain rotate --home founder rotation.json --out acme-1.json").then(
        () => "rotated",
        (error: Error) => error.message,
      );
    // One operator has not approved: two have committed, and nothing has changed.
    expect(await rotate()).toMatch(/D-TA 3 \(dta-3\).*ERR_CEREMONY_UNKNOWN/s);
    expect(await enter()).toMatchObject({ outcome: "accepted" });
    await stage.run("dta approve --home dta-3 -", proposal);
    await stage.stopDta(2);
    expect(await rotate()).toMatch(/D-TA 2 \(dta-2\)/);
    await stage.startDta(2);
    expect(await rotate()).toBe("rotated");
    expect(await enter()).toMatchObject({ outcome: "accepted" });
    await stage.untilMaster(1);
    expect(await enter("80685318")).toMatchObject({ outcome: "refused", attemptsLeft: 4 });
    expect(await enter()).toMatchObject({ outcome: "accepted" });
    expect(JSON.parse(await readFile(stage.path("acme-1.json"), "utf8")).descriptor.mpin.epoch).toBe(1);
    // Run again, it says the same; and who knows the domain's id alone believes the later descriptor.
    expect(await rotate()).toBe("rotated");
    const shown = await stage.run(`domain verify ${stage.urlOf(1)} --home another --format json`);
    expect(JSON.parse(shown)).toMatchObject({ sequence: 1, name: "acme" });
    const newcomer = await enrolled("grete@example.org");
    expect(await login(newcomer.client, { identity: newcomer.identity, pin: pinOf(PIN) })).toMatchObject({
      outcome: "accepted",
    });
  },
  LIMIT_MS,
);

test(
  "no process has printed a PIN, and no browser has sent one",
  async () => {
    const { client, identity, sent } = await enrolled("erin@example.org");
    await login(client, { identity, pin: pinOf(PIN) });
    expect(sent.length).toBeGreaterThan(10);
    expect(sent.join("\n")).not.toContain(PIN);
    expect(stage.printed()).not.toContain(PIN);
  },
  LIMIT_MS,
);
